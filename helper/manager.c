#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "common/clock.h"
#include "helper/guard.h"
#include "helper/handover.h"
#include "helper/manager.h"
#include "helper/waiting.h"

#define CLOSED_LOG_USEC (60 * USEC_PER_SEC)

/* A moment, so that one process ends many. */
#define DISMISSED_USEC (20 * USEC_PER_MSEC)
#define DISMISSED_MAX 64 /* and no further connection is accepted until a child has them */
/* A file on FUSE can hold up even an exit: no more children than these at once. */
#define ENDING_MAX 32
/* Past the longest connection and the longest call in it: what still holds a session then is one to the
 * kernel, such as the close of a descriptor that came with a request, and a signal ends most of these. */
#define SESSION_GRACE_USEC (120 * USEC_PER_SEC)

#define GUARD_PAUSE_USEC (100 * USEC_PER_MSEC) /* from one look at the tables to the next */
#define GUARD_RETRY_USEC (2 * USEC_PER_SEC)    /* after a failure, then twice as long each time */
#define GUARD_RETRY_MAX_USEC (64 * USEC_PER_SEC)

struct Manager {
        const ManagerConfig *config;
        sd_event *event;
        sd_event_source *listener, *idle_timer, *idle_check, *sigterm, *sigint;
        sd_event_source *dismissal; /* a timer; on while somebody is dismissed */
        sd_event_source *guard_watch, *guard_timer, *guard_check; /* NULL: it does not guard */
        size_t n_sessions, n_others; /* n_others: those of these that are not root's */
        Waiting waiting;             /* not root's; somebody only while others have all they may */
        uint64_t n_accepted, n_accepted_at_check;
        size_t n_ending;             /* children that end those dismissed */
        uint64_t closed_log_usec; /* from when on to log again that connections are closed */
        uint64_t ending_log_usec; /* likewise, that there are too many such children */
        bool guard_again;          /* there was a change while guard_check runs */
        Guard guard;
        uint64_t guard_retry_usec; /* 0: the last one has not failed */
        bool stopping;
};

typedef struct Child {
        int (*main)(const Manager *manager, int fd);
        sd_event_child_handler_t ended;
        bool keeps_dismissed; /* their connections end with it */
} Child;

