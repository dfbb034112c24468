#include <errno.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"
#include "common/api-system.h"
#include "common/version.h"

static int version_run(const CommandContext *context, const Action *action, const void *value,
                       Error *reterr) {
        _cleanup_free_ char *version = strdup(banger_version), *commit = strdup(banger_commit),
                            *built = strdup(banger_built);
        VersionReport report = {.version = version, .commit = commit, .built = built};

        (void) value;
        if (!version || !commit || !built)
                return error_set_errno(reterr, ENOMEM, "cannot show the version");
        if (context->json)
                return output_schema_json(context->out, action->out, &report);
        return output_line(context->out, "banger %s (commit %s, %s)", version, commit, built);
}

const Command command_version = {
        .words = "version",
        .run = version_run,
};
