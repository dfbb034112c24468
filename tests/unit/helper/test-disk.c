/* The files of a root device; the snapshot itself needs a host with device-mapper. */
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "common/api-root.h"
#include "common/api-vm.h"
#include "common/clock.h"
#include "tests/unit/helper/store.h"

static int open_files(Fixture *fixture, uid_t owner) {
        const DiskPlan of_owner = {.vm = &vm, .image = IMAGE, .owner = owner};
        DiskFiles files = DISK_FILES_INIT;
        int r = disk_open_files(&fixture->host, &of_owner, &files, &fixture->error);

        disk_close_files(&files);
        return r;
}

/* As it was for an earlier owner: the file is root's by then, so it says nothing of whose VM it is. */
static void a_vm_of_somebody_else_is_refused(void **state) {
        Fixture *fixture = *state;
        char path[256];

        if (getuid() != 0)
                skip();
        store_make(fixture);
        assert_int_equal(open_files(fixture, 0), 0);
        fixture_path(fixture, "state/images/" IMAGE ".ext4", path, sizeof(path));
        assert_int_equal(chown(path, OWNER, OWNER), 0);
        assert_int_equal(open_files(fixture, OWNER), -EPERM);
        assert_int_equal(fixture->error.kind, ERROR_NOT_PERMITTED);
        store_said(fixture, "its directory belongs to uid 0 instead of 4242");
}

