/* What systemd is told about a VM's unit: its program, its sandbox and its bounds.
 * doc/privileges.md explains each; keep them together. */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "common/api-root.h"
#include "common/clock.h"
#include "helper/launch.h"

/* What the jailer needs, until it drops to the VM's uid and to none. */
#define CAPABILITIES                                                                               \
        (UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SYS_CHROOT | UINT64_C(1) << CAP_MKNOD | \
         UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_CHOWN |        \
         UINT64_C(1) << CAP_DAC_OVERRIDE)
/* Beside the guest's memory: the VMM itself, its page tables and what it reads of disks. */
#define MEMORY_OVERHEAD_BYTES (UINT64_C(128) << 20)
/* Threads beside the vCPUs': the VMM's, its API's, and io_uring's workers. */
#define TASKS_OVERHEAD 16
/* The jailer copies the VMM (3 MiB); nothing else of the VM's becomes a file of the host. */
#define FILE_MAX_BYTES (UINT64_C(64) << 20)
#define STOP_TIMEOUT_USEC (10 * USEC_PER_SEC)

typedef struct TextProperty {
        const char *name, *value;
} TextProperty;

static const TextProperty texts[] = {
        {"Slice", "banger.slice"},
        {"Type", "exec"},
        {"KillMode", "control-group"},
        {"ProtectSystem", "strict"},
        {"ProtectHome", "yes"},
        {"ProtectProc", "invisible"},
        {"ProcSubset", "pid"},
        {"KeyringMode", "private"},
        {"DevicePolicy", "closed"},
};

static const char *const switches[] = {
        /* Not RemainAfterExit=: systemd would keep its copies of the console and the log of a VMM
         * that has ended, and nobody would see their end. */
        "NoNewPrivileges",
        "PrivateTmp",
        "PrivateIPC",
        "PrivateMounts",
        "ProtectKernelTunables",
        "ProtectKernelModules",
        "ProtectKernelLogs",
        "ProtectControlGroups",
        "ProtectClock",
        "ProtectHostname",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "LockPersonality",
        "MemoryDenyWriteExecute",
};

static int append_texts(sd_bus_message *call) {
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                int r = sd_bus_message_append(call, "(sv)", texts[i].name, "s", texts[i].value);

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(switches); i++) {
                int r = sd_bus_message_append(call, "(sv)", switches[i], "b", 1);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Each list comes with whether it allows; a second one that denies takes away from the first. */
static int append_filters(sd_bus_message *call) {
        int r;

        r = sd_bus_message_append(call, "(sv)", "SystemCallArchitectures", "as", 1, "native");
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "SystemCallFilter", "(bas)", 1, 6,
                                  "@system-service", "@mount", "mknod", "mknodat", "seccomp", "userfaultfd");
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "SystemCallFilter", "(bas)", 0, 8, "@clock",
                                  "@debug", "@module", "@reboot", "@swap", "@cpu-emulation",
                                  "@obsolete", "@raw-io");
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "SystemCallErrorNumber", "i", EPERM);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "RestrictAddressFamilies", "(bas)", 1, 1,
                                  "AF_UNIX");
        if (r < 0)
                return r;
        /* Those that stay allowed: the jailer's own mount name space. */
        return sd_bus_message_append(call, "(sv)", "RestrictNamespaces", "t",
                                     (uint64_t) CLONE_NEWNS);
}

/* IPAddressDeny=any: both families' prefixes of length 0. */
static int append_addresses(sd_bus_message *call) {
        return sd_bus_message_append(call, "(sv)", "IPAddressDeny", "a(iayu)", 2, AF_INET, 4, 0, 0,
                                     0, 0, 0, AF_INET6, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                     0, 0, 0, 0);
}

/* Each drive by its number: systemd makes such a path into a rule without opening it. A second list
 * adds to the first. */
