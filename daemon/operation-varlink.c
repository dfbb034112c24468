#include "daemon/operation-varlink.h"

#include <errno.h>

#include "daemon/context.h"

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

int event_handle_subscribe(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                           Error *reterr) {
        const DaemonContext *context = userdata;
        int r;

        if (!varlink_call_wants_more(call))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "events come as a stream: call with `more`");
        r = event_bus_subscribe(context->events, call);
        return r < 0 ? error_set_errno(reterr, -r, "cannot subscribe") : 0;
}
