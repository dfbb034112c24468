#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/strings.h"
#include "daemon/migrations.h"
#include "daemon/store.h"

typedef struct Fixture {
        char directory[64], path[80];
        Store *store;
        Error error;
} Fixture;

static char web[] = "web", db[] = "db", debian[] = "debian", alpine[] = "alpine", linux_6[] = "6.1";
static char linux_7[] = "7.0", broken_reason[] = "its disk is gone";
static char boot[] = "0123456789abcdef0123456789abcdef";

static const VmId image_id = {"1111111111"}, other_image_id = {"2222222222"};
static const VmId kernel_id = {"3333333333"}, other_kernel_id = {"4444444444"};
static const VmId vm_id = {"5555555555"}, other_vm_id = {"6666666666"};

static ImageRecord make_image(void) {
        return (ImageRecord) {.id = image_id, .name = debian, .size_bytes = 1 << 30,
                              .has_init = true, .created_s = 1700000000};
}

static KernelRecord make_kernel(void) {
        return (KernelRecord) {.id = kernel_id, .name = linux_6, .release = linux_6,
                               .size_bytes = 50 << 20, .has_modules = true, .is_default = true,
                               .created_s = 1700000001};
}

static Forward forwards[] = {
        {.protocol = FORWARD_TCP, .address = 0x7f000001, .host_port = 8080, .guest_port = 80},
        {.protocol = FORWARD_UDP, .address = 0, .host_port = 53, .guest_port = 5353},
};

static VmRecord make_vm(void) {
        return (VmRecord) {.id = vm_id, .name = web, .image = image_id, .kernel = kernel_id,
                           .vcpus = 2, .memory_mib = 512, .last_slot = 7,
                           .created_s = 1700000002, .ephemeral = true, .broken = true,
                           .reason = broken_reason, .intent = VM_INTENT_STOP, .boot_id = boot,
                           .started_s = 1700000003, .nat = true, .work_mib = 1024, .cow_mib = 700,
                           .forwards = {.items = forwards, .n_items = ELEMENTSOF(forwards)}};
}

static int setup_directory(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        (void) snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        (void) snprintf(fixture->path, sizeof(fixture->path), "%s/banger.db", fixture->directory);
        *state = fixture;
        return 0;
}

static void open_store(Fixture *fixture) {
        assert_int_equal(store_open(fixture->directory, &fixture->store, &fixture->error), 0);
}

static int setup(void **state) {
        ImageRecord image = make_image();
        KernelRecord kernel = make_kernel();
        Fixture *fixture;

        (void) setup_directory(state);
        fixture = *state;
        open_store(fixture);
        assert_int_equal(store_put_image(fixture->store, &image, NULL), 0);
        assert_int_equal(store_put_kernel(fixture->store, &kernel, NULL), 0);
        return 0;
}

static int teardown(void **state) {
        static const char *const names[] = {"banger.db", "banger.db-wal", "banger.db-shm"};
        Fixture *fixture = *state;
        int fd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        store_free(fixture->store);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void) unlinkat(fd, names[i], 0);
        close_fd(fd);
        assert_int_equal(rmdir(fixture->directory), 0);
        error_clear(&fixture->error);
        free(fixture);
        return 0;
}

static void reopen(Fixture *fixture) {
        fixture->store = store_free(fixture->store);
        open_store(fixture);
}

/* As one that crashes does, again and again. */
static void what_is_set_aside_does_not_grow(void **state) {
        Fixture *fixture = *state;
        struct stat before, after;

        assert_int_equal(stat(fixture->path, &before), 0);
        for (int i = 0; i < 10; i++) {
                pid_t pid;

                fixture->store = store_free(fixture->store);
                pid = fork();
                if (pid == 0) {
                        open_store(fixture);
                        _exit(0);
                }
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                open_store(fixture);
        }
        assert_int_equal(stat(fixture->path, &after), 0);
        assert_int_equal(after.st_size, before.st_size);
}

