#include <errno.h>
#include <systemd/sd-daemon.h>

#include "cli/confirm.h"
#include "cli/layout.h"
#include "cli/output.h"
#include "cli/teardown.h"
#include "common/api-system.h"

static void print_plan(const CommandContext *context, bool purge) {
        output_line(context->out, "banger will be removed from this host:");
        output_line(context->out, "  units stopped and disabled, their settings removed");
        output_line(context->out, "  %s removed%s", BANGER_CONFIG_DIR,
                    purge ? "" : " (a changed banger.conf stays)");
        output_line(context->out,
                    purge ? "  %s removed: all images, kernels and VMs are lost"
                          : "  %s stays: images, kernels and VMs are kept",
                    BANGER_STATE_DIR);
}

static int uninstall_from(const CommandContext *context, const SetupEnv *env,
                          const SystemUninstall *uninstall, Error *reterr) {
        _cleanup_progress_ Progress progress = {.out = NULL};
        int r = progress_init(&progress, context->out, context->json);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot uninstall banger");
        r = teardown_check(env, &progress, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot uninstall banger; nothing was changed");
        if (!uninstall->yes) {
                if (!context->json)
                        print_plan(context, uninstall->purge);
                r = confirm(context, "Uninstall?", reterr);
                if (r < 0)
                        return r;
        }
        r = teardown_run(env, uninstall->purge, &progress, reterr);
        /* What was done, kept and left is worth knowing most when something failed. */
        (void) progress_finish(&progress);
        return error_prepend(reterr, r, "cannot uninstall banger wholly");
}

static int uninstall_run(const CommandContext *context, const Action *action, const void *value,
                         Error *reterr) {
        _cleanup_units_ Units units = {.ops = NULL};
        SetupEnv env = {.host = context->host, .booted = true};
        int r = require_root(action, reterr);

        if (r < 0)
                return r;
        if (sd_booted() <= 0)
                return error_set(reterr, ERROR_UNAVAILABLE, ENODEV,
                                 "cannot uninstall banger: this host does not run systemd");
        r = units_open(&units, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot uninstall banger; nothing was changed");
        env.units = units;
        return uninstall_from(context, &env, value, reterr);
}

const Command command_system_uninstall = {
        .words = "system uninstall",
        .run = uninstall_run,
};
