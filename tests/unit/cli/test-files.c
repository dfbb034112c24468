#include <sched.h>
#include <sys/mount.h>

#include "cli/files.h"
#include "tests/unit/cli/fixture.h"

static FileOwner me(void) {
        return (FileOwner) {geteuid(), getegid()};
}

static void a_made_directory_has_its_mode_and_undo_removes_it_with_content(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        FileChange change;
        struct stat st;

        assert_int_equal(files_ensure_directory(root->fd, "/var/lib/x", 0711, me(), &journal,
                                                &change, NULL), 0);
        assert_int_equal(change, FILE_CREATED);
        assert_int_equal(fstatat(root->fd, "var/lib/x", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0711);
        temp_root_write(root, "/var/lib/x/late", "made by a daemon");
        assert_int_equal(undo_run(&journal, NULL), 0);
        assert_false(temp_root_has(root, "/var/lib/x"));
}

static void a_directory_with_a_wrong_mode_is_mended_and_undo_restores_it(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        FileChange change;
        struct stat st;

        temp_root_mkdir(root, "/var/lib/x");
        temp_root_write(root, "/var/lib/x/earlier", "");
        assert_int_equal(files_ensure_directory(root->fd, "/var/lib/x", 0700, me(), &journal,
                                                &change, NULL), 0);
        assert_int_equal(change, FILE_CHANGED);
        assert_int_equal(undo_run(&journal, NULL), 0);
        assert_int_equal(fstatat(root->fd, "var/lib/x", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_true(temp_root_has(root, "/var/lib/x/earlier"));
}

static void a_directory_as_it_should_be_needs_no_undo(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        FileChange change;

        assert_int_equal(files_ensure_directory(root->fd, "/var/lib", 0755, me(), &journal, &change,
                                                NULL), 0);
        assert_int_equal(change, FILE_UNCHANGED);
        assert_int_equal(journal.n_entries, 0);
}

static void a_symlink_in_place_of_a_directory_is_refused(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        _cleanup_error_ Error error = ERROR_INIT;
        FileChange change;

        temp_root_mkdir(root, "/elsewhere");
        assert_int_equal(symlinkat("../../elsewhere", root->fd, "var/lib/x"), 0);
        assert_true(files_ensure_directory(root->fd, "/var/lib/x", 0700, me(), &journal, &change,
                                           &error) < 0);
        assert_non_null(strstr(error.message, "/var/lib/x"));
        assert_int_equal(journal.n_entries, 0);
}

static void a_new_file_is_removed_by_undo(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        FileChange change;

        assert_int_equal(files_ensure_file(root->fd, "/etc/a", "new\n", 0644, me(), &journal,
                                           &change, NULL), 0);
        assert_int_equal(change, FILE_CREATED);
        assert_int_equal(undo_run(&journal, NULL), 0);
        assert_false(temp_root_has(root, "/etc/a"));
}

static void a_replaced_file_comes_back_with_content_and_mode(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        _cleanup_free_ char *text = NULL;
        FileChange change;
        struct stat st;

        assert_int_equal(io_write_file_atomic(root->fd, "etc/a", "old\n", 4, 0600), 0);
        assert_int_equal(files_ensure_file(root->fd, "/etc/a", "new\n", 0644, me(), &journal,
                                           &change, NULL), 0);
        assert_int_equal(change, FILE_CHANGED);
        assert_int_equal(undo_run(&journal, NULL), 0);
        assert_int_equal(io_read_file(root->fd, "etc/a", 100, &text, NULL), 0);
        assert_string_equal(text, "old\n");
        assert_int_equal(fstatat(root->fd, "etc/a", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void the_same_file_is_left_alone(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        FileChange change;

        temp_root_write(root, "/etc/a", "same\n");
        assert_int_equal(files_ensure_file(root->fd, "/etc/a", "same\n", 0644, me(), &journal,
                                           &change, NULL), 0);
        assert_int_equal(change, FILE_UNCHANGED);
        assert_int_equal(journal.n_entries, 0);
}

static void a_symlink_in_place_of_a_file_is_refused(void **state) {
        TempRoot *root = *state;
        _cleanup_undo_ UndoJournal journal = {.entries = NULL};
        FileChange change;

        assert_int_equal(symlinkat("/etc/passwd", root->fd, "etc/a"), 0);
        assert_int_equal(files_ensure_file(root->fd, "/etc/a", "x", 0644, me(), &journal, &change,
                                           NULL), -EEXIST);
}

/* ---- removal ---- */

static void a_tree_goes_and_what_its_symlinks_name_stays(void **state) {
        TempRoot *root = *state;

        temp_root_mkdir(root, "/outside");
        temp_root_write(root, "/outside/precious", "x");
        temp_root_mkdir(root, "/var/lib/x/deep/er");
        temp_root_write(root, "/var/lib/x/deep/er/file", "x");
        assert_int_equal(symlinkat("../../../outside", root->fd, "var/lib/x/link"), 0);
        assert_int_equal(symlinkat("../../../../outside", root->fd, "var/lib/x/deep/link"), 0);
        assert_int_equal(symlinkat("nowhere", root->fd, "var/lib/x/dangling"), 0);
        assert_int_equal(mkfifoat(root->fd, "var/lib/x/fifo", 0600), 0);
        assert_int_equal(remove_tree(root->fd, "/var/lib/x", NULL), 0);
        assert_false(temp_root_has(root, "/var/lib/x"));
        assert_true(temp_root_has(root, "/outside/precious"));
}

static void a_symlink_in_place_of_the_tree_is_removed_itself(void **state) {
        TempRoot *root = *state;

        temp_root_mkdir(root, "/outside");
        temp_root_write(root, "/outside/precious", "x");
        assert_int_equal(symlinkat("../../outside", root->fd, "var/lib/x"), 0);
        assert_int_equal(remove_tree(root->fd, "/var/lib/x", NULL), 0);
        assert_false(temp_root_has(root, "/var/lib/x"));
        assert_true(temp_root_has(root, "/outside/precious"));
}

static void what_is_not_there_is_removed_already(void **state) {
        TempRoot *root = *state;

        assert_int_equal(remove_tree(root->fd, "/var/lib/none", NULL), 0);
        assert_int_equal(remove_tree(root->fd, "/none/of/it", NULL), 0);
        assert_int_equal(remove_file(root->fd, "/none/of/it", NULL), 0);
}

static bool may_mount(TempRoot *root) {
        if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
                return false;
        assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        /* The old descriptor is of a mount of the old namespace. */
        close_fd(root->fd);
        root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(root->fd >= 0);
        return true;
}

static void a_mount_inside_is_not_entered_and_the_rest_goes(void **state) {
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *source = string_format("%s/outside", root->path);
        _cleanup_free_ char *target = string_format("%s/var/lib/x/bound", root->path);

        if (!may_mount(root))
                skip();
        temp_root_mkdir(root, "/outside");
        temp_root_write(root, "/outside/precious", "x");
        temp_root_mkdir(root, "/var/lib/x/bound");
        temp_root_write(root, "/var/lib/x/zzz", "x");
        /* A bind mount of the same file system: st_dev would not tell. */
        assert_int_equal(mount(source, target, NULL, MS_BIND, NULL), 0);
        assert_int_equal(remove_tree(root->fd, "/var/lib/x", &error), -EXDEV);
        assert_non_null(strstr(error.message, "/var/lib/x/bound"));
        assert_true(temp_root_has(root, "/outside/precious"));
        assert_false(temp_root_has(root, "/var/lib/x/zzz"));
        assert_int_equal(umount(target), 0);
}

/* Of FUSE, where nobody answers the kernel. */
static void a_mount_that_does_not_answer_holds_nothing_up(void **state) {
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *target = string_format("%s/var/lib/x/mute", root->path);
        _cleanup_close_ int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        char options[64];

        (void) snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
        temp_root_mkdir(root, "/var/lib/x/mute");
        temp_root_write(root, "/var/lib/x/zzz", "x");
        if (fuse < 0 || !may_mount(root) || mount("mute", target, "fuse", 0, options) < 0)
                skip();
        (void) alarm(60); /* held up, it ends by that */
        assert_int_equal(remove_tree(root->fd, "/var/lib/x", &error), -EXDEV);
        (void) alarm(0);
        assert_non_null(strstr(error.message, "/var/lib/x/mute: another file system is mounted"));
        assert_false(temp_root_has(root, "/var/lib/x/zzz"));
        assert_int_equal(umount2(target, MNT_DETACH), 0);
}

static void a_tree_without_bottom_is_an_error_not_a_crash(void **state) {
        TempRoot *root = *state;
        _cleanup_close_ int fd = -1;
        char half[256] = "var/lib/x";

        temp_root_mkdir(root, "/var/lib/x");
        fd = openat(root->fd, "var/lib/x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (unsigned i = 0; i < 200; i++) {
                int below;

                assert_int_equal(mkdirat(fd, "d", 0755), 0);
                below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_true(below >= 0);
                close_fd(fd);
                fd = below;
        }
        assert_int_equal(remove_tree(root->fd, "/var/lib/x", NULL), -ELOOP);
        /* So that the fixture's own removal gets to the end: the lower half becomes its own tree. */
        for (unsigned i = 0; i < 100; i++)
                strcat(half, "/d");
        assert_int_equal(renameat(root->fd, half, root->fd, "var/lib/y"), 0);
}

static void only_an_empty_directory_is_removed_as_such(void **state) {
        TempRoot *root = *state;
        bool removed = true;

        temp_root_mkdir(root, "/etc/x");
        temp_root_write(root, "/etc/x/a", "");
        assert_int_equal(remove_empty_directory(root->fd, "/etc/x", &removed, NULL), 0);
        assert_false(removed);
        assert_int_equal(remove_file(root->fd, "/etc/x/a", NULL), 0);
        assert_int_equal(remove_empty_directory(root->fd, "/etc/x", &removed, NULL), 0);
        assert_true(removed);
}

/* ---- the journal ---- */

typedef struct Trace {
        char text[64];
} Trace;

typedef struct TraceEntry {
        Trace *trace;
        char letter;
        int result;
} TraceEntry;

static int trace_run(void *argument, Error *reterr) {
        TraceEntry *entry = argument;
        size_t length = strlen(entry->trace->text);

        entry->trace->text[length] = entry->letter;
        if (entry->result < 0)
                return error_set(reterr, ERROR_FAILED, -entry->result, "%c failed", entry->letter);
        return 0;
}

static void trace_release(void *argument) {
        (void) argument;
}

static void undo_goes_backwards_past_failures_and_joins_them(void **state) {
        Trace trace = {""};
        TraceEntry entries[] = {{&trace, 'a', 0}, {&trace, 'b', -EIO}, {&trace, 'c', -EPERM}};
        UndoJournal journal = {.entries = NULL};
        _cleanup_error_ Error error = ERROR_INIT;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                assert_int_equal(undo_push(&journal, trace_run, trace_release, &entries[i]), 0);
        assert_int_equal(undo_run(&journal, &error), -EPERM);
        assert_string_equal(trace.text, "cba");
        assert_string_equal(error.message, "c failed; b failed");
        assert_int_equal(journal.n_entries, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_made_directory_has_its_mode_and_undo_removes_it_with_content,
                        temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(
                        a_directory_with_a_wrong_mode_is_mended_and_undo_restores_it,
                        temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_directory_as_it_should_be_needs_no_undo,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_symlink_in_place_of_a_directory_is_refused,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_new_file_is_removed_by_undo, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_replaced_file_comes_back_with_content_and_mode,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(the_same_file_is_left_alone, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_symlink_in_place_of_a_file_is_refused,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_tree_goes_and_what_its_symlinks_name_stays,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_symlink_in_place_of_the_tree_is_removed_itself,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(what_is_not_there_is_removed_already,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_mount_inside_is_not_entered_and_the_rest_goes,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_mount_that_does_not_answer_holds_nothing_up,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_tree_without_bottom_is_an_error_not_a_crash,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(only_an_empty_directory_is_removed_as_such,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test(undo_goes_backwards_past_failures_and_joins_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
