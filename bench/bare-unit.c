/* Units and the resolver over sd-bus; what the helper tells systemd of a unit is told here too. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "bench/bare.h"
#include "common/cleanup.h"
#include "common/dns.h"
#include "helper/launch.h"

#define RESOLVED "org.freedesktop.resolve1"
#define ROOT "/var/lib/banger/jails/firecracker/%s/root"

/* systemd itself, as systemctl reaches it. */
static sd_bus *connect_manager(void) {
        sd_bus *bus = NULL;

        bench_check(sd_bus_new(&bus), "the bus");
        bench_check(sd_bus_set_address(bus, "unix:path=/run/systemd/private"), "systemd");
        bench_check(sd_bus_negotiate_fds(bus, 1), "systemd");
        bench_check(sd_bus_start(bus), "systemd");
        return bus;
}

static sd_bus *connect_bus(void) {
        sd_bus *bus = NULL;

        bench_check(sd_bus_open_system(&bus), "the bus");
        return bus;
}

static void call_resolver(sd_bus *bus, sd_bus_message *call) {
        bench_check(sd_bus_call(bus, call, 0, NULL, NULL), "resolved");
        sd_bus_message_unref(call);
}

static sd_bus_message *new_call(sd_bus *bus, const char *method) {
        sd_bus_message *call = NULL;

        bench_check(sd_bus_message_new_method_call(bus, &call, RESOLVED,
                                                   "/org/freedesktop/resolve1",
                                                   RESOLVED ".Manager", method),
                    method);
        return call;
}

static void set_resolver(bool names) {
        static const char *const switches[] = {"SetLinkLLMNR", "SetLinkMulticastDNS",
                                               "SetLinkDNSSEC", "SetLinkDNSOverTLS"};
        const uint8_t server[] = {DNS_ADDRESS >> 24, DNS_ADDRESS >> 16 & 0xff,
                                  DNS_ADDRESS >> 8 & 0xff, DNS_ADDRESS & 0xff};
        int link = (int) if_nametoindex(BARE_BRIDGE);
        sd_bus *bus = connect_bus();
        sd_bus_message *call = new_call(bus, "SetLinkDefaultRoute");

        bench_check(sd_bus_message_append(call, "ib", link, 0), "call");
        call_resolver(bus, call);
        for (size_t i = 0; i < ELEMENTSOF(switches); i++) {
                call = new_call(bus, switches[i]);
                bench_check(sd_bus_message_append(call, "is", link, "no"), "call");
                call_resolver(bus, call);
        }
        call = new_call(bus, "SetLinkDomains");
        bench_check(names ? sd_bus_message_append(call, "ia(sb)", link, 1, DNS_DOMAIN, 1)
                          : sd_bus_message_append(call, "ia(sb)", link, 0),
                    "call");
        call_resolver(bus, call);
        call = new_call(bus, "SetLinkDNSEx");
        bench_check(sd_bus_message_append(call, "i", link), "call");
        bench_check(sd_bus_message_open_container(call, 'a', "(iayqs)"), "call");
        if (names) {
                bench_check(sd_bus_message_open_container(call, 'r', "iayqs"), "call");
                bench_check(sd_bus_message_append(call, "i", AF_INET), "call");
                bench_check(sd_bus_message_append_array(call, 'y', server, sizeof(server)), "call");
                bench_check(sd_bus_message_append(call, "qs", DNS_PORT, ""), "call");
                bench_check(sd_bus_message_close_container(call), "call");
        }
        bench_check(sd_bus_message_close_container(call), "call");
        call_resolver(bus, call);
        sd_bus_flush_close_unref(bus);
}

void bare_resolver_set(_unused_ Bench *bench) {
        set_resolver(true);
}

void bare_resolver_clear(_unused_ Bench *bench) {
        set_resolver(false);
}

static int take_signal(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        const char *job = NULL, *unit = NULL, *result = NULL;

        if (sd_bus_message_is_signal(message, BUS_MANAGER, "JobRemoved") &&
            sd_bus_message_read(message, "uoss", NULL, &job, &unit, &result) >= 0 &&
            strstr(unit, bare_vm.text))
                *(int *) userdata = strcmp(result, "done") == 0 ? 1 : -1;
        return 0;
}

static void wait_for_job(sd_bus *bus, const int *ended) {
        while (*ended == 0) {
                int r = sd_bus_process(bus, NULL);

                bench_check(r, "the bus");
                if (r == 0)
                        bench_check(sd_bus_wait(bus, UINT64_MAX), "the bus");
        }
        if (*ended < 0)
                bench_fail("launch", EIO);
}

static void call_manager(sd_bus *bus, sd_bus_message *call, const char *what) {
        bench_check(sd_bus_call(bus, call, 0, NULL, NULL), what);
        sd_bus_message_unref(call);
}

static sd_bus_message *new_manager_call(sd_bus *bus, const char *method) {
        sd_bus_message *call = NULL;

        bench_check(sd_bus_message_new_method_call(bus, &call, BUS_SYSTEMD, BUS_MANAGER_PATH,
                                                   BUS_MANAGER, method),
                    method);
        return call;
}

