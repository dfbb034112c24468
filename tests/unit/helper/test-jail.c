#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/api-root.h"
#include "helper/jail.h"
#include "tests/unit/helper/fixture.h"

#define VM "0123456789"
#define KERNEL "abcdefabcd"
#define JAIL "state/jails/firecracker/" VM

typedef struct Jailed {
        Fixture *fixture;
        JailPlan plan;
        int listener;
} Jailed;

static void add_kernel(const Fixture *fixture, const char *name, const char *text) {
        char path[256];

        (void) snprintf(path, sizeof(path), "state/kernels/" KERNEL "/%s", name);
        fixture_write(fixture, path, text);
}

static void set_mode(const Fixture *fixture, const char *path, mode_t mode) {
        char full[256];

        fixture_path(fixture, path, full, sizeof(full));
        assert_int_equal(chmod(full, mode), 0);
}

static int look(const Fixture *fixture, const char *path, struct stat *ret) {
        char full[256];

        fixture_path(fixture, path, full, sizeof(full));
        return lstat(full, ret) < 0 ? -errno : 0;
}

static int setup(void **state) {
        Jailed *jailed = calloc(1, sizeof(*jailed));
        void *made = NULL;
        Fixture *fixture;

        assert_non_null(jailed);
        assert_int_equal(fixture_setup(&made), 0);
        fixture = made;
        fixture_mkdir(fixture, "state/jails");
        fixture_mkdir(fixture, "state/kernels");
        fixture_mkdir(fixture, "state/kernels/" KERNEL);
        add_kernel(fixture, "vmlinux", "a kernel");
        add_kernel(fixture, "initrd", "an initrd");
        set_mode(fixture, "state/kernels/" KERNEL "/vmlinux", 0444);
        set_mode(fixture, "state/kernels/" KERNEL "/initrd", 0444);
        jailed->fixture = fixture;
        jailed->listener = -1;
        jailed->plan = (JailPlan) {
                .uid = getuid(),
                .owner = getuid(),
                .kernel = KERNEL,
                .drives = {[DEVICE_ROOT] = makedev(253, 7)},
        };
        assert_int_equal(vm_id_parse(VM, &jailed->plan.vm), 0);
        *state = jailed;
        return 0;
}

static int teardown(void **state) {
        Jailed *jailed = *state;
        void *fixture = jailed->fixture;

        close_fd(jailed->listener);
        fixture_teardown(&fixture);
        free(jailed);
        return 0;
}

static int make(Jailed *jailed) {
        return jail_make(&jailed->fixture->host, &jailed->plan, &jailed->listener,
                         &jailed->fixture->error);
}

/* Device nodes are root's to make, and of few sandboxes'. */
static bool may_make_nodes(const Fixture *fixture) {
        char path[256];
        int r;

        fixture_path(fixture, "node", path, sizeof(path));
        r = mknod(path, S_IFBLK | 0600, makedev(253, 7));
        (void) unlink(path);
        return r == 0;
}

static void a_jail_has_the_kernel_the_drive_and_a_listener(void **state) {
        Jailed *jailed = *state;
        const Fixture *fixture = jailed->fixture;
        struct stat st, source;
        dev_t drives[_DEVICE_ROLE_MAX] = {0, 1};

        if (!may_make_nodes(fixture))
                skip();
        assert_int_equal(make(jailed), 0);
        assert_int_equal(look(fixture, JAIL "/root", &st), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0700);
        assert_int_equal(look(fixture, JAIL "/root/vmlinux", &st), 0);
        assert_int_equal(look(fixture, "state/kernels/" KERNEL "/vmlinux", &source), 0);
        assert_int_equal(st.st_ino, source.st_ino);
        assert_int_equal(look(fixture, JAIL "/root/initrd", &st), 0);
        assert_int_equal(look(fixture, JAIL "/root/modules.ext4", &st), -ENOENT);
        assert_int_equal(look(fixture, JAIL "/root/root.img", &st), 0);
        assert_int_equal(st.st_mode, S_IFBLK | 0600);
        assert_int_equal(look(fixture, JAIL "/root/run/v.sock_1024", &st), 0);
        assert_int_equal(st.st_mode, S_IFSOCK | 0600);
        assert_int_equal(look(fixture, JAIL "/root/work.img", &st), -ENOENT);
        assert_int_equal(jail_drives(&fixture->host, &jailed->plan.vm, jailed->plan.uid,
                                     drives, NULL), 0);
        assert_int_equal(drives[DEVICE_ROOT], makedev(253, 7));
        assert_int_equal(drives[DEVICE_WORK], 0);
}

