#include "common/api-forward.h"

#include "common/forward.h"
#include "common/ident.h"

static const Field forward_info_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(ForwardInfo, vm),
         .required = true,
         .summary = "The VM's name"},
        {.name = "protocol",
         .type = FIELD_ENUM,
         .offset = offsetof(ForwardInfo, protocol),
         .required = true,
         .values = forward_protocol_names,
         .summary = "What is forwarded"},
        {.name = "address",
         .type = FIELD_STRING,
         .offset = offsetof(ForwardInfo, address),
         .required = true,
         .summary = "The host's address; 0.0.0.0 is every one that it has"},
        {.name = "host_port",
         .type = FIELD_INT,
         .offset = offsetof(ForwardInfo, host_port),
         .required = true,
         .min = 1,
         .max = FORWARD_PORT_MAX,
         .summary = "The port of the host"},
        {.name = "guest_port",
         .type = FIELD_INT,
         .offset = offsetof(ForwardInfo, guest_port),
         .required = true,
         .min = 1,
         .max = FORWARD_PORT_MAX,
         .summary = "The port of the guest"},
        {.name = "active",
         .type = FIELD_BOOL,
         .offset = offsetof(ForwardInfo, active),
         .summary = "It is in force: the VM runs, so that somebody may answer"},
        {.name = "reason",
         .type = FIELD_STRING,
         .offset = offsetof(ForwardInfo, reason),
         .summary = "Why it is not in force, although its VM runs"},
};

const Schema forward_info_schema = {
        .name = "ForwardInfo",
        .size = sizeof(ForwardInfo),
        .fields = forward_info_fields,
        .n_fields = ELEMENTSOF(forward_info_fields),
};

static const Field forward_list_fields[] = {
        {.name = "forwards",
         .type = FIELD_OBJECTS,
         .offset = offsetof(ForwardList, forwards),
         .required = true,
         .max = FORWARDS_MAX,
         .nested = &forward_info_schema,
         .summary = "All of them, by VM"},
};

const Schema forward_list_schema = {
        .name = "ForwardList",
        .size = sizeof(ForwardList),
        .fields = forward_list_fields,
        .n_fields = ELEMENTSOF(forward_list_fields),
};

static const Field forward_change_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(ForwardChange, vm),
         .required = true,
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The VM's name or id",
         .metavar = "VM",
         .positional = true},
        {.name = "forward",
         .type = FIELD_STRING,
         .offset = offsetof(ForwardChange, forward),
         .required = true,
         .check = forward_check,
         .summary = "[ADDR:]HOSTPORT:GUESTPORT[/udp], ADDR 127.0.0.1 if left out",
         .metavar = "FORWARD",
         .positional = true},
};

const Schema forward_change_schema = {
        .name = "ForwardChange",
        .size = sizeof(ForwardChange),
        .fields = forward_change_fields,
        .n_fields = ELEMENTSOF(forward_change_fields),
};

static const Field forward_query_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(ForwardQuery, vm),
         .min = 1,
         .max = VM_REF_MAX,
         .summary = "The name or id of one VM, instead of all",
         .metavar = "VM",
         .positional = true},
};

const Schema forward_query_schema = {
        .name = "ForwardQuery",
        .size = sizeof(ForwardQuery),
        .fields = forward_query_fields,
        .n_fields = ELEMENTSOF(forward_query_fields),
};

static const Action forward_actions[] = {
        {.method = "Add",
         .words = "forward add",
         .summary = "Forward a port of the host to a VM, at once and from then on",
         .in = &forward_change_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "Remove",
         .words = "forward remove",
         .summary = "Forward a port no more",
         .in = &forward_change_schema,
         .out = &schema_empty,
         .target = TARGET_VM},
        {.method = "List",
         .words = "forward list",
         .summary = "List the forwarded ports",
         .in = &forward_query_schema,
         .out = &forward_list_schema,
         .target = TARGET_HOST},
};

const Interface interface_forward = {
        .name = "io.banger.Forward",
        .summary = "Ports of the host that lead to guests",
        .actions = forward_actions,
        .n_actions = ELEMENTSOF(forward_actions),
};
