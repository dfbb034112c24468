#pragma once
/* io.banger.Operation and io.banger.Event: what is under way, and what happens. */
#include "common/action.h"

typedef struct OperationInfo {
        char *id;        /* 10 hex digits */
        char *kind;      /* the method: "io.banger.VM.Start" */
        char *object;    /* name */
        char *stage;     /* NULL before the first */
        int64_t started_s;
        int64_t elapsed_us;
} OperationInfo;

typedef struct OperationList {
        Objects operations; /* OperationInfo, oldest first */
} OperationList;

typedef struct OperationRef {
        char *operation;
} OperationRef;

typedef enum EventKind {
        EVENT_VM_CHANGED,  /* vm is set */
        EVENT_VM_DELETED,
        EVENT_IMAGE_CHANGED,
        EVENT_IMAGE_DELETED,
        EVENT_KERNEL_CHANGED,
        EVENT_KERNEL_DELETED,
        EVENT_OPERATION,        /* operation is set; a stage began */
        EVENT_OPERATION_ENDED,  /* error is set when it failed */
        EVENT_CURRENT,          /* the subscription is in place: from here on it is news */
} EventKind;

typedef struct Event {
        int64_t sequence; /* counts up by one, without a gap; what is told before EVENT_CURRENT, and
                           * that, have the number of the event before */
        int kind;         /* EventKind */
        char *object;     /* its id */
        char *name;
        struct VmInfo *vm;
        OperationInfo *operation;
        char *error;
} Event;

typedef struct EventSubscribe {
        bool state; /* first tell what there is: an event for each VM, image, kernel and operation */
} EventSubscribe;

extern const Schema operation_info_schema, operation_list_schema, operation_ref_schema, event_schema,
        event_subscribe_schema;
/* Operation.List "operation list", Operation.Cancel(OperationRef) "operation cancel" destroys.
 * Event.Subscribe(EventSubscribe) -> Event, streams for ever, "events" (each as a line); without `more` refused. */
extern const Interface interface_operation, interface_event;
