/* resolved keeps these settings over its own restart, and forgets them with the link. */
#include "helper/resolver.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "common/clock.h"
#include "common/dns.h"
#include "common/strings.h"
#include "helper/network.h"
#include "helper/session.h"

#define RESOLVED "org.freedesktop.resolve1"
#define RESOLVED_PATH "/org/freedesktop/resolve1"
#define RESOLVED_MANAGER RESOLVED ".Manager"
#define RESOLVED_LINK RESOLVED ".Link"
/* resolved hears of a new link from the kernel, a moment after us. */
#define LINK_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define LINK_POLL_MS 20

static const uint8_t server_address[] = {DNS_ADDRESS >> 24, DNS_ADDRESS >> 16 & 0xff,
                                         DNS_ADDRESS >> 8 & 0xff, DNS_ADDRESS & 0xff};

/* Of a link: the call that sets it, the property that tells it, both with "no" for off. */
static const struct {
        const char *method, *property;
} switches[] = {
        {"SetLinkLLMNR", "LLMNR"},
        {"SetLinkMulticastDNS", "MulticastDNS"},
        {"SetLinkDNSSEC", "DNSSEC"},         /* nobody signs these names */
        {"SetLinkDNSOverTLS", "DNSOverTLS"}, /* nor is there TLS, whatever holds for other links */
};

/* ---- calls ---- */

static int explain(const sd_bus_error *error, int r, Error *reterr) {
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                r = error_set(reterr, ERROR_UNAVAILABLE, ESRCH, "systemd-resolved is not running");
                return error_set_hint(reterr, r,
                                      "run: sudo apt install systemd-resolved; "
                                      "sudo systemctl enable --now systemd-resolved");
        }
        if (sd_bus_error_has_name(error, RESOLVED ".NoSuchLink"))
                return error_set(reterr, ERROR_NOT_FOUND, ENODEV,
                                 "systemd-resolved does not know the bridge");
        if (sd_bus_error_has_name(error, RESOLVED ".LinkBusy")) {
                r = error_set(reterr, ERROR_UNAVAILABLE, EBUSY,
                              "systemd-networkd manages the bridge");
                return error_set_hint(reterr, r, "give it a file in /etc/systemd/network with "
                                                 "\"Unmanaged=yes\" in its [Link]");
        }
        if (error->message)
                return error_set(reterr, error_kind_from_errno(-r), -r, "systemd-resolved: %s",
                                 error->message);
        return error_set_errno(reterr, -r, "systemd-resolved does not answer");
}

static int new_call(sd_bus *bus, const char *path, const char *interface, const char *method,
                    sd_bus_message **ret, Error *reterr) {
        int r = sd_bus_message_new_method_call(bus, ret, RESOLVED, path, interface, method);

        /* Whoever has stopped it does not want it back by this. */
        if (r >= 0)
                r = sd_bus_message_set_auto_start(*ret, 0);
        return r < 0 ? error_set_errno(reterr, -r, "cannot make a call") : 0;
}

/* r is what filling the call has come to. */
static int send_call(sd_bus *bus, sd_bus_message *call, int r, sd_bus_message **ret,
                     Error *reterr) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a call");
        r = sd_bus_call(bus, call, 0, &error, ret);
        return r < 0 ? explain(&error, r, reterr) : 0;
}

static int check_running(sd_bus *bus, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, RESOLVED_PATH, "org.freedesktop.DBus.Peer", "Ping", &call, reterr);

        return r < 0 ? r : send_call(bus, call, 0, NULL, reterr);
}

/* ---- what is set ---- */

static int find_link(sd_bus *bus, int link, sd_bus_message **ret, Error *reterr) {
        uint64_t deadline_usec = clock_monotonic_usec() + LINK_TIMEOUT_USEC;

        for (;;) {
                _cleanup_message_ sd_bus_message *call = NULL;
                _cleanup_error_ Error error = ERROR_INIT;
                int r;

                r = new_call(bus, RESOLVED_PATH, RESOLVED_MANAGER, "GetLink", &call, &error);
                if (r >= 0)
                        r = send_call(bus, call, sd_bus_message_append(call, "i", link), ret,
                                      &error);
                if (r == -ENODEV && clock_monotonic_usec() < deadline_usec) {
                        (void) poll(NULL, 0, LINK_POLL_MS);
                        continue;
                }
                if (r < 0 && reterr)
                        error_move(reterr, &error);
                return r;
        }
}

