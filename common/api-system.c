#include "common/api-system.h"

#define USER_NAME_MAX 255    /* LOGIN_NAME_MAX without its NUL */
#define METHOD_NAME_MAX 255
#define STATUS_WIDTH_MAX 1000
#define PARAMETERS_MAX 262144 /* what a daemon takes as one message */

static const char *const component_states[] = {
        [COMPONENT_OK] = "ok",
        [COMPONENT_UNREACHABLE] = "unreachable",
        [COMPONENT_DIFFERENT] = "different",
        [COMPONENT_DEGRADED] = "degraded",
        NULL,
};

static const char *const check_states[] = {
        [CHECK_OK] = "ok",
        [CHECK_DEGRADED] = "degraded",
        [CHECK_FAILED] = "failed",
        NULL,
};

static const Field component_status_fields[] = {
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(ComponentStatus, name),
         .required = true,
         .summary = "The program, e.g. bangerd-root"},
        {.name = "state",
         .type = FIELD_ENUM,
         .offset = offsetof(ComponentStatus, state),
         .required = true,
         .values = component_states,
         .summary = "different: it runs, but is of another version"},
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(ComponentStatus, version),
         .summary = "What it says its version is"},
        {.name = "message",
         .type = FIELD_STRING,
         .offset = offsetof(ComponentStatus, message),
         .summary = "Why it is not ok, and what to do"},
};

const Schema component_status_schema = {
        .name = "ComponentStatus",
        .size = sizeof(ComponentStatus),
        .fields = component_status_fields,
        .n_fields = ELEMENTSOF(component_status_fields),
};

static const Field system_status_fields[] = {
        {.name = "host",
         .type = FIELD_STRING,
         .offset = offsetof(SystemStatus, host),
         .required = true,
         .summary = "The host's name"},
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(SystemStatus, version),
         .required = true,
         .summary = "The daemon's version"},
        {.name = "owner",
         .type = FIELD_STRING,
         .offset = offsetof(SystemStatus, owner),
         .required = true,
         .summary = "The user that this installation belongs to"},
        {.name = "vms_running",
         .type = FIELD_INT,
         .offset = offsetof(SystemStatus, vms_running),
         .required = true,
         .max = INT32_MAX,
         .summary = "VMs that run now"},
        {.name = "vms_total",
         .type = FIELD_INT,
         .offset = offsetof(SystemStatus, vms_total),
         .required = true,
         .max = INT32_MAX,
         .summary = "VMs that exist"},
        {.name = "components",
         .type = FIELD_OBJECTS,
         .offset = offsetof(SystemStatus, components),
         .required = true,
         .nested = &component_status_schema,
         .summary = "Each program that has to work, the daemon first"},
};

const Schema system_status_schema = {
        .name = "SystemStatus",
        .size = sizeof(SystemStatus),
        .fields = system_status_fields,
        .n_fields = ELEMENTSOF(system_status_fields),
};

static const Field system_install_fields[] = {
        {.name = "owner",
         .type = FIELD_STRING,
         .offset = offsetof(SystemInstall, owner),
         .required = true,
         .min = 1,
         .max = USER_NAME_MAX,
         .summary = "The user that the VMs belong to",
         .option = "owner",
         .metavar = "USER"},
        {.name = "yes",
         .type = FIELD_BOOL,
         .offset = offsetof(SystemInstall, yes),
         .summary = "Do not ask",
         .option = "yes",
         .letter = 'y'},
};

const Schema system_install_schema = {
        .name = "SystemInstall",
        .size = sizeof(SystemInstall),
        .fields = system_install_fields,
        .n_fields = ELEMENTSOF(system_install_fields),
};

static const Field system_uninstall_fields[] = {
        {.name = "purge",
         .type = FIELD_BOOL,
         .offset = offsetof(SystemUninstall, purge),
         .summary = "Remove images, kernels, VMs and settings too",
         .option = "purge"},
        {.name = "yes",
         .type = FIELD_BOOL,
         .offset = offsetof(SystemUninstall, yes),
         .summary = "Do not ask",
         .option = "yes",
         .letter = 'y'},
};

