#include "common/api-guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/ident.h"

#define DNS_MAX 3              /* MAXNS of resolv.h: more are not asked */
#define STOP_TIMEOUT_MS_MAX 3600000
#define TIME_US_MAX INT64_C(253402300799000000) /* the end of the year 9999 */

static const char *const guest_stages[] = {
        [GUEST_AGENT] = "agent",
        [GUEST_INIT] = "init",
        [GUEST_FAILED] = "failed",
        NULL,
};

static int machine_id_check(const char *value, Error *reterr) {
        if (strlen(value) == 32 && strspn(value, "0123456789abcdef") == 32)
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                         "must be 32 lowercase hex digits");
}

static int address_check(const char *value, Error *reterr) {
        struct in_addr address;

        if (inet_pton(AF_INET, value, &address) == 1)
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be an IPv4 address");
}

static int mac_check(const char *value, Error *reterr) {
        bool good = strlen(value) == 17;

        for (size_t i = 0; good && i < 17; i++)
                good = i % 3 == 2 ? value[i] == ':' : strchr("0123456789abcdef", value[i]) != NULL;
        if (good)
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                         "must be an Ethernet address like 02:00:00:00:00:01");
}

static int path_check(const char *value, Error *reterr) {
        if (value[0] == '/')
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be an absolute path");
}

static int assignment_check(const char *value, Error *reterr) {
        const char *equals = strchr(value, '=');

        if (equals && equals > value)
                return 0;
        return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be KEY=VALUE");
}

static const Field host_hello_fields[] = {
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(HostHello, version),
         .required = true,
         .summary = "The agent's version"},
        {.name = "again",
         .type = FIELD_BOOL,
         .offset = offsetof(HostHello, again),
         .summary = "The agent has its configuration; its connection broke"},
};

const Schema host_hello_schema = {
        .name = "HostHello",
        .size = sizeof(HostHello),
        .fields = host_hello_fields,
        .n_fields = ELEMENTSOF(host_hello_fields),
};

static const Field guest_config_fields[] = {
        {.name = "hostname",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, hostname),
         .required = true,
         .check = vm_name_check,
         .summary = "The guest's name"},
        {.name = "machine_id",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, machine_id),
         .required = true,
         .check = machine_id_check,
         .summary = "For /etc/machine-id"},
        {.name = "root",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, root),
         .required = true,
         .check = path_check,
         .summary = "The device with the root file system"},
        {.name = "modules",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, modules),
         .check = path_check,
         .summary = "The device with the kernel's modules"},
        {.name = "work",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, work),
         .check = path_check,
         .summary = "The device for /root"},
        {.name = "address",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, address),
         .check = address_check,
         .summary = "IPv4 address; without one there is no network"},
        {.name = "prefix",
         .type = FIELD_INT,
         .offset = offsetof(GuestConfig, prefix),
         .min = 0,
         .max = 32,
         .summary = "Bits of the network"},
        {.name = "gateway",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, gateway),
         .check = address_check,
         .summary = "Default route"},
        {.name = "mac",
         .type = FIELD_STRING,
         .offset = offsetof(GuestConfig, mac),
         .check = mac_check,
         .summary = "The interface that the address is for"},
        {.name = "dns",
         .type = FIELD_STRINGS,
         .offset = offsetof(GuestConfig, dns),
         .max = DNS_MAX,
         .check = address_check,
         .summary = "Resolvers"},
        {.name = "time_us",
         .type = FIELD_INT,
         .offset = offsetof(GuestConfig, time_us),
         .required = true,
         .max = TIME_US_MAX,
         .summary = "The host's clock, since 1970"},
};

const Schema guest_config_schema = {
        .name = "GuestConfig",
        .size = sizeof(GuestConfig),
        .fields = guest_config_fields,
        .n_fields = ELEMENTSOF(guest_config_fields),
        /* The agent is in the kernel's initrd: it may be older than its bangerd. */
        .open = true,
};