/* The readers of properties: 1 when it has the wanted value, 0 for another. */

/* One of an array, of which there is to be that one or, without names, none. */
static int is_wanted(int n, bool ours, bool names) {
        return names ? n == 1 && ours : n == 0;
}

static int read_server(sd_bus_message *reply, bool *ret_ours) {
        const void *address = NULL;
        const char *name = NULL;
        uint16_t port = 0;
        int32_t family = 0;
        size_t size = 0;
        int r;

        r = sd_bus_message_read(reply, "i", &family);
        if (r >= 0)
                r = sd_bus_message_read_array(reply, 'y', &address, &size);
        if (r >= 0)
                r = sd_bus_message_read(reply, "qs", &port, &name);
        if (r < 0)
                return r;
        *ret_ours = family == AF_INET && port == DNS_PORT && string_equal(name, "") &&
                    size == sizeof(server_address) && memcmp(address, server_address, size) == 0;
        return sd_bus_message_exit_container(reply);
}

static int leave_array(sd_bus_message *reply, int r) {
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_servers(sd_bus_message *reply, bool names) {
        bool ours = false;
        int n = 0, r;

        r = sd_bus_message_enter_container(reply, 'v', "a(iayqs)");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(iayqs)");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "iayqs")) > 0) {
                r = read_server(reply, &ours);
                n++;
        }
        r = leave_array(reply, r);
        return r < 0 ? r : is_wanted(n, ours, names);
}

static int read_domains(sd_bus_message *reply, bool names) {
        const char *domain = NULL;
        int route_only = 0, n = 0, r;
        bool ours = false;

        r = sd_bus_message_enter_container(reply, 'v', "a(sb)");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(sb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sb)", &domain, &route_only)) > 0) {
                ours = string_equal(domain, DNS_DOMAIN) && route_only;
                n++;
        }
        r = leave_array(reply, r);
        return r < 0 ? r : is_wanted(n, ours, names);
}

static int read_default_route(sd_bus_message *reply) {
        int value = 0, r = sd_bus_message_read(reply, "v", "b", &value);

        return r < 0 ? r : !value;
}

static int read_property(sd_bus_message *reply, const char *property, bool names) {
        if (string_equal(property, "DNSEx"))
                return read_servers(reply, names);
        if (string_equal(property, "Domains"))
                return read_domains(reply, names);
        if (string_equal(property, "DefaultRoute"))
                return read_default_route(reply);
        for (size_t i = 0; i < ELEMENTSOF(switches); i++) {
                const char *value = NULL;
                int r;

                if (!string_equal(property, switches[i].property))
                        continue;
                r = sd_bus_message_read(reply, "v", "s", &value);
                return r < 0 ? r : string_equal(value, "no");
        }
        return sd_bus_message_skip(reply, "v") < 0 ? -EBADMSG : 0;
}

/* How many of a link's properties are as wanted. */
static int count_set(sd_bus_message *reply, bool names) {
        const char *property;
        int r, n = 0;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = sd_bus_message_read(reply, "s", &property);
                if (r >= 0)
                        r = read_property(reply, property, names);
                if (r > 0)
                        n++;
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r < 0 ? r : n;
}

static int is_set(sd_bus *bus, int link, bool names, bool *ret, Error *reterr) {
        _cleanup_message_ sd_bus_message *found = NULL, *call = NULL, *reply = NULL;
        const char *path;
        int r;

        r = find_link(bus, link, &found, reterr);
        if (r < 0)
                return r;
        r = sd_bus_message_read(found, "o", &path);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read systemd-resolved's reply");
        r = new_call(bus, path, "org.freedesktop.DBus.Properties", "GetAll", &call, reterr);
        if (r >= 0)
                r = send_call(bus, call, sd_bus_message_append(call, "s", RESOLVED_LINK), &reply,
                              reterr);
        if (r < 0)
                return r;
        r = count_set(reply, names);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read systemd-resolved's reply");
        *ret = (size_t) r == ELEMENTSOF(switches) + 3; /* servers, domains, default route */
        return 0;
}

/* ---- setting it ---- */