void bare_launch(Bench *bench) {
        static const Programs programs = {.firecracker = "/usr/local/bin/firecracker",
                                          .jailer = "/usr/local/bin/jailer"};
        sd_bus *bus = connect_manager();
        sd_bus_message *call;
        int ended = 0;
        VmNames names;
        LaunchPlan plan;

        vm_names(&bare_vm, &names);
        plan = (LaunchPlan) {
                .vm = bare_vm.text,
                .unit = names.unit,
                .jails = "/var/lib/banger/jails",
                .uid = vm_slot_uid(BARE_SLOT),
                .drives = {bare_device(names.dm), bare_device(names.dm_work)},
                .vcpus = 1,
                .memory_mib = 128,
                .programs = &programs,
                .console_fd = bench->pty_far_fd,
                .log_fd = bench->log_far_fd,
        };
        bench_check(sd_bus_match_signal(bus, NULL, NULL, BUS_MANAGER_PATH, BUS_MANAGER,
                                        "JobRemoved", take_signal, &ended),
                    "match");
        call_manager(bus, new_manager_call(bus, "Subscribe"), "Subscribe");
        call = new_manager_call(bus, "StartTransientUnit");
        bench_check(launch_append_unit(call, &plan), "the unit");
        call_manager(bus, call, "StartTransientUnit");
        wait_for_job(bus, &ended);
        sd_bus_flush_close_unref(bus);
}

static void take_socket(const char *path) {
        int fd = bench_check_errno(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), path);
        char link[32];

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        bench_check_errno(chown(link, 1000, 1000), path);
        bench_check_errno(chmod(link, 0600), path);
        close(fd);
}

void bare_sockets(_unused_ Bench *bench) {
        int fd = bench_check_errno(inotify_init1(IN_CLOEXEC), "inotify");
        char path[160], text[4096];

        (void) snprintf(path, sizeof(path), ROOT "/run", bare_vm.text);
        bench_check_errno(inotify_add_watch(fd, path, IN_CREATE), path);
        (void) snprintf(path, sizeof(path), ROOT "/run/firecracker.socket", bare_vm.text);
        while (access(path, F_OK) < 0)
                bench_check_errno((int) read(fd, text, sizeof(text)), "inotify");
        take_socket(path);
        close(fd);
}

void bare_sockets_there(_unused_ Bench *bench) {
        char path[160];

        (void) snprintf(path, sizeof(path), ROOT "/run/firecracker.socket", bare_vm.text);
        take_socket(path);
}

static char *read_property(sd_bus *bus, const char *path, const char *interface, const char *name) {
        char *value = NULL;

        bench_check(sd_bus_get_property_string(bus, BUS_SYSTEMD, path, interface, name, NULL,
                                               &value),
                    name);
        return value;
}

static int on_change(_unused_ sd_bus_message *message, void *userdata,
                     _unused_ sd_bus_error *error) {
        *(bool *) userdata = true;
        return 0;
}

static char *unit_path(void) {
        char *path = NULL;
        VmNames names;

        vm_names(&bare_vm, &names);
        bench_check(sd_bus_path_encode("/org/freedesktop/systemd1/unit", names.unit, &path),
                    "path");
        return path;
}

void bare_stop(_unused_ Bench *bench) {
        sd_bus *bus = connect_manager();
        char *path = unit_path();
        sd_bus_message *call;
        bool changed = false, ended = false;
        VmNames names;

        vm_names(&bare_vm, &names);
        bench_check(sd_bus_match_signal(bus, NULL, NULL, path, "org.freedesktop.DBus.Properties",
                                        "PropertiesChanged", on_change, &changed),
                    "match");
        call_manager(bus, new_manager_call(bus, "Subscribe"), "Subscribe");
        call = new_manager_call(bus, "KillUnit");
        bench_check(sd_bus_message_append(call, "ssi", names.unit, "main", SIGKILL), "call");
        call_manager(bus, call, "KillUnit");
        while (!ended) {
                char *state;

                while (!changed)
                        if (sd_bus_process(bus, NULL) == 0)
                                bench_check(sd_bus_wait(bus, UINT64_MAX), "the bus");
                changed = false;
                state = read_property(bus, path, BUS_SYSTEMD ".Unit", "ActiveState");
                ended = strcmp(state, "failed") == 0 || strcmp(state, "inactive") == 0;
                free(state);
        }
        free(path);
        sd_bus_flush_close_unref(bus);
}

void bare_reap(_unused_ Bench *bench) {
        sd_bus *bus = connect_manager();
        char *path = unit_path(), *state, *result;
        int32_t code, status;
        sd_bus_message *call;
        VmNames names;

        vm_names(&bare_vm, &names);
        state = read_property(bus, path, BUS_SYSTEMD ".Unit", "ActiveState");
        result = read_property(bus, path, BUS_SYSTEMD ".Service", "Result");
        bench_check(sd_bus_get_property_trivial(bus, BUS_SYSTEMD, path, BUS_SYSTEMD ".Service",
                                                "ExecMainCode", NULL, 'i', &code),
                    "ExecMainCode");
        bench_check(sd_bus_get_property_trivial(bus, BUS_SYSTEMD, path, BUS_SYSTEMD ".Service",
                                                "ExecMainStatus", NULL, 'i', &status),
                    "ExecMainStatus");
        call = new_manager_call(bus, "ResetFailedUnit");
        bench_check(sd_bus_message_append(call, "s", names.unit), "call");
        call_manager(bus, call, "ResetFailedUnit");
        free(state);
        free(result);
        free(path);
        sd_bus_flush_close_unref(bus);
}

void bare_inventory_units(void) {
        sd_bus *bus = connect_manager();
        sd_bus_message *call = new_manager_call(bus, "ListUnitsByPatterns"), *reply = NULL;
        const char *name;

        bench_check(sd_bus_message_append(call, "asas", 0, 1, "banger-vm-*.service"), "call");
        bench_check(sd_bus_call(bus, call, 0, NULL, &reply), "ListUnitsByPatterns");
        sd_bus_message_unref(call);
        bench_check(sd_bus_message_enter_container(reply, 'a', "(ssssssouso)"), "units");
        while (sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL, NULL, NULL, NULL,
                                   NULL, NULL, NULL) > 0)
                ;
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
}
