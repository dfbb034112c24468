#include "daemon/names.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/dns.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/dns-tcp.h"
#include "daemon/dns-udp.h"
#include "daemon/root-stub.h"
#include "daemon/udp-share.h"
#include "daemon/vm.h"

/* Enough for a helper that is yet to start, and a resolved that is yet to see the bridge. */
#define HELPER_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define AGAIN_MIN_USEC (2 * USEC_PER_SEC)
#define AGAIN_MAX_USEC (300 * USEC_PER_SEC)

struct Names {
        DaemonContext *context;
        DnsZone zone;
        DnsUdp *udp;
        DnsTcp *tcp;
        int udp_fd;  /* udp's own */
        bool asking; /* in a thread */
        bool again;  /* once more, after that */
        Error error; /* the thread's */
        bool asked;  /* at least once */
        int last_r;  /* what came of the last try */
        Error last_error;
        uint64_t delay_usec;    /* of the next try, should one fail */
        sd_event_source *timer; /* until then */
};

static uint32_t find_address(const char *name, void *userdata) {
        const Names *names = userdata;

        return vms_find_running_address(names->context->vms, name);
}

static const char *find_name(uint32_t address, void *userdata) {
        const Names *names = userdata;

        return vms_find_running_name(names->context->vms, address);
}

static int serve(Names *names, NamesSockets *sockets) {
        sd_event *event = names->context->event;
        int r;

        /* Two TCP sockets do not share a port where one listens. */
        r = udp_share_end(sockets->udp);
        if (r < 0)
                return r;
        names->udp_fd = sockets->udp;
        r = dns_udp_new(event, &names->zone, steal_fd(&sockets->udp), &names->udp);
        if (r < 0)
                return r;
        return dns_tcp_new(event, &names->zone, steal_fd(&sockets->tcp), &dns_tcp_limits,
                           &names->tcp);
}

int names_new(DaemonContext *context, NamesSockets sockets, Names **ret) {
        Names *names = calloc(1, sizeof(*names));
        int r = names ? 0 : -ENOMEM;

        if (names)
                *names = (Names) {
                        .context = context,
                        .delay_usec = AGAIN_MIN_USEC,
                        .zone = {.address = context->config.address,
                                 .prefix = context->config.prefix,
                                 .find_address = find_address,
                                 .find_name = find_name,
                                 .userdata = names},
                };
        if (r >= 0 && sockets.udp >= 0 && sockets.tcp >= 0)
                r = serve(names, &sockets);
        close_fd(sockets.udp);
        close_fd(sockets.tcp);
        if (r < 0) {
                names_free(names);
                return r;
        }
        *ret = names;
        return 0;
}

Names *names_free(Names *names) {
        if (!names)
                return NULL;
        dns_udp_free(names->udp);
        dns_tcp_free(names->tcp);
        error_clear(&names->error);
        error_clear(&names->last_error);
        sd_event_source_disable_unref(names->timer);
        free(names);
        return NULL;
}

/* Only then may anybody be sent here: who has the port otherwise is unknown. */
static bool is_served(const Names *names) {
        return names->tcp;
}

void names_see(const Names *names, NamesSeen *ret) {
        *ret = (NamesSeen) {.served = names && is_served(names)};
        if (!names)
                return;
        ret->asked = names->asked;
        ret->r = names->last_r;
        ret->error = &names->last_error;
}

/* Has it the port for itself? One that came before bangerd may be there still. */
static int check_alone(Names *names) {
        int r = udp_share_check(names->udp_fd, &names->error);

        return error_set_hint(&names->error, r,
                              "end it, see: sudo ss -anup sport = :%u; then run: "
                              "sudo banger system restart",
                              DNS_PORT);
}

static int route_run(void *userdata) {
        Names *names = userdata;
        const char *root_socket = names->context->root_socket;
        uint64_t deadline_usec = clock_monotonic_usec() + HELPER_TIMEOUT_USEC;
        _cleanup_error_ Error error = ERROR_INIT;
        bool served = is_served(names);
        int r = served ? check_alone(names) : 0;

        if (served && r >= 0)
                return root_resolver_set(root_socket, deadline_usec, &names->error);
        return error_join(&names->error, r, &error,
                          root_resolver_clear(root_socket, deadline_usec, &error));
}

static void look_for_slot(Vm *vm, void *userdata) {
        bool *any = userdata;

        *any = *any || vm->slot != 0;
}

/* A start asks before its VM runs, so a slot counts. */
static bool anybody_has_a_name(const Names *names) {
        bool any = false;

        vms_for_each(names->context->vms, look_for_slot, &any);
        return any;
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Names *names = userdata;

        names->timer = sd_event_source_disable_unref(names->timer);
        if (anybody_has_a_name(names))
                names_route(names);
        return 0;
}

static void try_again_later(Names *names) {
        names->timer = sd_event_source_disable_unref(names->timer);
        if (sd_event_add_time_relative(names->context->event, &names->timer, CLOCK_MONOTONIC,
                                       names->delay_usec, 0, on_timer, names) < 0)
                log_write(LOG_ERR, NULL, "names of VMs may not resolve before the next start");
        names->delay_usec *= 2;
        if (names->delay_usec > AGAIN_MAX_USEC)
                names->delay_usec = AGAIN_MAX_USEC;
}

/* Every try is noted, but the same trouble is one record. */
static void note(Names *names, int r) {
        bool known = names->last_r < 0 &&
                     string_equal(names->last_error.message, names->error.message);

        names->asked = true;
        names->last_r = r;
        error_move(&names->last_error, &names->error);
        if (r < 0 && !known)
                log_error(LOG_WARNING, NULL, &names->last_error,
                          "names of VMs do not resolve here");
        if (r >= 0)
                names->delay_usec = AGAIN_MIN_USEC;
        else
                try_again_later(names);
}

static void route_done(int r, void *userdata) {
        Names *names = userdata;

        names->asking = false;
        if (r == -ECANCELED)
                return;
        note(names, r);
        if (names->again) {
                names->again = false;
                names_route(names);
        }
}

void names_route(Names *names) {
        if (!names)
                return;
        names->again = names->asking;
        if (names->asking)
                return;
        names->asking = pool_submit(names->context->short_pool,
                                    &(PoolJob) {route_run, route_done, names}) >= 0;
        if (!names->asking)
                try_again_later(names);
}
