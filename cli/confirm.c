#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/confirm.h"
#include "common/strings.h"

int confirm(const CommandContext *context, const char *question, Error *reterr) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        ssize_t n;
        int fd = fileno(context->in);

        if (context->json || fd < 0 || !isatty(fd))
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                                "cannot ask for confirmation: %s",
                                                context->json ? "JSON is wanted"
                                                              : "there is no terminal"),
                                      "give --yes to go on without");

        fprintf(context->out, "%s [y/N] ", question);
        fflush(context->out);
        n = getline(&line, &size, context->in);
        if (n > 0 && line[n - 1] == '\n')
                line[n - 1] = '\0';
        if (n > 0 && (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0))
                return 0;
        return error_set(reterr, ERROR_CANCELED, ECANCELED, "nothing was changed");
}

int require_root(const Action *action, Error *reterr) {
        if ((action->flags & ACTION_ROOT) == 0 || geteuid() == 0)
                return 0;
        return error_set_hint(reterr,
                              error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                        "cannot run \"%s\": it needs root", action->words),
                              "run: sudo banger %s", action->words);
}