static const Field host_report_fields[] = {
        {.name = "stage",
         .type = FIELD_ENUM,
         .offset = offsetof(HostReport, stage),
         .required = true,
         .values = guest_stages,
         .summary = "How far the guest is"},
        {.name = "message",
         .type = FIELD_STRING,
         .offset = offsetof(HostReport, message),
         .summary = "Why it failed, or what it does without"},
};

const Schema host_report_schema = {
        .name = "HostReport",
        .size = sizeof(HostReport),
        .fields = host_report_fields,
        .n_fields = ELEMENTSOF(host_report_fields),
};

static const Field guest_exec_fields[] = {
        {.name = "command",
         .type = FIELD_STRINGS,
         .offset = offsetof(GuestExec, command),
         .required = true,
         .min = 1,
         .max = 4096,
         .summary = "The command and its arguments"},
        {.name = "environment",
         .type = FIELD_STRINGS,
         .offset = offsetof(GuestExec, environment),
         .check = assignment_check,
         .summary = "KEY=VALUE, over the agent's defaults"},
        {.name = "directory",
         .type = FIELD_STRING,
         .offset = offsetof(GuestExec, directory),
         .check = path_check,
         .summary = "Where to run it; root's home unless told"},
};

const Schema guest_exec_schema = {
        .name = "GuestExec",
        .size = sizeof(GuestExec),
        .fields = guest_exec_fields,
        .n_fields = ELEMENTSOF(guest_exec_fields),
};

static const Field guest_stop_fields[] = {
        {.name = "timeout_ms",
         .type = FIELD_INT,
         .offset = offsetof(GuestStop, timeout_ms),
         .required = true,
         .max = STOP_TIMEOUT_MS_MAX,
         .summary = "For the image's init; then the root is frozen and the guest ended"},
};

const Schema guest_stop_schema = {
        .name = "GuestStop",
        .size = sizeof(GuestStop),
        .fields = guest_stop_fields,
        .n_fields = ELEMENTSOF(guest_stop_fields),
};

static const Field guest_info_fields[] = {
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(GuestInfo, version),
         .required = true,
         .summary = "The agent's version"},
        {.name = "kernel",
         .type = FIELD_STRING,
         .offset = offsetof(GuestInfo, kernel),
         .required = true,
         .summary = "The kernel's release"},
        {.name = "is_init",
         .type = FIELD_BOOL,
         .offset = offsetof(GuestInfo, is_init),
         .summary = "The image has no init, the agent serves as one"},
};

const Schema guest_info_schema = {
        .name = "GuestInfo",
        .size = sizeof(GuestInfo),
        .fields = guest_info_fields,
        .n_fields = ELEMENTSOF(guest_info_fields),
};

static const Action host_actions[] = {
        {.method = "Hello",
         .summary = "Tell that a guest is there, and get its configuration",
         .in = &host_hello_schema,
         .out = &guest_config_schema},
        {.method = "Report",
         .summary = "Tell how far the guest is",
         .in = &host_report_schema,
         .out = &schema_empty},
};

const Interface interface_host = {
        .name = "io.banger.Host",
        .summary = "What a guest may ask of the daemon, over vsock",
        .actions = host_actions,
        .n_actions = ELEMENTSOF(host_actions),
};

static const Action guest_actions[] = {
        {.method = "Info",
         .summary = "Describe the agent and its guest",
         .in = &schema_empty,
         .out = &guest_info_schema},
        {.method = "Exec",
         .summary = "Run a command; frames with its streams follow the reply",
         .in = &guest_exec_schema,
         .out = &schema_empty,
         .flags = ACTION_UPGRADES},
        {.method = "Stop",
         .summary = "End the guest in good order; answered before that begins",
         .in = &guest_stop_schema,
         .out = &schema_empty},
};

const Interface interface_guest = {
        .name = "io.banger.Guest",
        .summary = "What the agent in a guest does for its host, over vsock",
        .actions = guest_actions,
        .n_actions = ELEMENTSOF(guest_actions),
};
