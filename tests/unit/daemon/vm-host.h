#pragma once
/* A daemon with VMs, in a process of its own: real pools, a helper that does as it is told, and
 * guests that are a socket. What needs KVM or Firecracker is left out of a start. */

#include <systemd/sd-event.h>

#include "common/api-forward.h"
#include "common/api-operation.h"
#include "common/api-vm.h"
#include "common/json.h"
#include "common/varlink-event.h"
#include "common/varlink-stream.h"
#include "daemon/forward-varlink.h"
#include "daemon/names.h"
#include "daemon/operation-varlink.h"
#include "daemon/recovery.h"
#include "daemon/vm-varlink.h"
#include "daemon/vm.h"
#include "tests/unit/daemon/fake-root.h"

#define IMAGE_ID "1111111111"
#define KERNEL_ID "2222222222"

typedef struct VmHost {
        char directory[64], socket[96], root_socket[96], vsock[96], first_port[96];
        int dir_fd, gate[2];
        size_t n_threads;
        int console[2]; /* socketpair: of a VM whose descriptors systemd kept; -1 */
        char kept_id[VM_ID_LENGTH + 1];
        bool reloads; /* the daemon, before it knows what runs */
        pid_t daemon, root, guest;
        Error error;
} VmHost;

/* Of the daemon's process: what the steps of a start, which know no VM, work on. */
static DaemonContext vm_host_context;
static int vm_host_gate = -1;
/* What the next daemon answers DNS on; none by itself. */
static NamesSockets vm_host_names = {-1, -1};

static inline int ops_nothing(_unused_ Start *start, _unused_ Error *reterr) {
        return 0;
}

/* A VM whose name begins with this stays in that step until a byte comes, or it is cancelled. */
static inline int ops_pass_gate(const Start *start, const char *prefix, Error *reterr) {
        struct pollfd fds[] = {
                {.fd = vm_host_gate, .events = POLLIN},
                {.fd = operation_cancel_fd(start->operation), .events = POLLIN},
        };
        char byte;

        if (!string_after_prefix(start->name, prefix))
                return 0;
        (void) poll(fds, 2, -1);
        if (fds[1].revents != 0)
                return operation_check(start->operation, reterr);
        return read(vm_host_gate, &byte, 1) == 1 ? 0 : -EIO;
}

static inline int ops_check(Start *start, Error *reterr) {
        return ops_pass_gate(start, "slow", reterr);
}

/* In the loop: as the agent's report would. */
/* The ports of a test's forwards are any: they may be somebody's. */
static inline int host_hold_nothing(_unused_ const Forward *forward, int *ret_fd,
                                    _unused_ Error *reterr) {
        *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return 0;
}

static inline void raise_readiness(void *userdata) {
        Vm *vm = vms_find_id(vm_host_context.vms, userdata);

        if (vm)
                vm_raise_readiness(vm, VM_READINESS_INIT);
        free(userdata);
}

static inline int ops_wait_ready(Start *start, Error *reterr) {
        int r = ops_pass_gate(start, "late", reterr);

        if (r >= 0)
                r = operation_check(start->operation, reterr); /* as the real one */
        if (r >= 0 && !string_after_prefix(start->name, "mute"))
                r = pool_post(vm_host_context.pool, raise_readiness, strdup(start->id.text));
        return r;
}

/* As systemd gives them back: a listener, and for pty and log the end of a socket. */
static inline size_t vm_host_kept(const VmHost *host, KeptFd **ret) {
        KeptFd *kept = calloc(3, sizeof(*kept));
        char path[96];

        if (!kept || host->kept_id[0] == '\0') {
                free(kept);
                return 0;
        }
        (void) snprintf(path, sizeof(path), "%s/jail", host->directory);
        (void) unlink(path);
        kept[0].role = KEEP_LISTENER;
        kept[0].fd = listener_at(path);
        kept[1].role = KEEP_PTY;
        kept[1].fd = dup(host->console[0]);
        kept[2].role = KEEP_LOG;
        kept[2].fd = dup(host->console[0]);
        for (size_t i = 0; i < 3; i++)
                (void) snprintf(kept[i].id.text, sizeof(kept[i].id.text), "%s", host->kept_id);
        *ret = kept;
        return 3;
}