static int session_main(const Manager *manager, int fd) {
        const uint64_t usec = manager->config->session.times.total_timeout_usec + SESSION_GRACE_USEC;

        (void) alarm((unsigned) (usec / USEC_PER_SEC));
        return session_serve(&manager->config->session, fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Success: no VM has anything left here. */
static int idle_check_main(const Manager *manager, _unused_ int fd) {
        const ManagerConfig *config = manager->config;
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_error_ Error error = ERROR_INIT;
        Inventory inventory = {};
        bool has_vm;
        int r;

        r = host_open(config->session.paths, &host, &error);
        if (r >= 0)
                r = inventory_read(config->session.sources, config->session.n_sources, &host,
                                   &inventory, &error);
        if (r < 0) {
                log_error(LOG_WARNING, NULL, &error, "cannot tell whether there are VMs; staying");
                return EXIT_FAILURE;
        }
        has_vm = inventory_has_vm(&inventory);
        schema_clear(&inventory_schema, &inventory);
        return has_vm ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int dismissed_main(_unused_ const Manager *manager, _unused_ int fd) {
        return EXIT_SUCCESS;
}

enum {
        EXIT_OWES_RELOAD = 2,
        EXIT_LOCKED, /* by a call that is under way */
};

static int guard_main(const Manager *manager, _unused_ int fd) {
        _cleanup_error_ Error error = ERROR_INIT;
        Guard guard = manager->guard;
        int r = guard_restore(&manager->config->session, &guard, &error);

        if (r >= 0)
                return EXIT_SUCCESS;
        log_error(LOG_ERR, NULL, &error, "the guests' network is not as it should be");
        if (guard.owes_reload)
                return EXIT_OWES_RELOAD;
        return r == -EBUSY ? EXIT_LOCKED : EXIT_FAILURE;
}

/* Has the loop reap it. */
static int manager_watch(Manager *manager, const Child *child, pid_t pid, sd_event_source **ret) {
        sd_event_source *source = NULL;
        int r;

        r = sd_event_add_child(manager->event, &source, pid, WEXITED, child->ended, manager);
        /* Not oneshot: while a debugger holds it, the first sign of its end comes too early to reap it.
         * libsystemd tells epoll so only when it is turned on. */
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ON);
        if (r >= 0 && ret)
                *ret = steal_ptr(source);
        else if (r >= 0)
                r = sd_event_source_set_floating(source, 1);
        sd_event_source_unref(source);
        return r < 0 ? r : 0;
}

/* Forks and watches. fd is the child's from then on; after a failure it is still the caller's. The child
 * keeps SIGTERM blocked: a stop of the helper lets a step that has begun come to its end. It never
 * touches the loop, which libsystemd ties to the parent's pid. */
static int manager_spawn(Manager *manager, const Child *child, int fd, sd_event_source **ret) {
        _cleanup_handover_ Handover handover = HANDOVER_INIT;
        pid_t pid;
        int r;

        r = handover_open(&handover);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                close_fd(manager->config->listen_fd);
                waiting_close(&manager->waiting, child->keeps_dismissed);
                if (handover_by_child(&handover) < 0)
                        _exit(EXIT_FAILURE);
                _exit(child->main(manager, fd));
        }
        r = handover_await_child(&handover);
        if (r >= 0)
                r = manager_watch(manager, child, pid, ret);
        if (r < 0) {
                /* Nobody would reap it or count it. */
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        close_fd(fd);
        if (child->keeps_dismissed)
                waiting_let_go(&manager->waiting);
        /* Both ends of that pipe are open here: it cannot fail. */
        (void) handover_by_parent(&handover);
        return 0;
}

/* Later ones do not put it off. */
static int manager_dismiss_soon(Manager *manager) {
        int on, r;

        r = sd_event_source_get_enabled(manager->dismissal, &on);
        if (r < 0 || on != SD_EVENT_OFF)
                return r;
        r = sd_event_source_set_time_relative(manager->dismissal, DISMISSED_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(manager->dismissal, SD_EVENT_ONESHOT);
}

/* While a child does not end, systemd would wait for it before it starts the helper anew. */
static bool manager_is_idle(const Manager *manager) {
        return manager->n_sessions == 0 && manager->n_ending == 0;
}

/* Accept while there is a session left: only root can take the last. Count idle time while there is no
 * session, and so nobody who waits for one. */
static int manager_rearm(Manager *manager) {
        bool accepts = !manager->stopping && manager->n_sessions < manager->config->sessions_max &&
                       manager->waiting.n_dismissed < DISMISSED_MAX;
        bool idle = !manager->stopping && manager_is_idle(manager);
        int r;

        r = sd_event_source_set_enabled(manager->listener, accepts ? SD_EVENT_ON : SD_EVENT_OFF);
        if (r >= 0 && manager->waiting.n_dismissed > 0)
                r = manager_dismiss_soon(manager);
        if (r < 0)
                return r;
        if (idle) {
                r = sd_event_source_set_time_relative(manager->idle_timer,
                                                      manager->config->idle_timeout_usec);
                if (r < 0)
                        return r;
        }
        r = sd_event_source_set_enabled(manager->idle_timer,
                                        idle ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r < 0)
                return r;
        return manager->stopping && manager->n_sessions == 0 ? sd_event_exit(manager->event, 0) : 0;
}

static int on_root_exit(sd_event_source *source, const siginfo_t *info, void *userdata);
static int on_other_exit(sd_event_source *source, const siginfo_t *info, void *userdata);

/* Takes the connection, which is lost where no process can be made for it: -errno. */
static int manager_serve(Manager *manager, int fd, bool root) {
        static const Child others = {.main = session_main, .ended = on_other_exit};
        static const Child roots = {.main = session_main, .ended = on_root_exit};
        int r;

        r = manager_spawn(manager, root ? &roots : &others, fd, NULL);
        if (r < 0) {
                log_write(LOG_ERR, NULL, "cannot serve a connection: %s", strerror(-r));
                waiting_dismiss(&manager->waiting, fd);
                return r;
        }
        manager->n_sessions++;
        if (!root)
                manager->n_others++;
        return 0;
}

static bool manager_has_room(const Manager *manager) {
        const ManagerConfig *config = manager->config;

        return manager->n_sessions < config->sessions_max &&
               manager->n_others < config->sessions_max - config->sessions_reserved;
}

/* Until one fails: what keeps a process from being made may have passed when the next session ends. With
 * none left nobody would look again. */
static void manager_serve_waiting(Manager *manager) {
        while (manager_has_room(manager)) {
                int fd = waiting_take(&manager->waiting);

                if (fd < 0 || (manager_serve(manager, fd, false) < 0 && manager->n_sessions > 0))
                        return;
        }
}

static int session_ended(Manager *manager, sd_event_source *source, const siginfo_t *info) {
        /* A negative or odd end is in the records of the session itself, but for this one. */
        if (info->si_code != CLD_EXITED)
                log_write(LOG_ERR, NULL, "session %d was ended by signal %d", info->si_pid,
                          info->si_status);
        /* The loop held the last reference. */
        (void) sd_event_source_set_floating(source, 0);
        manager->n_sessions--;
        manager_serve_waiting(manager);
        return manager_rearm(manager);
}

static int on_root_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        return session_ended(userdata, source, info);
}

static int on_other_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Manager *manager = userdata;

        manager->n_others--;
        return session_ended(manager, source, info);
}

static int on_dismissed_exit(sd_event_source *source, _unused_ const siginfo_t *info,
                             void *userdata) {
        Manager *manager = userdata;

        manager->n_ending--;
        (void) sd_event_source_set_floating(source, 0);
        return manager_rearm(manager);
}

static void log_ending(Manager *manager) {
        uint64_t now_usec = clock_monotonic_usec();

        if (now_usec < manager->ending_log_usec)
                return;
        manager->ending_log_usec = now_usec + CLOSED_LOG_USEC;
        log_write(LOG_ERR, NULL, "%zu processes cannot end connections, for what was sent on them; "
                  "nobody is served until they do: end the owner's programs", manager->n_ending);
}

/* After a failure again, a moment later. */
static int on_dismissal(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        static const Child child = {
                .main = dismissed_main,
                .ended = on_dismissed_exit,
                .keeps_dismissed = true,
        };
        Manager *manager = userdata;

        if (manager->n_ending == ENDING_MAX)
                log_ending(manager);
        else if (manager_spawn(manager, &child, -1, NULL) >= 0)
                manager->n_ending++;
        return manager_rearm(manager);
}

static int on_idle_check_exit(_unused_ sd_event_source *source, const siginfo_t *info,
                              void *userdata) {
        Manager *manager = userdata;

        manager->idle_check = sd_event_source_unref(manager->idle_check);
        if (manager->stopping || !manager_is_idle(manager))
                return 0;
        /* A connection that came in between may have started a VM. One that comes now waits in the
         * socket that systemd holds. */
        if (info->si_code == CLD_EXITED && info->si_status == EXIT_SUCCESS &&
            manager->n_accepted == manager->n_accepted_at_check)
                return sd_event_exit(manager->event, 0);
        return manager_rearm(manager);
}

static int on_idle(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        static const Child child = {.main = idle_check_main, .ended = on_idle_check_exit};
        Manager *manager = userdata;

        if (manager->idle_check)
                return 0;
        manager->n_accepted_at_check = manager->n_accepted;
        return manager_spawn(manager, &child, -1, &manager->idle_check);
}

static int guard_later(Manager *manager, uint64_t usec) {
        int r = sd_event_source_set_time_relative(manager->guard_timer, usec);

        return r < 0 ? r : sd_event_source_set_enabled(manager->guard_timer, SD_EVENT_ONESHOT);
}

static int guard_retry(Manager *manager) {
        uint64_t usec = manager->guard_retry_usec * 2;

        usec = usec > GUARD_RETRY_MAX_USEC ? GUARD_RETRY_MAX_USEC : usec;
        manager->guard_retry_usec = usec == 0 ? GUARD_RETRY_USEC : usec;
        return guard_later(manager, manager->guard_retry_usec);
}

static int guard_look(Manager *manager);

static int on_guard_exit(_unused_ sd_event_source *source, const siginfo_t *info, void *userdata) {
        Manager *manager = userdata;
        bool failed = info->si_code != CLD_EXITED || info->si_status != EXIT_SUCCESS;

        manager->guard_check = sd_event_source_unref(manager->guard_check);
        if (info->si_code == CLD_EXITED)
                manager->guard.owes_reload = info->si_status == EXIT_OWES_RELOAD;
        if (info->si_code == CLD_EXITED && info->si_status == EXIT_LOCKED)
                manager->guard_retry_usec = 0;
        if (failed)
                return guard_retry(manager);
        manager->guard_retry_usec = 0;
        return manager->guard_again ? guard_look(manager) : 0;
}

/* At once, for until then guests are not held. What changes meanwhile waits: all changes of a moment,
 * such as those of one transaction, are one. */
static int guard_look(Manager *manager) {
        static const Child child = {.main = guard_main, .ended = on_guard_exit};
        int r = sd_event_source_set_enabled(manager->guard_watch, SD_EVENT_OFF);

        if (r >= 0)
                r = guard_later(manager, GUARD_PAUSE_USEC);
        if (r < 0)
                return r;
        guard_drain(sd_event_source_get_io_fd(manager->guard_watch));
        manager->guard_again = manager->guard_check != NULL;
        if (manager->guard_again || (manager->guard_retry_usec == 0 && !guard_is_needed(&manager->guard)))
                return 0;
        r = manager_spawn(manager, &child, -1, &manager->guard_check);
        if (r >= 0)
                return 0;
        log_write(LOG_ERR, NULL, "cannot look after the guests' network: %s", strerror(-r));
        return guard_retry(manager);
}

static int on_guard_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec,
                          void *userdata) {
        Manager *manager = userdata;
        int r = sd_event_source_set_enabled(manager->guard_watch, SD_EVENT_ON);

        return r < 0 || manager->guard_retry_usec == 0 ? r : guard_look(manager);
}