static int append_devices(sd_bus_message *call, const LaunchPlan *plan) {
        int r;

        r = sd_bus_message_append(call, "(sv)", "DeviceAllow", "a(ss)", 4, "/dev/kvm", "rwm",
                                  "/dev/net/tun", "rwm", "/dev/urandom", "rwm",
                                  "/dev/userfaultfd", "rwm");
        for (int role = 0; role < _DEVICE_ROLE_MAX && r >= 0; role++) {
                char drive[48];

                if (plan->drives[role] == 0)
                        continue;
                (void) snprintf(drive, sizeof(drive), "/dev/block/%u:%u",
                                major(plan->drives[role]), minor(plan->drives[role]));
                r = sd_bus_message_append(call, "(sv)", "DeviceAllow", "a(ss)", 1, drive, "rw");
        }
        return r;
}

static int append_bounds(sd_bus_message *call, const LaunchPlan *plan) {
        int r;

        r = sd_bus_message_append(call, "(sv)", "CapabilityBoundingSet", "t", CAPABILITIES);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "UMask", "u", (uint32_t) 0077);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "MemoryMax", "t",
                                  (plan->memory_mib << 20) + MEMORY_OVERHEAD_BYTES);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "TasksMax", "t",
                                  (uint64_t) plan->vcpus + TASKS_OVERHEAD);
        if (r < 0)
                return r;
        /* One processor more than the guest has, for its input and output. */
        r = sd_bus_message_append(call, "(sv)", "CPUQuotaPerSecUSec", "t",
                                  ((uint64_t) plan->vcpus + 1) * USEC_PER_SEC);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "LimitFSIZE", "t", FILE_MAX_BYTES);
        if (r < 0)
                return r;
        return sd_bus_message_append(call, "(sv)", "TimeoutStopUSec", "t", STOP_TIMEOUT_USEC);
}

static int append_stdio(sd_bus_message *call, const LaunchPlan *plan) {
        int r;

        r = sd_bus_message_append(call, "(sv)", "StandardInputFileDescriptor", "h",
                                  plan->console_fd);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "StandardOutputFileDescriptor", "h",
                                  plan->console_fd);
        if (r < 0)
                return r;
        return sd_bus_message_append(call, "(sv)", "StandardErrorFileDescriptor", "h",
                                     plan->log_fd);
}

static int append_program(sd_bus_message *call, const LaunchPlan *plan) {
        const char *jailer = plan->programs->jailer;
        char uid[16], description[64];
        int r;

        (void) snprintf(uid, sizeof(uid), "%u", plan->uid);
        (void) snprintf(description, sizeof(description), "banger VM %s", plan->vm);
        r = sd_bus_message_append(call, "(sv)", "Description", "s", description);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "(sv)", "ReadWritePaths", "as", 1, plan->jails);
        if (r < 0)
                return r;
        /* Where the host stops, bangerd asks the guest first: units stop in the reverse order. */
        r = sd_bus_message_append(call, "(sv)", "Before", "as", 1, "bangerd.service");
        if (r < 0)
                return r;
        /* Firecracker's own records go to its stdout, which is the guest's console. */
        return sd_bus_message_append(call, "(sv)", "ExecStart", "a(sasb)", 1, jailer, 16, jailer,
                                     "--id", plan->vm, "--exec-file", plan->programs->firecracker,
                                     "--uid", uid, "--gid", uid, "--chroot-base-dir", plan->jails,
                                     "--", "--api-sock", JAIL_API_SOCKET, "--level", "Warn", 0);
}

static int append_properties(sd_bus_message *call, const LaunchPlan *plan) {
        static int (*const parts[])(sd_bus_message *, const LaunchPlan *) = {
                append_program, append_stdio, append_bounds, append_devices};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                r = parts[i](call, plan);
                if (r < 0)
                        return r;
        }
        r = append_texts(call);
        if (r < 0)
                return r;
        r = append_filters(call);
        if (r < 0)
                return r;
        return append_addresses(call);
}

int launch_append_unit(sd_bus_message *call, const LaunchPlan *plan) {
        int r;

        r = sd_bus_message_append(call, "ss", plan->unit, "fail");
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(call, 'a', "(sv)");
        if (r < 0)
                return r;
        r = append_properties(call, plan);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(call);
        if (r < 0)
                return r;
        return sd_bus_message_append(call, "a(sa(sv))", 0);
}
