/* The network of all guests, as NetworkSet takes it. */
#include <arpa/inet.h>
#include <errno.h>

#include "common/api-root.h"
#include "common/forward.h"
#include "common/ident.h"

static const Field root_guest_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootGuest, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The VM's id: its tap and MAC derive from it"},
        {.name = "slot",
         .type = FIELD_INT,
         .offset = offsetof(RootGuest, slot),
         .required = true,
         .min = VM_SLOT_MIN,
         .max = VM_SLOT_MAX,
         .summary = "The slot that the VM has taken: its address derives from it"},
        {.name = "nat",
         .type = FIELD_BOOL,
         .offset = offsetof(RootGuest, nat),
         .summary = "May it reach other networks by this host's address"},
};

const Schema root_guest_schema = {
        .name = "RootGuest",
        .size = sizeof(RootGuest),
        .fields = root_guest_fields,
        .n_fields = ELEMENTSOF(root_guest_fields),
};

static int address_check(const char *text, Error *reterr) {
        struct in_addr address;

        if (inet_pton(AF_INET, text, &address) == 1)
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be an IPv4 address");
}

static const Field root_forward_fields[] = {
        {.name = "vm",
         .type = FIELD_STRING,
         .offset = offsetof(RootForward, vm),
         .required = true,
         .check = vm_id_check,
         .summary = "The id of the VM that it leads into, one of the guests"},
        {.name = "protocol",
         .type = FIELD_ENUM,
         .offset = offsetof(RootForward, protocol),
         .required = true,
         .values = forward_protocol_names,
         .summary = "Of both ports"},
        {.name = "address",
         .type = FIELD_STRING,
         .offset = offsetof(RootForward, address),
         .check = address_check,
         .summary = "This host's, 0.0.0.0 for all; left out: 127.0.0.1"},
        {.name = "host_port",
         .type = FIELD_INT,
         .offset = offsetof(RootForward, host_port),
         .required = true,
         .min = 1,
         .max = FORWARD_PORT_MAX,
         .summary = "The port of this host"},
        {.name = "guest_port",
         .type = FIELD_INT,
         .offset = offsetof(RootForward, guest_port),
         .required = true,
         .min = 1,
         .max = FORWARD_PORT_MAX,
         .summary = "The guest's port"},
        {.name = "optional",
         .type = FIELD_BOOL,
         .offset = offsetof(RootForward, optional),
         .summary = "Where it cannot be it is left out and told, instead of failing the call"},
};

const Schema root_forward_schema = {
        .name = "RootForward",
        .size = sizeof(RootForward),
        .fields = root_forward_fields,
        .n_fields = ELEMENTSOF(root_forward_fields),
};

static const Field root_network_fields[] = {
        {.name = "guests",
         .type = FIELD_OBJECTS,
         .offset = offsetof(RootNetwork, guests),
         .max = VM_SLOT_MAX,
         .nested = &root_guest_schema,
         .summary = "All that may use the bridge; none: everything is taken away"},
        {.name = "forwards",
         .type = FIELD_OBJECTS,
         .offset = offsetof(RootNetwork, forwards),
         .max = FORWARDS_MAX,
         .nested = &root_forward_schema,
         .summary = "All ports of this host that lead into guests"},
        {.name = "operation",
         .type = FIELD_STRING,
         .offset = offsetof(RootNetwork, operation),
         .check = object_id_check,
         .summary = "The id of the operation that it belongs to, for the journal"},
};

const Schema root_network_schema = {
        .name = "RootNetwork",
        .size = sizeof(RootNetwork),
        .fields = root_network_fields,
        .n_fields = ELEMENTSOF(root_network_fields),
};

static const Field root_left_out_fields[] = {
        {.name = "forward",
         .type = FIELD_INT,
         .offset = offsetof(RootLeftOut, forward),
         .required = true,
         .max = FORWARDS_MAX - 1,
         .summary = "Its place among the request's, from 0"},
        {.name = "reason",
         .type = FIELD_STRING,
         .offset = offsetof(RootLeftOut, reason),
         .required = true,
         .summary = "Why it cannot be"},
};

const Schema root_left_out_schema = {
        .name = "RootLeftOut",
        .size = sizeof(RootLeftOut),
        .fields = root_left_out_fields,
        .n_fields = ELEMENTSOF(root_left_out_fields),
};

static const Field root_network_done_fields[] = {
        {.name = "left_out",
         .type = FIELD_OBJECTS,
         .offset = offsetof(RootNetworkDone, left_out),
         .max = FORWARDS_MAX,
         .nested = &root_left_out_schema,
         .summary = "The optional forwards that are not in force"},
};

const Schema root_network_done_schema = {
        .name = "RootNetworkDone",
        .size = sizeof(RootNetworkDone),
        .fields = root_network_done_fields,
        .n_fields = ELEMENTSOF(root_network_done_fields),
};
