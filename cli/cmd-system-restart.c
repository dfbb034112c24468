#include <errno.h>
#include <systemd/sd-daemon.h>

#include "cli/confirm.h"
#include "cli/layout.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/setup.h"
#include "common/clock.h"
#include "common/format.h"
#include "common/strings.h"

static int restart(const CommandContext *context, const Units *units, Progress *progress,
                   Error *reterr) {
        /* The helper starts with its first request: where it does not run, there is nothing old. */
        static const struct {
                const char *unit;
                UnitJob job;
        } jobs[] = {
                {UNIT_HELPER_SERVICE, UNIT_TRY_RESTART},
                {UNIT_BANGERD_SERVICE, UNIT_RESTART},
        };
        uint64_t began_usec = clock_monotonic_usec();
        _cleanup_free_ char *took = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                r = units->ops->run_job(units->manager, jobs[i].job, jobs[i].unit, reterr);
                if (r < 0)
                        return r;
                progress_say(progress, PROGRESS_STEP, "%s: restarted", jobs[i].unit);
        }
        r = setup_check_daemons(context->host, reterr);
        if (r < 0)
                return r;
        took = format_duration((int64_t) (clock_monotonic_usec() - began_usec));
        progress_say(progress, PROGRESS_STEP, "both daemons answer, after %s", took ? took : "?");
        return progress_finish(progress);
}

static int restart_run(const CommandContext *context, const Action *action,
                       _unused_ const void *value, Error *reterr) {
        _cleanup_units_ Units units = {.ops = NULL};
        _cleanup_progress_ Progress progress = {.out = NULL};
        InstallConf conf = {.owner = NULL};
        int r = require_root(action, reterr);

        if (r >= 0)
                r = install_conf_read(context->host->install_conf, context->host->root_uid, &conf,
                                      reterr);
        if (r < 0)
                return r;
        install_conf_clear(&conf);
        if (sd_booted() <= 0)
                return error_set(reterr, ERROR_UNAVAILABLE, ENODEV,
                                 "cannot restart banger: this host does not run systemd");
        r = units_open(&units, reterr);
        if (r >= 0)
                r = progress_init(&progress, context->out, context->json);
        if (r >= 0)
                r = restart(context, &units, &progress, reterr);
        r = error_prepend(reterr, r, "cannot restart banger");
        return r < 0 ? error_set_hint(reterr, r, "run: banger system status") : r;
}

const Command command_system_restart = {
        .words = "system restart",
        .run = restart_run,
};
