#include "daemon/port-holds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/strings.h"

static int refuse(int errnum, Error *reterr) {
        int r;

        if (errnum != EADDRINUSE)
                return error_set_errno(reterr, errnum, "cannot hold the port");
        r = error_set(reterr, ERROR_BUSY, EADDRINUSE, "a program of this host has the port");
        return error_set_hint(reterr, r,
                              "end it, or choose another port for the forward; what comes for that "
                              "port goes to the vm");
}

/* Without SO_REUSEADDR, so that nobody else's can be bound beside it. What comes for it where the rules
 * are gone is dropped by IPAddressDeny= of bangerd's unit; otherwise it fills the least queue there is. */
int port_hold(const Forward *port, int *ret_fd, Error *reterr) {
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(port->host_port),
                .sin_addr.s_addr = htonl(port->address),
        };
        int type = port->protocol == FORWARD_TCP ? SOCK_STREAM : SOCK_DGRAM;
        _cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int) {1}, sizeof(int)) < 0 ||
            bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return refuse(errno, reterr);
        *ret_fd = steal_fd(&fd);
        return 0;
}

/* ---- all of them ---- */

static void hold_clear(PortHold *hold) {
        hold->fd = close_fd(hold->fd);
        free(hold->reason);
        hold->reason = NULL;
}

void port_holds_clear(PortHolds *holds) {
        for (size_t i = 0; i < holds->n_items; i++)
                hold_clear(&holds->items[i]);
        free(holds->items);
        *holds = (PortHolds) {.items = NULL};
}

static PortHold *find(const PortHolds *holds, const Forward *forward) {
        for (size_t i = 0; i < holds->n_items; i++)
                if (forward_equal(&holds->items[i].forward, forward))
                        return &holds->items[i];
        return NULL;
}

static void forget(PortHolds *holds, PortHold *hold) {
        hold_clear(hold);
        *hold = holds->items[--holds->n_items];
}

void port_holds_retain(PortHolds *holds, const Forwards *wanted) {
        for (size_t i = holds->n_items; i > 0; i--)
                if (!forwards_have(wanted, &holds->items[i - 1].forward))
                        forget(holds, &holds->items[i - 1]);
}

bool port_holds_release(PortHolds *holds, const Forward *forward) {
        PortHold *hold = find(holds, forward);
        bool held = hold && hold->fd >= 0;

        if (hold)
                forget(holds, hold);
        return held;
}

static PortHold *add(PortHolds *holds, const Forward *forward) {
        PortHold *items = reallocarray(holds->items, holds->n_items + 1, sizeof(*items));

        if (!items)
                return NULL;
        holds->items = items;
        items[holds->n_items] = (PortHold) {.forward = *forward, .fd = -1};
        return &items[holds->n_items++];
}

static void tell(PortHold *hold, const VmId *id, const Error *error) {
        const LogField fields[] = {{"BANGER_VM", id->text}, {}};
        _cleanup_free_ char *context = NULL;
        char text[FORWARD_TEXT_SIZE];

        if (hold->reason && string_equal(hold->reason, error->message))
                return;
        free(hold->reason);
        hold->reason = error->message ? strdup(error->message) : NULL;
        forward_format(&hold->forward, text);
        context = string_format("the forward %s to vm %s is in force, but its port is not held",
                                text, id->text);
        log_error(LOG_WARNING, fields, error, context ? context : "a forward's port is not held");
}

void port_holds_add(PortHolds *holds, const VmId *id, const Forward *forward, PortHoldMake make) {
        _cleanup_error_ Error error = ERROR_INIT;
        PortHold *hold = find(holds, forward);

        if (hold && hold->fd >= 0)
                return;
        if (!hold)
                hold = add(holds, forward);
        if (!hold) {
                log_write(LOG_WARNING, NULL, "cannot hold a port: %s", strerror(ENOMEM));
                return;
        }
        if (make(forward, &hold->fd, &error) < 0) {
                tell(hold, id, &error);
                return;
        }
        free(hold->reason);
        hold->reason = NULL;
}