static int on_tables_changed(_unused_ sd_event_source *source, _unused_ int fd,
                             _unused_ uint32_t revents, void *userdata) {
        return guard_look(userdata);
}

/* One line tells of all of them: whoever connects so often is not to fill the journal. */
static void log_closed(Manager *manager, uid_t uid) {
        uint64_t now_usec = clock_monotonic_usec();

        if (now_usec < manager->closed_log_usec)
                return;
        manager->closed_log_usec = now_usec + CLOSED_LOG_USEC;
        log_write(LOG_WARNING, NULL,
                  "%zu connections are served and %zu wait: further ones of uid %u are closed",
                  manager->n_sessions, manager->waiting.n, uid);
}

/* Whoever is not root has his place: in a session, or behind those who came earlier. */
static void manager_admit(Manager *manager, int fd, const Peer *peer) {
        if (peer->uid == 0 || manager_has_room(manager)) {
                (void) manager_serve(manager, fd, peer->uid == 0);
        } else if (!waiting_add(&manager->waiting, fd)) {
                waiting_dismiss(&manager->waiting, fd);
                log_closed(manager, peer->uid);
        }
}

static int on_connection(_unused_ sd_event_source *source, int listen_fd,
                         _unused_ uint32_t revents, void *userdata) {
        Manager *manager = userdata;
        Peer peer;
        int fd, r;

        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
                return 0;
        if (fd < 0)
                return -errno;
        manager->n_accepted++;
        r = peer_read(fd, &peer);
        if (r >= 0) {
                manager_admit(manager, fd, &peer);
        } else {
                waiting_dismiss(&manager->waiting, fd);
                log_write(LOG_ERR, NULL, "cannot tell who has connected: %s", strerror(-r));
        }
        return manager_rearm(manager);
}

