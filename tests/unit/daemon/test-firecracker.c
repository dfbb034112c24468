#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "daemon/firecracker.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)
#define SEEN_MAX 8192

/* A VMM that takes one connection and answers each request in its turn; NULL: leaves. */
typedef struct FakeVmm {
        char directory[64], path[96];
        int listen_fd, path_fd;
        pthread_t thread;
        const char *const *answers;
        char seen[SEEN_MAX]; /* all bytes that came */
        size_t n_seen, n_connections;
        Firecracker *firecracker;
        Error error;
} FakeVmm;

#define OK "HTTP/1.1 204 \r\nConnection: keep-alive\r\n\r\n"

/* One request: what is new ends with its body, and every body of ours ends with "}". */
static bool read_request(FakeVmm *vmm, int fd) {
        for (;;) {
                ssize_t n = read(fd, vmm->seen + vmm->n_seen, SEEN_MAX - vmm->n_seen - 1);

                if (n <= 0)
                        return false;
                vmm->n_seen += (size_t) n;
                if (vmm->seen[vmm->n_seen - 1] == '}')
                        return true;
        }
}

static void *vmm_main(void *userdata) {
        FakeVmm *vmm = userdata;
        const char *const *answer = vmm->answers;

        for (;;) {
                int fd = accept4(vmm->listen_fd, NULL, NULL, SOCK_CLOEXEC);

                if (fd < 0)
                        return NULL;
                vmm->n_connections++;
                while (read_request(vmm, fd) && *answer) {
                        if (write(fd, *answer, strlen(*answer)) < 0)
                                break;
                        answer++;
                }
                close(fd);
        }
}

static int setup(void **state) {
        FakeVmm *vmm = calloc(1, sizeof(*vmm));
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        assert_non_null(vmm);
        assert_int_equal(firecracker_initialize(), 0);
        (void) snprintf(vmm->directory, sizeof(vmm->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(vmm->directory));
        (void) snprintf(vmm->path, sizeof(vmm->path), "%s/api", vmm->directory);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", vmm->path);
        vmm->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(vmm->listen_fd, (const struct sockaddr *) &address, sizeof(address)),
                         0);
        assert_int_equal(listen(vmm->listen_fd, 4), 0);
        /* As the helper passes it: by descriptor only. */
        vmm->path_fd = open(vmm->path, O_PATH | O_CLOEXEC);
        assert_int_equal(firecracker_new(vmm->path_fd, &vmm->firecracker), 0);
        *state = vmm;
        return 0;
}

static void serve(FakeVmm *vmm, const char *const *answers) {
        vmm->answers = answers;
        assert_int_equal(pthread_create(&vmm->thread, NULL, vmm_main, vmm), 0);
}

/* No more requests: the thread can be looked at. */
static void finish(FakeVmm *vmm) {
        if (!vmm->thread)
                return;
        vmm->firecracker = firecracker_free(vmm->firecracker);
        (void) shutdown(vmm->listen_fd, SHUT_RDWR);
        (void) pthread_join(vmm->thread, NULL);
        vmm->thread = 0;
}

static int teardown(void **state) {
        FakeVmm *vmm = *state;

        finish(vmm);
        firecracker_free(vmm->firecracker);
        close_fd(vmm->listen_fd);
        close_fd(vmm->path_fd);
        (void) unlink(vmm->path);
        (void) rmdir(vmm->directory);
        error_clear(&vmm->error);
        free(vmm);
        return 0;
}

static int put(FakeVmm *vmm) {
        return firecracker_put(vmm->firecracker, "/vsock", "{}",
                               clock_monotonic_usec() + PATIENCE_USEC, &vmm->error);
}

static void a_put_that_is_taken_succeeds(void **state) {
        static const char *const answers[] = {OK, NULL};
        FakeVmm *vmm = *state;

        serve(vmm, answers);
        assert_int_equal(put(vmm), 0);
        finish(vmm);
        assert_ptr_equal(strstr(vmm->seen, "PUT /vsock HTTP/1.1\r\n"), vmm->seen);
        assert_non_null(strstr(vmm->seen, "Content-Type: application/json\r\n"));
}

static void a_refusal_has_the_words_of_the_vmm(void **state) {
        static const char *const answers[] = {
                "HTTP/1.1 400 \r\nContent-Length: 32\r\n\r\n{\"fault_message\": \"no such cid\"}",
                NULL,
        };
        FakeVmm *vmm = *state;

        serve(vmm, answers);
        assert_int_equal(put(vmm), -EIO);
        assert_string_equal(vmm->error.message, "Firecracker refused /vsock: no such cid");
}

static void a_refusal_that_is_no_json_has_its_status(void **state) {
        static const char *const answers[] = {
                "HTTP/1.1 500 \r\nContent-Length: 6\r\n\r\n<html>",
                NULL,
        };
        FakeVmm *vmm = *state;

        serve(vmm, answers);
        assert_int_equal(put(vmm), -EIO);
        assert_string_equal(vmm->error.message, "Firecracker answered /vsock with status 500");
}

static void a_vmm_that_leaves_is_not_a_daemon_that_cannot_be_reached(void **state) {
        static const char *const answers[] = {NULL};
        FakeVmm *vmm = *state;

        serve(vmm, answers);
        assert_int_equal(put(vmm), -ECONNRESET);
        assert_int_equal(vmm->error.kind, ERROR_UNAVAILABLE);
}