static void a_jail_has_the_node_of_a_work_disk_too(void **state) {
        Jailed *jailed = *state;
        const Fixture *fixture = jailed->fixture;
        dev_t drives[_DEVICE_ROLE_MAX] = {0};
        struct stat st;

        if (!may_make_nodes(fixture))
                skip();
        jailed->plan.drives[DEVICE_WORK] = makedev(253, 9);
        assert_int_equal(make(jailed), 0);
        assert_int_equal(look(fixture, JAIL "/root/work.img", &st), 0);
        assert_int_equal(st.st_mode, S_IFBLK | 0600);
        assert_int_equal(st.st_rdev, makedev(253, 9));
        assert_int_equal(st.st_uid, jailed->plan.uid);
        assert_int_equal(jail_drives(&fixture->host, &jailed->plan.vm, jailed->plan.uid,
                                     drives, NULL), 0);
        assert_int_equal(drives[DEVICE_ROOT], makedev(253, 7));
        assert_int_equal(drives[DEVICE_WORK], makedev(253, 9));
}

static void a_work_disk_that_is_no_device_is_not_launched(void **state) {
        Jailed *jailed = *state;
        dev_t drives[_DEVICE_ROLE_MAX];

        if (!may_make_nodes(jailed->fixture))
                skip();
        assert_int_equal(make(jailed), 0);
        fixture_write(jailed->fixture, JAIL "/root/work.img", "a file");
        assert_int_equal(jail_drives(&jailed->fixture->host, &jailed->plan.vm, jailed->plan.uid,
                                     drives, NULL),
                         -ESTALE);
}

/* With another slot's uid the VMM could be another VM's. */
static void a_jail_of_another_slot_is_not_launched(void **state) {
        Jailed *jailed = *state;
        Fixture *fixture = jailed->fixture;
        dev_t drives[_DEVICE_ROLE_MAX] = {0};

        if (!may_make_nodes(fixture))
                skip();
        assert_int_equal(make(jailed), 0);
        assert_int_equal(jail_drives(&fixture->host, &jailed->plan.vm, jailed->plan.uid + 1,
                                     drives, &fixture->error),
                         -EINVAL);
        assert_int_equal(fixture->error.kind, ERROR_INVALID_PARAMETER);
        assert_non_null(strstr(fixture->error.message, "another slot"));
        assert_int_equal(drives[DEVICE_ROOT], 0);
}

static void the_listener_takes_calls(void **state) {
        Jailed *jailed = *state;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int fd;

        if (!may_make_nodes(jailed->fixture))
                skip();
        assert_int_equal(make(jailed), 0);
        fixture_path(jailed->fixture, JAIL "/root/run/v.sock_1024", address.sun_path,
                     sizeof(address.sun_path));
        assert_int_equal(connect(client, (const struct sockaddr *) &address, sizeof(address)), 0);
        fd = accept4(jailed->listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        close_fd(fd);
}

static void modules_go_along_unless_they_are_empty(void **state) {
        Jailed *jailed = *state;
        const Fixture *fixture = jailed->fixture;
        struct stat st;

        if (!may_make_nodes(fixture))
                skip();
        add_kernel(fixture, "modules.ext4", "");
        set_mode(fixture, "state/kernels/" KERNEL "/modules.ext4", 0444);
        assert_int_equal(make(jailed), 0);
        assert_int_equal(look(fixture, JAIL "/root/modules.ext4", &st), -ENOENT);
        assert_int_equal(jail_remove(&fixture->host, &jailed->plan.vm, NULL), 0);
        set_mode(fixture, "state/kernels/" KERNEL "/modules.ext4", 0644);
        add_kernel(fixture, "modules.ext4", "some");
        set_mode(fixture, "state/kernels/" KERNEL "/modules.ext4", 0444);
        jailed->listener = close_fd(jailed->listener);
        assert_int_equal(make(jailed), 0);
        assert_int_equal(look(fixture, JAIL "/root/modules.ext4", &st), 0);
}

/* Fails, says `why` and leaves nothing behind. */
static void assert_refused(Jailed *jailed, int r, const char *why) {
        struct stat st;

        assert_int_equal(make(jailed), r);
        assert_non_null(strstr(jailed->fixture->error.message, why));
        assert_int_equal(jailed->listener, -1);
        assert_int_equal(look(jailed->fixture, JAIL, &st), -ENOENT);
}

static void a_kernel_that_is_not_there_is_refused(void **state) {
        Jailed *jailed = *state;

        jailed->plan.kernel = "0000000000";
        assert_refused(jailed, -ENOENT, "there is no kernel 0000000000");
        assert_int_equal(jailed->fixture->error.kind, ERROR_NOT_FOUND);
}

static void a_kernel_of_somebody_else_is_refused(void **state) {
        Jailed *jailed = *state;

        jailed->plan.owner = getuid() + 1;
        assert_refused(jailed, -EPERM, "vmlinux of kernel " KERNEL ": belongs to uid");
}

static void a_kernel_that_could_be_changed_is_refused(void **state) {
        Jailed *jailed = *state;

        set_mode(jailed->fixture, "state/kernels/" KERNEL "/initrd", 0644);
        assert_refused(jailed, -EPERM, "initrd of kernel " KERNEL ": has mode 0644");
}

static void a_link_in_the_place_of_a_kernel_is_refused(void **state) {
        Jailed *jailed = *state;
        char path[256];

        fixture_path(jailed->fixture, "state/kernels/" KERNEL "/vmlinux", path, sizeof(path));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("initrd", path), 0);
        assert_refused(jailed, -ELOOP, "vmlinux");
}

