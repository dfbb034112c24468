/* The files of a VM's disks, as a start finds and leaves them. */
#include <sys/resource.h>

#include "common/api-worker.h"
#include "daemon/start.h"
#include "tests/unit/daemon/fake-root.h"

#define VM "0123456789"
#define MIB 1048576
#define OTHER_UID 4242

typedef struct Disks {
        char directory[64], root_socket[96], worker_socket[96];
        int dir_fd;
        pid_t root, worker;
        Start start;
        Error error;
} Disks;

/* A worker that writes one byte where a file system would be, or fails. */
static int make_one(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const WorkerDiskMake *make = parameters;
        _cleanup_close_ int target = varlink_call_take_fd(call, 0);
        const bool *fails = userdata;
        struct stat st;

        if (*fails)
                return error_set(reterr, ERROR_NO_SPACE, ENOSPC, "the disk is full");
        if (fstat(target, &st) < 0 || st.st_size < make->size_bytes ||
            pwrite(target, "e", 1, 0) != 1)
                return error_set(reterr, ERROR_FAILED, EIO, "the target is too small");
        return varlink_call_reply(call, NULL);
}

static void worker_main(int listen_fd, void *userdata) {
        static const Interface *const interfaces[] = {&interface_worker, NULL};
        size_t n = interface_worker.n_actions;
        VarlinkMethod methods[8];
        const VarlinkServerConfig config = service_config(interfaces, methods, n,
                                                          &varlink_limits_helper, userdata);
        char names[8][64];

        assert_true(n <= ELEMENTSOF(methods));
        for (size_t i = 0; i < n; i++) {
                const char *method = interface_worker.actions[i].method;

                (void) snprintf(names[i], sizeof(names[i]), "io.banger.Worker.%s", method);
                methods[i] = (VarlinkMethod) {
                        .name = names[i],
                        .handler = string_equal(method, "MakeDisk") ? make_one : NULL,
                };
        }
        serve_for_ever(listen_fd, &config);
}

static void start_worker(Disks *disks, bool fails) {
        process_stop(disks->worker);
        disks->worker = process_start(disks->worker_socket, worker_main, &fails);
}

static int setup(void **state) {
        Disks *disks = calloc(1, sizeof(*disks));

        assert_non_null(disks);
        (void) snprintf(disks->directory, sizeof(disks->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(disks->directory));
        disks->dir_fd = open(disks->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkdirat(disks->dir_fd, "vms", 0700), 0);
        (void) snprintf(disks->root_socket, sizeof(disks->root_socket), "%s/root",
                        disks->directory);
        (void) snprintf(disks->worker_socket, sizeof(disks->worker_socket), "%s/worker",
                        disks->directory);
        disks->root = fake_root_start(disks->root_socket,
                                      (FakeRoot) {.directory = disks->directory});
        start_worker(disks, false);
        start_init(&disks->start);
        disks->start.id = (VmId) {VM};
        disks->start.state_dir = disks->directory;
        disks->start.root_socket = disks->root_socket;
        disks->start.worker_socket = disks->worker_socket;
        disks->start.cow_bytes = 3 * MIB;
        *state = disks;
        return 0;
}

static int teardown(void **state) {
        Disks *disks = *state;

        process_stop(disks->root);
        process_stop(disks->worker);
        start_clear(&disks->start);
        close_fd(disks->dir_fd);
        remove_tree(disks->directory);
        error_clear(&disks->error);
        free(disks);
        return 0;
}

static int make(Disks *disks) {
        error_clear(&disks->error);
        return start_make_disks(&disks->start, &disks->error);
}

/* -1: it is not there. */
static off_t size_of(const Disks *disks, const char *name) {
        _cleanup_free_ char *path = string_format("vms/" VM "/%s", name);
        struct stat st;

        return fstatat(disks->dir_fd, path, &st, 0) < 0 ? -1 : st.st_size;
}

static char first_byte(const Disks *disks) {
        _cleanup_close_ int fd = openat(disks->dir_fd, "vms/" VM "/work.img", O_RDONLY | O_CLOEXEC);
        char byte = '?';

        assert_int_equal(read(fd, &byte, 1), 1);
        return byte;
}

static void the_first_start_makes_both_files(void **state) {
        Disks *disks = *state;

        disks->start.work_mib = 16;
        assert_int_equal(make(disks), 0);
        assert_int_equal(size_of(disks, "root.cow"), 3 * MIB);
        assert_int_equal(size_of(disks, "work.img"), 16 * MIB + WORK_DISK_TAIL_BYTES);
        assert_int_equal(first_byte(disks), 'e');
        assert_int_equal(size_of(disks, "work.img.part"), -1);
}

static void without_a_work_disk_there_is_no_file_and_no_worker(void **state) {
        Disks *disks = *state;

        process_stop(disks->worker);
        disks->worker = 0;
        assert_int_equal(make(disks), 0);
        assert_int_equal(size_of(disks, "work.img"), -1);
}

static void a_later_start_leaves_what_is_in_it_and_asks_no_worker(void **state) {
        Disks *disks = *state;
        _cleanup_close_ int fd = -1;

        disks->start.work_mib = 16;
        assert_int_equal(make(disks), 0);
        fd = openat(disks->dir_fd, "vms/" VM "/work.img", O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "k", 1, 0), 1);
        process_stop(disks->worker);
        disks->worker = 0;
        assert_int_equal(make(disks), 0);
        assert_int_equal(first_byte(disks), 'k');
        assert_int_equal(size_of(disks, "work.img"), 16 * MIB + WORK_DISK_TAIL_BYTES);
}

