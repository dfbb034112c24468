#include <errno.h>
#include <stdint.h>

#include "common/varlink-stream.h"
#include "daemon/worker-stub.h"

static void client_cleanup(VarlinkClient **client) {
        varlink_client_free(*client);
}

static int on_cancel(_unused_ VarlinkStream *stream, _unused_ void *userdata, Error *reterr) {
        return error_set(reterr, ERROR_CANCELED, ECANCELED, "it was cancelled");
}

static int on_image_progress(const void *out, void *userdata, _unused_ Error *reterr) {
        const WorkerImageProgress *progress = out;
        const WorkerWatch *watch = userdata;

        watch->progress(progress->done_bytes, progress->total_bytes, watch->userdata);
        return 0;
}

/* There is no deadline: a source may be a pipe that its writer fills slowly. Whoever waits cancels. */
static int worker_call(const char *socket, const char *method, const void *in, const int *fds,
                       size_t n_fds, const WorkerWatch *watch, void *ret, Error *reterr) {
        _cleanup_(client_cleanup) VarlinkClient *client = NULL;
        WorkerWatch copy = *watch;
        VarlinkStream stream = {
                .deadline_usec = UINT64_MAX,
                .on_reply = watch->progress ? on_image_progress : NULL,
                .wake_fd = watch->cancel_fd,
                .on_wake = on_cancel,
                .userdata = &copy,
        };
        int r = varlink_client_connect(socket, &client, reterr);
        bool connected = r >= 0;

        if (connected)
                r = varlink_client_stream(client, &interface_worker, method, in, ret, fds, n_fds,
                                          &stream, reterr);
        if (r >= 0 || !reterr || reterr->kind != ERROR_UNREACHABLE)
                return r;
        /* To our clients it is bangerd that they reach or do not. */
        reterr->kind = ERROR_UNAVAILABLE;
        (void) error_set_hint(reterr, r,
                              connected ? "it may have run out of memory; see: "
                                          "sudo journalctl -u 'banger-worker@*'"
                                        : "run: sudo systemctl start banger-worker.socket");
        return error_prepend(reterr, r, "banger-worker");
}

int worker_import_image(const char *socket, ImageFormat format, int source_fd, int target_fd,
                        const WorkerWatch *watch, WorkerImageProgress *ret, Error *reterr) {
        const WorkerImageImport in = {.format = (int) format};
        const int fds[] = {source_fd, target_fd};

        return worker_call(socket, "ImportImage", &in, fds, ELEMENTSOF(fds), watch, ret, reterr);
}

int worker_make_disk(const char *socket, int64_t size_bytes, int target_fd,
                     const WorkerWatch *watch, Error *reterr) {
        const WorkerDiskMake in = {.size_bytes = size_bytes};

        return worker_call(socket, "MakeDisk", &in, &target_fd, 1, watch, NULL, reterr);
}

int worker_import_kernel(const char *socket, const char *release, int source_fd,
                         const int targets[3], const WorkerWatch *watch, WorkerKernelFacts *ret,
                         Error *reterr) {
        /* The struct's strings are not const because decoding owns them; encoding only reads. */
        char *release_read = (char *) (uintptr_t) release;
        const WorkerKernelImport in = {.release = release_read};
        const int fds[] = {source_fd, targets[0], targets[1], targets[2]};

        return worker_call(socket, "ImportKernel", &in, fds, ELEMENTSOF(fds), watch, ret, reterr);
}
