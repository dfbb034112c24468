#include "common/api-operation.h"

#include "common/api-vm.h"
#include "common/ident.h"

#define OPERATIONS_MAX 65536

static const char *const event_kinds[] = {
        [EVENT_VM_CHANGED] = "vm_changed",
        [EVENT_VM_DELETED] = "vm_deleted",
        [EVENT_IMAGE_CHANGED] = "image_changed",
        [EVENT_IMAGE_DELETED] = "image_deleted",
        [EVENT_KERNEL_CHANGED] = "kernel_changed",
        [EVENT_KERNEL_DELETED] = "kernel_deleted",
        [EVENT_OPERATION] = "operation",
        [EVENT_OPERATION_ENDED] = "operation_ended",
        [EVENT_CURRENT] = "current",
        NULL,
};

static const Field operation_info_fields[] = {
        {.name = "id",
         .type = FIELD_STRING,
         .offset = offsetof(OperationInfo, id),
         .required = true,
         .check = object_id_check,
         .summary = "Its id, also in the journal and in errors"},
        {.name = "kind",
         .type = FIELD_STRING,
         .offset = offsetof(OperationInfo, kind),
         .required = true,
         .summary = "The method that began it"},
        {.name = "object",
         .type = FIELD_STRING,
         .offset = offsetof(OperationInfo, object),
         .required = true,
         .summary = "The name of what it works on"},
        {.name = "stage",
         .type = FIELD_STRING,
         .offset = offsetof(OperationInfo, stage),
         .summary = "What it does now"},
        {.name = "started_s",
         .type = FIELD_INT,
         .offset = offsetof(OperationInfo, started_s),
         .required = true,
         .max = INT64_MAX,
         .summary = "When it began, in seconds since the epoch"},
        {.name = "elapsed_us",
         .type = FIELD_INT,
         .offset = offsetof(OperationInfo, elapsed_us),
         .required = true,
         .max = INT64_MAX,
         .summary = "How long it has run"},
};

const Schema operation_info_schema = {
        .name = "OperationInfo",
        .size = sizeof(OperationInfo),
        .fields = operation_info_fields,
        .n_fields = ELEMENTSOF(operation_info_fields),
};

static const Field operation_list_fields[] = {
        {.name = "operations",
         .type = FIELD_OBJECTS,
         .offset = offsetof(OperationList, operations),
         .required = true,
         .max = OPERATIONS_MAX,
         .nested = &operation_info_schema,
         .summary = "The oldest first"},
};

const Schema operation_list_schema = {
        .name = "OperationList",
        .size = sizeof(OperationList),
        .fields = operation_list_fields,
        .n_fields = ELEMENTSOF(operation_list_fields),
};

static const Field operation_ref_fields[] = {
        {.name = "operation",
         .type = FIELD_STRING,
         .offset = offsetof(OperationRef, operation),
         .required = true,
         .check = object_id_check,
         .summary = "The operation's id",
         .metavar = "OPERATION",
         .positional = true},
};

const Schema operation_ref_schema = {
        .name = "OperationRef",
        .size = sizeof(OperationRef),
        .fields = operation_ref_fields,
        .n_fields = ELEMENTSOF(operation_ref_fields),
};

static const Field event_subscribe_fields[] = {
        {.name = "state",
         .type = FIELD_BOOL,
         .offset = offsetof(EventSubscribe, state),
         .summary = "Tell what there is first, as changes, up to a line \"current\"",
         .option = "state"},
};

const Schema event_subscribe_schema = {
        .name = "EventSubscribe",
        .size = sizeof(EventSubscribe),
        .fields = event_subscribe_fields,
        .n_fields = ELEMENTSOF(event_subscribe_fields),
};

static const Field event_fields[] = {
        {.name = "sequence",
         .type = FIELD_INT,
         .offset = offsetof(Event, sequence),
         .required = true,
         .max = INT64_MAX,
         .summary = "Counts up by one; up to kind current it is that of the last event before"},
        {.name = "kind",
         .type = FIELD_ENUM,
         .offset = offsetof(Event, kind),
         .required = true,
         .values = event_kinds,
         .summary = "What happened"},
        {.name = "object",
         .type = FIELD_STRING,
         .offset = offsetof(Event, object),
         .summary = "The id of what it happened to"},
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(Event, name),
         .summary = "Its name"},
        {.name = "vm",
         .type = FIELD_OBJECT,
         .offset = offsetof(Event, vm),
         .nested = &vm_info_schema,
         .summary = "The VM as it is now"},
        {.name = "operation",
         .type = FIELD_OBJECT,
         .offset = offsetof(Event, operation),
         .nested = &operation_info_schema,
         .summary = "The operation as it is now"},
        {.name = "error",
         .type = FIELD_STRING,
         .offset = offsetof(Event, error),
         .summary = "Why the operation failed"},
};

const Schema event_schema = {
        .name = "Event",
        .size = sizeof(Event),
        .fields = event_fields,
        .n_fields = ELEMENTSOF(event_fields),
};

static const Action operation_actions[] = {
        {.method = "List",
         .words = "operation list",
         .summary = "List what is under way",
         .in = &schema_empty,
         .out = &operation_list_schema,
         .target = TARGET_HOST},
        {.method = "Cancel",
         .words = "operation cancel",
         .summary = "Stop an operation and undo what it did",
         .in = &operation_ref_schema,
         .out = &schema_empty,
         .target = TARGET_OPERATION,
         .flags = ACTION_DESTROYS},
};

const Interface interface_operation = {
        .name = "io.banger.Operation",
        .summary = "Long work that is under way",
        .actions = operation_actions,
        .n_actions = ELEMENTSOF(operation_actions),
};

static const Action event_actions[] = {
        {.method = "Subscribe",
         .words = "events",
         .summary = "Show what happens, as it happens",
         .in = &event_subscribe_schema,
         .out = &event_schema,
         .target = TARGET_HOST,
         .flags = ACTION_STREAMS},
};

const Interface interface_event = {
        .name = "io.banger.Event",
        .summary = "What happens to VMs, images, kernels and operations",
        .actions = event_actions,
        .n_actions = ELEMENTSOF(event_actions),
};