static void a_larger_work_disk_grows_and_a_smaller_one_stays(void **state) {
        Disks *disks = *state;

        disks->start.work_mib = 16;
        assert_int_equal(make(disks), 0);
        disks->start.work_mib = 32;
        assert_int_equal(make(disks), 0);
        assert_int_equal(size_of(disks, "work.img"), 32 * MIB + WORK_DISK_TAIL_BYTES);
        assert_int_equal(first_byte(disks), 'e');
        disks->start.work_mib = 16;
        assert_int_equal(make(disks), 0);
        assert_int_equal(size_of(disks, "work.img"), 32 * MIB + WORK_DISK_TAIL_BYTES);
}

static void a_worker_that_fails_leaves_no_work_disk(void **state) {
        Disks *disks = *state;

        start_worker(disks, true);
        disks->start.work_mib = 16;
        assert_true(make(disks) < 0);
        assert_int_equal(disks->error.kind, ERROR_NO_SPACE);
        assert_string_equal(disks->error.message, "cannot make the work disk: the disk is full");
        assert_int_equal(size_of(disks, "work.img"), -1);
        start_worker(disks, false);
        assert_int_equal(make(disks), 0);
        assert_int_equal(first_byte(disks), 'e');
}

static void what_is_planted_as_a_work_disk_is_not_sized(void **state) {
        Disks *disks = *state;

        assert_int_equal(make(disks), 0);
        assert_int_equal(mkfifoat(disks->dir_fd, "vms/" VM "/work.img", 0600), 0);
        disks->start.work_mib = 16;
        assert_int_equal(make(disks), -EUCLEAN);
        assert_int_equal(unlinkat(disks->dir_fd, "vms/" VM "/work.img", 0), 0);
        assert_int_equal(symlinkat("root.cow", disks->dir_fd, "vms/" VM "/work.img"), 0);
        assert_int_equal(make(disks), -ELOOP);
        assert_int_equal(size_of(disks, "root.cow"), 3 * MIB);
}

static size_t n_grown(const Disks *disks) {
        _cleanup_free_ char *text = NULL;

        if (io_read_file(disks->dir_fd, "calls", 4096, &text, NULL) < 0)
                return 0;
        return strstr(text, "DiskGrow\n") ? 1 : 0;
}

/* As the owner, who may not open what root has taken over. */
static int make_as_other(Disks *disks) {
        int r;

        assert_int_equal(seteuid(OTHER_UID), 0);
        r = make(disks);
        assert_int_equal(seteuid(0), 0);
        return r;
}

static void let_other_in(const Disks *disks) {
        assert_int_equal(chmod(disks->directory, 0755), 0);
        assert_int_equal(chmod(disks->root_socket, 0777), 0);
        assert_int_equal(fchownat(disks->dir_fd, "vms", OTHER_UID, OTHER_UID, 0), 0);
        assert_int_equal(fchownat(disks->dir_fd, "vms/" VM, OTHER_UID, OTHER_UID, 0), 0);
}

static void roots_file_of_changes_is_grown_by_the_helper_and_only_then(void **state) {
        Disks *disks = *state;

        if (getuid() != 0)
                skip();
        assert_int_equal(make(disks), 0);
        let_other_in(disks);
        assert_int_equal(make_as_other(disks), 0);
        assert_int_equal(n_grown(disks), 0);
        disks->start.cow_bytes = 5 * MIB;
        assert_int_equal(make_as_other(disks), 0);
        assert_int_equal(n_grown(disks), 1);
}

static void a_helper_that_cannot_grow_it_fails_the_start_and_leaves_it(void **state) {
        Disks *disks = *state;

        if (getuid() != 0)
                skip();
        assert_int_equal(make(disks), 0);
        let_other_in(disks);
        assert_int_equal(io_write_file_atomic(disks->dir_fd, "fails", "DiskGrow", 8, 0600), 0);
        disks->start.cow_bytes = 5 * MIB;
        assert_true(make_as_other(disks) < 0);
        assert_non_null(strstr(disks->error.message, "DiskGrow does not work"));
        assert_int_equal(size_of(disks, "root.cow"), 3 * MIB);
}

/* As of a file system that has no room for so large a file. */
static void a_work_disk_that_cannot_grow_fails_the_start_and_stays_as_it_is(void **state) {
        const struct rlimit small = {.rlim_cur = 16 * MIB, .rlim_max = RLIM_INFINITY},
                            none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
        Disks *disks = *state;
        int r;

        disks->start.work_mib = 16;
        assert_int_equal(make(disks), 0);
        disks->start.work_mib = 32;
        (void) signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &small) < 0)
                skip();
        r = make(disks);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
        assert_int_equal(r, -EFBIG);
        assert_string_equal(disks->error.message, "cannot size work.img: File too large");
        assert_int_equal(size_of(disks, "work.img"), 16 * MIB + WORK_DISK_TAIL_BYTES);
        assert_int_equal(first_byte(disks), 'e');
        assert_int_equal(make(disks), 0);
        assert_int_equal(size_of(disks, "work.img"), 32 * MIB + WORK_DISK_TAIL_BYTES);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_first_start_makes_both_files),
                TEST(without_a_work_disk_there_is_no_file_and_no_worker),
                TEST(a_later_start_leaves_what_is_in_it_and_asks_no_worker),
                TEST(a_larger_work_disk_grows_and_a_smaller_one_stays),
                TEST(a_worker_that_fails_leaves_no_work_disk),
                TEST(what_is_planted_as_a_work_disk_is_not_sized),
                TEST(roots_file_of_changes_is_grown_by_the_helper_and_only_then),
                TEST(a_helper_that_cannot_grow_it_fails_the_start_and_leaves_it),
                TEST(a_work_disk_that_cannot_grow_fails_the_start_and_stays_as_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
