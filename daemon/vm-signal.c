#include "daemon/vm-signal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/clock.h"

struct VmSignal {
        pthread_mutex_t lock; /* of bits and message */
        unsigned bits;
        char *message;
        int event_fd; /* readable when bits were set since the last look */
};

int vm_signal_new(VmSignal **ret) {
        VmSignal *signal = calloc(1, sizeof(*signal));

        if (!signal)
                return -ENOMEM;
        signal->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (signal->event_fd < 0) {
                int r = -errno;

                free(signal);
                return r;
        }
        /* Cannot fail with default attributes (glibc). */
        (void) pthread_mutex_init(&signal->lock, NULL);
        *ret = signal;
        return 0;
}

VmSignal *vm_signal_free(VmSignal *signal) {
        if (!signal)
                return NULL;
        (void) pthread_mutex_destroy(&signal->lock);
        close_fd(signal->event_fd);
        free(signal->message);
        free(signal);
        return NULL;
}

void vm_signal_set(VmSignal *signal, VmSignalBits bits, const char *message) {
        (void) pthread_mutex_lock(&signal->lock);
        signal->bits |= (unsigned) bits;
        if (message && !signal->message)
                signal->message = strdup(message);
        (void) pthread_mutex_unlock(&signal->lock);
        (void) eventfd_write(signal->event_fd, 1);
}

VmSignalBits vm_signal_get(VmSignal *signal) {
        unsigned bits;

        (void) pthread_mutex_lock(&signal->lock);
        bits = signal->bits;
        (void) pthread_mutex_unlock(&signal->lock);
        return (VmSignalBits) bits;
}

char *vm_signal_message(VmSignal *signal) {
        char *message;

        (void) pthread_mutex_lock(&signal->lock);
        message = signal->message ? strdup(signal->message) : NULL;
        (void) pthread_mutex_unlock(&signal->lock);
        return message;
}

int vm_signal_wait(VmSignal *signal, VmSignalBits any, int cancel_fd, uint64_t deadline_usec) {
        for (;;) {
                struct pollfd fds[] = {
                        {.fd = signal->event_fd, .events = POLLIN},
                        {.fd = cancel_fd, .events = POLLIN},
                };
                unsigned bits;
                eventfd_t count;
                int n;

                /* Emptied before the look, so that what comes in between wakes again. */
                (void) eventfd_read(signal->event_fd, &count);
                bits = (unsigned) vm_signal_get(signal) & (unsigned) any;
                if (bits != 0)
                        return (int) bits;
                n = poll(fds, ELEMENTSOF(fds), clock_poll_timeout(deadline_usec));
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -ETIMEDOUT;
                if (n > 0 && fds[1].revents != 0)
                        return -ECANCELED;
        }
}
