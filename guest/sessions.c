#include "guest/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

bool sessions_full(const Sessions *sessions) {
        return sessions->n >= SESSIONS_MAX + SESSIONS_SPARE;
}

static _Noreturn void session_main(const Sessions *sessions, int fd) {
        SessionConfig config = sessions->config;

        if (sessions->n >= SESSIONS_MAX)
                config.spare_idle_usec = sessions->spare_idle_usec;
        if (sessions->forked)
                sessions->forked(sessions->userdata);
        _exit(session_serve(&config, fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int sessions_start(Sessions *sessions, int fd) {
        _cleanup_close_ int ours = fd;
        pid_t pid = fork();

        if (pid < 0)
                return -errno;
        if (pid == 0)
                session_main(sessions, steal_fd(&ours));
        sessions->n++;
        return 0;
}

void sessions_reap(Sessions *sessions) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
                sessions->n--;
}
