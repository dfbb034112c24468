#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/api-image.h"
#include "common/clock.h"
#include "daemon/content-delete.h"
#include "daemon/image-varlink.h"
#include "daemon/import-source.h"
#include "daemon/vm.h"
#include "daemon/worker-stub.h"

/* One Import. The thread touches what stands below `socket`; the loop only reads the two counters
 * meanwhile. */
typedef struct Import {
        VarlinkCall *call;
        const DaemonContext *context;
        Operation *operation; /* until its end */
        VmId id;
        char *name;
        sd_event_source *on_progress;
        int progress_fd; /* an eventfd: the counters have changed */

        const char *socket;
        ImageFormat format;
        ImportSource source;
        int target_fd;
        atomic_llong done_bytes, total_bytes;
        WorkerImageProgress made;
        Error error;
} Import;

static Import *import_free(Import *import) {
        if (!import)
                return NULL;
        sd_event_source_disable_unref(import->on_progress);
        varlink_call_unref(import->call);
        close_fd(import->progress_fd);
        close_fd(import->target_fd);
        import_source_clear(&import->source);
        schema_clear(&worker_image_progress_schema, &import->made);
        error_clear(&import->error);
        free(import->name);
        free(import);
        return NULL;
}

static void import_cleanup(Import **import) {
        import_free(*import);
}

static void info_cleanup(ImageInfo *info) {
        schema_clear(&image_info_schema, info);
}

/* In the thread. */
static void tell_progress(int64_t done_bytes, int64_t total_bytes, void *userdata) {
        const uint64_t one = 1;
        Import *import = userdata;

        atomic_store(&import->done_bytes, done_bytes);
        atomic_store(&import->total_bytes, total_bytes);
        /* A counter that is full is readable all the same. */
        if (write(import->progress_fd, &one, sizeof(one)) < 0)
                return;
}

/* In the thread. */
static int import_run(void *userdata) {
        Import *import = userdata;
        const WorkerWatch watch = {
                .cancel_fd = operation_cancel_fd(import->operation),
                .progress = tell_progress,
                .userdata = import,
        };
        int r = operation_check(import->operation, &import->error);

        if (r >= 0)
                r = worker_import_image(import->socket, import->format, import->source.fd,
                                        import->target_fd, &watch, &import->made, &import->error);
        return r >= 0 ? images_import_sync(import->target_fd, &import->error) : r;
}

/* The operation ends before the last reply is written. */
static void copy_id(const Operation *operation, char ret[VM_ID_LENGTH + 1]) {
        (void) snprintf(ret, VM_ID_LENGTH + 1, "%s", operation_id(operation));
}

static void send_progress(Import *import) {
        char operation[VM_ID_LENGTH + 1];
        const ImageProgress progress = {
                .operation = operation,
                .done_bytes = atomic_load(&import->done_bytes),
                .total_bytes = atomic_load(&import->total_bytes),
        };

        if (!varlink_call_wants_more(import->call))
                return;
        copy_id(import->operation, operation);
        /* A client that does not read is cut off by its connection. */
        (void) varlink_call_progress(import->call, &progress);
}

static int on_progress(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        uint64_t count;

        (void) source;
        (void) revents;
        if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
                return -errno;
        send_progress(userdata);
        return 0;
}

/* A pipe's writer that has left may not have written all: what came is no image. */
static void on_gone(VarlinkCall *call, void *userdata) {
        Import *import = userdata;

        (void) call;
        if (import->source.is_pipe && import->operation)
                operation_cancel(import->operation);
}

static int import_finish(Import *import, Error *reterr) {
        const ImageRecord record = {
                .id = import->id,
                .name = import->name,
                .size_bytes = import->made.size_bytes,
                .has_init = import->made.has_init,
                .created_s = (int64_t) (clock_realtime_usec() / USEC_PER_SEC),
        };

        if (import->source.is_pipe && varlink_call_gone(import->call))
                return error_set(reterr, ERROR_CANCELED, ECANCELED,
                                 "the client that gave the content has left");
        return images_import_finish(import->context->images, &record, reterr);
}

