#pragma once
/* The table of actions: every verb of every interface, once. The command line and its help, the
 * completion, the interface descriptions, dispatch and the console come from it. */

#include <stdio.h>

#include "common/schema.h"

typedef enum ActionTarget {
        TARGET_NONE,
        TARGET_VM,
        TARGET_IMAGE,
        TARGET_KERNEL,
        TARGET_OPERATION,
        TARGET_HOST,
} ActionTarget;

typedef enum ActionFlags {
        ACTION_DESTROYS = 1 << 0,   /* something is lost: interactive use asks first */
        ACTION_STREAMS = 1 << 1,    /* may be called with `more` */
        ACTION_LOCAL = 1 << 2,      /* carried out by the command itself: there is no method */
        ACTION_ROOT = 1 << 3,       /* needs uid 0 (local ones only) */
        ACTION_TAKES_FD = 1 << 4,   /* the request may carry descriptors */
        ACTION_UPGRADES = 1 << 5,   /* the reply ends Varlink on this connection */
} ActionFlags;

typedef struct Action {
        const char *method;  /* "GetStatus"; NULL for a local one */
        const char *words;   /* "vm start"; NULL when it is not a command */
        const char *summary; /* imperative, without a full stop */
        const Schema *in;    /* never NULL: schema_empty where there is none */
        const Schema *out;
        ActionTarget target;
        ActionFlags flags;
} Action;

typedef struct Interface {
        const char *name;    /* "io.banger.System" */
        const char *summary;
        const Action *actions;
        size_t n_actions;
} Interface;

extern const Schema schema_empty;

/* The interfaces whose actions can be commands, in the order of help. NULL-terminated. */
extern const Interface *const action_interfaces[];

/* "io.banger.System.GetStatus" within a NULL-terminated list; NULL when it is not there. */
const Action *action_find_method(const Interface *const *interfaces, const char *method,
                                 const Interface **ret_interface);
/* The longest run of words that names an action; *ret_n_words is how many it took. NULL: none. */
const Action *action_find_words(char *const *words, size_t n_words, size_t *ret_n_words);
/* Writes the Varlink interface text, with the error types that each of ours has, as an allocated
 * string. Deterministic. -ENOMEM. */
int interface_describe(const Interface *interface, char **ret);
