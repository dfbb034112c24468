#pragma once
/* A daemon with images and kernels only, in a process of its own, over a state directory and a
 * worker that does as it is told. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <systemd/sd-event.h>

#include "common/api-image.h"
#include "common/api-kernel.h"
#include "common/api-operation.h"
#include "common/api-worker.h"
#include "common/io.h"
#include "common/varlink-event.h"
#include "common/varlink-stream.h"
#include "daemon/context.h"
#include "daemon/image-varlink.h"
#include "daemon/kernel-varlink.h"
#include "daemon/operation-varlink.h"
#include "daemon/vm.h"
#include "tests/unit/daemon/process.h"

typedef enum WorkerConduct {
        WORKER_GOOD,     /* copies the source into the target */
        WORKER_FAILS,
        WORKER_FULL,     /* the disk is */
        WORKER_NAMELESS, /* a kernel without a release */
} WorkerConduct;

typedef struct ImportHost {
        char directory[64], socket[96], worker_socket[96];
        int dir_fd;
        pid_t daemon, worker;
        Error error;
} ImportHost;

static inline int worker_refuse(WorkerConduct conduct, Error *reterr) {
        if (conduct == WORKER_FULL)
                return error_set(reterr, ERROR_NO_SPACE, ENOSPC, "the disk is full");
        return error_set(reterr, ERROR_FAILED, EIO, "the tar ends in the middle");
}

static inline int copy_all(int from, int to, int64_t *ret_bytes) {
        char buffer[4096];
        ssize_t n;

        *ret_bytes = 0;
        while ((n = read(from, buffer, sizeof(buffer))) > 0) {
                if (io_write_full(to, buffer, (size_t) n) < 0)
                        return -EIO;
                *ret_bytes += n;
        }
        return n < 0 ? -errno : 0;
}

static inline int worker_image(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                               Error *reterr) {
        const WorkerConduct *conduct = userdata;
        _cleanup_close_ int source = varlink_call_take_fd(call, 0);
        _cleanup_close_ int target = varlink_call_take_fd(call, 1);
        WorkerImageProgress progress = {.done_bytes = 1, .total_bytes = 3};
        int r;

        if (*conduct == WORKER_FAILS || *conduct == WORKER_FULL)
                return worker_refuse(*conduct, reterr);
        if (varlink_call_wants_more(call))
                (void) varlink_call_progress(call, &progress);
        r = copy_all(source, target, &progress.done_bytes);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot copy");
        progress.total_bytes = progress.done_bytes;
        progress.size_bytes = 4096;
        progress.has_init = true;
        return varlink_call_reply(call, &progress);
}

static inline int worker_kernel(VarlinkCall *call, const void *parameters, void *userdata,
                                Error *reterr) {
        const WorkerConduct *conduct = userdata;
        const WorkerKernelImport *import = parameters;
        char release[] = "6.1.0-test";
        WorkerKernelFacts facts = {.release = release, .initrd_bytes = 1};
        int fds[4], r;

        if (*conduct == WORKER_FAILS || *conduct == WORKER_FULL)
                return worker_refuse(*conduct, reterr);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = varlink_call_take_fd(call, i);
        r = copy_all(fds[0], fds[1], &facts.vmlinux_bytes);
        if (r >= 0)
                r = io_write_full(fds[2], "i", 1);
        if (r >= 0 && import->release)
                r = io_write_full(fds[3], "m", 1);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close_fd(fds[i]);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot copy");
        facts.modules_bytes = import->release ? 1 : 0;
        facts.release = *conduct == WORKER_NAMELESS ? NULL : release;
        return varlink_call_reply(call, &facts);
}

static inline int worker_disk(_unused_ VarlinkCall *call, _unused_ const void *parameters,
                              void *userdata, Error *reterr) {
        return worker_refuse(*(const WorkerConduct *) userdata, reterr);
}

static inline void worker_main(int listen_fd, void *userdata) {
        static const VarlinkMethod methods[] = {
                {"io.banger.Worker.MakeDisk", worker_disk, 0},
                {"io.banger.Worker.ImportImage", worker_image, 0},
                {"io.banger.Worker.ImportKernel", worker_kernel, 0},
        };
        static const Interface *const interfaces[] = {&interface_worker, NULL};
        const VarlinkServerConfig config = service_config(interfaces, methods, ELEMENTSOF(methods),
                                                          &varlink_limits_helper, userdata);

        serve_for_ever(listen_fd, &config);
}

static inline void daemon_main(int listen_fd, void *userdata) {
        static const Interface *const interfaces[] = {&interface_image, &interface_kernel,
                                                      &interface_operation, NULL};
        const ImportHost *host = userdata;
        DaemonContext context = {
                .worker_socket = host->worker_socket,
                .state_dir = host->directory,
        };
        VarlinkMethod methods[8] = {
                {"io.banger.Operation.List", operation_handle_list, 0},
                {"io.banger.Operation.Cancel", operation_handle_cancel, 0},
        };
        const VarlinkServerConfig config = service_config(interfaces, methods, ELEMENTSOF(methods),
                                                          &varlink_limits_daemon, &context);
        const VarlinkListenerConfig listening = {8, PATIENCE_USEC, NULL, NULL};
        VarlinkServer *server = NULL;
        VarlinkListener *listener = NULL;

        for (size_t i = 0; i < image_n_methods; i++)
                methods[2 + i] = image_methods[i];
        for (size_t i = 0; i < kernel_n_methods; i++)
                methods[2 + image_n_methods + i] = kernel_methods[i];
        if (sd_event_new(&context.event) < 0 ||
            pool_new(context.event, 2, 8, &context.pool) < 0 ||
            pool_new(context.event, 1, 8, &context.short_pool) < 0 ||
            event_bus_new(&context.events) < 0 ||
            operations_new(context.events, &context.operations) < 0 ||
            store_open(context.state_dir, &context.store, NULL) < 0 ||
            images_new(context.store, context.state_dir, &context.images, NULL) < 0 ||
            kernels_new(context.store, context.state_dir, &context.kernels, NULL) < 0 ||
            vms_new(&context, &context.vms, NULL) < 0 ||
            varlink_server_new(&config, &server) < 0 ||
            varlink_listener_new(context.event, server, listen_fd, &listening, &listener) < 0)
                _exit(1);
        (void) sd_event_loop(context.event);
        _exit(1);
}

