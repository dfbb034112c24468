#pragma once
/* What the state of a part of banger is, from what was seen of it. No I/O. */

#include "common/api-system.h"
#include "common/install.h"

/* This daemon itself: it answers, but may be of another version than what was installed last, until
 * it is restarted. Strings of ret are allocated; cleared with component_status_schema. -ENOMEM. */
int component_self(const char *version, const InstallConf *install, ComponentStatus *ret);

typedef struct HelperSeen {
        int r;               /* of the ping */
        const Error *error;  /* when r is negative */
        const char *version; /* what the helper said, when r is 0 */
        int64_t owner_uid;
} HelperSeen;

typedef struct NamesSeen {
        bool served;        /* systemd has passed the sockets */
        bool asked;         /* the helper, about resolved; at first that is under way */
        int r;              /* what came of it last */
        const Error *error; /* when r is negative */
} NamesSeen;

/* Do names like NAME.vm resolve on this host? */
int component_names(const NamesSeen *seen, ComponentStatus *ret);

/* The helper, as seen from a daemon of this version and owner. */
int component_helper(const HelperSeen *seen, const char *version, uid_t owner,
                     ComponentStatus *ret);