static void the_size_is_the_images_in_whole_sectors(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);
        DiskFiles files = DISK_FILES_INIT;

        /* Only root can take the changes over. */
        if (getuid() != 0)
                skip();
        store_make(fixture);
        assert_int_equal(disk_open_files(&fixture->host, &of_vm, &files, NULL), 0);
        assert_int_equal(files.n_sectors, 2048);
        assert_int_equal(fcntl(files.image_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_int_equal(fcntl(files.cow_fd, F_GETFL) & O_ACCMODE, O_RDWR);
        disk_close_files(&files);
        assert_int_equal(files.image_fd, -1);
}

static void a_missing_image_is_named(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(open_files(fixture, getuid()), -ENOENT);
        assert_int_equal(fixture->error.kind, ERROR_NOT_FOUND);
        store_said(fixture, "images/" IMAGE ".ext4");
}

static void a_missing_file_of_changes_is_named(void **state) {
        Fixture *fixture = *state;
        char path[256];

        store_make(fixture);
        fixture_path(fixture, "state/vms/0123456789/root.cow", path, sizeof(path));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(open_files(fixture, getuid()), -ENOENT);
        store_said(fixture, "vms/0123456789/root.cow");
}

static void a_file_of_somebody_else_is_refused(void **state) {
        Fixture *fixture = *state;

        store_make(fixture);
        assert_int_equal(open_files(fixture, getuid() + 1), -EPERM);
        assert_int_equal(fixture->error.kind, ERROR_NOT_PERMITTED);
        store_said(fixture, "belongs to uid");
}

static void a_link_is_not_followed(void **state) {
        Fixture *fixture = *state;
        char path[256], elsewhere[256];

        store_make(fixture);
        fixture_path(fixture, "state/images/" IMAGE ".ext4", path, sizeof(path));
        fixture_path(fixture, "state/images/other", elsewhere, sizeof(elsewhere));
        assert_int_equal(rename(path, elsewhere), 0);
        assert_int_equal(symlink("other", path), 0);
        assert_int_equal(open_files(fixture, getuid()), -ELOOP);
}

static void a_directory_that_is_a_link_is_not_followed(void **state) {
        Fixture *fixture = *state;
        char path[256], elsewhere[256];

        store_make(fixture);
        fixture_path(fixture, "state/vms", path, sizeof(path));
        fixture_path(fixture, "outside", elsewhere, sizeof(elsewhere));
        assert_int_equal(rename(path, elsewhere), 0);
        assert_int_equal(symlink("../outside", path), 0);
        assert_int_equal(open_files(fixture, getuid()), -ELOOP);
}

static void a_file_with_a_second_name_is_refused(void **state) {
        Fixture *fixture = *state;
        char path[256], second[256];

        store_make(fixture);
        fixture_path(fixture, "state/vms/0123456789/root.cow", path, sizeof(path));
        fixture_path(fixture, "second", second, sizeof(second));
        assert_int_equal(link(path, second), 0);
        assert_int_equal(open_files(fixture, getuid()), -EPERM);
        store_said(fixture, "more than one name");
}

static void an_empty_image_is_refused(void **state) {
        Fixture *fixture = *state;

        store_make(fixture);
        store_set_size(fixture, "state/images/" IMAGE ".ext4", 511);
        assert_int_equal(open_files(fixture, getuid()), -EINVAL);
        store_said(fixture, "is empty");
}

static void a_fifo_neither_serves_nor_blocks(void **state) {
        Fixture *fixture = *state;
        char path[256];

        store_make(fixture);
        fixture_path(fixture, "state/images/" IMAGE ".ext4", path, sizeof(path));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(open_files(fixture, getuid()), -EPERM);
        store_said(fixture, "not a regular file");
}

/* What the owner made, as another than the helper; root only can make that so. */
static void make_files_of_owner(const Fixture *fixture) {
        char path[256];

        if (getuid() != 0)
                skip();
        store_make(fixture);
        fixture_path(fixture, "state/images/" IMAGE ".ext4", path, sizeof(path));
        assert_int_equal(chown(path, OWNER, OWNER), 0);
        fixture_path(fixture, "state/vms/0123456789", path, sizeof(path));
        assert_int_equal(chown(path, OWNER, OWNER), 0);
        fixture_path(fixture, COW, path, sizeof(path));
        assert_int_equal(chown(path, OWNER, OWNER), 0);
        assert_int_equal(chmod(path, 0666), 0);
}

static int open_cow(const Fixture *fixture, int flags) {
        char path[256];
        int fd;

        fixture_path(fixture, COW, path, sizeof(path));
        fd = open(path, flags | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

static struct stat look_at_cow(const Fixture *fixture) {
        struct stat st;
        char path[256];

        fixture_path(fixture, COW, path, sizeof(path));
        assert_int_equal(stat(path, &st), 0);
        return st;
}

static void write_to_cow(const Fixture *fixture) {
        int fd = open_cow(fixture, O_WRONLY);

        assert_int_equal(pwrite(fd, "a table", 7, 1048576), 7);
        close_fd(fd);
}

static void changes_that_the_owner_made_up_are_refused_and_stay_his(void **state) {
        Fixture *fixture = *state;

        make_files_of_owner(fixture);
        write_to_cow(fixture);
        assert_int_equal(open_files(fixture, OWNER), -EPERM);
        assert_int_equal(fixture->error.kind, ERROR_NOT_PERMITTED);
        store_said(fixture, "cannot use " COW_NAME ": it has a content of its own");
        assert_int_equal(look_at_cow(fixture).st_uid, OWNER);
        assert_int_equal(look_at_cow(fixture).st_mode & 07777, 0666);
}

static void changes_larger_than_they_may_grow_are_refused(void **state) {
        const off_t max = (off_t) VM_COW_MIB_MAX << 20;
        Fixture *fixture = *state;
        int fd;

        make_files_of_owner(fixture);
        fd = open_cow(fixture, O_WRONLY);
        if (ftruncate(fd, max + 512) < 0)
                skip();
        assert_int_equal(open_files(fixture, OWNER), -EPERM);
        store_said(fixture, "cannot use " COW_NAME ": it is larger than 2097152 MiB");
        assert_int_equal(ftruncate(fd, max), 0);
        assert_int_equal(open_files(fixture, OWNER), 0);
        close_fd(fd);
}

static void whoever_had_the_owners_file_open_has_not_roots(void **state) {
        Fixture *fixture = *state;
        struct stat st, writers;
        int writer;

        make_files_of_owner(fixture);
        writer = open_cow(fixture, O_RDWR);
        assert_int_equal(open_files(fixture, OWNER), 0);
        st = look_at_cow(fixture);
        assert_int_equal(fstat(writer, &writers), 0);
        assert_int_not_equal(st.st_ino, writers.st_ino);
        assert_int_equal(writers.st_nlink, 0);
        assert_int_equal(writers.st_uid, OWNER);
        close_fd(writer);
}

static void empty_changes_become_roots_and_are_taken_from_then_on(void **state) {
        Fixture *fixture = *state;
        struct stat st;
        ino_t inode;

        make_files_of_owner(fixture);
        assert_int_equal(open_files(fixture, OWNER), 0);
        st = look_at_cow(fixture);
        inode = st.st_ino;
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_size, 2097152);
        assert_int_equal(st.st_nlink, 1);
        /* What is in it now, the kernel has written. */
        write_to_cow(fixture);
        assert_int_equal(open_files(fixture, OWNER), 0);
        assert_int_equal(look_at_cow(fixture).st_ino, inode);
}

/* Moved there by whoever may rename in the directory where it was. */
static void another_file_of_roots_is_neither_taken_nor_changed(void **state) {
        static const gid_t groups[] = {0, 42};
        Fixture *fixture = *state;
        char path[256];

        make_files_of_owner(fixture);
        fixture_path(fixture, COW, path, sizeof(path));
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                for (int content = 0; content <= 1; content++) {
                        struct stat before, after;

                        if (content)
                                write_to_cow(fixture);
                        else
                                assert_int_equal(truncate(path, 0) + truncate(path, 4096), 0);
                        assert_int_equal(chown(path, 0, groups[i]), 0);
                        assert_int_equal(chmod(path, 0640), 0);
                        before = look_at_cow(fixture);
                        assert_int_equal(open_files(fixture, OWNER), -EPERM);
                        store_said(fixture, "belongs to uid 0 instead of 4242");
                        error_clear(&fixture->error);
                        after = look_at_cow(fixture);
                        assert_int_equal(after.st_ino, before.st_ino);
                        assert_int_equal(after.st_mode, before.st_mode);
                        assert_int_equal(after.st_gid, groups[i]);
                        assert_int_equal(after.st_size, before.st_size);
                }
}

static void changes_of_another_vm_are_refused(void **state) {
        Fixture *fixture = *state;
        const VmId second = {.text = "abcdef0123"};
        const DiskPlan of_second = {.vm = &second, .image = IMAGE, .owner = OWNER};
        DiskFiles files = DISK_FILES_INIT;
        char from[256], to[256];

        make_files_of_owner(fixture);
        assert_int_equal(open_files(fixture, OWNER), 0);
        fixture_mkdir(fixture, "state/vms/abcdef0123");
        fixture_path(fixture, "state/vms/abcdef0123", to, sizeof(to));
        assert_int_equal(chown(to, OWNER, OWNER), 0);
        fixture_path(fixture, COW, from, sizeof(from));
        fixture_path(fixture, "state/vms/abcdef0123/root.cow", to, sizeof(to));
        assert_int_equal(rename(from, to), 0);
        assert_int_equal(disk_open_files(&fixture->host, &of_second, &files, &fixture->error),
                         -EPERM);
        store_said(fixture, "belongs to uid 0 instead of 4242");
}

static void changes_of_a_third_user_are_refused_and_stay_his(void **state) {
        Fixture *fixture = *state;
        char path[256];

        make_files_of_owner(fixture);
        fixture_path(fixture, COW, path, sizeof(path));
        assert_int_equal(chown(path, OWNER + 1, OWNER), 0);
        assert_int_equal(open_files(fixture, OWNER), -EPERM);
        store_said(fixture, "belongs to uid 4243 instead of 4242");
        assert_int_equal(look_at_cow(fixture).st_uid, OWNER + 1);
}

static int open_with_work(Fixture *fixture) {
        const DiskPlan with_work = store_plan(true);
        DiskFiles files = DISK_FILES_INIT;
        int r = disk_open_files(&fixture->host, &with_work, &files, &fixture->error);

        disk_close_files(&files);
        return r;
}

static void a_work_disk_is_its_file_less_the_tail(void **state) {
        Fixture *fixture = *state;
        const DiskPlan with_work = store_plan(true);
        DiskFiles files = DISK_FILES_INIT;

        store_make_work(fixture, 1048576 + WORK_DISK_TAIL_BYTES);
        assert_int_equal(disk_open_files(&fixture->host, &with_work, &files, NULL), 0);
        assert_int_equal(files.n_work_sectors, 2048);
        assert_int_equal(fcntl(files.work_fd, F_GETFL) & O_ACCMODE, O_RDWR);
        disk_close_files(&files);
        assert_int_equal(files.work_fd, -1);
}

static void a_vm_without_a_work_disk_has_none_opened(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);
        DiskFiles files = DISK_FILES_INIT;

        store_make_work(fixture, 1048576);
        assert_int_equal(disk_open_files(&fixture->host, &of_vm, &files, NULL), 0);
        assert_int_equal(files.work_fd, -1);
        disk_close_files(&files);
}

static void a_missing_work_disk_is_named(void **state) {
        Fixture *fixture = *state;

        store_make(fixture);
        assert_int_equal(open_with_work(fixture), -ENOENT);
        store_said(fixture, "vms/0123456789/work.img");
}

static void a_work_disk_that_is_all_tail_is_refused(void **state) {
        Fixture *fixture = *state;

        store_make_work(fixture, WORK_DISK_TAIL_BYTES);
        assert_int_equal(open_with_work(fixture), -EINVAL);
        store_said(fixture, "work.img is too small");
}

/* Plants something else in the place of the work disk. */
static void replace_work(const Fixture *fixture, const char *target,
                         int (*plant)(const char *target, const char *path)) {
        char path[256], full[256];

        fixture_path(fixture, "state/vms/0123456789/work.img", path, sizeof(path));
        fixture_path(fixture, target, full, sizeof(full));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(plant(full, path), 0);
}

static int plant_fifo(_unused_ const char *target, const char *path) {
        return mkfifo(path, 0600);
}

static void a_link_in_the_place_of_a_work_disk_is_not_followed(void **state) {
        Fixture *fixture = *state;

        store_make_work(fixture, 1048576);
        replace_work(fixture, "state/images/" IMAGE ".ext4", symlink);
        assert_int_equal(open_with_work(fixture), -ELOOP);
}

static void another_files_second_name_is_no_work_disk(void **state) {
        Fixture *fixture = *state;

        store_make_work(fixture, 1048576);
        fixture_write(fixture, "other", "");
        store_set_size(fixture, "other", 1048576);
        replace_work(fixture, "other", link);
        assert_int_equal(open_with_work(fixture), -EPERM);
        store_said(fixture, "work.img: it has more than one name");
}

static void a_fifo_is_no_work_disk_and_does_not_block(void **state) {
        Fixture *fixture = *state;

        store_make_work(fixture, 1048576);
        replace_work(fixture, "", plant_fifo);
        assert_int_equal(open_with_work(fixture), -EPERM);
        store_said(fixture, "work.img: it is not a regular file");
}

static void a_work_disk_of_somebody_else_is_refused(void **state) {
        Fixture *fixture = *state;
        char path[256];

        if (getuid() != 0)
                skip();
        store_make_work(fixture, 1048576);
        fixture_path(fixture, "state/vms/0123456789/work.img", path, sizeof(path));
        assert_int_equal(chown(path, 4242, 4242), 0);
        assert_int_equal(open_with_work(fixture), -EPERM);
        store_said(fixture, "work.img: it belongs to uid 4242");
}

static off_t size_of_changes(const Fixture *fixture) {
        char path[256];
        struct stat st;

        fixture_path(fixture, "state/vms/0123456789/root.cow", path, sizeof(path));
        assert_int_equal(stat(path, &st), 0);
        return st.st_size;
}

/* Which is how a root that is read is told to be on another image. */
static void the_loop_of_another_image_is_not_this_ones(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);
        DiskPlan of_other = of_vm;
        _cleanup_host_ Host host = HOST_INIT;
        LoopBinding binding = {.vm = &vm, .role = "image", .file_fd = -1, .read_only = true};
        Error *error = &fixture->error;
        HostPaths paths;
        dev_t device;
        int loop = -1;

        store_make(fixture);
        fixture_write(fixture, "state/images/" OTHER_IMAGE ".ext4", "");
        store_set_size(fixture, "state/images/" OTHER_IMAGE ".ext4", 1048576);
        of_other.image = OTHER_IMAGE;
        if (!store_open_host(fixture, &paths, &host))
                skip();
        assert_int_equal(disk_open_image(&host, &of_vm, &binding.file_fd, NULL), 0);
        assert_int_equal(loop_bind(&host, &binding, &loop, &device, NULL), 0);
        assert_int_equal(disk_refuse_other_image(&host, &of_vm, device, error), 0);
        assert_int_equal(disk_refuse_other_image(&host, &of_other, device, error), -EBUSY);
        assert_int_equal(error->kind, ERROR_BUSY);
        store_said(fixture, "on another image than " OTHER_IMAGE);
        assert_non_null(error->hint);
        error_clear(error);
        /* One that is not there is said to be so. */
        of_other.image = "cccccccccc";
        assert_int_equal(disk_refuse_other_image(&host, &of_other, device, error), -ENOENT);
        assert_int_equal(error->kind, ERROR_NOT_FOUND);
        close_fd(loop);
        close_fd(binding.file_fd);
}

