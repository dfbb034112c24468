#include <errno.h>
#include <string.h>

#include "common/api-image.h"
#include "common/ident.h"

#define IMAGE_NAME_MAX 64
#define IMAGES_MAX 4096
/* A path that the command opens (PATH_MAX less its NUL). */
#define SOURCE_MAX 4095

static const char *const image_formats[] = {
        [IMAGE_EXT4] = "ext4",
        [IMAGE_TAR] = "tar",
        NULL,
};

int image_name_check(const char *name, Error *reterr) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        size_t length = strlen(name);

        if (length < 1 || length > IMAGE_NAME_MAX || !strchr(letters, name[0]) ||
            name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-")] != '\0')
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "must be 1 to %d of a-z, 0-9, \".\", \"_\" and \"-\", and begin "
                                 "with a letter or digit",
                                 IMAGE_NAME_MAX);
        if (vm_id_valid(name))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "must not look like an id (10 hex digits)");
        return 0;
}

static const Field name_ref_fields[] = {
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(NameRef, name),
         .required = true,
         .summary = "Its name"},
};

const Schema name_ref_schema = {
        .name = "NameRef",
        .size = sizeof(NameRef),
        .fields = name_ref_fields,
        .n_fields = ELEMENTSOF(name_ref_fields),
};

static const Field image_info_fields[] = {
        {.name = "id",
         .type = FIELD_STRING,
         .offset = offsetof(ImageInfo, id),
         .required = true,
         .check = vm_id_check,
         .summary = "Its id, as in the name of its file"},
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(ImageInfo, name),
         .required = true,
         .summary = "Its name"},
        {.name = "size_bytes",
         .type = FIELD_INT,
         .offset = offsetof(ImageInfo, size_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "Of the file system"},
        {.name = "used_bytes",
         .type = FIELD_INT,
         .offset = offsetof(ImageInfo, used_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "What its file takes on the disk"},
        {.name = "has_init",
         .type = FIELD_BOOL,
         .offset = offsetof(ImageInfo, has_init),
         .required = true,
         .summary = "Has it an init of its own"},
        {.name = "created_s",
         .type = FIELD_INT,
         .offset = offsetof(ImageInfo, created_s),
         .required = true,
         .max = INT64_MAX,
         .summary = "When it was imported, in seconds since the epoch"},
        {.name = "used_by",
         .type = FIELD_OBJECTS,
         .offset = offsetof(ImageInfo, used_by),
         .required = true,
         .max = 65536,
         .nested = &name_ref_schema,
         .summary = "VMs that start from it"},
};

const Schema image_info_schema = {
        .name = "ImageInfo",
        .size = sizeof(ImageInfo),
        .fields = image_info_fields,
        .n_fields = ELEMENTSOF(image_info_fields),
};

static const Field image_list_fields[] = {
        {.name = "images",
         .type = FIELD_OBJECTS,
         .offset = offsetof(ImageList, images),
         .required = true,
         .max = IMAGES_MAX,
         .nested = &image_info_schema,
         .summary = "All images, by name"},
};

const Schema image_list_schema = {
        .name = "ImageList",
        .size = sizeof(ImageList),
        .fields = image_list_fields,
        .n_fields = ELEMENTSOF(image_list_fields),
};

static const Field image_import_fields[] = {
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(ImageImport, name),
         .required = true,
         .check = image_name_check,
         .summary = "The name that it gets"},
        {.name = "format",
         .type = FIELD_ENUM,
         .offset = offsetof(ImageImport, format),
         .required = true,
         .values = image_formats,
         .summary = "What the descriptor gives: a file system, or a tar"},
};

const Schema image_import_schema = {
        .name = "ImageImport",
        .size = sizeof(ImageImport),
        .fields = image_import_fields,
        .n_fields = ELEMENTSOF(image_import_fields),
};

static const Field image_import_command_fields[] = {
        {.name = "name",
         .type = FIELD_STRING,
         .offset = offsetof(ImageImportCommand, name),
         .required = true,
         .check = image_name_check,
         .summary = "The name that it gets",
         .metavar = "NAME",
         .positional = true},
        {.name = "source",
         .type = FIELD_STRING,
         .offset = offsetof(ImageImportCommand, source),
         .required = true,
         .min = 1,
         .max = SOURCE_MAX,
         .summary = "An ext4 file system, a tar (compressed or not) or a directory",
         .metavar = "SOURCE",
         .positional = true},
};

const Schema image_import_command_schema = {
        .name = "ImageImportCommand",
        .size = sizeof(ImageImportCommand),
        .fields = image_import_command_fields,
        .n_fields = ELEMENTSOF(image_import_command_fields),
};

static const Field image_ref_fields[] = {
        {.name = "image",
         .type = FIELD_STRING,
         .offset = offsetof(ImageRef, image),
         .required = true,
         .min = 1,
         .max = IMAGE_NAME_MAX,
         .summary = "Its name or id",
         .metavar = "IMAGE",
         .positional = true},
};

const Schema image_ref_schema = {
        .name = "ImageRef",
        .size = sizeof(ImageRef),
        .fields = image_ref_fields,
        .n_fields = ELEMENTSOF(image_ref_fields),
};

static const Field image_progress_fields[] = {
        {.name = "operation",
         .type = FIELD_STRING,
         .offset = offsetof(ImageProgress, operation),
         .required = true,
         .check = vm_id_check,
         .summary = "The operation's id"},
        {.name = "done_bytes",
         .type = FIELD_INT,
         .offset = offsetof(ImageProgress, done_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "Read of the source"},
        {.name = "total_bytes",
         .type = FIELD_INT,
         .offset = offsetof(ImageProgress, total_bytes),
         .required = true,
         .max = INT64_MAX,
         .summary = "Its size; 0 when it is not known"},
        {.name = "image",
         .type = FIELD_OBJECT,
         .offset = offsetof(ImageProgress, image),
         .nested = &image_info_schema,
         .summary = "The image, in the last reply"},
};

const Schema image_progress_schema = {
        .name = "ImageProgress",
        .size = sizeof(ImageProgress),
        .fields = image_progress_fields,
        .n_fields = ELEMENTSOF(image_progress_fields),
};

static const Action image_actions[] = {
        {.method = "Import",
         .summary = "Make an image from the file system or tar that the descriptor gives",
         .in = &image_import_schema,
         .out = &image_progress_schema,
         .target = TARGET_NONE,
         .flags = ACTION_STREAMS | ACTION_TAKES_FD},
        {.words = "image import",
         .summary = "Make an image from an ext4 file, a tar or a directory",
         .in = &image_import_command_schema,
         .out = &image_info_schema,
         .target = TARGET_NONE,
         .flags = ACTION_LOCAL},
        {.method = "List",
         .words = "image list",
         .summary = "List the images",
         .in = &schema_empty,
         .out = &image_list_schema,
         .target = TARGET_NONE},
        {.method = "Delete",
         .words = "image delete",
         .summary = "Delete an image that no VM uses",
         .in = &image_ref_schema,
         .out = &schema_empty,
         .target = TARGET_IMAGE,
         .flags = ACTION_DESTROYS},
};

const Interface interface_image = {
        .name = "io.banger.Image",
        .summary = "Root file systems that VMs start from",
        .actions = image_actions,
        .n_actions = ELEMENTSOF(image_actions),
};
