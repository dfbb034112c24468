#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "cli/confirm.h"
#include "cli/kernel-import.h"
#include "cli/layout.h"
#include "cli/output.h"
#include "cli/probe.h"
#include "cli/setup.h"
#include "common/api-system.h"
#include "common/clock.h"
#include "common/strings.h"
#include "common/version.h"

static char *format_now(void) {
        time_t now = (time_t) (clock_realtime_usec() / USEC_PER_SEC);
        struct tm utc;
        char text[32];

        if (!gmtime_r(&now, &utc) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
                return NULL;
        return strdup(text);
}

static bool is_same_install(const InstallConf *a, const InstallConf *b) {
        return string_equal(a->owner, b->owner) && a->uid == b->uid && a->gid == b->gid &&
               string_equal(a->home, b->home) && string_equal(a->version, b->version) &&
               string_equal(a->commit, b->commit) && string_equal(a->built, b->built);
}

/* A second run with the same program for the same user keeps the time of the first. */
static void keep_install_time(const Host *host, InstallConf *conf) {
        InstallConf earlier = {.owner = NULL};

        if (install_conf_read(host->install_conf, host->root_uid, &earlier, NULL) < 0)
                return;
        if (is_same_install(&earlier, conf) && earlier.installed) {
                free(conf->installed);
                conf->installed = steal_ptr(earlier.installed);
        }
        install_conf_clear(&earlier);
}

static int make_conf(const Host *host, const Account *owner, InstallConf *ret, Error *reterr) {
        InstallConf conf = {
                .owner = strdup(owner->name),
                .uid = owner->uid,
                .gid = owner->gid,
                .home = strdup(owner->home),
                .version = strdup(banger_version),
                .commit = strdup(banger_commit),
                .built = strdup(banger_built),
                .installed = format_now(),
        };

        if (!conf.owner || !conf.home || !conf.version || !conf.commit || !conf.built ||
            !conf.installed) {
                install_conf_clear(&conf);
                return error_set_errno(reterr, ENOMEM, "cannot install banger");
        }
        keep_install_time(host, &conf);
        *ret = conf;
        return 0;
}

/* Needed by VMs, not by the installation itself. */
static void warn_about_host(const Host *host, Progress *progress) {
        static int (*const probes[])(int, SystemCheck *) = {
                probe_kvm,
                probe_firecracker,
                probe_jailer,
                probe_cgroup2,
        };

        for (size_t i = 0; i < ELEMENTSOF(probes); i++) {
                SystemCheck check = {.name = NULL};

                if (probes[i](host->root_fd, &check) < 0)
                        continue;
                if (check.state != CHECK_OK)
                        progress_say(progress, PROGRESS_WARNING, "VMs will not start: %s: %s; %s",
                                     check.name, check.evidence, check.remedy);
                schema_clear(&system_check_schema, &check);
        }
}

/* VMs need one, the installation does not: what fails here is told and can be done later. Root may
 * read the file where the owner may not. */
static void import_kernel(const Host *host, Progress *progress) {
        _cleanup_error_ Error error = ERROR_INIT;
        KernelInfo kernel = {.id = NULL};
        bool exists = false;
        int r = kernel_exists(host, &exists, &error);

        if (r >= 0 && exists)
                return;
        if (r >= 0)
                r = kernel_import_host(host, NULL, &kernel, &error);
        if (r < 0) {
                progress_say(progress, PROGRESS_WARNING,
                             "VMs have no kernel yet: %s; run: sudo banger kernel import --host",
                             error.message ? error.message : "it cannot be imported");
                return;
        }
        progress_say(progress, PROGRESS_STEP, "imported the kernel of this host, %s", kernel.name);
        schema_clear(&kernel_info_schema, &kernel);
}

static int show_plan(const CommandContext *context, const InstallConf *conf, Error *reterr) {
        int r;

        if (context->json)
                return 0;
        output_line(context->out, "banger %s for %s (uid %u) on this host:", conf->version,
                    conf->owner, (unsigned) conf->uid);
        r = setup_print_plan(context->out, conf);
        return r < 0 ? error_set_errno(reterr, -r, "cannot show the plan") : 0;
}

static int install_for(const CommandContext *context, const Account *owner, bool yes,
                       Error *reterr) {
        _cleanup_units_ Units units = {.ops = NULL};
        _cleanup_progress_ Progress progress = {.out = NULL};
        _cleanup_(install_conf_clear) InstallConf conf = {.owner = NULL};
        SetupEnv env = {
                .host = context->host,
                .booted = sd_booted() > 0,
                .check_daemons = setup_check_daemons,
        };
        int r;

        if (env.booted) {
                r = units_open(&units, reterr);
                if (r < 0)
                        return r;
                env.units = units;
        }
        r = setup_check(&env, owner, reterr);
        if (r >= 0)
                r = make_conf(context->host, owner, &conf, reterr);
        if (r >= 0)
                r = progress_init(&progress, context->out, context->json);
        if (r < 0)
                return error_prepend(reterr, r, "cannot install banger; nothing was changed");

        r = show_plan(context, &conf, reterr);
        if (r < 0)
                return r;
        warn_about_host(context->host, &progress);
        r = yes ? 0 : confirm(context, "Install?", reterr);
        if (r < 0)
                return r;
        r = setup_run(&env, &conf, &progress, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot install banger");
        if (env.booted)
                import_kernel(context->host, &progress);
        progress_say(&progress, PROGRESS_STEP, "banger %s is ready for %s", conf.version,
                     conf.owner);
        return progress_finish(&progress);
}

static int install_run(const CommandContext *context, const Action *action, const void *value,
                       Error *reterr) {
        const SystemInstall *install = value;
        _cleanup_account_ Account owner = {.name = NULL};
        int r = require_root(action, reterr);

        if (r < 0)
                return error_set_hint(reterr, r, "run: sudo banger system install --owner %s",
                                      install->owner);
        r = account_find(install->owner, &owner, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot install banger; nothing was changed");
        return install_for(context, &owner, install->yes, reterr);
}

const Command command_system_install = {
        .words = "system install",
        .run = install_run,
};
