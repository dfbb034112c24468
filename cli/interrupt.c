#include "cli/interrupt.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool is_ignored(int number) {
        struct sigaction action;

        return sigaction(number, NULL, &action) >= 0 && action.sa_handler == SIG_IGN;
}

int interrupt_begin(Interrupt *ret, Error *reterr) {
        static const int watched[] = {SIGHUP, SIGINT, SIGTERM};
        const struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigset_t signals;
        int fd;

        (void) sigemptyset(&signals);
        for (size_t i = 0; i < ELEMENTSOF(watched); i++)
                if (!is_ignored(watched[i]))
                        (void) sigaddset(&signals, watched[i]);
        fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot watch signals");
        *ret = (Interrupt) {.fd = fd};
        (void) sigprocmask(SIG_BLOCK, &signals, &ret->mask);
        (void) sigaction(SIGPIPE, &ignore, &ret->pipe);
        return 0;
}

bool interrupt_came(Interrupt *interrupt) {
        struct signalfd_siginfo info;

        while (read(interrupt->fd, &info, sizeof(info)) == sizeof(info))
                if (interrupt->signal == 0)
                        interrupt->signal = (int) info.ssi_signo;
        return interrupt->signal != 0;
}

int interrupt_check(Interrupt *interrupt, Error *reterr) {
        if (!interrupt_came(interrupt))
                return 0;
        return error_set(reterr, ERROR_CANCELED, ECANCELED, "interrupted");
}

void interrupt_end(Interrupt *interrupt) {
        (void) interrupt_came(interrupt);
        interrupt->fd = close_fd(interrupt->fd);
        (void) sigaction(SIGPIPE, &interrupt->pipe, NULL);
        (void) sigprocmask(SIG_SETMASK, &interrupt->mask, NULL);
}