/* A small file system with a store of its own in it, and no room left. */
static void a_full_disk_keeps_no_vm_from_being_deleted(void **state) {
        static const char zeros[4096];
        ImageRecord image = make_image();
        KernelRecord kernel = make_kernel();
        VmRecord vm = make_vm();
        Fixture *fixture = *state;
        char filler[128];
        int fd;

        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", fixture->directory, "tmpfs", 0, "size=4m") < 0)
                skip();
        open_store(fixture);
        assert_int_equal(store_put_image(fixture->store, &image, NULL), 0);
        assert_int_equal(store_put_kernel(fixture->store, &kernel, NULL), 0);
        (void) snprintf(filler, sizeof(filler), "%s/filler", fixture->directory);
        fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(fd, zeros, sizeof(zeros)) > 0)
                ;
        assert_int_equal(errno, ENOSPC);
        close_fd(fd);
        for (size_t i = 0; i < 200; i++) {
                if (i == 100)
                        reopen(fixture);
                if (store_put_vm(fixture->store, &vm, &fixture->error) < 0 ||
                    store_delete_vm(fixture->store, &vm.id, &fixture->error) < 0)
                        fail_msg("%zu times: %s", i, fixture->error.message);
        }
        fixture->store = store_free(fixture->store);
        assert_int_equal(umount(fixture->directory), 0);
}

static void put_vm(Fixture *fixture) {
        VmRecord vm = make_vm();

        assert_int_equal(store_put_vm(fixture->store, &vm, NULL), 0);
}

