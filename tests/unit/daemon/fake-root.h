#pragma once
/* A helper for the tests of the daemon: listens below a temporary directory, runs as a process, and
 * answers as it is told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "common/varlink-poll.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

typedef struct FakeRoot {
        const char *version;
        int64_t owner_uid;
        const char *error; /* instead of an answer */
        bool mute;         /* takes calls and never answers */
        int hold_fd;       /* a socket: the inventory writes a byte and waits for one; 0: none */
} FakeRoot;

static inline int fake_ping(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                            Error *reterr) {
        const FakeRoot *fake = userdata;
        char version[32];
        RootPong pong = {.version = version, .owner_uid = fake->owner_uid};

        while (fake->mute)
                (void) pause();
        if (fake->error)
                return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "%s", fake->error);
        (void) snprintf(version, sizeof(version), "%s", fake->version);
        return varlink_call_reply(call, &pong);
}

static inline int fake_inventory(VarlinkCall *call, _unused_ const void *parameters,
                                 void *userdata, _unused_ Error *reterr) {
        const FakeRoot *fake = userdata;
        struct pollfd held = {.fd = fake->hold_fd, .events = POLLIN};
        char name[] = "bgr-0123456789", vm[] = "0123456789";
        InventoryEntry entry = {.kind = INVENTORY_LINK, .name = name, .vm = vm};
        Inventory inventory = {.entries = {.items = &entry, .n_items = 1}};

        if (fake->hold_fd > 0 && write(fake->hold_fd, "?", 1) == 1)
                (void) poll(&held, 1, -1);
        return varlink_call_reply(call, &inventory);
}

/* The helper's verbs: those above, and the others as not implemented. */
static inline size_t fake_methods(VarlinkMethod *methods, size_t n_max) {
        static char names[32][64];

        assert_true(interface_root.n_actions <= n_max && n_max <= ELEMENTSOF(names));
        for (size_t i = 0; i < interface_root.n_actions; i++) {
                const char *name = interface_root.actions[i].method;

                (void) snprintf(names[i], sizeof(names[i]), "%s.%s", interface_root.name, name);
                methods[i] = (VarlinkMethod) {
                        .name = names[i],
                        .handler = strcmp(name, "Ping") == 0        ? fake_ping
                                   : strcmp(name, "Inventory") == 0 ? fake_inventory
                                                                    : NULL,
                };
        }
        return interface_root.n_actions;
}

/* One connection after the other, until it is killed. */
static inline void fake_root_main(int listen_fd, FakeRoot *fake) {
        VarlinkMethod methods[32];
        static const Interface *const interfaces[] = {&interface_root, NULL};
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "fake",
                .version = "0",
                .url = "https://banger.example/",
                .interfaces = interfaces,
                .methods = methods,
                .n_methods = fake_methods(methods, ELEMENTSOF(methods)),
                .limits = &varlink_limits_helper,
                .userdata = fake,
        };
        const VarlinkServeConfig times = {PATIENCE_USEC, PATIENCE_USEC, PATIENCE_USEC};
        VarlinkServer *server = NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (varlink_server_new(&config, &server) < 0)
                _exit(1);
        for (;;) {
                int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0)
                        (void) varlink_serve(server, fd, &(Peer) {}, &times);
        }
}

static inline int listener_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 16), 0);
        return fd;
}

static inline pid_t fake_root_start(const char *path, FakeRoot fake) {
        int listen_fd = listener_at(path);
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                fake_root_main(listen_fd, &fake);
        close_fd(listen_fd);
        return pid;
}

static inline void process_stop(pid_t pid) {
        if (pid <= 0)
                return;
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}
