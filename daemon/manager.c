#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/varlink-event.h"
#include "common/version.h"
#include "daemon/dispatch.h"
#include "daemon/firecracker.h"
#include "daemon/manager.h"
#include "daemon/names.h"
#include "daemon/recovery.h"
#include "daemon/vm.h"

/* What a stop waits for calls under way, and for connections that were taken but have not spoken. */
#define DRAIN_USEC USEC_PER_SEC
/* And where the host stops, for guests to do so: what they are given, and the clean-up. Less than
 * systemd's DefaultTimeoutStopSec=, 90 s. */
#define SHUTDOWN_USEC ((VM_STOP_TIMEOUT_S_DEFAULT + 30) * USEC_PER_SEC)

struct Manager {
        const ManagerConfig *config;
        sd_event *event;
        sd_event_source *sigterm, *sigint, *sighup;
        sd_event_source *drained, *drain_timer; /* while it stops */
        bool stopping, host_stopping;
        DaemonContext context;
        DaemonSockets sockets; /* until they are in use */
        VarlinkMethod *methods;
        VarlinkServerConfig server_config;
        VarlinkServer *server;
        VarlinkListenerConfig listener_config;
        VarlinkListener *listener;
};

static void manager_cleanup(Manager **manager) {
        manager_free(*manager);
}

/* After each turn of the loop. */
static int on_turn(_unused_ sd_event_source *source, void *userdata) {
        const Manager *manager = userdata;

        if (manager->listener && varlink_listener_n_clients(manager->listener) > 0 &&
            !manager->host_stopping)
                return 0;
        if (manager->host_stopping && vms_active(manager->context.vms))
                return 0;
        return sd_event_exit(manager->event, 0);
}

static int on_drain_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec,
                          void *userdata) {
        const Manager *manager = userdata;

        return sd_event_exit(manager->event, 0);
}

static int manager_drain(Manager *manager) {
        int r;

        r = manager->listener ? varlink_listener_stop_accepting(manager->listener) : 0;
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(manager->event, &manager->drain_timer, CLOCK_MONOTONIC,
                                       manager->host_stopping ? SHUTDOWN_USEC : DRAIN_USEC, 0,
                                       on_drain_timer, manager);
        if (r < 0)
                return r;
        return sd_event_add_post(manager->event, &manager->drained, on_turn, manager);
}

static int on_signal(_unused_ sd_event_source *source,
                     _unused_ const struct signalfd_siginfo *info, void *userdata) {
        Manager *manager = userdata;

        (void) sd_notify(0, "STOPPING=1");
        if (manager->stopping)
                return 0;
        manager->stopping = true;
        manager->host_stopping = manager->config->host_is_stopping &&
                                 manager->config->host_is_stopping();
        if (manager->host_stopping)
                vms_shut_down(manager->context.vms);
        return manager_drain(manager) < 0 ? sd_event_exit(manager->event, 0) : 0;
}

/* systemctl reload bangerd: the rules of the network may be gone (nft flush ruleset). */
static int on_reload(_unused_ sd_event_source *source,
                     _unused_ const struct signalfd_siginfo *info, void *userdata) {
        const Manager *manager = userdata;

        if (!manager->stopping)
                recovery_apply_network(manager->context.recovery);
        return 0;
}

/* By number: a name may be looked up in a database that is wrong or slow. */
static int authorize(const Peer *peer, void *userdata) {
        const Manager *manager = userdata;

        return peer->uid == manager->config->uid || peer->uid == 0 ? 0 : -EACCES;
}

/* Started without its drop-in, the daemon would be root. */
static int manager_check_owner(const Manager *manager, Error *reterr) {
        const InstallConf *install = &manager->context.install;
        int r;

        if (manager->config->uid == install->uid)
                return 0;
        r = error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                      "runs as uid %u, but the owner is %s (%u)", manager->config->uid,
                      install->owner, install->uid);
        return error_set_hint(reterr, r, "run: sudo banger system install --owner %s",
                              install->owner);
}

