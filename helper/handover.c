#include "helper/handover.h"

#include <errno.h>
#include <fcntl.h>

#include "common/io.h"

int handover_open(Handover *ret) {
        _cleanup_handover_ Handover handover = HANDOVER_INIT;

        if (pipe2(handover.child, O_CLOEXEC) < 0 || pipe2(handover.parent, O_CLOEXEC) < 0)
                return -errno;
        *ret = steal_struct(handover, HANDOVER_INIT);
        return 0;
}

/* One byte; an end of the pipe is the other's end. */
static int await(int fd) {
        char byte;
        int r = io_read_full(fd, &byte, 1);

        return r == -EIO ? -ESRCH : r;
}

int handover_by_child(Handover *handover) {
        int r;

        handover->child[0] = close_fd(handover->child[0]);
        handover->parent[1] = close_fd(handover->parent[1]);
        r = io_write_full(handover->child[1], "", 1);
        if (r >= 0)
                r = await(handover->parent[0]);
        handover_clear(handover);
        return r;
}

int handover_await_child(Handover *handover) {
        handover->child[1] = close_fd(handover->child[1]);
        return await(handover->child[0]);
}

int handover_by_parent(Handover *handover) {
        return io_write_full(handover->parent[1], "", 1);
}

void handover_clear(Handover *handover) {
        for (int i = 0; i < 2; i++) {
                handover->child[i] = close_fd(handover->child[i]);
                handover->parent[i] = close_fd(handover->parent[i]);
        }
}