const Schema system_uninstall_schema = {
        .name = "SystemUninstall",
        .size = sizeof(SystemUninstall),
        .fields = system_uninstall_fields,
        .n_fields = ELEMENTSOF(system_uninstall_fields),
};

static const Field system_check_fields[] = {
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(SystemCheck, name),
         .required = true,
         .summary = "What was looked at"},
        {.name = "state",
         .type = FIELD_ENUM,
         .offset = offsetof(SystemCheck, state),
         .required = true,
         .values = check_states,
         .summary = "How it is"},
        {.name = "evidence",
         .type = FIELD_STRING,
         .offset = offsetof(SystemCheck, evidence),
         .summary = "What was seen"},
        {.name = "remedy",
         .type = FIELD_STRING,
         .offset = offsetof(SystemCheck, remedy),
         .summary = "What to do about it"},
};

const Schema system_check_schema = {
        .name = "SystemCheck",
        .size = sizeof(SystemCheck),
        .fields = system_check_fields,
        .n_fields = ELEMENTSOF(system_check_fields),
};

static const Field system_report_fields[] = {
        {.name = "installed",
         .type = FIELD_BOOL,
         .offset = offsetof(SystemReport, installed),
         .required = true,
         .summary = "Has `system install` been run here"},
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(SystemReport, version),
         .summary = "The version that was installed"},
        {.name = "owner",
         .type = FIELD_STRING,
         .offset = offsetof(SystemReport, owner),
         .summary = "The user that this installation belongs to"},
        {.name = "checks",
         .type = FIELD_OBJECTS,
         .offset = offsetof(SystemReport, checks),
         .required = true,
         .nested = &system_check_schema,
         .summary = "Everything that was looked at"},
};

const Schema system_report_schema = {
        .name = "SystemReport",
        .size = sizeof(SystemReport),
        .fields = system_report_fields,
        .n_fields = ELEMENTSOF(system_report_fields),
};

static const Field version_report_fields[] = {
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(VersionReport, version),
         .required = true,
         .summary = "The release"},
        {.name = "commit",
         .type = FIELD_STRING,
         .offset = offsetof(VersionReport, commit),
         .required = true,
         .summary = "The commit that it was built from"},
        {.name = "built",
         .type = FIELD_STRING,
         .offset = offsetof(VersionReport, built),
         .required = true,
         .summary = "The date of that source"},
};

const Schema version_report_schema = {
        .name = "VersionReport",
        .size = sizeof(VersionReport),
        .fields = version_report_fields,
        .n_fields = ELEMENTSOF(version_report_fields),
};

static const Field api_call_fields[] = {
        {.name = "method",
         .type = FIELD_STRING,
         .offset = offsetof(ApiCall, method),
         .required = true,
         .min = 1,
         .max = METHOD_NAME_MAX,
         .summary = "The method's full name, e.g. io.banger.System.GetStatus",
         .metavar = "METHOD",
         .positional = true},
        {.name = "parameters",
         .type = FIELD_STRING,
         .offset = offsetof(ApiCall, parameters),
         .max = PARAMETERS_MAX,
         .summary = "Its parameters as a JSON object",
         .metavar = "PARAMETERS",
         .positional = true},
        {.name = "more",
         .type = FIELD_BOOL,
         .offset = offsetof(ApiCall, more),
         .summary = "Ask for a stream of replies and print each",
         .option = "more"},
};

const Schema api_call_schema = {
        .name = "ApiCall",
        .size = sizeof(ApiCall),
        .fields = api_call_fields,
        .n_fields = ELEMENTSOF(api_call_fields),
};

#define COUNT(member, text)                                                                        \
        {.name = #member,                                                                          \
         .type = FIELD_INT,                                                                        \
         .offset = offsetof(SystemSummary, member),                                                \
         .required = true,                                                                         \
         .max = INT64_MAX,                                                                         \
         .summary = (text)}

