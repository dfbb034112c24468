#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/strings.h"
#include "daemon/content.h"
#include "daemon/image.h"

#define STAT_BLOCK_SIZE 512 /* st_blocks counts these, whatever the file system (stat(2)) */

typedef struct Image {
        ImageRecord record;
        int64_t used_bytes; /* an image does not change: looked at once */
} Image;

struct Images {
        Store *store;
        Content content;
        Image **items; /* by name */
        size_t n_items;
};

static Image *image_free(Image *image) {
        if (image)
                image_record_clear(&image->record);
        free(image);
        return NULL;
}

static void image_cleanup(Image **image) {
        image_free(*image);
}

static void images_cleanup(Images **images) {
        images_free(*images);
}

static int64_t used_bytes(const Images *images, const VmId *id) {
        ContentName name = content_name(&images->content, id);
        struct stat st;

        if (fstatat(images->content.dir_fd, name.text, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        return (int64_t) st.st_blocks * STAT_BLOCK_SIZE;
}

/* Room for one more, so that adding cannot fail when it must not. */
static int images_reserve(Images *images) {
        Image **grown = reallocarray(images->items, images->n_items + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        images->items = grown;
        return 0;
}

static void images_insert(Images *images, Image *image) {
        size_t at = images->n_items++;

        for (; at > 0 && strcmp(images->items[at - 1]->record.name, image->record.name) > 0; at--)
                images->items[at] = images->items[at - 1];
        images->items[at] = image;
}

/* Takes the record. */
static int images_add(Images *images, ImageRecord *record) {
        Image *image = calloc(1, sizeof(*image));
        int r = image ? images_reserve(images) : -ENOMEM;

        if (r < 0) {
                image_record_clear(record);
                free(image);
                return r;
        }
        image->record = *record;
        image->used_bytes = used_bytes(images, &record->id);
        images_insert(images, image);
        *record = (ImageRecord) {.name = NULL};
        return 0;
}

static bool is_known(const VmId *id, void *userdata) {
        return images_find_id(userdata, id) != NULL;
}

static int images_load(Images *images, Error *reterr) {
        _cleanup_free_ ImageRecord *records = NULL;
        size_t n = 0;
        int r = store_load_images(images->store, &records, &n, reterr);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (r >= 0)
                        r = images_add(images, &records[i]);
                else
                        image_record_clear(&records[i]);
        }
        return r < 0 ? error_set_errno(reterr, -r, "cannot read the images") : 0;
}

int images_new(Store *store, const char *state_dir, Images **ret, Error *reterr) {
        _cleanup_(images_cleanup) Images *images = calloc(1, sizeof(*images));
        int r;

        if (!images)
                return error_set_errno(reterr, ENOMEM, "cannot read the images");
        images->content = CONTENT_INIT;
        images->store = store;
        r = content_open(state_dir, "images", ".ext4", &images->content, reterr);
        if (r >= 0)
                r = images_load(images, reterr);
        if (r >= 0)
                r = content_recover(&images->content, is_known, images, reterr);
        if (r < 0)
                return r;
        *ret = steal_ptr(images);
        return 0;
}

Images *images_free(Images *images) {
        if (!images)
                return NULL;
        for (size_t i = 0; i < images->n_items; i++)
                image_free(images->items[i]);
        free(images->items);
        content_close(&images->content);
        free(images);
        return NULL;
}

static const Image *find_id(const Images *images, const VmId *id) {
        for (size_t i = 0; i < images->n_items; i++)
                if (string_equal(images->items[i]->record.id.text, id->text))
                        return images->items[i];
        return NULL;
}

static const Image *find(const Images *images, const char *name_or_id) {
        VmId id;

        for (size_t i = 0; i < images->n_items; i++)
                if (string_equal(images->items[i]->record.name, name_or_id))
                        return images->items[i];
        return vm_id_parse(name_or_id, &id) >= 0 ? find_id(images, &id) : NULL;
}

const ImageRecord *images_find_id(const Images *images, const VmId *id) {
        const Image *image = find_id(images, id);

        return image ? &image->record : NULL;
}

static int not_found(const char *name_or_id, Error *reterr) {
        int r = error_set(reterr, ERROR_NOT_FOUND, ENOENT, "image \"%s\" not found", name_or_id);

        r = error_set_object(reterr, r, name_or_id);
        return error_set_hint(reterr, r, "run: banger image list");
}

int images_find(const Images *images, const char *name_or_id, const ImageRecord **ret,
                Error *reterr) {
        const Image *image = find(images, name_or_id);

        if (!image)
                return not_found(name_or_id, reterr);
        *ret = &image->record;
        return 0;
}

int images_check_name(const Images *images, const char *name, Error *reterr) {
        int r = image_name_check(name, reterr);

        if (r < 0)
                return error_set_field(reterr, r, "name");
        if (!find(images, name))
                return 0;
        r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST, "image \"%s\" exists already", name);
        r = error_set_object(reterr, r, name);
        return error_set_hint(reterr, r, "choose another name, or run: banger image delete %s",
                              name);
}

static int describe(const Image *image, ImageInfo *ret, Error *reterr) {
        ImageInfo info = {
                .id = strdup(image->record.id.text),
                .name = strdup(image->record.name),
                .size_bytes = image->record.size_bytes,
                .used_bytes = image->used_bytes,
                .has_init = image->record.has_init,
                .created_s = image->record.created_s,
        };

        if (!info.id || !info.name) {
                schema_clear(&image_info_schema, &info);
                return error_set_errno(reterr, ENOMEM, "cannot describe an image");
        }
        *ret = info;
        return 0;
}

int images_describe(const Images *images, const VmId *id, ImageInfo *ret, Error *reterr) {
        const Image *image = find_id(images, id);

        if (!image)
                return error_set(reterr, ERROR_NOT_FOUND, ENOENT, "image %s is gone", id->text);
        return describe(image, ret, reterr);
}

int images_list(const Images *images, ImageList *ret, Error *reterr) {
        ImageInfo *items = calloc(images->n_items + 1, sizeof(*items));
        ImageList list = {.images = {.items = items}};
        int r = 0;

        if (!items)
                return error_set_errno(reterr, ENOMEM, "cannot list the images");
        for (size_t i = 0; i < images->n_items && r >= 0; i++) {
                r = describe(images->items[i], &items[i], reterr);
                if (r >= 0)
                        list.images.n_items++;
        }
        if (r < 0) {
                schema_clear(&image_list_schema, &list);
                return r;
        }
        *ret = list;
        return 0;
}

static void images_forget(Images *images, const VmId *id) {
        for (size_t i = 0; i < images->n_items; i++) {
                if (!string_equal(images->items[i]->record.id.text, id->text))
                        continue;
                image_free(images->items[i]);
                images->n_items--;
                memmove(&images->items[i], &images->items[i + 1],
                        (images->n_items - i) * sizeof(*images->items));
                return;
        }
}

static int check_unused(const Images *images, const ImageRecord *record, Error *reterr) {
        _cleanup_free_ char *users = NULL;
        _cleanup_strv_ char **names = NULL;
        int r = store_image_users(images->store, &record->id, &names, reterr);

        if (r < 0 || !names)
                return r;
        users = strv_join(names, ", ");
        r = error_set(reterr, ERROR_BUSY, EBUSY, "cannot delete image \"%s\": used by vm %s",
                      record->name, users ? users : names[0]);
        r = error_set_object(reterr, r, record->name);
        return error_set_hint(reterr, r, "run: banger vm delete %s", names[0]);
}

/* Out of sight, out of the store: a crash in between is mended at the next start. */
static int withdraw(Images *images, const VmId *id, Error *reterr) {
        int r = content_withdraw(&images->content, id, reterr);

        if (r < 0)
                return r;
        r = store_delete_image(images->store, id, reterr);
        if (r < 0) {
                (void) content_publish(&images->content, id, NULL);
                return r;
        }
        return 0;
}

int images_delete(Images *images, const char *name_or_id, VmId *ret_id, char **ret_name,
                  Error *reterr) {
        const Image *image = find(images, name_or_id);
        _cleanup_free_ char *name = NULL;
        VmId id;
        int r;

        if (!image)
                return not_found(name_or_id, reterr);
        r = check_unused(images, &image->record, reterr);
        if (r < 0)
                return r;
        id = image->record.id;
        name = strdup(image->record.name);
        if (!name)
                return error_set_errno(reterr, ENOMEM, "cannot delete image \"%s\"", name_or_id);
        r = withdraw(images, &id, reterr);
        if (r < 0)
                return error_prepend(reterr, r, "cannot delete image \"%s\"", name);
        images_forget(images, &id);
        *ret_id = id;
        *ret_name = steal_ptr(name);
        return 0;
}

const Content *images_content(const Images *images) {
        return &images->content;
}

int images_import_begin(const Images *images, const VmId *id, int *ret_fd, Error *reterr) {
        ContentName part = content_part_name(id);
        int fd = openat(images->content.dir_fd, part.text,
                        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot make a file for the image");
        *ret_fd = fd;
        return 0;
}

int images_import_sync(int fd, Error *reterr) {
        if (fchmod(fd, 0400) < 0 || fsync(fd) < 0)
                return error_set_errno(reterr, errno, "cannot write the image");
        return 0;
}

int images_import_drop(const Images *images, const VmId *id, Error *reterr) {
        return content_remove_part(&images->content, id, reterr);
}

int images_import_finish(Images *images, const ImageRecord *record, Error *reterr) {
        _cleanup_(image_cleanup) Image *image = calloc(1, sizeof(*image));
        int r;

        if (!image || image_record_copy(record, &image->record) < 0 || images_reserve(images) < 0)
                return error_set_errno(reterr, ENOMEM, "cannot keep image \"%s\"", record->name);
        /* The store first: from then on a crash leaves an image, before it leaves nothing. */
        r = store_put_image(images->store, record, reterr);
        if (r < 0)
                return r;
        r = content_publish(&images->content, &record->id, reterr);
        if (r < 0) {
                (void) store_delete_image(images->store, &record->id, NULL);
                return r;
        }
        image->used_bytes = used_bytes(images, &record->id);
        images_insert(images, steal_ptr(image));
        return 0;
}
