/* systemd-resolved by a script, over a socket of sd-bus's own protocol. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-id128.h>

#include "common/strings.h"
#include "helper/resolver.h"
#include "tests/unit/helper/fixture.h"

#define LINK 7
#define UNKNOWN SD_BUS_ERROR_SERVICE_UNKNOWN

/* What a link has. */
typedef struct LinkSettings {
        int n_servers;
        uint8_t last_octet;
        uint16_t port;
        const char *domain; /* NULL: none */
        int route_only, default_route;
        const char *llmnr;
} LinkSettings;

static const LinkSettings wanted = {1, 1, 42069, "vm", 1, 0, "no"};
static const LinkSettings cleared = {.llmnr = "no"};

/* A call that resolved must get next, and its answer. */
typedef struct Step {
        const char *call;
        const char *error; /* D-Bus error name */
        const LinkSettings *settings; /* of GetAll */
        bool none; /* SetLinkDNSEx, SetLinkDomains: no server, no domain */
} Step;

typedef struct Script {
        const Step *steps;
        size_t n_steps;
} Script;

static int append_servers(sd_bus_message *reply, const LinkSettings *link) {
        const uint8_t address[] = {127, 0, 0, link->last_octet};
        int r;

        r = sd_bus_message_append(reply, "s", "DNSEx");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "a(iayqs)");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(iayqs)");
        for (int i = 0; r >= 0 && i < link->n_servers; i++) {
                r = sd_bus_message_open_container(reply, 'r', "iayqs");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "i", AF_INET);
                if (r >= 0)
                        r = sd_bus_message_append_array(reply, 'y', address, sizeof(address));
                if (r >= 0)
                        r = sd_bus_message_append(reply, "qs", link->port, "");
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_property(sd_bus_message *reply, const LinkSettings *link, const char *name) {
        if (string_equal(name, "DNSEx"))
                return append_servers(reply, link);
        if (string_equal(name, "Domains") && link->domain)
                return sd_bus_message_append(reply, "sv", name, "a(sb)", 1, link->domain,
                                             link->route_only);
        if (string_equal(name, "Domains"))
                return sd_bus_message_append(reply, "sv", name, "a(sb)", 0);
        if (string_equal(name, "DefaultRoute"))
                return sd_bus_message_append(reply, "sv", name, "b", link->default_route);
        if (string_equal(name, "ScopesMask"))
                return sd_bus_message_append(reply, "sv", name, "t", UINT64_C(1));
        if (string_equal(name, "LLMNR"))
                return sd_bus_message_append(reply, "sv", name, "s", link->llmnr);
        return sd_bus_message_append(reply, "sv", name, "s", "no");
}

