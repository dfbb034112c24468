#pragma once
/* io.banger.Forward: ports of the host that lead to guests. */
#include "common/action.h"

typedef struct ForwardInfo {
        char *vm;       /* name */
        int protocol;   /* ForwardProtocol */
        char *address;  /* of the host */
        int64_t host_port, guest_port;
        bool active;    /* the VM runs, and it is in force */
        char *reason;   /* why it is not, although the VM runs; NULL */
} ForwardInfo;

typedef struct ForwardList {
        Objects forwards; /* ForwardInfo, by VM, in the order in which they were added */
} ForwardList;

typedef struct ForwardChange {
        char *vm;      /* name or id */
        char *forward; /* forward.h */
} ForwardChange;

typedef struct ForwardQuery {
        char *vm; /* NULL: all */
} ForwardQuery;

extern const Schema forward_info_schema, forward_list_schema, forward_change_schema,
        forward_query_schema;
/* Add(ForwardChange) -> {} "forward add"; Remove(ForwardChange) -> {} "forward remove";
 * List(ForwardQuery) -> ForwardList "forward list". */
extern const Interface interface_forward;
