#include "daemon/operation-varlink.h"

#include <errno.h>

#include "daemon/context.h"
#include "daemon/vm.h"

int operation_handle_list(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                          Error *reterr) {
        const DaemonContext *context = userdata;
        OperationList list;
        int r;

        r = operations_list(context->operations, &list);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot list what is under way");
        r = varlink_call_reply(call, &list);
        schema_clear(&operation_list_schema, &list);
        return r;
}

int operation_handle_cancel(VarlinkCall *call, const void *parameters, void *userdata,
                            Error *reterr) {
        const DaemonContext *context = userdata;
        const OperationRef *ref = parameters;
        Operation *operation;
        int r;

        r = operations_find(context->operations, ref->operation, &operation, reterr);
        if (r < 0)
                return r;
        operation_cancel(operation);
        return varlink_call_reply(call, NULL);
}

static int tell_vms(const DaemonContext *context, VarlinkCall *call) {
        VmList list;
        VmInfo *items;
        int r = vms_list(context->vms, &list);

        if (r < 0)
                return r;
        items = list.vms.items;
        for (size_t i = 0; r >= 0 && i < list.vms.n_items; i++) {
                Event event = {.kind = EVENT_VM_CHANGED, .object = items[i].id,
                               .name = items[i].name, .vm = &items[i]};

                r = event_bus_tell(context->events, call, &event);
        }
        schema_clear(&vm_list_schema, &list);
        return r;
}

static int tell_contents(const DaemonContext *context, VarlinkCall *call, Error *reterr) {
        ImageList images = {};
        KernelList kernels = {};
        int r = images_list(context->images, &images, reterr);

        if (r >= 0)
                r = kernels_list(context->kernels, &kernels, reterr);
        for (size_t i = 0; r >= 0 && i < images.images.n_items; i++) {
                const ImageInfo *image = &((const ImageInfo *) images.images.items)[i];
                Event event = {.kind = EVENT_IMAGE_CHANGED, .object = image->id,
                               .name = image->name};

                r = event_bus_tell(context->events, call, &event);
        }
        for (size_t i = 0; r >= 0 && i < kernels.kernels.n_items; i++) {
                const KernelInfo *kernel = &((const KernelInfo *) kernels.kernels.items)[i];
                Event event = {.kind = EVENT_KERNEL_CHANGED, .object = kernel->id,
                               .name = kernel->name};

                r = event_bus_tell(context->events, call, &event);
        }
        schema_clear(&image_list_schema, &images);
        schema_clear(&kernel_list_schema, &kernels);
        return r;
}

static int tell_operations(const DaemonContext *context, VarlinkCall *call) {
        OperationList list;
        OperationInfo *items;
        int r = operations_list(context->operations, &list);

        if (r < 0)
                return r;
        items = list.operations.items;
        for (size_t i = 0; r >= 0 && i < list.operations.n_items; i++) {
                /* Which object it is, its name says. */
                Event event = {.kind = EVENT_OPERATION, .name = items[i].object,
                               .operation = &items[i]};

                r = event_bus_tell(context->events, call, &event);
        }
        schema_clear(&operation_list_schema, &list);
        return r;
}

/* The loop does nothing else meanwhile: what it tells, and what the subscription then brings, leave
 * no gap. */
int event_handle_subscribe(VarlinkCall *call, const void *parameters, void *userdata,
                           Error *reterr) {
        const DaemonContext *context = userdata;
        const EventSubscribe *subscribe = parameters;
        int r = 0;

        if (!varlink_call_wants_more(call))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "events come as a stream: call with `more`");
        if (subscribe->state) {
                r = tell_vms(context, call);
                if (r >= 0)
                        r = tell_contents(context, call, reterr);
                if (r >= 0)
                        r = tell_operations(context, call);
        }
        /* A client that has left, or does not read, is cut off by its connection. */
        if (r == -ENOBUFS || r == -EALREADY)
                return 0;
        if (r >= 0)
                r = event_bus_subscribe(context->events, call);
        return r < 0 ? error_set_errno(reterr, -r, "cannot subscribe") : 0;
}