static void what_was_put_is_there_after_a_restart(void **state) {
        Fixture *fixture = *state;
        VmRecord *vms = NULL;
        ImageRecord *images = NULL;
        KernelRecord *kernels = NULL;
        size_t n = 0;

        put_vm(fixture);
        reopen(fixture);
        assert_int_equal(store_load_vms(fixture->store, &vms, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_string_equal(vms[0].id.text, vm_id.text);
        assert_string_equal(vms[0].name, web);
        assert_string_equal(vms[0].image.text, image_id.text);
        assert_string_equal(vms[0].kernel.text, kernel_id.text);
        assert_int_equal(vms[0].vcpus, 2);
        assert_int_equal(vms[0].memory_mib, 512);
        assert_int_equal(vms[0].work_mib, 1024);
        assert_int_equal(vms[0].cow_mib, 700);
        assert_int_equal(vms[0].last_slot, 7);
        assert_int_equal(vms[0].created_s, 1700000002);
        assert_true(vms[0].ephemeral);
        assert_true(vms[0].broken);
        assert_string_equal(vms[0].reason, broken_reason);
        assert_int_equal(vms[0].intent, VM_INTENT_STOP);
        assert_string_equal(vms[0].boot_id, boot);
        assert_int_equal(vms[0].started_s, 1700000003);
        assert_true(vms[0].nat);
        assert_int_equal(vms[0].forwards.n_items, 2);
        assert_true(forward_equal(&vms[0].forwards.items[0], &forwards[0]));
        assert_true(forward_equal(&vms[0].forwards.items[1], &forwards[1]));
        vm_record_clear(&vms[0]);
        free(vms);

        assert_int_equal(store_load_images(fixture->store, &images, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_string_equal(images[0].name, debian);
        assert_int_equal(images[0].size_bytes, 1 << 30);
        assert_true(images[0].has_init);
        image_record_clear(&images[0]);
        free(images);

        assert_int_equal(store_load_kernels(fixture->store, &kernels, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_string_equal(kernels[0].release, linux_6);
        assert_true(kernels[0].has_modules);
        assert_true(kernels[0].is_default);
        kernel_record_clear(&kernels[0]);
        free(kernels);
}

static void an_empty_store_has_nothing(void **state) {
        Fixture *fixture = *state;
        VmRecord *vms = NULL;
        size_t n = 1;

        open_store(fixture);
        assert_int_equal(store_load_vms(fixture->store, &vms, &n, NULL), 0);
        assert_int_equal(n, 0);
        free(vms);
}

static void putting_again_replaces(void **state) {
        Fixture *fixture = *state;
        VmRecord vm = make_vm(), *vms = NULL;
        size_t n = 0;

        put_vm(fixture);
        vm.memory_mib = 1024;
        vm.reason = NULL;
        assert_int_equal(store_put_vm(fixture->store, &vm, NULL), 0);
        assert_int_equal(store_load_vms(fixture->store, &vms, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(vms[0].memory_mib, 1024);
        assert_null(vms[0].reason);
        vm_record_clear(&vms[0]);
        free(vms);
}

static void records_come_by_name(void **state) {
        Fixture *fixture = *state;
        ImageRecord image = make_image(), *images = NULL;
        size_t n = 0;

        image.id = other_image_id;
        image.name = alpine;
        assert_int_equal(store_put_image(fixture->store, &image, NULL), 0);
        assert_int_equal(store_load_images(fixture->store, &images, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_string_equal(images[0].name, alpine);
        for (size_t i = 0; i < n; i++)
                image_record_clear(&images[i]);
        free(images);
}

static void a_name_that_is_taken_is_refused(void **state) {
        Fixture *fixture = *state;
        VmRecord vm = make_vm();

        put_vm(fixture);
        vm.id = other_vm_id;
        assert_int_equal(store_put_vm(fixture->store, &vm, &fixture->error), -EEXIST);
        assert_int_equal(fixture->error.kind, ERROR_ALREADY_EXISTS);
        assert_string_equal(fixture->error.message, "vm \"web\" exists already");
        assert_string_equal(fixture->error.object, web);
}

static void a_vm_needs_its_image(void **state) {
        Fixture *fixture = *state;
        VmRecord vm = make_vm();

        vm.image = other_image_id;
        assert_int_equal(store_put_vm(fixture->store, &vm, &fixture->error), -ENOENT);
        assert_int_equal(fixture->error.kind, ERROR_NOT_FOUND);
}

static void an_image_in_use_is_not_deleted(void **state) {
        Fixture *fixture = *state;

        put_vm(fixture);
        assert_int_equal(store_delete_image(fixture->store, &image_id, &fixture->error), -EBUSY);
        assert_int_equal(fixture->error.kind, ERROR_BUSY);
}

static void a_kernel_in_use_is_not_deleted(void **state) {
        Fixture *fixture = *state;

        put_vm(fixture);
        assert_int_equal(store_delete_kernel(fixture->store, &kernel_id, NULL), -EBUSY);
}

static void deleting_a_vm_frees_its_image(void **state) {
        Fixture *fixture = *state;

        put_vm(fixture);
        assert_int_equal(store_delete_vm(fixture->store, &vm_id, NULL), 0);
        assert_int_equal(store_delete_image(fixture->store, &image_id, NULL), 0);
        assert_int_equal(store_delete_kernel(fixture->store, &kernel_id, NULL), 0);
}

static void deleting_what_is_gone_succeeds(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(store_delete_vm(fixture->store, &other_vm_id, NULL), 0);
}

static void users_are_named_in_order(void **state) {
        Fixture *fixture = *state;
        _cleanup_strv_ char **image_users = NULL, **kernel_users = NULL;
        VmRecord vm = make_vm();

        put_vm(fixture);
        vm.id = other_vm_id;
        vm.name = db;
        assert_int_equal(store_put_vm(fixture->store, &vm, NULL), 0);
        assert_int_equal(store_image_users(fixture->store, &image_id, &image_users, NULL), 0);
        assert_int_equal(strv_length(image_users), 2);
        assert_string_equal(image_users[0], db);
        assert_string_equal(image_users[1], web);
        assert_int_equal(store_kernel_users(fixture->store, &other_kernel_id, &kernel_users, NULL),
                         0);
        assert_null(kernel_users);
}

static void a_new_default_kernel_takes_the_place_of_the_old(void **state) {
        Fixture *fixture = *state;
        KernelRecord kernel = make_kernel(), *kernels = NULL;
        size_t n = 0;

        kernel.id = other_kernel_id;
        kernel.name = kernel.release = linux_7;
        assert_int_equal(store_put_kernel(fixture->store, &kernel, NULL), 0);
        assert_int_equal(store_load_kernels(fixture->store, &kernels, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_string_equal(kernels[0].name, linux_6);
        assert_false(kernels[0].is_default);
        assert_true(kernels[1].is_default);
        for (size_t i = 0; i < n; i++)
                kernel_record_clear(&kernels[i]);
        free(kernels);
}

static void a_default_that_is_refused_changes_nothing(void **state) {
        Fixture *fixture = *state;
        KernelRecord kernel = make_kernel(), *kernels = NULL;
        size_t n = 0;

        kernel.id = other_kernel_id;
        assert_int_equal(store_put_kernel(fixture->store, &kernel, NULL), -EEXIST);
        assert_int_equal(store_load_kernels(fixture->store, &kernels, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_true(kernels[0].is_default);
        kernel_record_clear(&kernels[0]);
        free(kernels);
}

static void add_boot(Fixture *fixture, int64_t disk_us) {
        const BootStage stages[] = {{"disk", disk_us}, {"boot", 10 * disk_us}};

        assert_int_equal(store_add_boot(fixture->store, &vm_id, &image_id, 1700000003, stages,
                                        ELEMENTSOF(stages), NULL),
                         0);
}

static int64_t usual(Fixture *fixture, const char *stage) {
        int64_t value = -1;

        assert_int_equal(store_usual_us(fixture->store, &image_id, stage, &value, NULL), 0);
        return value;
}

static void the_usual_time_is_the_median(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(usual(fixture, "disk"), 0);
        add_boot(fixture, 100);
        add_boot(fixture, 900);
        assert_int_equal(usual(fixture, "disk"), 500);
        add_boot(fixture, 300);
        assert_int_equal(usual(fixture, "disk"), 300);
        assert_int_equal(usual(fixture, "boot"), 3000);
        assert_int_equal(usual(fixture, "tap"), 0);
}

static void old_starts_are_forgotten(void **state) {
        Fixture *fixture = *state;

        for (int i = 0; i < STORE_BOOTS_KEPT; i++)
                add_boot(fixture, 100);
        for (int i = 0; i < STORE_BOOTS_KEPT; i++)
                add_boot(fixture, 500);
        assert_int_equal(usual(fixture, "disk"), 500);
}

static void the_history_goes_with_the_image(void **state) {
        Fixture *fixture = *state;
        ImageRecord image = make_image();

        add_boot(fixture, 100);
        assert_int_equal(store_delete_image(fixture->store, &image_id, NULL), 0);
        assert_int_equal(store_put_image(fixture->store, &image, NULL), 0);
        assert_int_equal(usual(fixture, "disk"), 0);
}

static void a_second_daemon_is_kept_out(void **state) {
        Fixture *fixture = *state;
        Store *second = NULL;

        assert_int_equal(store_open(fixture->directory, &second, &fixture->error), -EAGAIN);
        assert_int_equal(fixture->error.kind, ERROR_BUSY);
        assert_non_null(strstr(fixture->error.message, "another process has it open"));
}

static void a_file_that_is_no_database_is_said(void **state) {
        static const char garbage[] = "This is not a database, whatever its name says. It is text.";
        Fixture *fixture = *state;
        char content[8192];

        memset(content, 'x', sizeof(content));
        memcpy(content, garbage, sizeof(garbage));
        assert_int_equal(io_write_file_atomic(AT_FDCWD, fixture->path, content, sizeof(content),
                                              0600),
                         0);
        assert_int_equal(store_open(fixture->directory, &fixture->store, &fixture->error),
                         -EUCLEAN);
        assert_non_null(strstr(fixture->error.message, "damaged"));
        assert_non_null(strstr(fixture->error.hint, fixture->path));
}

static void a_page_that_is_broken_is_found_at_once(void **state) {
        Fixture *fixture = *state;
        char junk[1024], log[128];
        int fd;

        put_vm(fixture);
        fixture->store = store_free(fixture->store);
        /* It still has that page. */
        (void) snprintf(log, sizeof(log), "%s-wal", fixture->path);
        assert_int_equal(unlink(log), 0);
        memset(junk, 0xa5, sizeof(junk));
        fd = open(fixture->path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        /* The second page: the first holds the form, which would be noticed anyway. */
        assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096), sizeof(junk));
        close_fd(fd);
        assert_int_equal(store_open(fixture->directory, &fixture->store, &fixture->error),
                         -EUCLEAN);
}

static void a_directory_that_is_not_there_is_said(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(store_open("/nowhere/at/all", &fixture->store, &fixture->error), -ENOENT);
        assert_non_null(strstr(fixture->error.message, "/nowhere/at/all"));
}

/* In a child with a small file system of its own. */
static int fill_disk(void) {
        ImageRecord image = make_image();
        _cleanup_error_ Error error = ERROR_INIT;
        Store *store = NULL;
        char name[32];
        int r = 0;

        if (mount("none", "/tmp", "tmpfs", 0, "size=2m") < 0)
                return 2;
        if (store_open("/tmp", &store, &error) < 0)
                return 3;
        image.name = name;
        for (int i = 0; r >= 0 && i < 100000; i++) {
                (void) snprintf(name, sizeof(name), "image-%d", i);
                (void) snprintf(image.id.text, sizeof(image.id.text), "%010x", (unsigned) i);
                r = store_put_image(store, &image, &error);
        }
        store_free(store);
        return r == -ENOSPC && error.kind == ERROR_NO_SPACE && strstr(error.message, "full") ? 0
                                                                                             : 4;
}

static void a_full_disk_is_said(void **state) {
        int status;
        pid_t pid;

        (void) state;
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0 ||
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                        _exit(77);
                _exit(fill_disk());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

static int64_t read_integer(Database *database, const char *sql) {
        int64_t value = -1;

        assert_int_equal(database_run_integer(database, sql, &value, NULL), 0);
        return value;
}

static void every_older_version_is_brought_up(void **state) {
        Fixture *fixture = *state;

        for (size_t version = 0; version <= store_n_migrations; version++) {
                Database *database = NULL;

                assert_int_equal(database_open(fixture->path, &database, NULL), 0);
                assert_int_equal(migrations_run(database, store_migrations, version, NULL), 0);
                assert_int_equal(read_integer(database, "PRAGMA user_version"), version);
                database_free(database);
                open_store(fixture);
                fixture->store = store_free(fixture->store);
                assert_int_equal(unlink(fixture->path), 0);
        }
}

static void vms_from_before_work_disks_have_none(void **state) {
        static const char vm[] =
                "INSERT INTO images VALUES ('1111111111', 'debian', 1, 1, 1);"
                "INSERT INTO kernels VALUES ('2222222222', 'linux', '', 1, 0, 1, 1);"
                "INSERT INTO vms (id, name, image, kernel, vcpus, memory_mib, last_slot, created_s,"
                " ephemeral, broken) VALUES ('3333333333', 'old', '1111111111', '2222222222', 1,"
                " 256, 0, 1, 0, 0);";
        Fixture *fixture = *state;
        Database *database = NULL;
        VmRecord *vms = NULL;
        size_t n = 0;

        assert_int_equal(database_open(fixture->path, &database, NULL), 0);
        assert_int_equal(migrations_run(database, store_migrations, 2, NULL), 0);
        assert_int_equal(database_run_script(database, vm, NULL), 0);
        database_free(database);
        open_store(fixture);
        assert_int_equal(store_load_vms(fixture->store, &vms, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_string_equal(vms[0].name, "old");
        assert_int_equal(vms[0].work_mib, 0);
        assert_int_equal(vms[0].cow_mib, 0);
        vm_record_clear(&vms[0]);
        free(vms);
}

static void a_later_migration_keeps_what_was_there(void **state) {
        static const char *const later[] = {
                "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (42);",
                "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7;",
        };
        Fixture *fixture = *state;
        Database *database = NULL;

        assert_int_equal(database_open(fixture->path, &database, NULL), 0);
        assert_int_equal(migrations_run(database, later, 1, NULL), 0);
        assert_int_equal(migrations_run(database, later, 2, NULL), 0);
        assert_int_equal(read_integer(database, "SELECT x + y FROM a"), 49);
        assert_int_equal(migrations_run(database, later, 2, NULL), 0);
        database_free(database);
}

static void a_migration_that_fails_is_taken_back(void **state) {
        static const char *const broken[] = {
                "CREATE TABLE a (x INTEGER);",
                "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER);",
        };
        Fixture *fixture = *state;
        Database *database = NULL;

        assert_int_equal(database_open(fixture->path, &database, NULL), 0);
        assert_true(migrations_run(database, broken, 2, &fixture->error) < 0);
        assert_non_null(strstr(fixture->error.message, "cannot bring the store to version 2"));
        assert_int_equal(read_integer(database, "PRAGMA user_version"), 1);
        assert_int_equal(read_integer(database,
                                      "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"),
                         0);
        database_free(database);
}

static void a_newer_store_is_refused(void **state) {
        Fixture *fixture = *state;
        Database *database = NULL;

        assert_int_equal(database_open(fixture->path, &database, NULL), 0);
        assert_int_equal(database_run_script(database, "PRAGMA user_version = 99", NULL), 0);
        database_free(database);
        assert_int_equal(store_open(fixture->directory, &fixture->store, &fixture->error),
                         -EOVERFLOW);
        assert_non_null(strstr(fixture->error.message, "version 99"));
        assert_string_equal(fixture->error.hint, "install a newer banger");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_was_put_is_there_after_a_restart, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(an_empty_store_has_nothing, setup_directory,
                                                teardown),
                cmocka_unit_test_setup_teardown(putting_again_replaces, setup, teardown),
                cmocka_unit_test_setup_teardown(records_come_by_name, setup, teardown),
                cmocka_unit_test_setup_teardown(a_name_that_is_taken_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(a_vm_needs_its_image, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_set_aside_does_not_grow, setup, teardown),
                cmocka_unit_test_setup_teardown(a_full_disk_keeps_no_vm_from_being_deleted,
                                                setup_directory, teardown),
                cmocka_unit_test_setup_teardown(an_image_in_use_is_not_deleted, setup, teardown),
                cmocka_unit_test_setup_teardown(a_kernel_in_use_is_not_deleted, setup, teardown),
                cmocka_unit_test_setup_teardown(deleting_a_vm_frees_its_image, setup, teardown),
                cmocka_unit_test_setup_teardown(deleting_what_is_gone_succeeds, setup, teardown),
                cmocka_unit_test_setup_teardown(users_are_named_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(a_new_default_kernel_takes_the_place_of_the_old,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(a_default_that_is_refused_changes_nothing, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(the_usual_time_is_the_median, setup, teardown),
                cmocka_unit_test_setup_teardown(old_starts_are_forgotten, setup, teardown),
                cmocka_unit_test_setup_teardown(the_history_goes_with_the_image, setup, teardown),
                cmocka_unit_test_setup_teardown(a_second_daemon_is_kept_out, setup, teardown),
                cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_said,
                                                setup_directory, teardown),
                cmocka_unit_test_setup_teardown(a_page_that_is_broken_is_found_at_once, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_directory_that_is_not_there_is_said,
                                                setup_directory, teardown),
                cmocka_unit_test(a_full_disk_is_said),
                cmocka_unit_test_setup_teardown(every_older_version_is_brought_up, setup_directory,
                                                teardown),
                cmocka_unit_test_setup_teardown(vms_from_before_work_disks_have_none,
                                                setup_directory, teardown),
                cmocka_unit_test_setup_teardown(a_later_migration_keeps_what_was_there,
                                                setup_directory, teardown),
                cmocka_unit_test_setup_teardown(a_migration_that_fails_is_taken_back,
                                                setup_directory, teardown),
                cmocka_unit_test_setup_teardown(a_newer_store_is_refused, setup_directory,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