static void what_is_no_file_is_refused_as_a_kernel(void **state) {
        Jailed *jailed = *state;
        char path[256];

        fixture_path(jailed->fixture, "state/kernels/" KERNEL "/vmlinux", path, sizeof(path));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0444), 0);
        assert_refused(jailed, -EPERM, "is not a regular file");
}

static void give_node(const Fixture *fixture, uid_t uid) {
        char path[256];

        fixture_path(fixture, JAIL "/root/root.img", path, sizeof(path));
        assert_int_equal(chown(path, uid, uid), 0);
}

/* Before the jailer has run the nodes are the VM's, and after it all of it. */
static void a_slot_that_another_vms_jail_has_is_refused(void **state) {
        static const char *const given[] = {"/root", "/root/root.img"};
        Jailed *jailed = *state;
        const Fixture *fixture = jailed->fixture;

        if (!may_make_nodes(fixture))
                skip();
        jailed->plan.uid = 60579;
        assert_int_equal(make(jailed), 0);
        jailed->listener = close_fd(jailed->listener);
        assert_int_equal(vm_id_parse("9876543210", &jailed->plan.vm), 0);
        give_node(fixture, 0);
        for (size_t i = 0; i < ELEMENTSOF(given); i++) {
                char path[256], full[256];

                (void) snprintf(path, sizeof(path), JAIL "%s", given[i]);
                fixture_path(fixture, path, full, sizeof(full));
                assert_int_equal(chown(full, 60579, 60579), 0);
                assert_int_equal(make(jailed), -EBUSY);
                assert_int_equal(jailed->fixture->error.kind, ERROR_BUSY);
                assert_non_null(strstr(jailed->fixture->error.message,
                                       "its slot is taken by vm " VM));
                error_clear(&jailed->fixture->error);
                assert_int_equal(chown(full, 0, 0), 0);
        }
        jailed->plan.uid = 60580;
        assert_int_equal(make(jailed), 0);
}

static void lock_jails(const Fixture *fixture, int *ret_fd) {
        char path[256];

        fixture_mkdir(fixture, "state/jails/firecracker");
        fixture_path(fixture, "state/jails/firecracker", path, sizeof(path));
        *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(*ret_fd >= 0);
        assert_int_equal(flock(*ret_fd, LOCK_EX), 0);
}

