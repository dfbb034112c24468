#pragma once
/* What libarchive does for us: tars and directories as trees, decompression, cpio. Programs that
 * read names must have set LC_CTYPE to a UTF-8 locale. */
#include <sys/types.h>

#include "worker/entry.h"
#include "worker/input.h"

typedef struct Archive Archive;

/* A tar, compressed or not. The input must outlive the archive. */
int archive_tar_open(Input *input, Archive **ret, Error *reterr);
/* A directory's content, below it; top-level entries named in `skip` (NULL-terminated) are left
 * out. Neither follows symlinks nor enters other file systems. */
int archive_directory_open(const char *path, const char *const *skip, const Job *job,
                           Archive **ret, Error *reterr);
/* One stream without names, compressed by anything or not at all: only archive_data() is for it. */
int archive_stream_open(Input *input, Archive **ret, Error *reterr);
Archive *archive_close(Archive *archive);

/* The functions of an EntrySource whose userdata is the Archive. */
int archive_next(void *archive, const Entry **ret, Error *reterr);
int archive_data(void *archive, const void **ret, size_t *ret_size, int64_t *ret_offset,
                 Error *reterr);
EntrySource archive_source(Archive *archive);

/* An initrd: cpio in the newc format, uncompressed. */
typedef struct Cpio Cpio;
int cpio_open(int fd, Cpio **ret, Error *reterr);
/* mode with its type; device of nodes only. */
int cpio_add(Cpio *cpio, const char *path, mode_t mode, dev_t device, const void *data,
             size_t size, Error *reterr);
int cpio_add_file(Cpio *cpio, const char *path, mode_t mode, int fd, Error *reterr);
/* Writes the trailer. Without it the file is to be thrown away, whatever it looks like. */
int cpio_finish(Cpio *cpio, Error *reterr);
Cpio *cpio_close(Cpio *cpio);
