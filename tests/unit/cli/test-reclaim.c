/* Uninstalling against a helper that has something, in a process of its own. */
#include "cli/layout.h"
#include "cli/teardown.h"
#include "tests/unit/cli/fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "common/varlink-poll.h"
#include "common/varlink-server.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

typedef struct Kernel {
        const TempRoot *root;
        bool tap, jail, disks, bridge, runs;
        bool owner_came; /* a call came while the socket was still to be the owner's */
} Kernel;

static void add_entry(Inventory *inventory, bool there, InventoryKind kind, const char *name,
                     const char *vm) {
        InventoryEntry *items = inventory->entries.items;

        if (there)
                items[inventory->entries.n_items++] = (InventoryEntry) {
                        .kind = (int) kind, .name = strdup(name), .vm = vm ? strdup(vm) : NULL};
}

static int reply_inventory(const Kernel *kernel, VarlinkCall *call) {
        Inventory inventory = {.entries = {.items = calloc(4, sizeof(InventoryEntry))}};
        int r;

        assert_non_null(inventory.entries.items);
        add_entry(&inventory, kernel->tap, INVENTORY_LINK, "bgr-0123456789", "0123456789");
        add_entry(&inventory, kernel->jail, INVENTORY_JAIL, "0123456789", "0123456789");
        add_entry(&inventory, kernel->disks, INVENTORY_DM, "banger-0123456789",
                         "0123456789");
        add_entry(&inventory, kernel->bridge, INVENTORY_LINK, "br-banger", NULL);
        r = varlink_call_reply(call, &inventory);
        schema_clear(&inventory_schema, &inventory);
        return r;
}

static int reply_reaped(const Kernel *kernel, VarlinkCall *call) {
        RootReaped reaped = {.state = kernel->runs ? ROOT_UNIT_ACTIVE : ROOT_UNIT_ABSENT};

        return varlink_call_reply(call, &reaped);
}

static int handle(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        Kernel *kernel = userdata;
        const char *method = string_after_prefix(varlink_call_method(call), "io.banger.Root.");

        (void) parameters;
        if (temp_root_has(kernel->root, LAYOUT_HELPER_OWNER))
                kernel->owner_came = true;
        if (string_equal(method, "Inventory"))
                return reply_inventory(kernel, call);
        if (string_equal(method, "Reap"))
                return reply_reaped(kernel, call);
        /* As the real one: each needs what holds it gone. */
        if ((string_equal(method, "BridgeRemove") && kernel->tap) ||
            (string_equal(method, "DiskDetach") && kernel->jail))
                return error_set(reterr, ERROR_BUSY, EBUSY, "%s: in use", method);
        if (string_equal(method, "JailRemove"))
                kernel->jail = false;
        if (string_equal(method, "DiskDetach"))
                kernel->disks = false;
        if (string_equal(method, "TapDelete"))
                kernel->tap = false;
        if (string_equal(method, "BridgeRemove"))
                kernel->bridge = false;
        return varlink_call_reply(call, NULL);
}

static void helper_main(int listen_fd, Kernel *kernel) {
        static const VarlinkMethod methods[] = {
                {"io.banger.Root.Ping", handle, 0},
                {"io.banger.Root.Inventory", handle, 0},
                {"io.banger.Root.BridgeEnsure", handle, 0},
                {"io.banger.Root.BridgeRemove", handle, 0},
                {"io.banger.Root.ResolverSet", handle, 0},
                {"io.banger.Root.ResolverClear", handle, 0},
                {"io.banger.Root.TapCreate", handle, 0},
                {"io.banger.Root.TapDelete", handle, 0},
                {"io.banger.Root.DiskAttach", handle, 0},
                {"io.banger.Root.DiskDetach", handle, 0},
                {"io.banger.Root.DiskGrow", handle, 0},
                {"io.banger.Root.DiskOpen", handle, 0},
                {"io.banger.Root.JailMake", handle, 0},
                {"io.banger.Root.JailRemove", handle, 0},
                {"io.banger.Root.Launch", handle, 0},
                {"io.banger.Root.Sockets", handle, 0},
                {"io.banger.Root.Stop", handle, 0},
                {"io.banger.Root.Reap", handle, 0},
                {"io.banger.Root.NetworkSet", handle, 0},
        };
        static const Interface *const interfaces[] = {&interface_root, NULL};
        static const VarlinkServeConfig times = {PATIENCE_USEC, PATIENCE_USEC, PATIENCE_USEC};
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "fake",
                .version = "0",
                .url = "https://banger.example/",
                .interfaces = interfaces,
                .methods = methods,
                .n_methods = ELEMENTSOF(methods),
                .limits = &varlink_limits_helper,
                .userdata = kernel,
        };
        VarlinkServer *server = NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (varlink_server_new(&config, &server) < 0)
                _exit(2);
        for (;;) {
                int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

                if (fd < 0 || varlink_serve(server, fd, &(Peer) {}, &times) < 0)
                        _exit(3);
        }
}

