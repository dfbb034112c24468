#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/waiting.h"

int waiting_new(size_t max, size_t further_max, Waiting *ret) {
        Waiting waiting = {.max = max};

        waiting.clients = calloc(max + 1, sizeof(*waiting.clients));
        waiting.dismissed = calloc(max + further_max, sizeof(*waiting.dismissed));
        if (!waiting.clients || !waiting.dismissed) {
                waiting_free(&waiting);
                return -ENOMEM;
        }
        *ret = waiting;
        return 0;
}

/* One who has left needs no session: a process would be made only to see that. With no events asked
 * for, poll(2) tells of just these. */
static void dismiss_those_who_left(Waiting *waiting) {
        size_t n = 0;

        if (poll(waiting->clients, waiting->n, 0) <= 0)
                return;
        for (size_t i = 0; i < waiting->n; i++)
                if (waiting->clients[i].revents)
                        waiting_dismiss(waiting, waiting->clients[i].fd);
                else
                        waiting->clients[n++] = waiting->clients[i];
        waiting->n = n;
}

bool waiting_add(Waiting *waiting, int fd) {
        if (waiting->n == waiting->max)
                dismiss_those_who_left(waiting);
        if (waiting->n == waiting->max)
                return false;
        waiting->clients[waiting->n++] = (struct pollfd) {.fd = fd};
        return true;
}

int waiting_take(Waiting *waiting) {
        int fd;

        dismiss_those_who_left(waiting);
        if (waiting->n == 0)
                return -1;
        fd = waiting->clients[0].fd;
        waiting->n--;
        memmove(&waiting->clients[0], &waiting->clients[1],
                waiting->n * sizeof(*waiting->clients));
        return fd;
}

void waiting_dismiss(Waiting *waiting, int fd) {
        waiting->dismissed[waiting->n_dismissed++] = fd;
}

void waiting_dismiss_all(Waiting *waiting) {
        for (size_t i = 0; i < waiting->n; i++)
                waiting_dismiss(waiting, waiting->clients[i].fd);
        waiting->n = 0;
}

void waiting_close(Waiting *waiting, bool keep_dismissed) {
        for (size_t i = 0; i < waiting->n; i++)
                close_fd(waiting->clients[i].fd);
        waiting->n = 0;
        if (!keep_dismissed)
                waiting_let_go(waiting);
}

void waiting_let_go(Waiting *waiting) {
        for (size_t i = 0; i < waiting->n_dismissed; i++)
                close_fd(waiting->dismissed[i]);
        waiting->n_dismissed = 0;
}

void waiting_free(Waiting *waiting) {
        free(waiting->clients);
        free(waiting->dismissed);
        *waiting = (Waiting) {};
}