static int answer_properties(sd_bus_message *call, const LinkSettings *link) {
        static const char *const names[] = {"ScopesMask", "DNSEx",        "Domains",
                                            "DefaultRoute", "LLMNR",      "MulticastDNS",
                                            "DNSOverTLS", "DNSSEC"};
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++) {
                r = sd_bus_message_open_container(reply, 'e', "sv");
                if (r >= 0)
                        r = append_property(reply, link, names[i]);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* Of our link, and nothing else, what is to be there. */
static bool right_arguments(sd_bus_message *call, const char *member, bool none) {
        const char *text = "";
        int link = 0, flag = -1;

        if (string_equal(member, "Ping") || string_equal(member, "GetAll"))
                return true;
        if (sd_bus_message_read(call, "i", &link) <= 0 || link != LINK)
                return false;
        if (string_equal(member, "SetLinkDNSEx")) {
                const void *address = NULL;
                uint16_t port = 0;
                size_t size = 0;
                int family = 0;

                if (sd_bus_message_enter_container(call, 'a', "(iayqs)") < 0)
                        return false;
                if (none)
                        return sd_bus_message_at_end(call, 0) > 0;
                return sd_bus_message_enter_container(call, 'r', "iayqs") > 0 &&
                       sd_bus_message_read(call, "i", &family) > 0 && family == AF_INET &&
                       sd_bus_message_read_array(call, 'y', &address, &size) > 0 && size == 4 &&
                       memcmp(address, "\x7f\0\0\1", 4) == 0 &&
                       sd_bus_message_read(call, "qs", &port, &text) > 0 && port == 42069 &&
                       *text == '\0' && sd_bus_message_exit_container(call) >= 0 &&
                       sd_bus_message_at_end(call, 0) > 0;
        }
        if (string_equal(member, "SetLinkDomains") && none)
                return sd_bus_message_enter_container(call, 'a', "(sb)") >= 0 &&
                       sd_bus_message_at_end(call, 0) > 0;
        if (string_equal(member, "SetLinkDomains"))
                return sd_bus_message_read(call, "a(sb)", 1, &text, &flag) > 0 &&
                       string_equal(text, "vm") && flag == 1;
        if (string_equal(member, "SetLinkDefaultRoute"))
                return sd_bus_message_read(call, "b", &flag) > 0 && flag == 0;
        if (string_after_prefix(member, "SetLink"))
                return sd_bus_message_read(call, "s", &text) > 0 && string_equal(text, "no");
        return true;
}

static int answer(sd_bus_message *call, const Step *step) {
        const char *member = sd_bus_message_get_member(call);

        if (!string_equal(member, step->call) || !right_arguments(call, member, step->none) ||
            sd_bus_message_get_auto_start(call) != 0)
                return -EINVAL;
        if (step->error)
                return sd_bus_reply_method_errorf(call, step->error, "as scripted");
        if (step->settings)
                return answer_properties(call, step->settings);
        if (string_equal(member, "GetLink"))
                return sd_bus_reply_method_return(call, "o",
                                                  "/org/freedesktop/resolve1/link/_37");
        return sd_bus_reply_method_return(call, "");
}

/* Exits with 0 when it was asked all of the script, no more. sd-bus itself answers Ping of a peer,
 * unless a filter comes first. */
typedef struct Serving {
        const Script *script;
        size_t next;
} Serving;

static int on_message(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        Serving *serving = userdata;

        if (sd_bus_message_is_method_call(message, NULL, NULL) <= 0)
                return 0;
        if (serving->next == serving->script->n_steps ||
            answer(message, &serving->script->steps[serving->next++]) < 0)
                _exit(3);
        return 1;
}

static void serve(int fd, const Script *script) {
        Serving serving = {.script = script};
        sd_id128_t id = {};
        sd_bus *bus = NULL;

        if (sd_id128_randomize(&id) < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
            sd_bus_set_server(bus, 1, id) < 0 ||
            sd_bus_add_filter(bus, NULL, on_message, &serving) < 0 || sd_bus_start(bus) < 0)
                _exit(1);
        for (;;) {
                int r = sd_bus_process(bus, NULL);

                if (r < 0 || (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0))
                        _exit(serving.next == script->n_steps ? 0 : 2);
        }
}

typedef struct Resolved {
        sd_bus *bus;
        pid_t pid;
} Resolved;

static Resolved start(const Step *steps, size_t n_steps) {
        const Script script = {.steps = steps, .n_steps = n_steps};
        Resolved resolved = {};
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        resolved.pid = fork();
        assert_true(resolved.pid >= 0);
        if (resolved.pid == 0) {
                close_fd(fds[0]);
                serve(fds[1], &script);
        }
        close_fd(fds[1]);
        assert_true(sd_bus_new(&resolved.bus) >= 0);
        assert_true(sd_bus_set_fd(resolved.bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(resolved.bus) >= 0);
        return resolved;
}

static void finish(Resolved *resolved) {
        int status = 0;

        sd_bus_close_unref(resolved->bus);
        assert_int_equal(waitpid(resolved->pid, &status, 0), resolved->pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static int set(const Step *steps, size_t n_steps, int link, Error *reterr) {
        Resolved resolved = start(steps, n_steps);
        int r = resolver_set(resolved.bus, link, reterr);

        finish(&resolved);
        return r;
}

#define SET_ALL                                                                                    \
        {.call = "SetLinkDefaultRoute"}, {.call = "SetLinkLLMNR"},                                 \
                {.call = "SetLinkMulticastDNS"}, {.call = "SetLinkDNSSEC"},                        \
                {.call = "SetLinkDNSOverTLS"}, {.call = "SetLinkDomains"},                         \
                {.call = "SetLinkDNSEx"}

static void a_link_with_other_settings_gets_all_of_ours(_unused_ void **state) {
        static const LinkSettings others[] = {
                {0, 1, 42069, NULL, 0, 1, "yes"}, /* a fresh one */
                {2, 1, 42069, "vm", 1, 0, "no"},  {1, 2, 42069, "vm", 1, 0, "no"},
                {1, 1, 53, "vm", 1, 0, "no"},     {1, 1, 42069, "vm", 0, 0, "no"},
                {1, 1, 42069, "vn", 1, 0, "no"},  {1, 1, 42069, "vm", 1, 1, "no"},
                {1, 1, 42069, "vm", 1, 0, "yes"},
        };

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                const Step steps[] = {{.call = "Ping"},
                                      {.call = "GetLink"},
                                      {.call = "GetAll", .settings = &others[i]},
                                      SET_ALL};

                assert_int_equal(set(steps, ELEMENTSOF(steps), LINK, NULL), 0);
        }
}

static void a_link_that_is_as_wanted_is_left_alone(_unused_ void **state) {
        static const Step steps[] = {{.call = "Ping"},
                                     {.call = "GetLink"},
                                     {.call = "GetAll", .settings = &wanted}};

        assert_int_equal(set(steps, ELEMENTSOF(steps), LINK, NULL), 0);
}

static void without_a_bridge_only_resolved_is_looked_for(_unused_ void **state) {
        static const Step runs[] = {{.call = "Ping"}};
        static const Step gone[] = {{.call = "Ping", .error = UNKNOWN}};

        assert_int_equal(set(runs, 1, 0, NULL), 0);
        assert_int_equal(set(gone, 1, 0, NULL), -ESRCH);
}

static void without_resolved_the_error_has_the_remedy(_unused_ void **state) {
        static const char *const names[] = {UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const Step steps[] = {{.call = "Ping", .error = names[i]}};
                _cleanup_error_ Error error = ERROR_INIT;

                assert_int_equal(set(steps, 1, LINK, &error), -ESRCH);
                assert_int_equal(error.kind, ERROR_UNAVAILABLE);
                assert_string_equal(error.message, "systemd-resolved is not running");
                assert_non_null(strstr(error.hint,
                                       "sudo systemctl enable --now systemd-resolved"));
        }
}

static void a_link_that_resolved_has_yet_to_see_is_waited_for(_unused_ void **state) {
        static const Step steps[] = {
                {.call = "Ping"},
                {.call = "GetLink", .error = "org.freedesktop.resolve1.NoSuchLink"},
                {.call = "GetLink", .error = "org.freedesktop.resolve1.NoSuchLink"},
                {.call = "GetLink"},
                {.call = "GetAll", .settings = &wanted}};

        assert_int_equal(set(steps, ELEMENTSOF(steps), LINK, NULL), 0);
}

static void a_link_of_networkd_is_an_error_that_says_how_to_free_it(_unused_ void **state) {
        static const LinkSettings fresh = {.llmnr = "yes"};
        static const Step steps[] = {
                {.call = "Ping"},
                {.call = "GetLink"},
                {.call = "GetAll", .settings = &fresh},
                {.call = "SetLinkDefaultRoute", .error = "org.freedesktop.resolve1.LinkBusy"}};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(set(steps, ELEMENTSOF(steps), LINK, &error), -EBUSY);
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
        assert_non_null(strstr(error.hint, "Unmanaged=yes"));
}

static void whichever_setting_fails_is_an_error_and_the_server_comes_last(_unused_ void **state) {
        static const LinkSettings fresh = {.llmnr = "yes"};
        static const Step all[] = {{.call = "Ping"},
                                   {.call = "GetLink"},
                                   {.call = "GetAll", .settings = &fresh},
                                   SET_ALL};

        for (size_t i = 3; i < ELEMENTSOF(all); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                Step steps[ELEMENTSOF(all)];

                memcpy(steps, all, sizeof(all));
                steps[i].error = SD_BUS_ERROR_ACCESS_DENIED;
                assert_int_equal(set(steps, i + 1, LINK, &error), -EACCES);
                assert_string_equal(error.message, "systemd-resolved: as scripted");
        }
}

static int clear(const Step *steps, size_t n_steps, int link) {
        Resolved resolved = start(steps, n_steps);
        int r = resolver_clear(resolved.bus, link, NULL);

        finish(&resolved);
        return r;
}

static void clearing_takes_server_and_domain_and_leaves_the_rest_off(_unused_ void **state) {
        static const LinkSettings fresh = {.default_route = 1, .llmnr = "yes"};
        static const LinkSettings *const others[] = {&wanted, &fresh};

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                Step steps[] = {{.call = "Ping"},
                                {.call = "GetLink"},
                                {.call = "GetAll", .settings = others[i]},
                                SET_ALL};

                for (size_t k = 0; k < ELEMENTSOF(steps); k++)
                        steps[k].none = true;
                assert_int_equal(clear(steps, ELEMENTSOF(steps), LINK), 0);
        }
}

static void a_link_that_is_clear_is_left_alone(_unused_ void **state) {
        static const Step steps[] = {{.call = "Ping"},
                                     {.call = "GetLink"},
                                     {.call = "GetAll", .settings = &cleared}};

        assert_int_equal(clear(steps, ELEMENTSOF(steps), LINK), 0);
}

static void clearing_without_resolved_or_with_a_link_of_networkd_succeeds(_unused_ void **state) {
        static const Step gone[] = {{.call = "Ping", .error = UNKNOWN}};
        static const Step busy[] = {
                {.call = "Ping"},
                {.call = "GetLink"},
                {.call = "GetAll", .settings = &wanted},
                {.call = "SetLinkDefaultRoute", .error = "org.freedesktop.resolve1.LinkBusy"}};

        assert_int_equal(clear(gone, ELEMENTSOF(gone), LINK), 0);
        assert_int_equal(clear(gone, ELEMENTSOF(gone), 0), 0);
        assert_int_equal(clear(busy, ELEMENTSOF(busy), LINK), 0);
}

static void clearing_that_is_refused_is_an_error(_unused_ void **state) {
        static const Step steps[] = {
                {.call = "Ping"},
                {.call = "GetLink"},
                {.call = "GetAll", .settings = &wanted},
                {.call = "SetLinkDefaultRoute", .error = SD_BUS_ERROR_ACCESS_DENIED}};

        assert_int_equal(clear(steps, ELEMENTSOF(steps), LINK), -EACCES);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_link_with_other_settings_gets_all_of_ours),
                cmocka_unit_test(a_link_that_is_as_wanted_is_left_alone),
                cmocka_unit_test(without_a_bridge_only_resolved_is_looked_for),
                cmocka_unit_test(without_resolved_the_error_has_the_remedy),
                cmocka_unit_test(a_link_that_resolved_has_yet_to_see_is_waited_for),
                cmocka_unit_test(a_link_of_networkd_is_an_error_that_says_how_to_free_it),
                cmocka_unit_test(whichever_setting_fails_is_an_error_and_the_server_comes_last),
                cmocka_unit_test(clearing_takes_server_and_domain_and_leaves_the_rest_off),
                cmocka_unit_test(a_link_that_is_clear_is_left_alone),
                cmocka_unit_test(clearing_without_resolved_or_with_a_link_of_networkd_succeeds),
                cmocka_unit_test(clearing_that_is_refused_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
