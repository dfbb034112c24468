#include "cli/command.h"
#include "cli/table.h"
#include "common/api-image.h"
#include "common/format.h"
#include "common/strings.h"

static const TableColumn columns[] = {
        {.title = "NAME"},
        {.title = "SIZE", .right = true},
        {.title = "ON DISK", .right = true},
        {.title = "INIT"},
        {.title = "CREATED"},
        {.title = "USED BY"},
};

static char *format_users(const ImageInfo *image) {
        const NameRef *users = image->used_by.items;
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < image->used_by.n_items; i++)
                if (strv_append(&names, users[i].name) < 0)
                        return NULL;
        return strv_join(names, ", ");
}

static int add_image(Table *table, const ImageInfo *image) {
        _cleanup_free_ char *size = format_bytes(image->size_bytes);
        _cleanup_free_ char *used = format_bytes(image->used_bytes);
        _cleanup_free_ char *created = format_time(image->created_s);
        _cleanup_free_ char *users = format_users(image);

        return table_add(table,
                         (const char *const[]) {image->name, size, used,
                                                image->has_init ? "yes" : "no", created, users});
}

static int list_print(FILE *out, const void *reply) {
        const ImageList *list = reply;
        const ImageInfo *images = list->images.items;
        _cleanup_table_ Table *table = NULL;
        int r = table_new(columns, ELEMENTSOF(columns), &table);

        for (size_t i = 0; i < list->images.n_items && r >= 0; i++)
                r = add_image(table, &images[i]);
        if (r >= 0)
                table_print(table, out);
        return r;
}

const Command command_image_list = {
        .words = "image list",
        .print = list_print,
};
