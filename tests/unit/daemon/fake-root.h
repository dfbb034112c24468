#pragma once
/* A helper for the tests of the daemon: runs as a process, and answers as it is told. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "common/api-root.h"
#include "common/forward.h"
#include "common/ident.h"
#include "common/io.h"
#include "common/strings.h"
#include "tests/unit/daemon/process.h"

typedef struct FakeRoot {
        const char *version;
        int64_t owner_uid;
        const char *error; /* instead of an answer to Ping */
        bool mute;         /* takes calls of Ping and never answers */
        int hold_fd;       /* a socket: the inventory writes a byte and waits for one; 0: none */
        /* Where it works on VMs; NULL: those verbs are not implemented. Verbs whose names are in
         * the file "fails" there fail, those in "holds" wait until they are there no more; each
         * verb's name is appended to "calls"; "vsock" is the socket of every VM; the VM whose id is
         * in "active" has a unit in the inventory; "network" is the set it was given last. Where there is a
         * file "binds", it sees who has a port of UDP. On SIGUSR1 the VMM ends that was launched last. */
        const char *directory;
        size_t n_cut; /* so many connections are cut before an answer */
        bool bad_listener; /* of a jail: one that nobody can watch */
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

static inline int fake_open(const FakeRoot *fake, const char *name, int flags) {
        char path[160];

        (void) snprintf(path, sizeof(path), "%s/%s", fake->directory, name);
        return open(path, flags | O_CLOEXEC, 0600);
}

static inline bool fake_is_told(const FakeRoot *fake, const char *file, const char *verb) {
        _cleanup_close_ int fd = fake_open(fake, file, O_RDONLY);
        char text[512] = "";

        return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strstr(text, verb);
}

/* Of what is asked in a directory: is noted, held, made to fail. */
static inline int fake_enter(const FakeRoot *fake, const char *verb, Error *reterr) {
        _cleanup_close_ int calls = fake_open(fake, "calls", O_WRONLY | O_APPEND | O_CREAT);

        (void) dprintf(calls, "%s\n", verb);
        while (fake_is_told(fake, "holds", verb))
                (void) poll(NULL, 0, 5);
        if (fake_is_told(fake, "fails", verb))
                return error_set(reterr, ERROR_FAILED, EIO, "%s does not work", verb);
        return 0;
}

static inline int fake_inventory_of_vm(VarlinkCall *call, _unused_ const void *parameters,
                                       void *userdata, Error *reterr) {
        const FakeRoot *fake = userdata;
        _cleanup_close_ int fd = fake_open(fake, "active", O_RDONLY);
        char name[] = "banger-vm", detail[] = "active (running)", vm[VM_ID_LENGTH + 1] = "";
        InventoryEntry entry = {.kind = INVENTORY_UNIT, .name = name, .vm = vm, .detail = detail};
        Inventory inventory = {.entries = {.items = &entry}};
        int r = fake_enter(fake, "Inventory", reterr);

        if (r < 0)
                return r;
        if (fd >= 0 && read(fd, vm, VM_ID_LENGTH) == VM_ID_LENGTH)
                inventory.entries.n_items = 1;
        return varlink_call_reply(call, &inventory);
}

/* A socket of that port; a negative errno. */
static inline int fake_bind(int protocol, const char *address, int64_t port) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
        int fd = socket(AF_INET, (protocol == FORWARD_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC,
                        0);

        assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
        if (bind(fd, (const struct sockaddr *) &at, sizeof(at)) == 0)
                return fd;
        close_fd(fd);
        return -EADDRINUSE;
}

static inline bool fake_binds(const FakeRoot *fake) {
        char path[160];

        (void) snprintf(path, sizeof(path), "%s/binds", fake->directory);
        return access(path, F_OK) == 0;
}

static inline void fake_format(const RootForward *forward, char *ret, size_t size) {
        (void) snprintf(ret, size, "%s %s:%d:%d/%s\n", forward->vm, forward->address,
                        (int) forward->host_port, (int) forward->guest_port,
                        forward_protocol_names[forward->protocol]);
}

/* A forward in force is not looked at again, and of TCP those that do not listen are not seen. */
static inline bool fake_is_taken(const FakeRoot *fake, const RootForward *forward) {
        char line[80];
        int fd;

        fake_format(forward, line, sizeof(line));
        if (forward->protocol == FORWARD_TCP || !fake_binds(fake) ||
            fake_is_told(fake, "network", line))
                return false;
        fd = fake_bind(forward->protocol, forward->address, forward->host_port);
        if (fd >= 0)
                close_fd(fd);
        return fd < 0;
}

/* The host port in the file "refuses" is one that cannot be forwarded. */
static inline bool fake_refuses(const FakeRoot *fake, const RootForward *forward) {
        char port[8];

        (void) snprintf(port, sizeof(port), "%d", (int) forward->host_port);
        return fake->directory &&
               (fake_is_told(fake, "refuses", port) || fake_is_taken(fake, forward));
}

static inline int fake_check_forwards(const FakeRoot *fake, const RootNetwork *network,
                                      Error *reterr) {
        const RootForward *forwards = network->forwards.items;

        for (size_t i = 0; i < network->forwards.n_items; i++)
                if (!forwards[i].optional && fake_refuses(fake, &forwards[i]))
                        return error_set(reterr, ERROR_BUSY, EADDRINUSE, "somebody listens there");
        return 0;
}