static int manager_make_loop(Manager *manager) {
        sigset_t blocked;
        int r;

        (void) sigemptyset(&blocked);
        (void) sigaddset(&blocked, SIGTERM);
        (void) sigaddset(&blocked, SIGINT);
        (void) sigaddset(&blocked, SIGHUP);
        r = pthread_sigmask(SIG_BLOCK, &blocked, NULL);
        if (r != 0)
                return -r;
        r = sd_event_new(&manager->event);
        if (r < 0)
                return r;
        r = sd_event_set_watchdog(manager->event, 1);
        if (r < 0)
                return r;
        r = sd_event_add_signal(manager->event, &manager->sigterm, SIGTERM, on_signal, manager);
        if (r < 0)
                return r;
        r = sd_event_add_signal(manager->event, &manager->sigint, SIGINT, on_signal, manager);
        if (r < 0)
                return r;
        return sd_event_add_signal(manager->event, &manager->sighup, SIGHUP, on_reload, manager);
}

static int manager_make_server(Manager *manager) {
        size_t n_methods;
        int r;

        r = daemon_methods_make(&manager->methods, &n_methods);
        if (r < 0)
                return r;
        manager->server_config = (VarlinkServerConfig) {
                .vendor = "banger",
                .product = "bangerd",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = daemon_interfaces,
                .methods = manager->methods,
                .n_methods = n_methods,
                .hooks = &daemon_hooks,
                .limits = &varlink_limits_daemon,
                .userdata = &manager->context,
        };
        manager->listener_config = (VarlinkListenerConfig) {
                .clients_max = manager->config->clients_max,
                .stall_timeout_usec = manager->config->stall_timeout_usec,
                .authorize = authorize,
                .userdata = manager,
        };
        return varlink_server_new(&manager->server_config, &manager->server);
}

/* Without names VMs work all the same. */
static void manager_serve_names(Manager *manager) {
        NamesSockets sockets = steal_struct(manager->sockets.names, ((NamesSockets) {-1, -1}));
        int r = names_new(&manager->context, sockets, &manager->context.names);

        if (r < 0)
                log_write(LOG_ERR, NULL, "cannot answer for names of VMs: %s", strerror(-r));
        names_route(manager->context.names);
}

/* Which VMs run is known now: whoever has connected meanwhile is served. */
static void on_recovered(void *userdata) {
        Manager *manager = userdata;
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        /* Whoever waits at the socket is served by the next daemon. */
        if (manager->stopping)
                return;
        r = varlink_listener_new(manager->event, manager->server,
                                 steal_fd(&manager->sockets.varlink), &manager->listener_config,
                                 &manager->listener);
        if (r < 0) {
                (void) error_set_errno(&error, -r, "cannot serve the socket");
                log_error(LOG_ERR, NULL, &error, "cannot start");
                (void) sd_event_exit(manager->event, r);
                return;
        }
        manager_serve_names(manager);
        (void) sd_notify(0, "READY=1");
}

static int manager_read_config(Manager *manager, Error *reterr) {
        const ManagerConfig *config = manager->config;
        int r;

        r = install_conf_read(config->install_conf, config->install_conf_uid,
                              &manager->context.install, reterr);
        if (r < 0)
                return r;
        r = manager_check_owner(manager, reterr);
        if (r < 0)
                return r;
        return config_read(config->conf, config->install_conf_uid, &manager->context.config,
                           reterr);
}

static int manager_read_boot(Manager *manager) {
        sd_id128_t boot;
        int r = sd_id128_get_boot(&boot);

        if (r < 0)
                return r;
        (void) sd_id128_to_string(boot, manager->context.boot_id);
        return 0;
}

