#include "daemon/vm-config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/strings.h"

#define DNS_MAX 3 /* MAXNS of resolv.h */
#define RESOLV_CONF_MAX 65536

/* The first is resolved's list of upstream servers; without resolved it is the second. */
static const char *const resolv_confs[] = {"/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"};

int vm_config_address(uint32_t address, char **ret) {
        const struct in_addr in = {.s_addr = htonl(address)};
        char text[INET_ADDRSTRLEN];

        if (!inet_ntop(AF_INET, &in, text, sizeof(text)))
                return -errno;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int add_server(const char *word, char ***dns) {
        struct in_addr address;

        if (inet_pton(AF_INET, word, &address) != 1 || strv_length(*dns) >= DNS_MAX)
                return 0;
        if (ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET)
                return 0;
        return strv_append(dns, word);
}

int vm_config_add_dns(const char *resolv_conf, char ***dns) {
        _cleanup_free_ char *copy = strdup(resolv_conf);
        char *line, *rest = copy;

        if (!copy)
                return -ENOMEM;
        while ((line = strsep(&rest, "\n"))) {
                char *position = NULL;
                const char *key = strtok_r(line, " \t\r", &position);
                const char *value = key ? strtok_r(NULL, " \t\r", &position) : NULL;
                int r;

                if (!value || strcmp(key, "nameserver") != 0)
                        continue;
                r = add_server(value, dns);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A host without any is no failure: its guests have none then. */
static int fill_dns(char ***dns) {
        for (size_t i = 0; i < ELEMENTSOF(resolv_confs) && strv_length(*dns) == 0; i++) {
                _cleanup_free_ char *text = NULL;
                int r;

                r = io_read_file(AT_FDCWD, resolv_confs[i], RESOLV_CONF_MAX, &text, NULL);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        continue;
                r = vm_config_add_dns(text, dns);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The same at each start, another for each VM and host, and it does not give the host's away:
 * machine-id(5) on application-specific ids. */
static int fill_machine_id(const VmId *id, char **ret) {
        sd_id128_t application = {}, machine;
        char text[SD_ID128_STRING_MAX];
        int r;

        memcpy(application.bytes, id->text, VM_ID_LENGTH);
        r = sd_id128_get_machine_app_specific(application, &machine);
        if (r < 0)
                return r;
        *ret = strdup(sd_id128_to_string(machine, text));
        return *ret ? 0 : -ENOMEM;
}

static int fill(const VmId *id, const char *name, unsigned slot, const VmDrives *drives,
                const Config *config, GuestConfig *guest) {
        VmNames names;
        int r;

        vm_names(id, &names);
        guest->hostname = strdup(name);
        guest->root = strdup("/dev/vda");
        /* In the order that firecracker_configure() names them in. */
        guest->modules = drives->modules ? strdup("/dev/vdb") : NULL;
        guest->work = drives->work ? strdup(drives->modules ? "/dev/vdc" : "/dev/vdb") : NULL;
        guest->mac = strdup(names.mac_text);
        guest->prefix = config->prefix;
        guest->time_us = (int64_t) clock_realtime_usec();
        if (!guest->hostname || !guest->root || !guest->mac ||
            (drives->modules && !guest->modules) || (drives->work && !guest->work))
                return -ENOMEM;
        r = fill_machine_id(id, &guest->machine_id);
        if (r >= 0)
                r = vm_config_address(config->address, &guest->gateway);
        if (r >= 0)
                r = vm_config_address(vm_slot_address(slot, config->address, config->prefix),
                                      &guest->address);
        return r < 0 ? r : fill_dns(&guest->dns);
}

int vm_config_fill(const VmId *id, const char *name, unsigned slot, const VmDrives *drives,
                   const Config *config, GuestConfig *ret, Error *reterr) {
        GuestConfig guest = {};
        int r;

        r = fill(id, name, slot, drives, config, &guest);
        if (r < 0) {
                schema_clear(&guest_config_schema, &guest);
                return error_set_errno(reterr, -r, "cannot make the guest's configuration");
        }
        *ret = guest;
        return 0;
}