/* A file that is being named for its loop has two names for a moment. */
static void an_image_is_opened_while_nobody_names_it(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);
        _cleanup_host_ Host host = HOST_INIT;
        char path[256], name[256];
        HostPaths paths;
        int fd = -1;

        store_make(fixture);
        (void) store_open_host(fixture, &paths, &host);
        fixture_path(fixture, "state/images/" IMAGE ".ext4", path, sizeof(path));
        fixture_mkdir(fixture, NAMES);
        fixture_path(fixture, NAME, name, sizeof(name));
        assert_int_equal(link(path, name), 0);
        assert_int_equal(disk_open_image(&host, &of_vm, &fd, &fixture->error), 0);
        assert_true(fd >= 0);
        close_fd(fd);
}

static void as_many_vms_have_a_root_device_as_there_are_slots(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(disk_refuse_full(VM_SLOT_MAX - 1, &fixture->error), 0);
        assert_int_equal(disk_refuse_full(VM_SLOT_MAX, &fixture->error), -EMFILE);
        assert_int_equal(fixture->error.kind, ERROR_UNAVAILABLE);
        store_said(fixture, "253 other VMs have a root device, and 253 may at once");
        assert_non_null(strstr(fixture->error.hint, "stop one"));
}

static void the_file_of_changes_grows_and_is_roots_then(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);
        _cleanup_host_ Host host = HOST_INIT;
        HostPaths paths;

        store_make(fixture);
        (void) store_open_host(fixture, &paths, &host);
        assert_int_equal(disk_grow_changes(&host, &of_vm, 4194304, &fixture->error), 0);
        assert_int_equal(size_of_changes(fixture), 4194304);
        assert_int_equal(disk_grow_changes(&host, &of_vm, 4194304, NULL), 0);
        assert_int_equal(disk_grow_changes(&host, &of_vm, 1048576, &fixture->error), -EINVAL);
        store_said(fixture, "can only grow");
        assert_int_equal(size_of_changes(fixture), 4194304);
}

