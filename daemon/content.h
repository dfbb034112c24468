#pragma once
/* The files behind images, kernels or VMs: one entry an id in a directory of the owner's, a file or a
 * flat directory. While an entry is being made or deleted it is called .import-ID: whether it counts
 * then is for the store to say. Small file operations, but for content_remove_part(). */

#include "common/ident.h"

typedef struct Content {
        int dir_fd;         /* owned */
        const char *suffix; /* of an entry's name, ".ext4" or ""; constant */
} Content;

#define CONTENT_INIT ((Content) {.dir_fd = -1})

typedef struct ContentName {
        char text[32];
} ContentName;

/* The directory NAME below state_dir. */
int content_open(const char *state_dir, const char *name, const char *suffix, Content *ret,
                 Error *reterr);
void content_close(Content *content);
/* After a crash: every .import-ID that `known` says is in the store becomes an entry again, the
 * others are removed. */
int content_recover(const Content *content, bool (*known)(const VmId *id, void *userdata),
                    void *userdata, Error *reterr);

ContentName content_name(const Content *content, const VmId *id);
ContentName content_part_name(const VmId *id);
/* .import-ID becomes the entry, durable on return; on failure it is .import-ID still. */
int content_publish(const Content *content, const VmId *id, Error *reterr);
/* The entry becomes .import-ID; one that is gone already is no error. */
int content_withdraw(const Content *content, const VmId *id, Error *reterr);
/* Removes .import-ID, with the files in it; what is not there is removed already. May take seconds;
 * any thread. */
int content_remove_part(const Content *content, const VmId *id, Error *reterr);
