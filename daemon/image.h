#pragma once
/* The images of this host: an index in memory, backed by the store and the files images/ID.ext4.
 * Loop thread only. */

#include "common/api-image.h"
#include "daemon/content.h"
#include "daemon/store.h"

typedef struct Images Images;

/* Reads the store, and removes what an import that was cut off has left below STATE_DIR/images.
 * store and state_dir must outlive it. */
int images_new(Store *store, const char *state_dir, Images **ret, Error *reterr);
Images *images_free(Images *images);

/* By name or id. ERROR_NOT_FOUND with the hint where to look. Valid until the image is deleted. */
int images_find(const Images *images, const char *name_or_id, const ImageRecord **ret,
                Error *reterr);
const ImageRecord *images_find_id(const Images *images, const VmId *id); /* NULL */
/* All of them, for the wire, but not who uses them; the caller clears ret with image_list_schema. */
int images_list(const Images *images, ImageList *ret, Error *reterr);
/* Is the name fit, and free? ERROR_INVALID_PARAMETER, ERROR_ALREADY_EXISTS. */
int images_check_name(const Images *images, const char *name, Error *reterr);
/* ERROR_NOT_FOUND; ERROR_BUSY naming the VMs that use it. Fills *ret_id and *ret_name (owned); the
 * file is withdrawn, content_delete() removes it. */
int images_delete(Images *images, const char *name_or_id, VmId *ret_id, char **ret_name,
                  Error *reterr);

/* An import: begin makes the file, read-write, under a temporary name; sync, which may run in any
 * thread, makes what was written durable and unchangeable; finish makes it the image record->id.
 * drop removes it before that. */
int images_import_begin(const Images *images, const VmId *id, int *ret_fd, Error *reterr);
int images_import_sync(int fd, Error *reterr);
int images_import_finish(Images *images, const ImageRecord *record, Error *reterr);
int images_import_drop(const Images *images, const VmId *id, Error *reterr);
const Content *images_content(const Images *images);
/* As on the wire, but not who uses it; the caller clears it with image_info_schema. */
int images_describe(const Images *images, const VmId *id, ImageInfo *ret, Error *reterr);
