#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/waiting.h"

int waiting_new(size_t max, Waiting *ret) {
        struct pollfd *clients = calloc(max, sizeof(*clients));

        if (max > 0 && !clients)
                return -ENOMEM;
        *ret = (Waiting) {.clients = clients, .max = max};
        return 0;
}

/* One who has left needs no session: a process would be made only to see that. With no events asked
 * for, poll(2) tells of just these. */
static void drop_those_who_left(Waiting *waiting) {
        size_t n = 0;

        if (poll(waiting->clients, waiting->n, 0) <= 0)
                return;
        for (size_t i = 0; i < waiting->n; i++)
                if (waiting->clients[i].revents)
                        close_fd(waiting->clients[i].fd);
                else
                        waiting->clients[n++] = waiting->clients[i];
        waiting->n = n;
}

bool waiting_add(Waiting *waiting, int fd) {
        if (waiting->n == waiting->max)
                drop_those_who_left(waiting);
        if (waiting->n == waiting->max)
                return false;
        waiting->clients[waiting->n++] = (struct pollfd) {.fd = fd};
        return true;
}

int waiting_take(Waiting *waiting) {
        int fd;

        drop_those_who_left(waiting);
        if (waiting->n == 0)
                return -1;
        fd = waiting->clients[0].fd;
        waiting->n--;
        memmove(&waiting->clients[0], &waiting->clients[1],
                waiting->n * sizeof(*waiting->clients));
        return fd;
}

void waiting_clear(Waiting *waiting) {
        for (size_t i = 0; i < waiting->n; i++)
                close_fd(waiting->clients[i].fd);
        free(waiting->clients);
        *waiting = (Waiting) {};
}