typedef struct VmHostListening {
        int fd;
        VarlinkServer *server;
        VarlinkListenerConfig config;
        VarlinkListener *listener;
} VmHostListening;

static inline void vm_host_recovered(void *userdata) {
        VmHostListening *listening = userdata;

        if (varlink_listener_new(vm_host_context.event, listening->server, listening->fd,
                                 &listening->config, &listening->listener) < 0 ||
            (vm_host_names.udp >= 0 &&
             names_new(&vm_host_context, vm_host_names, &vm_host_context.names) < 0))
                _exit(1);
}

static inline void vm_host_main(int listen_fd, void *userdata) {
        static const Interface *const interfaces[] = {&interface_vm, &interface_forward,
                                                      &interface_operation, NULL};
        const VarlinkMethod methods[] = {
                forward_methods[0],
                forward_methods[1],
                forward_methods[2],
                {"io.banger.VM.Create", vm_handle_create, 0},
                {"io.banger.VM.Start", vm_handle_start, 0},
                {"io.banger.VM.Stop", vm_handle_stop, 0},
                {"io.banger.VM.Resize", vm_handle_resize, 0},
                {"io.banger.VM.Delete", vm_handle_delete, 0},
                {"io.banger.VM.Set", vm_handle_set, 0},
                {"io.banger.VM.List", vm_handle_list, 0},
                {"io.banger.VM.Show", vm_handle_show, 0},
                {"io.banger.VM.Connect", vm_handle_connect, 0},
                {"io.banger.Operation.List", operation_handle_list, 0},
                {"io.banger.Operation.Cancel", operation_handle_cancel, 0},
        };
        const VmHost *host = userdata;
        DaemonContext *context = &vm_host_context;
        StartOps ops = start_ops;
        const VarlinkServerConfig config = service_config(interfaces, methods, ELEMENTSOF(methods),
                                                          &varlink_limits_daemon, context);
        VmHostListening listening = {.fd = listen_fd, .config = {16, PATIENCE_USEC, NULL, NULL}};
        KeptFd *kept = NULL;
        size_t n_kept;

        close_fd(host->console[1]); /* the VMM's */
        vm_host_gate = host->gate[0];
        ops.check = ops_check;
        ops.api_socket = ops.configure = ops.boot = ops_nothing;
        ops.wait_ready = ops_wait_ready;
        context->root_socket = host->root_socket;
        context->state_dir = host->directory;
        context->first_port = host->first_port;
        context->start_ops = &ops;
        (void) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        if (config_read("/nonexistent", 0, &context->config, NULL) < 0 ||
            sd_event_new(&context->event) < 0 ||
            pool_new(context->event, host->n_threads, 16, &context->pool) < 0 ||
            pool_new(context->event, 1, 16, &context->short_pool) < 0 ||
            event_bus_new(&context->events) < 0 ||
            operations_new(context->events, &context->operations) < 0 ||
            network_new(context->root_socket, host_hold_nothing, &context->network) < 0 ||
            store_open(context->state_dir, &context->store, NULL) < 0 ||
            images_new(context->store, context->state_dir, &context->images, NULL) < 0 ||
            kernels_new(context->store, context->state_dir, &context->kernels, NULL) < 0 ||
            vms_new(context, &context->vms, NULL) < 0 ||
            varlink_server_new(&config, &listening.server) < 0)
                _exit(1);
        n_kept = vm_host_kept(host, &kept);
        if (recovery_new(context, kept, n_kept, vm_host_recovered, &listening,
                         &context->recovery) < 0)
                _exit(1);
        if (host->reloads)
                recovery_apply_network(context->recovery);
        (void) sd_event_loop(context->event);
        _exit(1);
}

/* The VMM's side of vsock, and an agent behind it that says "hello" (docs/vsock.md). */
static inline void guest_main(int listen_fd, _unused_ void *userdata) {
        for (;;) {
                _cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
                char byte = '\0';

                while (byte != '\n' && read(fd, &byte, 1) == 1)
                        ;
                (void) io_write_full(fd, "OK 1\nhello", 10);
        }
}

static inline void host_start_daemon(VmHost *host) {
        host->daemon = process_start(host->socket, vm_host_main, host);
}

static inline void host_restart_daemon(VmHost *host) {
        process_stop(host->daemon);
        host_start_daemon(host);
}

