#pragma once
/* io.banger.System: the daemon about itself and the host; and the local `system` commands. */
#include "common/action.h"

typedef struct ComponentStatus {
        char *name;      /* "bangerd", "bangerd-root" */
        int state;       /* ComponentState */
        char *version;
        char *message;   /* why it is not ok, and what to do */
} ComponentStatus;

typedef enum ComponentState {
        COMPONENT_OK,
        COMPONENT_UNREACHABLE,
        COMPONENT_DIFFERENT, /* runs, but is of another version */
        COMPONENT_DEGRADED,
} ComponentState;

typedef struct SystemStatus {
        char *host;
        char *version;
        char *owner;
        int64_t vms_running, vms_total; /* 0 until VMs exist */
        Objects components; /* ComponentStatus */
} SystemStatus;

/* What a status bar shows; told without asking the helper. */
typedef struct SystemSummary {
        int64_t vms_running, vms_total, vms_broken;
        int64_t cpu_percent;        /* of the host, by all VMs since the last look; -1: no earlier one */
        int64_t memory_bytes;       /* of all VMs, with the host's caches of their files */
        int64_t memory_total_bytes; /* of the host */
} SystemSummary;

/* `status`: which form it takes; without one the table. */
typedef struct StatusShow {
        bool line, motd;
        int64_t max_width; /* columns of the line; -1: all that there is */
} StatusShow;

typedef struct SystemInstall {
        char *owner;
        bool yes;
} SystemInstall;

typedef struct SystemUninstall {
        bool purge;
        bool yes;
} SystemUninstall;

/* What `system status` finds: one line a check. */
typedef struct SystemCheck {
        char *name;
        int state; /* CheckState */
        char *evidence;
        char *remedy;
} SystemCheck;

typedef enum CheckState {
        CHECK_OK,
        CHECK_DEGRADED,
        CHECK_FAILED,
} CheckState;

typedef struct SystemReport {
        bool installed;
        char *version;
        char *owner;
        Objects checks; /* SystemCheck */
} SystemReport;

typedef struct VersionReport {
        char *version, *commit, *built;
} VersionReport;

typedef struct ApiCall {
        char *method;
        char *parameters;
        bool more;
} ApiCall;

extern const Schema system_status_schema, system_summary_schema, status_show_schema,
        component_status_schema, system_install_schema,
        system_uninstall_schema, system_report_schema, system_check_schema, version_report_schema,
        api_call_schema;
extern const Interface interface_system;
