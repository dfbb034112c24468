#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/varlink-event.h"
#include "common/version.h"
#include "daemon/context.h"
#include "daemon/dispatch.h"
#include "daemon/manager.h"

/* What a stop waits for calls under way, and for connections that were taken but have not spoken. */
#define DRAIN_USEC USEC_PER_SEC

struct Manager {
        const ManagerConfig *config;
        sd_event *event;
        sd_event_source *sigterm, *sigint;
        sd_event_source *drained, *drain_timer; /* while it stops */
        DaemonContext context;
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

        return varlink_listener_n_clients(manager->listener) == 0 ? sd_event_exit(manager->event, 0)
                                                                  : 0;
}

static int on_drain_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec,
                          void *userdata) {
        const Manager *manager = userdata;

        return sd_event_exit(manager->event, 0);
}

static int manager_drain(Manager *manager) {
        int r;

        r = varlink_listener_stop_accepting(manager->listener);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(manager->event, &manager->drain_timer, CLOCK_MONOTONIC,
                                       DRAIN_USEC, 0, on_drain_timer, manager);
        if (r < 0)
                return r;
        return sd_event_add_post(manager->event, &manager->drained, on_turn, manager);
}

static int on_signal(_unused_ sd_event_source *source,
                     _unused_ const struct signalfd_siginfo *info, void *userdata) {
        Manager *manager = userdata;

        (void) sd_notify(0, "STOPPING=1");
        if (manager->drained)
                return 0;
        return manager_drain(manager) < 0 ? sd_event_exit(manager->event, 0) : 0;
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
        return sd_event_add_signal(manager->event, &manager->sigint, SIGINT, on_signal, manager);
}

static int manager_make_server(Manager *manager, DaemonSockets *sockets) {
        int r;

        manager->server_config = (VarlinkServerConfig) {
                .vendor = "banger",
                .product = "bangerd",
                .version = banger_version,
                .url = BANGER_URL,
                .interfaces = daemon_interfaces,
                .methods = daemon_methods,
                .n_methods = daemon_n_methods,
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
        r = varlink_server_new(&manager->server_config, &manager->server);
        if (r < 0)
                return r;
        return varlink_listener_new(manager->event, manager->server, steal_fd(&sockets->varlink),
                                    &manager->listener_config, &manager->listener);
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
        manager->context.root_socket = config->root_socket;
        r = install_conf_read(config->install_conf, config->install_conf_uid,
                              &manager->context.install, reterr);
        if (r < 0)
                return r;
        r = manager_check_owner(manager, reterr);
        if (r < 0)
                return r;
        r = manager_make_loop(manager);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make the event loop");
        r = pool_new(manager->event, config->n_threads, config->queue_max, &manager->context.pool);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot start the worker threads");
        r = manager_make_server(manager, &sockets);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot serve the socket");
        *ret = steal_ptr(manager);
        return 0;
}

int manager_run(Manager *manager) {
        (void) sd_notify(0, "READY=1");
        return sd_event_loop(manager->event);
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        /* Clients first, so that the results of the last jobs are answered into nothing; the server
         * last of the three, for calls point to it. */
        varlink_listener_free(manager->listener);
        pool_free(manager->context.pool);
        varlink_server_free(manager->server);
        sd_event_source_unref(manager->sigterm);
        sd_event_source_unref(manager->sigint);
        sd_event_source_unref(manager->drained);
        sd_event_source_unref(manager->drain_timer);
        sd_event_unref(manager->event);
        install_conf_clear(&manager->context.install);
        free(manager);
        return NULL;
}