/* It was killed before it had put its file in the place of the owner's. */
static void a_file_that_was_left_half_made_is_in_nobodys_way(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);
        _cleanup_host_ Host host = HOST_INIT;
        HostPaths paths;

        store_make(fixture);
        fixture_mkdir(fixture, NAMES);
        fixture_write(fixture, NAME, "half");
        (void) store_open_host(fixture, &paths, &host);
        assert_int_equal(disk_grow_changes(&host, &of_vm, 4194304, &fixture->error), 0);
        assert_int_equal(size_of_changes(fixture), 4194304);
}

static void a_name_that_a_killed_attach_left_is_in_nobodys_way(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);
        _cleanup_host_ Host host = HOST_INIT;
        char path[256], name[256];
        HostPaths paths;

        store_make(fixture);
        (void) store_open_host(fixture, &paths, &host);
        fixture_path(fixture, "state/vms/0123456789/root.cow", path, sizeof(path));
        fixture_mkdir(fixture, NAMES);
        fixture_path(fixture, NAME, name, sizeof(name));
        assert_int_equal(link(path, name), 0);
        assert_int_equal(disk_grow_changes(&host, &of_vm, 4194304, &fixture->error), 0);
        assert_int_equal(access(name, F_OK), -1);
}

static void a_name_that_a_killed_attach_left_is_forgotten(void **state) {
        Fixture *fixture = *state;
        char path[256], name[256];

        /* A host that never had a jail has no name to forget. */
        assert_int_equal(disk_forget_name(&fixture->host, &fixture->error), 0);
        store_make(fixture);
        assert_int_equal(disk_forget_name(&fixture->host, &fixture->error), 0);
        fixture_path(fixture, COW, path, sizeof(path));
        fixture_path(fixture, NAME, name, sizeof(name));
        assert_int_equal(link(path, name), 0);
        assert_int_equal(disk_forget_name(&fixture->host, &fixture->error), 0);
        assert_int_equal(access(name, F_OK), -1);
        assert_int_equal(look_at_cow(fixture).st_nlink, 1);
}

