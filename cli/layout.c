#include <errno.h>
#include <string.h>

#include "cli/layout.h"
#include "common/dns.h"
#include "common/strings.h"

#define SYSTEM_UNIT_DIR "/etc/systemd/system"

const LayoutDirectory layout_directories[] = {
        {BANGER_CONFIG_DIR, 0755, LAYOUT_ROOT, LAYOUT_CONFIG},
        {SYSTEM_UNIT_DIR "/bangerd.service.d", 0755, LAYOUT_ROOT, LAYOUT_CONFIG},
        {SYSTEM_UNIT_DIR "/bangerd.socket.d", 0755, LAYOUT_ROOT, LAYOUT_CONFIG},
        {SYSTEM_UNIT_DIR "/bangerd-root.socket.d", 0755, LAYOUT_ROOT, LAYOUT_CONFIG},
        {SYSTEM_UNIT_DIR "/banger-worker.socket.d", 0755, LAYOUT_ROOT, LAYOUT_CONFIG},
        {SYSTEM_UNIT_DIR "/banger-worker@.service.d", 0755, LAYOUT_ROOT, LAYOUT_CONFIG},
        {BANGER_STATE_DIR, 0755, LAYOUT_ROOT, LAYOUT_STATE},
        {BANGER_STATE_DIR "/images", 0700, LAYOUT_USER, LAYOUT_STATE},
        {BANGER_STATE_DIR "/kernels", 0700, LAYOUT_USER, LAYOUT_STATE},
        {BANGER_STATE_DIR "/vms", 0700, LAYOUT_USER, LAYOUT_STATE},
        {BANGER_STATE_DIR "/db", 0700, LAYOUT_USER, LAYOUT_STATE},
        {BANGER_STATE_DIR "/jails", 0711, LAYOUT_ROOT, LAYOUT_SCRATCH},
};
const size_t layout_n_directories = ELEMENTSOF(layout_directories);

static int format_settings(const InstallConf *conf, char **ret) {
        char *text;

        (void) conf;
        text = strdup("# Settings of banger on this host: KEY=VALUE below its [section].\n"
                      "# What is not set keeps its default.\n");
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

static int format_service_owner(const InstallConf *conf, char **ret) {
        char *text = string_format("# Written by: banger system install\n"
                                   "[Service]\nUser=%s\nGroup=%u\n",
                                   conf->owner, (unsigned) conf->gid);

        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

static int format_socket_owner(const InstallConf *conf, char **ret) {
        char *text = string_format("# Written by: banger system install\n"
                                   "[Socket]\nSocketUser=%s\nSocketGroup=%u\n",
                                   conf->owner, (unsigned) conf->gid);

        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

const LayoutFile layout_files[] = {
        {BANGER_CONF, format_settings, true},
        {SYSTEM_UNIT_DIR "/bangerd.service.d/50-owner.conf", format_service_owner, false},
        {SYSTEM_UNIT_DIR "/bangerd.socket.d/50-owner.conf", format_socket_owner, false},
        {LAYOUT_HELPER_OWNER, format_socket_owner, false},
        {SYSTEM_UNIT_DIR "/banger-worker.socket.d/50-owner.conf", format_socket_owner, false},
        {SYSTEM_UNIT_DIR "/banger-worker@.service.d/50-owner.conf", format_service_owner, false},
        /* The last: where it stands, all of the above does. */
        {BANGER_INSTALL_CONF, install_conf_format, false},
};
const size_t layout_n_files = ELEMENTSOF(layout_files);

const LayoutUnit layout_units[] = {
        /* Anybody's packet comes to it, and bangerd.service, so started, starts the other sockets. */
        {UNIT_DNS_SOCKET, true,
         "find who has " DNS_ADDRESS_TEXT " (sudo ss -lntup) and free it; "
         "run: sudo banger system restart"},
        {UNIT_BANGERD_SOCKET, true, NULL},
        {UNIT_WORKER_SOCKET, true, NULL}, /* its services are instances, one a job */
        {UNIT_BANGERD_SERVICE, true, NULL},
        {UNIT_HELPER_SOCKET, true, NULL}, /* for bangerd's last words to it */
        {UNIT_HELPER_SERVICE, false, NULL},
        {UNIT_SLICE, false, NULL}, /* systemd starts it with the first VM and would keep it */
};
const size_t layout_n_units = ELEMENTSOF(layout_units);

const char *const layout_runtime_directories[] = {"/run/banger", "/run/banger-root"};
const size_t layout_n_runtime_directories = ELEMENTSOF(layout_runtime_directories);
