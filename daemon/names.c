#include "daemon/names.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/dns-tcp.h"
#include "daemon/dns-udp.h"
#include "daemon/root-stub.h"
#include "daemon/vm.h"

/* Enough for a helper that is yet to start, and a resolved that is yet to see the bridge. */
#define HELPER_TIMEOUT_USEC (10 * USEC_PER_SEC)

struct Names {
        DaemonContext *context;
        DnsZone zone;
        DnsUdp *udp;
        DnsTcp *tcp;
        bool asking; /* in a thread */
        bool again;  /* once more, after that */
        Error error; /* the thread's */
        char *told;  /* the failure that was logged last; NULL: none since it went well */
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
        free(names->told);
        free(names);
        return NULL;
}

bool names_served(const Names *names) {
        return names && names->tcp;
}

int names_ask_helper(const char *root_socket, bool served, Error *reterr) {
        uint64_t deadline_usec = clock_monotonic_usec() + HELPER_TIMEOUT_USEC;

        return served ? root_resolver_set(root_socket, deadline_usec, reterr)
                      : root_resolver_clear(root_socket, deadline_usec, reterr);
}

static int route_run(void *userdata) {
        Names *names = userdata;

        return names_ask_helper(names->context->root_socket, names_served(names), &names->error);
}

/* Every start asks: the same trouble is one record. */
static void tell(Names *names, int r) {
        const char *message = names->error.message ? names->error.message : "";

        if (r < 0 && !string_equal(names->told, message)) {
                log_error(LOG_WARNING, NULL, &names->error, "names of VMs do not resolve here");
                free(names->told);
                names->told = strdup(message);
        }
        if (r >= 0) {
                free(names->told);
                names->told = NULL;
        }
}

static void route_done(int r, void *userdata) {
        Names *names = userdata;

        names->asking = false;
        if (r != -ECANCELED)
                tell(names, r);
        error_clear(&names->error);
        if (r != -ECANCELED && names->again) {
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
}