static void changes_that_are_not_there_do_not_grow(void **state) {
        Fixture *fixture = *state;
        const DiskPlan of_vm = store_plan(false);

        fixture_mkdir(fixture, "state/jails");
        assert_int_equal(disk_grow_changes(&fixture->host, &of_vm, 4194304, &fixture->error),
                         -ENOENT);
        assert_int_equal(fixture->error.kind, ERROR_NOT_FOUND);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_size_is_the_images_in_whole_sectors),
                TEST(a_missing_image_is_named),
                TEST(a_missing_file_of_changes_is_named),
                TEST(a_file_of_somebody_else_is_refused),
                TEST(a_vm_of_somebody_else_is_refused),
                TEST(a_link_is_not_followed),
                TEST(a_directory_that_is_a_link_is_not_followed),
                TEST(a_file_with_a_second_name_is_refused),
                TEST(an_empty_image_is_refused),
                TEST(a_fifo_neither_serves_nor_blocks),
                TEST(changes_that_the_owner_made_up_are_refused_and_stay_his),
                TEST(changes_larger_than_they_may_grow_are_refused),
                TEST(whoever_had_the_owners_file_open_has_not_roots),
                TEST(empty_changes_become_roots_and_are_taken_from_then_on),
                TEST(changes_of_a_third_user_are_refused_and_stay_his),
                TEST(another_file_of_roots_is_neither_taken_nor_changed),
                TEST(changes_of_another_vm_are_refused),
                TEST(a_file_that_was_left_half_made_is_in_nobodys_way),
                TEST(a_work_disk_is_its_file_less_the_tail),
                TEST(a_vm_without_a_work_disk_has_none_opened),
                TEST(a_missing_work_disk_is_named),
                TEST(a_work_disk_that_is_all_tail_is_refused),
                TEST(a_link_in_the_place_of_a_work_disk_is_not_followed),
                TEST(another_files_second_name_is_no_work_disk),
                TEST(a_fifo_is_no_work_disk_and_does_not_block),
                TEST(a_work_disk_of_somebody_else_is_refused),
                TEST(the_loop_of_another_image_is_not_this_ones),
                TEST(an_image_is_opened_while_nobody_names_it),
                TEST(as_many_vms_have_a_root_device_as_there_are_slots),
                TEST(the_file_of_changes_grows_and_is_roots_then),
                TEST(a_name_that_a_killed_attach_left_is_in_nobodys_way),
                TEST(a_name_that_a_killed_attach_left_is_forgotten),
                TEST(changes_that_are_not_there_do_not_grow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