static void a_vmm_that_is_silent_times_out(void **state) {
        FakeVmm *vmm = *state;

        /* Nobody accepts, the kernel does. */
        assert_int_equal(firecracker_put(vmm->firecracker, "/vsock", "{}",
                                         clock_monotonic_usec() + 50 * USEC_PER_MSEC, &vmm->error),
                         -ETIMEDOUT);
        assert_string_equal(vmm->error.message, "Firecracker did not answer /vsock in time");
}

static void a_vm_is_configured_and_booted_over_one_connection(void **state) {
        static const char *const answers[] = {OK, OK, OK, OK, OK, OK, OK, OK, NULL};
        const FirecrackerConfig config = {
                .vcpus = 2,
                .memory_mib = 256,
                .tap = "bgr-0123456789",
                .mac = "02:01:23:45:67:89",
                .cid = 1001,
                .modules = true,
        };
        uint64_t deadline_usec = clock_monotonic_usec() + PATIENCE_USEC;
        FakeVmm *vmm = *state;

        serve(vmm, answers);
        assert_int_equal(
                firecracker_configure(vmm->firecracker, &config, deadline_usec, &vmm->error), 0);
        assert_int_equal(firecracker_boot(vmm->firecracker, deadline_usec, &vmm->error), 0);
        finish(vmm);
        assert_int_equal(vmm->n_connections, 1);
        assert_non_null(strstr(vmm->seen, "{\"vcpu_count\": 2, \"mem_size_mib\": 256}"));
        assert_non_null(strstr(vmm->seen, "\"kernel_image_path\": \"/vmlinux\""));
        assert_non_null(strstr(vmm->seen, "\"is_read_only\": false, \"cache_type\": \"Writeback\""));
        assert_non_null(strstr(vmm->seen, "PUT /drives/modules "));
        assert_non_null(strstr(vmm->seen, "\"guest_mac\": \"02:01:23:45:67:89\""));
        assert_non_null(strstr(vmm->seen, "\"guest_cid\": 1001"));
        assert_non_null(strstr(vmm->seen, "{\"action_type\": \"InstanceStart\"}"));
}

static void a_kernel_without_modules_has_no_such_drive(void **state) {
        static const char *const answers[] = {OK, OK, OK, OK, OK, OK, NULL};
        const FirecrackerConfig config = {.vcpus = 1, .memory_mib = 128, .tap = "t", .mac = "m"};
        FakeVmm *vmm = *state;

        serve(vmm, answers);
        assert_int_equal(firecracker_configure(vmm->firecracker, &config,
                                               clock_monotonic_usec() + PATIENCE_USEC,
                                               &vmm->error),
                         0);
        finish(vmm);
        assert_null(strstr(vmm->seen, "modules"));
        assert_null(strstr(vmm->seen, "drives/work"));
}

/* The guest is told their names in this order: vda, vdb, vdc. */
static void the_work_disk_comes_after_the_modules(void **state) {
        static const char *const answers[] = {OK, OK, OK, OK, OK, OK, OK, OK, NULL};
        const FirecrackerConfig config = {.vcpus = 1,
                                          .memory_mib = 128,
                                          .tap = "t",
                                          .mac = "m",
                                          .modules = true,
                                          .work = true};
        FakeVmm *vmm = *state;
        const char *modules, *work;

        serve(vmm, answers);
        assert_int_equal(firecracker_configure(vmm->firecracker, &config,
                                               clock_monotonic_usec() + PATIENCE_USEC,
                                               &vmm->error),
                         0);
        finish(vmm);
        modules = strstr(vmm->seen, "PUT /drives/modules ");
        work = strstr(vmm->seen, "PUT /drives/work ");
        assert_true(modules && work && modules < work);
        assert_non_null(strstr(work, "\"/work.img\""));
        assert_non_null(strstr(work, "\"is_read_only\": false"));
        assert_non_null(strstr(work, "\"cache_type\": \"Writeback\""));
}

static void versions_from_1_8_on_will_do(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(firecracker_check_version("Firecracker v1.8.0\n", &error), 0);
        assert_int_equal(firecracker_check_version("Firecracker v1.12.1\n\nSupported", &error), 0);
        assert_int_equal(firecracker_check_version("Firecracker v2.0.0\n", &error), 0);
}

static void an_old_version_is_named_with_a_remedy(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(firecracker_check_version("Firecracker v1.7.0\n", &error), -ENOEXEC);
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
        assert_string_equal(error.message, "Firecracker 1.7 is too old: 1.8 or newer is needed");
        assert_non_null(error.hint);
}

static void what_is_no_version_is_refused(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(firecracker_check_version("", &error), -ENOEXEC);
        assert_int_equal(firecracker_check_version("Firecracker vX", &error), -ENOEXEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_put_that_is_taken_succeeds, setup, teardown),
                cmocka_unit_test_setup_teardown(a_refusal_has_the_words_of_the_vmm, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_refusal_that_is_no_json_has_its_status, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        a_vmm_that_leaves_is_not_a_daemon_that_cannot_be_reached, setup, teardown),
                cmocka_unit_test_setup_teardown(a_vmm_that_is_silent_times_out, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        a_vm_is_configured_and_booted_over_one_connection, setup, teardown),
                cmocka_unit_test_setup_teardown(a_kernel_without_modules_has_no_such_drive, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(the_work_disk_comes_after_the_modules, setup,
                                                teardown),
                cmocka_unit_test(versions_from_1_8_on_will_do),
                cmocka_unit_test(an_old_version_is_named_with_a_remedy),
                cmocka_unit_test(what_is_no_version_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
