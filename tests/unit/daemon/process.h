#pragma once
/* Services in processes of their own, below a temporary directory, for the tests of the daemon. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/varlink-poll.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

static inline int listener_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 16), 0);
        return fd;
}

/* Runs fn with a listener at path, in place of one that is there; fn never returns. */
static inline pid_t process_start(const char *path, void (*fn)(int listen_fd, void *userdata),
                                  void *userdata) {
        int listen_fd;
        pid_t pid;

        (void) unlink(path);
        listen_fd = listener_at(path);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                fn(listen_fd, userdata);
                _exit(1);
        }
        close_fd(listen_fd);
        return pid;
}

static inline void process_stop(pid_t pid) {
        if (pid <= 0)
                return;
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

static inline VarlinkServerConfig service_config(const Interface *const *interfaces,
                                                 const VarlinkMethod *methods, size_t n_methods,
                                                 const VarlinkLimits *limits, void *userdata) {
        return (VarlinkServerConfig) {
                .vendor = "banger",
                .product = "fake",
                .version = "0",
                .url = "https://banger.example/",
                .interfaces = interfaces,
                .methods = methods,
                .n_methods = n_methods,
                .limits = limits,
                .userdata = userdata,
        };
}

/* One connection after the other, until the process is killed. */
static inline void serve_for_ever(int listen_fd, const VarlinkServerConfig *config) {
        const VarlinkServeConfig times = {PATIENCE_USEC, PATIENCE_USEC, PATIENCE_USEC};
        VarlinkServer *server = NULL;

        if (varlink_server_new(config, &server) < 0)
                _exit(1);
        for (;;) {
                int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0)
                        (void) varlink_serve(server, fd, &(Peer) {}, &times);
        }
}

static inline int remove_entry(const char *path, _unused_ const struct stat *st, _unused_ int flag,
                               _unused_ struct FTW *place) {
        return remove(path);
}

static inline void remove_tree(const char *path) {
        (void) nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