static int append_server(sd_bus_message *call) {
        int r;

        r = sd_bus_message_open_container(call, 'r', "iayqs");
        if (r >= 0)
                r = sd_bus_message_append(call, "i", AF_INET);
        if (r >= 0)
                r = sd_bus_message_append_array(call, 'y', server_address, sizeof(server_address));
        if (r >= 0)
                r = sd_bus_message_append(call, "qs", DNS_PORT, "");
        return r < 0 ? r : sd_bus_message_close_container(call);
}

static int set_servers(sd_bus *bus, int link, bool names, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, RESOLVED_PATH, RESOLVED_MANAGER, "SetLinkDNSEx", &call, reterr);

        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "i", link);
        if (r >= 0)
                r = sd_bus_message_open_container(call, 'a', "(iayqs)");
        if (r >= 0 && names)
                r = append_server(call);
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        return send_call(bus, call, r, NULL, reterr);
}

/* The domain is for routing only: "web" alone is no name of ours. */
static int set_domains(sd_bus *bus, int link, bool names, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, RESOLVED_PATH, RESOLVED_MANAGER, "SetLinkDomains", &call, reterr);

        if (r < 0)
                return r;
        r = names ? sd_bus_message_append(call, "ia(sb)", link, 1, DNS_DOMAIN, 1)
                  : sd_bus_message_append(call, "ia(sb)", link, 0);
        return send_call(bus, call, r, NULL, reterr);
}

static int set_default_route(sd_bus *bus, int link, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, RESOLVED_PATH, RESOLVED_MANAGER, "SetLinkDefaultRoute", &call,
                         reterr);

        return r < 0 ? r
                     : send_call(bus, call, sd_bus_message_append(call, "ib", link, 0), NULL,
                                 reterr);
}

static int set_switch(sd_bus *bus, int link, const char *method, Error *reterr) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = new_call(bus, RESOLVED_PATH, RESOLVED_MANAGER, method, &call, reterr);

        return r < 0 ? r
                     : send_call(bus, call, sd_bus_message_append(call, "is", link, "no"), NULL,
                                 reterr);
}

/* What narrows comes first: at no moment are others' queries sent to bangerd. */
static int set_all(sd_bus *bus, int link, bool names, Error *reterr) {
        int r = set_default_route(bus, link, reterr);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(switches); i++)
                r = set_switch(bus, link, switches[i].method, reterr);
        if (r >= 0)
                r = set_domains(bus, link, names, reterr);
        return r < 0 ? r : set_servers(bus, link, names, reterr);
}

static int ensure(sd_bus *bus, int link, bool names, Error *reterr) {
        bool already = false;
        int r = check_running(bus, reterr);

        if (r < 0 || link == 0)
                return r;
        r = is_set(bus, link, names, &already, reterr);
        return r < 0 || already ? r : set_all(bus, link, names, reterr);
}

int resolver_set(sd_bus *bus, int link, Error *reterr) {
        return ensure(bus, link, true, reterr);
}

int resolver_clear(sd_bus *bus, int link, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        int r = ensure(bus, link, false, &error);

        /* It does not run, does not know the link, or has it from networkd. */
        if (r == -ESRCH || r == -ENODEV || r == -EBUSY)
                return 0;
        if (r < 0 && reterr)
                error_move(reterr, &error);
        return r;
}

/* ---- the verbs ---- */

/* Not under the network's lock: what resolved takes is not to delay another VM's start. */
static int do_verb(VarlinkCall *call, Session *session,
                   int (*verb)(sd_bus *bus, int link, Error *reterr), Error *reterr) {
        _cleanup_host_ Host host = HOST_INIT;
        _cleanup_bus_ sd_bus *bus = NULL;
        int link = 0, r;

        r = session_host(session, &host, reterr);
        if (r >= 0)
                r = bridge_find(&host, &link, reterr);
        if (r >= 0)
                r = bus_connect(host.paths->bus, &bus, reterr);
        if (r >= 0)
                r = verb(bus, link, reterr);
        return r < 0 ? r : varlink_call_reply(call, NULL);
}

int handle_resolver_set(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                        Error *reterr) {
        return do_verb(call, userdata, resolver_set, reterr);
}

int handle_resolver_clear(VarlinkCall *call, _unused_ const void *parameters, void *userdata,
                          Error *reterr) {
        return do_verb(call, userdata, resolver_clear, reterr);
}