static int on_signal(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *info,
                     void *userdata) {
        Manager *manager = userdata;

        manager->stopping = true;
        /* Nothing of theirs has begun; served, they could take longer than a stop may. */
        waiting_dismiss_all(&manager->waiting);
        (void) sd_notify(0, "STOPPING=1");
        return manager_rearm(manager);
}

/* Looks once at the start too: tables may have gone while no helper ran. */
static int manager_add_guard(Manager *manager) {
        _cleanup_close_ int fd = -1;
        int r;

        if (!manager->config->guards)
                return 0;
        r = guard_open(&fd);
        if (r < 0) {
                log_write(LOG_WARNING, NULL, "cannot watch nftables: %s", strerror(-r));
                return 0;
        }
        r = sd_event_add_io(manager->event, &manager->guard_watch, fd, EPOLLIN, on_tables_changed,
                            manager);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(manager->guard_watch, 1);
        if (r < 0)
                return r;
        (void) steal_fd(&fd);
        r = sd_event_add_time_relative(manager->event, &manager->guard_timer, CLOCK_MONOTONIC, 0, 0,
                                       on_guard_timer, manager);
        return r < 0 ? r : guard_look(manager);
}

static int manager_add_sources(Manager *manager) {
        int r;

        r = sd_event_add_io(manager->event, &manager->listener, manager->config->listen_fd, EPOLLIN,
                            on_connection, manager);
        if (r < 0)
                return r;
        r = sd_event_source_set_exit_on_failure(manager->listener, 1);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(manager->event, &manager->idle_timer, CLOCK_MONOTONIC,
                                       manager->config->idle_timeout_usec, 0, on_idle, manager);
        if (r < 0)
                return r;
        r = sd_event_source_set_exit_on_failure(manager->idle_timer, 1);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(manager->event, &manager->dismissal, CLOCK_MONOTONIC, 0, 1,
                                       on_dismissal, manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->dismissal, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_signal(manager->event, &manager->sigterm, SIGTERM, on_signal, manager);
        if (r < 0)
                return r;
        r = sd_event_add_signal(manager->event, &manager->sigint, SIGINT, on_signal, manager);
        return r < 0 ? r : manager_add_guard(manager);
}

int manager_new(const ManagerConfig *config, Manager **ret) {
        _cleanup_free_ Manager *manager = NULL;
        sigset_t blocked;
        int r;

        (void) sigemptyset(&blocked);
        (void) sigaddset(&blocked, SIGCHLD);
        (void) sigaddset(&blocked, SIGTERM);
        (void) sigaddset(&blocked, SIGINT);
        if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
                return -errno;
        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;
        manager->config = config;
        r = waiting_new(config->waiting_max, DISMISSED_MAX, &manager->waiting);
        if (r >= 0)
                r = sd_event_new(&manager->event);
        if (r >= 0)
                r = manager_add_sources(manager);
        if (r < 0) {
                manager_free(steal_ptr(manager));
                return r;
        }
        *ret = steal_ptr(manager);
        return 0;
}

int manager_run(Manager *manager) {
        (void) sd_notify(0, "READY=1");
        return sd_event_loop(manager->event);
}

size_t manager_n_sessions(const Manager *manager) {
        return manager->n_sessions;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        sd_event_source_unref(manager->listener);
        sd_event_source_unref(manager->idle_timer);
        sd_event_source_unref(manager->idle_check);
        sd_event_source_unref(manager->dismissal);
        sd_event_source_unref(manager->guard_watch);
        sd_event_source_unref(manager->guard_timer);
        sd_event_source_unref(manager->guard_check);
        sd_event_source_unref(manager->sigterm);
        sd_event_source_unref(manager->sigint);
        sd_event_unref(manager->event);
        waiting_free(&manager->waiting);
        free(manager);
        return NULL;
}