/* Into the file "network", a line each; without a directory nobody wants to know. */
static inline int fake_network_set(VarlinkCall *call, const void *parameters, void *userdata,
                                   Error *reterr) {
        const FakeRoot *fake = userdata;
        const RootNetwork *network = parameters;
        const RootGuest *guests = network->guests.items;
        const RootForward *forwards = network->forwards.items;
        static char reason[] = "somebody listens there";
        RootLeftOut left_out[8];
        bool refused[8] = {};
        RootNetworkDone done = {.left_out = {.items = left_out}};
        _cleanup_close_ int fd = -1;
        int r = fake->directory ? fake_enter(fake, "NetworkSet", reterr) : 0;

        if (r >= 0)
                r = fake_check_forwards(fake, network, reterr);
        if (r < 0)
                return r;
        assert_true(network->forwards.n_items <= ELEMENTSOF(refused));
        for (size_t i = 0; i < network->forwards.n_items; i++)
                refused[i] = fake_refuses(fake, &forwards[i]);
        if (fake->directory)
                fd = fake_open(fake, "network", O_WRONLY | O_TRUNC | O_CREAT);
        for (size_t i = 0; i < network->guests.n_items; i++)
                (void) dprintf(fd, "%s %d%s\n", guests[i].vm, (int) guests[i].slot,
                               guests[i].nat ? " nat" : "");
        for (size_t i = 0; i < network->forwards.n_items; i++) {
                char line[80];

                if (refused[i]) {
                        left_out[done.left_out.n_items++] = (RootLeftOut) {(int64_t) i, reason};
                        continue;
                }
                fake_format(&forwards[i], line, sizeof(line));
                (void) dprintf(fd, "%s", line);
        }
        return varlink_call_reply(call, &done);
}

/* What the last launch was given: while it is open, that VMM runs. */
static inline int *fake_launched(void) {
        static int fds[2] = {-1, -1};

        return fds;
}

static inline void fake_end_vmm(void) {
        for (size_t i = 0; i < 2; i++)
                fake_launched()[i] = close_fd(fake_launched()[i]);
}

/* The descriptor that a verb's reply has; -1 for none. */
static inline int fake_result(const FakeRoot *fake, const char *verb) {
        char path[100];

        if (strcmp(verb, "Sockets") == 0)
                return fake_open(fake, "vsock", O_PATH);
        if (strcmp(verb, "JailMake") != 0)
                return -1;
        if (fake->bad_listener)
                return fake_open(fake, "fails", O_RDWR | O_CREAT);
        (void) snprintf(path, sizeof(path), "%s/jail", fake->directory);
        (void) unlink(path);
        return listener_at(path);
}

static inline int fake_verb(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                            Error *reterr) {
        const FakeRoot *fake = userdata;
        const char *verb = string_after_prefix(varlink_call_method(call), "io.banger.Root.");
        char success[] = "success";
        const RootReaped reaped = {.state = ROOT_UNIT_ENDED, .result = success};
        int fd, r = fake_enter(fake, verb, reterr);

        if (r < 0)
                return r;
        if (strcmp(verb, "Launch") == 0)
                for (size_t i = 0; i < 2; i++)
                        fake_launched()[i] = varlink_call_take_fd(call, i);
        if (strcmp(verb, "Stop") == 0)
                fake_end_vmm();
        fd = fake_result(fake, verb);
        if (fd >= 0)
                (void) varlink_call_push_fd(call, fd);
        return varlink_call_reply(call, strcmp(verb, "Reap") == 0 ? &reaped : NULL);
}

static inline VarlinkHandler fake_handler(const FakeRoot *fake, const char *verb) {
        if (strcmp(verb, "Ping") == 0)
                return fake_ping;
        if (strcmp(verb, "Inventory") == 0)
                return fake->directory ? fake_inventory_of_vm : fake_inventory;
        if (strcmp(verb, "NetworkSet") == 0)
                return fake_network_set;
        return fake->directory ? fake_verb : NULL;
}

static inline size_t fake_methods(const FakeRoot *fake, VarlinkMethod *methods, size_t n_max) {
        static char names[32][64];

        assert_true(interface_root.n_actions <= n_max && n_max <= ELEMENTSOF(names));
        for (size_t i = 0; i < interface_root.n_actions; i++) {
                const char *name = interface_root.actions[i].method;

                (void) snprintf(names[i], sizeof(names[i]), "%s.%s", interface_root.name, name);
                methods[i] = (VarlinkMethod) {
                        .name = names[i],
                        .handler = fake_handler(fake, name),
                };
        }
        return interface_root.n_actions;
}

static inline void fake_on_end(_unused_ int number) {
        fake_end_vmm();
}

/* As a helper that is killed: systemd keeps the socket. */
static inline void fake_cut(int listen_fd, size_t n) {
        for (; n > 0; n--) {
                _cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
                char byte;

                (void) !read(fd, &byte, 1);
        }
}

static inline void fake_root_main(int listen_fd, void *userdata) {
        static const Interface *const interfaces[] = {&interface_root, NULL};
        VarlinkMethod methods[32];
        FakeRoot *fake = userdata;
        size_t n = fake_methods(fake, methods, ELEMENTSOF(methods));
        const VarlinkServerConfig config = service_config(interfaces, methods, n,
                                                          &varlink_limits_helper, fake);

        (void) sigaction(SIGUSR1, &(struct sigaction) {.sa_handler = fake_on_end}, NULL);
        fake_cut(listen_fd, fake->n_cut);
        serve_for_ever(listen_fd, &config);
}

static inline pid_t fake_root_start(const char *path, FakeRoot fake) {
        return process_start(path, fake_root_main, &fake);
}