/* Two of one slot at a time would not see each other. */
static void a_jail_that_is_being_made_makes_others_wait(void **state) {
        Jailed *jailed = *state;
        _cleanup_close_ int lock = -1;
        int status = 0;
        pid_t child;

        lock_jails(jailed->fixture, &lock);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                (void) alarm(1); /* it never gets the lock: SIGALRM ends this process */
                (void) make(jailed);
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

/* So there are no more of them than slots. */
static void where_every_slot_has_its_jail_no_vm_gets_one_more(void **state) {
        Jailed *jailed = *state;

        if (!may_make_nodes(jailed->fixture))
                skip();
        for (unsigned slot = VM_SLOT_MIN; slot <= VM_SLOT_MAX; slot++) {
                (void) snprintf(jailed->plan.vm.text, sizeof(jailed->plan.vm.text), "%010x", slot);
                jailed->plan.uid = vm_slot_uid(slot);
                assert_int_equal(make(jailed), 0);
                jailed->listener = close_fd(jailed->listener);
        }
        assert_int_equal(vm_id_parse("9876543210", &jailed->plan.vm), 0);
        for (unsigned slot = VM_SLOT_MIN; slot <= VM_SLOT_MAX; slot++) {
                jailed->plan.uid = vm_slot_uid(slot);
                assert_int_equal(make(jailed), -EBUSY);
                error_clear(&jailed->fixture->error);
        }
        /* One that has its jail gets it anew. */
        (void) snprintf(jailed->plan.vm.text, sizeof(jailed->plan.vm.text), "%010x", VM_SLOT_MAX);
        assert_int_equal(jail_remove(&jailed->fixture->host, &jailed->plan.vm, NULL), 0);
        assert_int_equal(make(jailed), 0);
}

static void an_earlier_jail_is_not_taken_over(void **state) {
        Jailed *jailed = *state;

        fixture_mkdir(jailed->fixture, "state/jails/firecracker");
        fixture_mkdir(jailed->fixture, JAIL);
        assert_int_equal(make(jailed), -EEXIST);
}

static void removing_takes_everything_and_leaves_link_targets(void **state) {
        Jailed *jailed = *state;
        const Fixture *fixture = jailed->fixture;
        char path[256];
        struct stat st;

        fixture_mkdir(fixture, "state/jails/firecracker");
        fixture_mkdir(fixture, JAIL);
        fixture_mkdir(fixture, JAIL "/root");
        fixture_mkdir(fixture, JAIL "/root/dev");
        fixture_write(fixture, JAIL "/root/dev/file", "text");
        fixture_path(fixture, JAIL "/root/link", path, sizeof(path));
        assert_int_equal(symlink("../../../../kernels/" KERNEL, path), 0);
        assert_int_equal(jail_remove(&fixture->host, &jailed->plan.vm, NULL), 0);
        assert_int_equal(look(fixture, JAIL, &st), -ENOENT);
        assert_int_equal(look(fixture, "state/kernels/" KERNEL "/vmlinux", &st), 0);
}

static void removing_what_is_gone_succeeds(void **state) {
        Jailed *jailed = *state;
        Host *host = &jailed->fixture->host;

        assert_int_equal(jail_remove(host, &jailed->plan.vm, NULL), 0);
        fixture_mkdir(jailed->fixture, "state/jails/firecracker");
        assert_int_equal(jail_remove(host, &jailed->plan.vm, NULL), 0);
}

static void a_jail_of_many_levels_is_no_way_to_our_stack(void **state) {
        Jailed *jailed = *state;
        char path[256] = JAIL;

        fixture_mkdir(jailed->fixture, "state/jails/firecracker");
        fixture_mkdir(jailed->fixture, path);
        for (int level = 0; level < 17; level++) {
                strcat(path, "/d");
                fixture_mkdir(jailed->fixture, path);
        }
        assert_int_equal(jail_remove(&jailed->fixture->host, &jailed->plan.vm,
                                     &jailed->fixture->error),
                         -ELOOP);
}

static void a_vm_without_a_jail_has_no_drive(void **state) {
        Jailed *jailed = *state;
        dev_t drives[_DEVICE_ROLE_MAX];

        assert_int_equal(jail_drives(&jailed->fixture->host, &jailed->plan.vm, jailed->plan.uid,
                                     drives,
                                     &jailed->fixture->error),
                         -ENOENT);
        assert_int_equal(jailed->fixture->error.kind, ERROR_NOT_FOUND);
}

static void a_jail_without_a_device_is_not_launched(void **state) {
        Jailed *jailed = *state;
        dev_t drives[_DEVICE_ROLE_MAX];

        fixture_mkdir(jailed->fixture, "state/jails/firecracker");
        fixture_mkdir(jailed->fixture, JAIL);
        fixture_mkdir(jailed->fixture, JAIL "/root");
        fixture_write(jailed->fixture, JAIL "/root/root.img", "a file");
        assert_int_equal(jail_drives(&jailed->fixture->host, &jailed->plan.vm, jailed->plan.uid,
                                     drives, NULL),
                         -ESTALE);
}

#define JAIL_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                JAIL_TEST(a_jail_has_the_kernel_the_drive_and_a_listener),
                JAIL_TEST(a_jail_has_the_node_of_a_work_disk_too),
                JAIL_TEST(a_work_disk_that_is_no_device_is_not_launched),
                JAIL_TEST(a_jail_of_another_slot_is_not_launched),
                JAIL_TEST(the_listener_takes_calls),
                JAIL_TEST(modules_go_along_unless_they_are_empty),
                JAIL_TEST(a_kernel_that_is_not_there_is_refused),
                JAIL_TEST(a_kernel_of_somebody_else_is_refused),
                JAIL_TEST(a_kernel_that_could_be_changed_is_refused),
                JAIL_TEST(a_link_in_the_place_of_a_kernel_is_refused),
                JAIL_TEST(what_is_no_file_is_refused_as_a_kernel),
                JAIL_TEST(a_slot_that_another_vms_jail_has_is_refused),
                JAIL_TEST(a_jail_that_is_being_made_makes_others_wait),
                JAIL_TEST(where_every_slot_has_its_jail_no_vm_gets_one_more),
                JAIL_TEST(an_earlier_jail_is_not_taken_over),
                JAIL_TEST(removing_takes_everything_and_leaves_link_targets),
                JAIL_TEST(removing_what_is_gone_succeeds),
                JAIL_TEST(a_jail_of_many_levels_is_no_way_to_our_stack),
                JAIL_TEST(a_vm_without_a_jail_has_no_drive),
                JAIL_TEST(a_jail_without_a_device_is_not_launched),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