typedef struct Run {
        const TempRoot *root;
        Kernel *kernel; /* shared with the helper */
        UnitScript script;
        SetupEnv env;
        Capture capture;
        Progress progress;
        pid_t pid;
} Run;

static pid_t helper_start(const TempRoot *root, Kernel *kernel) {
        int fd = fixture_listen(root->helper_socket);
        pid_t pid;

        assert_int_equal(chmod(root->helper_socket, 0600), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                helper_main(fd, kernel);
        close_fd(fd);
        return pid;
}

static void run_open(Run *run, const TempRoot *root, const UnitCall *calls, size_t n_calls) {
        *run = (Run) {.root = root, .script = {calls, n_calls, 0}};
        fixture_install(root);
        run->env = (SetupEnv) {.host = &root->host,
                               .units = {&script_ops, &run->script},
                               .booted = true};
        run->kernel = mmap(NULL, sizeof(*run->kernel), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(run->kernel != MAP_FAILED);
        *run->kernel = (Kernel) {.root = root, .tap = true, .jail = true, .disks = true,
                                 .bridge = true};
        run->pid = helper_start(root, run->kernel);
        capture_open(&run->capture);
        assert_int_equal(progress_init(&run->progress, run->capture.out, false), 0);
}

static void run_close(Run *run) {
        script_assert_done(&run->script);
        assert_int_equal(kill(run->pid, SIGKILL), 0);
        assert_int_equal(waitpid(run->pid, NULL, 0), run->pid);
        (void) munmap(run->kernel, sizeof(*run->kernel));
        progress_clear(&run->progress);
        capture_close(&run->capture);
}

#define STOP                                                                                       \
        {.call = "stop bangerd-dns.socket"}, {.call = "stop bangerd.socket"},                      \
                {.call = "stop banger-worker.socket"}, {.call = "stop bangerd.service"},           \
                {.call = "list banger-worker@*.service"}
#define STOP_HELPER                                                                                \
        {.call = "stop bangerd-root.socket"}, {.call = "stop bangerd-root.service"}
#define HELPER_FOR_ROOT                                                                            \
        {.call = "get_state bangerd-root.socket", .state = {.known = true}}, {.call = "reload"},   \
                {.call = "start bangerd-root.socket"}
#define DISABLE_AND_LOOK                                                                           \
        {.call = "disable bangerd-dns.socket"}, {.call = "disable bangerd.socket"},                \
                {.call = "disable banger-worker.socket"}, {.call = "disable bangerd.service"},     \
                {.call = "disable bangerd-root.socket"}, {.call = "reload"},                       \
                {.call = "reset bangerd-dns.socket"}, {.call = "reset bangerd.socket"},            \
                {.call = "reset banger-worker.socket"}, {.call = "reset bangerd.service"},         \
                {.call = "reset bangerd-root.socket"}, {.call = "reset bangerd-root.service"},     \
                {.call = "reset banger.slice"}, {.call = "get_state bangerd-dns.socket"},          \
                {.call = "get_state bangerd.socket"}, {.call = "get_state banger-worker.socket"},  \
                {.call = "get_state bangerd.service"}, {.call = "get_state bangerd-root.socket"},  \
                {.call = "get_state bangerd-root.service"}, {.call = "get_state banger.slice"},    \
                {.call = "list banger-worker@*.service"}, {.call = "list banger-vm-*.service"}

static const UnitCall all_well[] = {
        STOP, STOP_HELPER, HELPER_FOR_ROOT, STOP_HELPER, {.call = "stop banger.slice"},
        DISABLE_AND_LOOK,
};
/* The slice is left alone. */
static const UnitCall not_wholly[] = {
        STOP, STOP_HELPER, HELPER_FOR_ROOT, STOP_HELPER, DISABLE_AND_LOOK,
};

static void what_the_owner_made_last_goes_once_only_root_is_served(void **state) {
        TempRoot *root = *state;
        Run run;

        run_open(&run, root, all_well, ELEMENTSOF(all_well));
        assert_int_equal(teardown_run(&run.env, true, &run.progress, NULL), 0);
        assert_false(run.kernel->owner_came);
        assert_false(run.kernel->tap || run.kernel->jail || run.kernel->disks ||
                     run.kernel->bridge);
        assert_false(temp_root_has(root, BANGER_INSTALL_CONF));
        assert_non_null(strstr(capture_text(&run.capture), "this host is clean"));
        run_close(&run);
}

static void a_vm_that_was_started_meanwhile_is_left_running_and_told(void **state) {
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        Run run;

        run_open(&run, root, not_wholly, ELEMENTSOF(not_wholly));
        run.kernel->runs = true;
        assert_int_equal(teardown_run(&run.env, true, &run.progress, &error), -EBUSY);
        assert_non_null(strstr(error.message, "vm 0123456789 runs"));
        assert_non_null(strstr(error.hint, "systemctl stop banger-vm-0123456789.service"));
        assert_true(run.kernel->tap && run.kernel->disks);
        assert_true(temp_root_has(root, BANGER_INSTALL_CONF));
        assert_true(temp_root_has(root, "/var/lib/banger/vms"));
        run_close(&run);
}

static void the_next_run_finishes_what_one_could_not(void **state) {
        TempRoot *root = *state;
        Run run;

        run_open(&run, root, not_wholly, ELEMENTSOF(not_wholly));
        run.kernel->runs = true;
        assert_int_equal(teardown_run(&run.env, true, &run.progress, NULL), -EBUSY);
        script_assert_done(&run.script);
        run.kernel->runs = false;
        run.script = (UnitScript) {all_well, ELEMENTSOF(all_well), 0};
        assert_int_equal(teardown_run(&run.env, true, &run.progress, NULL), 0);
        assert_false(run.kernel->bridge);
        assert_false(temp_root_has(root, "/etc/banger"));
        run_close(&run);
}

static void a_socket_that_others_may_open_is_not_trusted(void **state) {
        TempRoot *root = *state;
        _cleanup_error_ Error error = ERROR_INIT;
        Run run;

        run_open(&run, root, not_wholly, ELEMENTSOF(not_wholly));
        assert_int_equal(chmod(root->helper_socket, 0660), 0);
        assert_int_equal(teardown_run(&run.env, false, &run.progress, &error), -EPERM);
        assert_non_null(strstr(error.hint, "systemctl cat bangerd-root.socket"));
        assert_true(temp_root_has(root, BANGER_INSTALL_CONF));
        run_close(&run);
}

static void a_helper_that_does_not_stop_leaves_the_files_for_the_next_run(void **state) {
        static const UnitCall calls[] = {
                STOP,
                {.call = "stop bangerd-root.socket"},
                {.call = "stop bangerd-root.service", .result = -EIO},
                HELPER_FOR_ROOT,
                STOP_HELPER,
                DISABLE_AND_LOOK,
        };
        TempRoot *root = *state;
        Run run;

        run_open(&run, root, calls, ELEMENTSOF(calls));
        assert_int_equal(teardown_run(&run.env, false, &run.progress, NULL), -EIO);
        assert_true(temp_root_has(root, BANGER_INSTALL_CONF));
        run_close(&run);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                in_root("what_the_owner_made_last_goes_once_only_root_is_served",
                        what_the_owner_made_last_goes_once_only_root_is_served),
                in_root("a_vm_that_was_started_meanwhile_is_left_running_and_told",
                        a_vm_that_was_started_meanwhile_is_left_running_and_told),
                in_root("the_next_run_finishes_what_one_could_not",
                        the_next_run_finishes_what_one_could_not),
                in_root("a_socket_that_others_may_open_is_not_trusted",
                        a_socket_that_others_may_open_is_not_trusted),
                in_root("a_helper_that_does_not_stop_leaves_the_files_for_the_next_run",
                        a_helper_that_does_not_stop_leaves_the_files_for_the_next_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
