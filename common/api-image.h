#pragma once
/* io.banger.Image: root file systems that VMs start from. */
#include "common/action.h"

typedef enum ImageFormat {
        IMAGE_EXT4, /* a file that is an ext4 file system already */
        IMAGE_TAR,  /* a tar, compressed or not; a directory is sent as one */
} ImageFormat;

typedef struct ImageInfo {
        char *id;
        char *name;
        int64_t size_bytes;  /* of the file system, virtual */
        int64_t used_bytes;  /* that the file takes on the disk */
        bool has_init;       /* /sbin/init, /init, /etc/init or /bin/init as the kernel would look (not /bin/sh) */
        int64_t created_s;
        Objects used_by;     /* NameRef: VMs */
} ImageInfo;

typedef struct NameRef {
        char *name;
} NameRef;

typedef struct ImageList {
        Objects images; /* ImageInfo, by name */
} ImageList;

/* Carries one descriptor: the source, a regular file or a pipe. */
typedef struct ImageImport {
        char *name;
        int format; /* ImageFormat */
} ImageImport;

/* `image import NAME SOURCE`: the command looks at SOURCE, opens it and calls Import. */
typedef struct ImageImportCommand {
        char *name;
        char *source;
} ImageImportCommand;

typedef struct ImageRef {
        char *image;
} ImageRef;

typedef struct ImageProgress {
        char *operation;
        int64_t done_bytes;  /* read of the source */
        int64_t total_bytes; /* 0: not known */
        ImageInfo *image;    /* in the final reply only */
} ImageProgress;

/* Names that an image may have: 1 to 64 of [a-z0-9._-], the first a letter or digit, and not of the
 * form of an id. For Field.check. */
int image_name_check(const char *name, Error *reterr);

extern const Schema image_info_schema, image_list_schema, image_import_schema,
        image_import_command_schema, image_ref_schema, image_progress_schema, name_ref_schema;
/* Import(ImageImport) -> ImageProgress, streams, takes a descriptor, no words; local "image import";
 * List() -> ImageList "image list"; Delete(ImageRef) -> {} destroys "image delete". */
extern const Interface interface_image;