static inline void host_start_daemon(ImportHost *host) {
        host->daemon = process_start(host->socket, daemon_main, host);
}

static inline void host_set_worker(ImportHost *host, WorkerConduct conduct) {
        process_stop(host->worker);
        host->worker = process_start(host->worker_socket, worker_main, &conduct);
}

static inline int host_setup(void **state) {
        ImportHost *host = calloc(1, sizeof(*host));

        assert_non_null(host);
        (void) snprintf(host->directory, sizeof(host->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(host->directory));
        host->dir_fd = open(host->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(host->dir_fd >= 0);
        (void) snprintf(host->socket, sizeof(host->socket), "%s/sock", host->directory);
        (void) snprintf(host->worker_socket, sizeof(host->worker_socket), "%s/worker",
                        host->directory);
        assert_int_equal(mkdirat(host->dir_fd, "images", 0700), 0);
        assert_int_equal(mkdirat(host->dir_fd, "kernels", 0700), 0);
        assert_int_equal(mkdirat(host->dir_fd, "vms", 0700), 0);
        host_set_worker(host, WORKER_GOOD);
        host_start_daemon(host);
        *state = host;
        return 0;
}

static inline int host_teardown(void **state) {
        ImportHost *host = *state;

        process_stop(host->daemon);
        process_stop(host->worker);
        close_fd(host->dir_fd);
        remove_tree(host->directory);
        error_clear(&host->error);
        free(host);
        return 0;
}

/* How many entries a directory of the state has. */
static inline size_t host_count(const ImportHost *host, const char *name) {
        int fd = openat(host->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fdopendir(fd);
        size_t n = 0;

        assert_non_null(dir);
        for (const struct dirent *entry; (entry = readdir(dir));)
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        n++;
        (void) closedir(dir);
        return n;
}

/* Until an import that was given up is cleaned away. */
static inline void host_wait_for_none(const ImportHost *host, const char *name) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        while (host_count(host, name) > 0) {
                assert_true(clock_monotonic_usec() < deadline);
                (void) sched_yield();
        }
}

static inline VarlinkClient *host_connect(const ImportHost *host) {
        VarlinkClient *client = NULL;

        assert_int_equal(varlink_client_connect(host->socket, &client, NULL), 0);
        return client;
}

static inline int host_call(ImportHost *host, const Interface *interface, const char *method,
                            const void *in, void *out, int fd) {
        VarlinkClient *client = host_connect(host);
        int r;

        error_clear(&host->error);
        r = varlink_client_call(client, interface, method, in, out, &fd, fd >= 0 ? 1 : 0, NULL,
                                clock_monotonic_usec() + PATIENCE_USEC, &host->error);
        varlink_client_free(client);
        return r;
}

/* A file with some content, open for reading. */
static inline int host_source(const ImportHost *host) {
        int fd;

        assert_int_equal(io_write_file_atomic(host->dir_fd, "source", "abc", 3, 0600), 0);
        fd = openat(host->dir_fd, "source", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

/* A VM that uses both, as the daemon would have stored it; the daemon must not run. */
static inline void host_add_vm(const ImportHost *host, const char *image, const char *kernel) {
        char name[] = "web";
        VmRecord vm = {.id = {"5555555555"}, .name = name, .vcpus = 1, .memory_mib = 256};
        Store *store = NULL;

        assert_int_equal(vm_id_parse(image, &vm.image), 0);
        assert_int_equal(vm_id_parse(kernel, &vm.kernel), 0);
        assert_int_equal(store_open(host->directory, &store, NULL), 0);
        assert_int_equal(store_put_vm(store, &vm, NULL), 0);
        store_free(store);
}

static inline int host_import_image(ImportHost *host, const char *name, char ret_id[11]) {
        ImageImport in = {.format = IMAGE_TAR};
        ImageProgress last = {};
        char copy[128];
        int fd = host_source(host), r;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        in.name = copy;
        r = host_call(host, &interface_image, "Import", &in, &last, fd);
        close_fd(fd);
        if (r < 0)
                return r;
        assert_non_null(last.image);
        assert_string_equal(last.image->name, name);
        (void) snprintf(ret_id, 11, "%s", last.image->id);
        schema_clear(&image_progress_schema, &last);
        return 0;
}

static inline int host_import_kernel(ImportHost *host, const char *name, const char *release,
                                     KernelInfo *ret) {
        char name_copy[128], release_copy[128];
        const KernelImport in = {
                .name = name ? name_copy : NULL,
                .release = release ? release_copy : NULL,
        };
        int fd = host_source(host), r;

        (void) snprintf(name_copy, sizeof(name_copy), "%s", name ? name : "");
        (void) snprintf(release_copy, sizeof(release_copy), "%s", release ? release : "");
        r = host_call(host, &interface_kernel, "Import", &in, ret, fd);
        close_fd(fd);
        return r;
}