/* What the handlers work with; the pool comes before what uses it. */
static int manager_load(Manager *manager, Error *reterr) {
        DaemonContext *context = &manager->context;
        _cleanup_free_ char *db = string_format("%s/db", context->state_dir);
        int r;

        r = db ? firecracker_initialize() : -ENOMEM;
        if (r >= 0)
                r = manager_read_boot(manager);
        if (r >= 0)
                r = event_bus_new(&context->events);
        if (r >= 0)
                r = operations_new(context->events, &context->operations);
        if (r >= 0)
                r = network_new(context->root_socket, port_hold, &context->network);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot start");
        r = store_open(db, &context->store, reterr);
        if (r >= 0)
                r = images_new(context->store, context->state_dir, &context->images, reterr);
        if (r >= 0)
                r = kernels_new(context->store, context->state_dir, &context->kernels, reterr);
        return r < 0 ? r : vms_new(context, &context->vms, reterr);
}

static int manager_recover(Manager *manager, Error *reterr) {
        DaemonSockets *sockets = &manager->sockets;
        int r;

        r = recovery_new(&manager->context, sockets->kept, sockets->n_kept, on_recovered, manager,
                         &manager->context.recovery);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot look at what runs");
        sockets->kept = NULL;
        sockets->n_kept = 0;
        return 0;
}

int manager_new(const ManagerConfig *config, DaemonSockets *sockets_taken, Manager **ret,
                Error *reterr) {
        _cleanup_(daemon_sockets_close) DaemonSockets sockets = *sockets_taken;
        _cleanup_(manager_cleanup) Manager *manager = calloc(1, sizeof(*manager));
        int r;

        *sockets_taken = DAEMON_SOCKETS_INIT;
        if (!manager)
                return error_set_errno(reterr, ENOMEM, "cannot start");
        manager->config = config;
        manager->sockets = steal_struct(sockets, DAEMON_SOCKETS_INIT);
        manager->context.root_socket = config->root_socket;
        manager->context.worker_socket = config->worker_socket;
        manager->context.state_dir = config->state_dir;
        manager->context.first_port = config->first_port;
        r = manager_read_config(manager, reterr);
        if (r < 0)
                return r;
        r = manager_make_loop(manager);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make the event loop");
        manager->context.event = manager->event;
        r = pool_new(manager->event, config->n_threads, config->queue_max, &manager->context.pool);
        if (r >= 0)
                r = pool_new(manager->event, config->n_short_threads, config->queue_max,
                             &manager->context.short_pool);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot start the worker threads");
        r = manager_load(manager, reterr);
        if (r < 0)
                return r;
        r = manager_make_server(manager);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot serve the socket");
        r = manager_recover(manager, reterr);
        if (r < 0)
                return r;
        *ret = steal_ptr(manager);
        return 0;
}

int manager_run(Manager *manager) {
        return sd_event_loop(manager->event);
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        manager->stopping = true;
        /* Clients first, so that the results of the last jobs are answered into nothing; the server
         * last of the three, for calls point to it. */
        varlink_listener_free(manager->listener);
        manager->context.stopping = true;
        if (manager->context.operations)
                operation_cancel_all(manager->context.operations);
        manager->context.pool = pool_free(manager->context.pool);
        manager->context.short_pool = pool_free(manager->context.short_pool);
        recovery_free(manager->context.recovery);
        names_free(manager->context.names);
        varlink_server_free(manager->server);
        vms_free(manager->context.vms);
        network_free(manager->context.network);
        images_free(manager->context.images);
        kernels_free(manager->context.kernels);
        operations_free(manager->context.operations);
        event_bus_free(manager->context.events);
        store_free(manager->context.store);
        daemon_sockets_close(&manager->sockets);
        free(manager->methods);
        sd_event_source_unref(manager->sigterm);
        sd_event_source_unref(manager->sigint);
        sd_event_source_unref(manager->sighup);
        sd_event_source_unref(manager->drained);
        sd_event_source_unref(manager->drain_timer);
        sd_event_unref(manager->event);
        install_conf_clear(&manager->context.install);
        config_clear(&manager->context.config);
        free(manager);
        return NULL;
}