static void import_done(int r, void *userdata) {
        _cleanup_(import_cleanup) Import *import = userdata;
        const DaemonContext *context = import->context;
        _cleanup_(info_cleanup) ImageInfo info = {.id = NULL};
        char operation[VM_ID_LENGTH + 1];
        ImageProgress last = {.operation = operation, .image = &info};

        copy_id(import->operation, operation);
        operation_explain(import->operation, r, &import->error);
        if (r >= 0)
                r = import_finish(import, &import->error);
        if (r < 0) {
                Error more = ERROR_INIT;
                int more_r = images_import_drop(context->images, &import->id, &more);

                r = error_join(&import->error, r, &more, more_r);
                (void) error_prepend(&import->error, r, "cannot import image \"%s\"",
                                     import->name);
        }
        operation_end(steal_ptr(import->operation), r, &import->error);
        if (r >= 0) {
                event_bus_publish_object(context->events, EVENT_IMAGE_CHANGED, &import->id,
                                         import->name);
                r = images_describe(context->images, &import->id, &info, &import->error);
        }
        last.total_bytes = last.done_bytes = atomic_load(&import->done_bytes);
        if (r >= 0)
                r = varlink_call_reply(import->call, &last);
        if (r < 0)
                (void) varlink_call_fail(import->call, r, &import->error);
}

static int import_watch(Import *import, Error *reterr) {
        int r;

        import->progress_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (import->progress_fd < 0)
                return error_set_errno(reterr, errno, "cannot follow the import");
        r = sd_event_add_io(import->context->event, &import->on_progress, import->progress_fd,
                            EPOLLIN, on_progress, import);
        return r < 0 ? error_set_errno(reterr, -r, "cannot follow the import") : 0;
}

static int import_start(Import *import, Error *reterr) {
        const DaemonContext *context = import->context;
        int r = import_watch(import, reterr);

        if (r >= 0)
                r = images_import_begin(context->images, &import->id, &import->target_fd, reterr);
        if (r < 0)
                return r;
        varlink_call_set_gone(import->call, on_gone, import);
        r = operation_submit(import->operation, context->pool,
                             &(PoolJob) {import_run, import_done, import});
        if (r >= 0)
                return 0;
        varlink_call_set_gone(import->call, NULL, NULL);
        (void) images_import_drop(context->images, &import->id, NULL);
        return error_set_errno(reterr, -r, "cannot start the import");
}

static int image_import(VarlinkCall *call, const void *parameters, void *userdata,
                        Error *reterr) {
        const ImageImport *wanted = parameters;
        DaemonContext *context = userdata;
        _cleanup_(import_cleanup) Import *import = calloc(1, sizeof(*import));
        int r;

        if (!import)
                return error_set_errno(reterr, ENOMEM, "cannot import an image");
        import->source = IMPORT_SOURCE_INIT;
        import->target_fd = import->progress_fd = -1;
        import->call = varlink_call_ref(call);
        import->context = context;
        import->socket = context->worker_socket;
        import->format = (ImageFormat) wanted->format;
        import->name = strdup(wanted->name);
        if (!import->name)
                return error_set_errno(reterr, ENOMEM, "cannot import an image");
        r = images_check_name(context->images, wanted->name, reterr);
        if (r >= 0)
                r = import_source_take(call, &import->source, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot import image \"%s\"", wanted->name);
        r = vm_id_generate(&import->id);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make an id");
        r = operation_new(context->operations, varlink_call_method(call), import->id.text,
                          import->name, &import->operation, reterr);
        if (r < 0)
                return r;
        r = import_start(import, reterr);
        if (r < 0) {
                operation_end(steal_ptr(import->operation), r, reterr);
                return r;
        }
        send_progress(import);
        (void) steal_ptr(import);
        return 0;
}

static int image_list(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const DaemonContext *context = userdata;
        ImageInfo *images;
        ImageList list;
        int r;

        (void) parameters;
        r = images_list(context->images, &list, reterr);
        if (r < 0)
                return r;
        images = list.images.items;
        for (size_t i = 0; i < list.images.n_items && r >= 0; i++)
                r = vms_name_image_users(context->vms, images[i].id, &images[i].used_by);
        r = r < 0 ? error_set_errno(reterr, -r, "cannot list the images")
                  : varlink_call_reply(call, &list);
        schema_clear(&image_list_schema, &list);
        return r;
}

static int image_delete(VarlinkCall *call, const void *parameters, void *userdata,
                        Error *reterr) {
        const DaemonContext *context = userdata;
        const ImageRef *ref = parameters;
        _cleanup_free_ char *name = NULL;
        VmId id;
        int r = images_delete(context->images, ref->image, &id, &name, reterr);

        if (r < 0)
                return r;
        event_bus_publish_object(context->events, EVENT_IMAGE_DELETED, &id, name);
        content_delete(context, &(ContentDelete) {.content = images_content(context->images),
                                                  .id = id,
                                                  .kind = varlink_call_method(call),
                                                  .what = "image",
                                                  .name = name,
                                                  .call = call});
        return 0;
}

const VarlinkMethod image_methods[] = {
        {"io.banger.Image.Import", image_import, 0},
        {"io.banger.Image.List", image_list, 0},
        {"io.banger.Image.Delete", image_delete, 0},
};
const size_t image_n_methods = ELEMENTSOF(image_methods);
