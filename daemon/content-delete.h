#pragma once
/* The last part of deleting an image, a kernel or a VM: its files go, in a thread, and then the call
 * is answered. Loop thread. */
#include "common/varlink-server.h"
#include "daemon/content.h"
#include "daemon/context.h"

typedef struct ContentDelete {
        const Content *content; /* outlives the pools */
        VmId id;                /* withdrawn, and out of store and index already */
        const char *kind;       /* the operation's: a constant */
        const char *what;       /* "image", "kernel", "vm": a constant */
        const char *name;       /* copied */
        VarlinkCall *call;      /* gets a reference; NULL: nobody waits */
} ContentDelete;

/* The object is gone whatever happens here: files that cannot be removed make the call fail with
 * that, and are removed at the next start. */
void content_delete(const DaemonContext *context, const ContentDelete *wanted);