static const Field system_summary_fields[] = {
        COUNT(vms_running, "VMs that run"),
        COUNT(vms_total, "VMs in all"),
        COUNT(vms_broken, "VMs that need a look"),
        {.name = "cpu_percent",
         .type = FIELD_INT,
         .offset = offsetof(SystemSummary, cpu_percent),
         .min = 0,
         .max = 100,
         .absent = -1,
         .summary = "Of the host's processors, by all VMs since the last look"},
        COUNT(memory_bytes, "Memory of all VMs, with the host's caches of their files"),
        COUNT(memory_total_bytes, "Memory of the host"),
};

#undef COUNT

const Schema system_summary_schema = {
        .name = "SystemSummary",
        .size = sizeof(SystemSummary),
        .fields = system_summary_fields,
        .n_fields = ELEMENTSOF(system_summary_fields),
};

static const Field status_show_fields[] = {
        {.name = "line",
         .type = FIELD_BOOL,
         .offset = offsetof(StatusShow, line),
         .summary = "One short line for a status bar or a prompt; never fails",
         .option = "line"},
        {.name = "motd",
         .type = FIELD_BOOL,
         .offset = offsetof(StatusShow, motd),
         .summary = "For a login: a few lines, none when all is well and nothing runs",
         .option = "motd"},
        {.name = "max_width",
         .type = FIELD_INT,
         .offset = offsetof(StatusShow, max_width),
         .min = 1,
         .max = STATUS_WIDTH_MAX,
         .absent = -1,
         .summary = "Columns that --line may take; the least important goes first",
         .option = "max-width",
         .metavar = "COLUMNS"},
};

const Schema status_show_schema = {
        .name = "StatusShow",
        .size = sizeof(StatusShow),
        .fields = status_show_fields,
        .n_fields = ELEMENTSOF(status_show_fields),
};

static const Action system_actions[] = {
        {.words = "status",
         .summary = "Show the state of the daemons and of this host",
         .in = &status_show_schema,
         .out = &system_status_schema,
         .target = TARGET_HOST,
         .flags = ACTION_LOCAL},
        {.method = "GetStatus",
         .summary = "Tell the state of the daemons and of this host",
         .in = &schema_empty,
         .out = &system_status_schema,
         .target = TARGET_HOST},
        {.method = "GetSummary",
         .summary = "Tell what fits into a status bar, at once",
         .in = &schema_empty,
         .out = &system_summary_schema,
         .target = TARGET_HOST},
        {.words = "system install",
         .summary = "Set banger up on this host for one user",
         .in = &system_install_schema,
         .out = &schema_empty,
         .target = TARGET_HOST,
         .flags = ACTION_LOCAL | ACTION_ROOT},
        {.words = "system status",
         .summary = "Check the installation on this host",
         .in = &schema_empty,
         .out = &system_report_schema,
         .target = TARGET_HOST,
         .flags = ACTION_LOCAL},
        {.words = "system restart",
         .summary = "Restart the daemons; VMs and sessions go on",
         .in = &schema_empty,
         .out = &schema_empty,
         .target = TARGET_HOST,
         .flags = ACTION_LOCAL | ACTION_ROOT},
        {.words = "system uninstall",
         .summary = "Remove banger from this host",
         .in = &system_uninstall_schema,
         .out = &schema_empty,
         .target = TARGET_HOST,
         .flags = ACTION_LOCAL | ACTION_ROOT | ACTION_DESTROYS},
        {.words = "api",
         .summary = "Call a method and print its reply as JSON",
         .in = &api_call_schema,
         .out = &schema_empty,
         .flags = ACTION_LOCAL},
        {.words = "version",
         .summary = "Show the version of this program",
         .in = &schema_empty,
         .out = &version_report_schema,
         .flags = ACTION_LOCAL},
};

const Interface interface_system = {
        .name = "io.banger.System",
        .summary = "The daemon about itself and the host that it runs on",
        .actions = system_actions,
        .n_actions = ELEMENTSOF(system_actions),
};
