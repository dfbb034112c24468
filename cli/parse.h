#pragma once
/* The command line, read by the table of actions alone. */
#include "common/action.h"

typedef struct Invocation {
        const Action *action; /* NULL with help: all commands, or those that begin with topic */
        void *value;          /* the struct of action->in, owned; NULL with help */
        char *topic;          /* "system", owned; NULL: no group was named */
        bool help;
        bool json;
} Invocation;

#define INVOCATION_INIT ((Invocation) {.action = NULL})
#define _cleanup_invocation_ _cleanup_(invocation_clear)

/* words are argv without the program's name. Fails with -EINVAL and ERROR_USAGE; json is told even
 * then, so that the error can be printed as asked. */
int parse_command_line(char *const *words, size_t n_words, Invocation *ret, Error *reterr);
void invocation_clear(Invocation *invocation);
/* Does the action's command begin with these words, and go on? */
bool command_in_group(const Action *action, const char *group);
