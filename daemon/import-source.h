#pragma once
/* What a client passed to be imported. */
#include "common/varlink-server.h"

typedef struct ImportSource {
        int fd;       /* owned */
        bool is_pipe; /* its writer may end in the middle */
} ImportSource;

#define IMPORT_SOURCE_INIT ((ImportSource) {.fd = -1})

/* The call's only descriptor: a regular file or a pipe, open for reading. ERROR_INVALID_PARAMETER. */
int import_source_take(VarlinkCall *call, ImportSource *ret, Error *reterr);
void import_source_clear(ImportSource *source);
