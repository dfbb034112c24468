#pragma once
/* A parent and the child that it has forked let go of descriptors that both have, in this order: the
 * child of what the parent keeps, then the parent of what the child keeps. So neither ever has the last
 * copy of what it closes. */

#include "common/cleanup.h"

typedef struct Handover {
        int child[2], parent[2]; /* pipes: which of the two has let go */
} Handover;

#define HANDOVER_INIT ((Handover) {.child = {-1, -1}, .parent = {-1, -1}})
#define _cleanup_handover_ _cleanup_(handover_clear)

/* Before the fork; -errno. */
int handover_open(Handover *ret);
/* The child's: it has let go, and waits until the parent has, too. -ESRCH: there is no parent any more. */
int handover_by_child(Handover *handover);
/* The parent's, first: waits until the child has let go. -ESRCH: it has ended before that. */
int handover_await_child(Handover *handover);
/* The parent's, then: it has let go. */
int handover_by_parent(Handover *handover);
void handover_clear(Handover *handover);