static inline void host_start_root(VmHost *host, bool bad_listener) {
        process_stop(host->root);
        host->root = fake_root_start(host->root_socket,
                                     (FakeRoot) {.directory = host->directory,
                                                 .bad_listener = bad_listener});
}

static inline void host_fill_store(const VmHost *host) {
        char name[] = "debian", release[] = "";
        const ImageRecord image = {.id = {IMAGE_ID}, .name = name, .size_bytes = 4096};
        const KernelRecord kernel = {
                .id = {KERNEL_ID},
                .name = name,
                .release = release,
                .is_default = true,
        };
        Store *store = NULL;

        assert_int_equal(store_open(host->directory, &store, NULL), 0);
        assert_int_equal(store_put_image(store, &image, NULL), 0);
        assert_int_equal(store_put_kernel(store, &kernel, NULL), 0);
        store_free(store);
}

static inline int host_setup(void **state) {
        VmHost *host = calloc(1, sizeof(*host));

        assert_non_null(host);
        (void) snprintf(host->directory, sizeof(host->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(host->directory));
        host->dir_fd = open(host->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(host->dir_fd >= 0);
        (void) snprintf(host->socket, sizeof(host->socket), "%s/sock", host->directory);
        (void) snprintf(host->root_socket, sizeof(host->root_socket), "%s/root", host->directory);
        (void) snprintf(host->first_port, sizeof(host->first_port), "%s/first_port",
                        host->directory);
        (void) snprintf(host->vsock, sizeof(host->vsock), "%s/vsock", host->directory);
        assert_int_equal(mkdirat(host->dir_fd, "images", 0700), 0);
        assert_int_equal(mkdirat(host->dir_fd, "kernels", 0700), 0);
        assert_int_equal(mkdirat(host->dir_fd, "vms", 0700), 0);
        assert_int_equal(pipe2(host->gate, O_CLOEXEC), 0);
        host->console[0] = host->console[1] = -1;
        host->n_threads = 2;
        host_fill_store(host);
        host_start_root(host, false);
        host->guest = process_start(host->vsock, guest_main, NULL);
        host_start_daemon(host);
        *state = host;
        return 0;
}

static inline int host_teardown(void **state) {
        VmHost *host = *state;

        process_stop(host->daemon);
        process_stop(host->root);
        process_stop(host->guest);
        close_fd(host->gate[0]);
        close_fd(host->gate[1]);
        close_fd(host->console[0]);
        close_fd(host->console[1]);
        close_fd(host->dir_fd);
        remove_tree(host->directory);
        error_clear(&host->error);
        free(host);
        return 0;
}

static inline void host_open_gate(const VmHost *host) {
        assert_int_equal(write(host->gate[1], "!", 1), 1);
}

static inline void host_write(const VmHost *host, const char *file, const char *text) {
        assert_int_equal(io_write_file_atomic(host->dir_fd, file, text, strlen(text), 0600), 0);
}

static inline void host_let_fail(const VmHost *host, const char *verb) {
        host_write(host, "fails", verb);
}

/* The helper does not answer that verb until it is told otherwise. */
static inline void host_hold(const VmHost *host, const char *verb) {
        host_write(host, "holds", verb);
}

static inline VarlinkClient *host_connect(const VmHost *host) {
        VarlinkClient *client = NULL;

        assert_int_equal(varlink_client_connect(host->socket, &client, NULL), 0);
        return client;
}

static inline int host_call(VmHost *host, const Interface *interface, const char *method,
                            const void *in, void *out, int *ret_fd) {
        VarlinkClient *client = host_connect(host);
        int r;

        error_clear(&host->error);
        r = varlink_client_call(client, interface, method, in, out, NULL, 0, ret_fd,
                                clock_monotonic_usec() + PATIENCE_USEC, &host->error);
        varlink_client_free(client);
        return r;
}

static inline void host_create(VmHost *host, const char *name) {
        char copy[64], image[] = "debian";
        const VmCreate in = {.name = copy, .image = image, .vcpus = 1, .memory_mib = 256};
        VmInfo info;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        assert_int_equal(host_call(host, &interface_vm, "Create", &in, &info, NULL), 0);
        schema_clear(&vm_info_schema, &info);
}

/* Its id, and so the directory of its disks. */
static inline void host_id(VmHost *host, const char *name, char ret[VM_ID_LENGTH + 1]) {
        char copy[64];
        const VmRef ref = {.vm = copy};
        VmInfo info;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        assert_int_equal(host_call(host, &interface_vm, "Show", &ref, &info, NULL), 0);
        (void) snprintf(ret, VM_ID_LENGTH + 1, "%s", info.id);
        schema_clear(&vm_info_schema, &info);
}

static inline int host_start(VmHost *host, const char *name) {
        char copy[64];
        const VmRef ref = {.vm = copy};
        VmProgress last = {};
        int r;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        r = host_call(host, &interface_vm, "Start", &ref, &last, NULL);
        schema_clear(&vm_progress_schema, &last);
        return r;
}

static inline int host_delete(VmHost *host, const char *name, bool force) {
        char copy[64];
        const VmDelete in = {.vm = copy, .force = force};

        (void) snprintf(copy, sizeof(copy), "%s", name);
        return host_call(host, &interface_vm, "Delete", &in, NULL, NULL);
}

/* -1 where there is none of that name. */
static inline int host_state(VmHost *host, const char *name) {
        char copy[64];
        const VmRef ref = {.vm = copy};
        VmInfo info;
        int state;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        if (host_call(host, &interface_vm, "Show", &ref, &info, NULL) < 0)
                return -1;
        state = info.state;
        schema_clear(&vm_info_schema, &info);
        return state;
}

/* Sends a call and does not wait for the answer. */
static inline VarlinkClient *host_send(const VmHost *host, const char *method,
                                       const Schema *schema, const void *in) {
        VarlinkClient *client = host_connect(host);
        struct json_object *parameters = NULL;

        assert_int_equal(schema_encode(schema, in, &parameters), 0);
        assert_int_equal(varlink_client_send(client, method, parameters, 0, NULL, 0,
                                             clock_monotonic_usec() + PATIENCE_USEC, NULL),
                         0);
        json_object_put(parameters);
        return client;
}

static inline VarlinkClient *host_send_start(const VmHost *host, const char *name) {
        char copy[64];
        const VmRef ref = {.vm = copy};

        (void) snprintf(copy, sizeof(copy), "%s", name);
        return host_send(host, "io.banger.VM.Start", &vm_ref_schema, &ref);
}

/* The answer; frees the client. */
static inline int host_receive(VmHost *host, VarlinkClient *client) {
        VarlinkReply reply = {};
        int r;

        error_clear(&host->error);
        r = varlink_client_receive(client, clock_monotonic_usec() + PATIENCE_USEC, &reply,
                                   &host->error);
        if (r >= 0)
                varlink_reply_clear(&reply);
        varlink_client_free(client);
        return r;
}

/* Until the VM is in that state. */
static inline void host_wait_state(VmHost *host, const char *name, int state) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;

        while (host_state(host, name) != state)
                assert_true(clock_monotonic_usec() < deadline);
}

/* What is under way on that VM. */
static inline void host_operation(VmHost *host, const char *name, char ret[16]) {
        const OperationInfo *items;
        OperationList list;

        ret[0] = '\0';
        assert_int_equal(host_call(host, &interface_operation, "List", NULL, &list, NULL), 0);
        items = list.operations.items;
        for (size_t i = 0; i < list.operations.n_items; i++)
                if (strcmp(items[i].object, name) == 0)
                        (void) snprintf(ret, 16, "%s", items[i].id);
        schema_clear(&operation_list_schema, &list);
        assert_true(ret[0] != '\0');
}

static inline int host_cancel(VmHost *host, char *operation) {
        const OperationRef ref = {.operation = operation};

        return host_call(host, &interface_operation, "Cancel", &ref, NULL, NULL);
}

/* How often the helper was asked for a verb. */
static inline size_t host_count_calls(const VmHost *host, const char *verb) {
        _cleanup_free_ char *text = NULL;
        char line[64];
        size_t n = 0;

        if (io_read_file(host->dir_fd, "calls", 65536, &text, NULL) < 0)
                return 0;
        (void) snprintf(line, sizeof(line), "%s\n", verb);
        for (const char *at = text; (at = strstr(at, line)); at += strlen(line))
                n += at == text || at[-1] == '\n';
        return n;
}
