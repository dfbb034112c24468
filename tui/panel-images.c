/* Images: root file systems that VMs start from. */
#include <string.h>

#include "common/format.h"
#include "common/strings.h"
#include "tui/figures.h"
#include "tui/panel.h"

enum {
        COLUMN_NAME,
        COLUMN_SIZE,
        COLUMN_DISK,
        COLUMN_USED_BY,
        COLUMN_AGE,
        COLUMN_INIT,
};

static const Column columns[] = {
        [COLUMN_NAME] = {"NAME", 12, 40, false},
        [COLUMN_SIZE] = {"SIZE", 5, 5, true},
        [COLUMN_DISK] = {"ON DISK", 7, 7, true},
        [COLUMN_USED_BY] = {"USED-BY", 7, 28, false},
        [COLUMN_AGE] = {"AGE", 6, 6, true},
        [COLUMN_INIT] = {"INIT", 4, 4, false},
};

static const char *const tabs[] = {"Overview", NULL};

static size_t n_rows(const Model *model) {
        return model->images.images.n_items;
}

static const char *id(const Model *model, size_t row) {
        return model_image(model, row)->id;
}

static const char *name(const Model *model, size_t row) {
        return model_image(model, row)->name;
}

static void set_users(const ImageInfo *image, Span *ret) {
        const NameRef *users = image->used_by.items;
        size_t used = 0;

        span_set(ret, ROLE_FAINT, "-");
        for (size_t i = 0; i < image->used_by.n_items && used < sizeof(ret->text); i++) {
                ret->role = ROLE_TEXT;
                used += (size_t) snprintf(ret->text + used, sizeof(ret->text) - used, "%s%s",
                                          i > 0 ? ", " : "", users[i].name);
        }
}

static void cell(const Model *model, size_t row, size_t column, Span *ret) {
        const ImageInfo *image = model_image(model, row);
        char figure[FIGURE_MAX];

        switch (column) {
        case COLUMN_NAME:
                span_set(ret, ROLE_TEXT, "%s", image->name);
                break;
        case COLUMN_SIZE:
                span_set(ret, ROLE_TEXT, "%s", figure_bytes((uint64_t) image->size_bytes, figure));
                break;
        case COLUMN_DISK:
                span_set(ret, ROLE_TEXT, "%s", figure_bytes((uint64_t) image->used_bytes, figure));
                break;
        case COLUMN_USED_BY:
                set_users(image, ret);
                break;
        case COLUMN_AGE:
                span_set(ret, ROLE_TEXT, "%s",
                         figure_age(model->now_s - image->created_s, figure));
                break;
        default:
                span_set(ret, ROLE_TEXT, "%s", image->has_init ? "yes" : "no");
                break;
        }
}

static bool value(const Model *model, size_t row, size_t column, int64_t *ret) {
        const ImageInfo *image = model_image(model, row);

        switch (column) {
        case COLUMN_SIZE:
                *ret = image->size_bytes;
                return true;
        case COLUMN_DISK:
                *ret = image->used_bytes;
                return true;
        case COLUMN_AGE:
                *ret = model->now_s - image->created_s;
                return true;
        default:
                return false;
        }
}

static void empty(const Model *model, Span *ret) {
        if (!model->has_images)
                span_set(ret, ROLE_FAINT, "waiting for the list of images");
        else
                span_set(ret, ROLE_TEXT,
                         "No image yet; the first: banger image import NAME SOURCE");
}

static void show_detail(const Model *model, size_t row, _unused_ size_t tab, Detail *detail) {
        const ImageInfo *image = model_image(model, row);
        _cleanup_free_ char *created = format_time(image->created_s);
        _cleanup_free_ char *size = format_bytes(image->size_bytes);
        _cleanup_free_ char *used = format_bytes(image->used_bytes);

        span_set(detail_add(detail, "size"), ROLE_TEXT, "%s, %s on disk", size ? size : "?",
                 used ? used : "?");
        set_users(image, detail_add(detail, "used by"));
        span_set(detail_add(detail, "init"), ROLE_TEXT, "%s",
                 image->has_init ? "its own" : "none: banger-guest serves as init");
        span_set(detail_add(detail, "id"), ROLE_TEXT, "%s, made %s", image->id,
                 created ? created : "?");
}

static bool can_delete(const Model *model, size_t row, _unused_ bool *ret_force, Span *why) {
        const ImageInfo *image = model_image(model, row);
        Span users;

        if (image->used_by.n_items == 0)
                return true;
        set_users(image, &users);
        span_set(why, ROLE_TEXT, "%s is used by %s", image->name, users.text);
        return false;
}

static void ask_delete(const Model *model, size_t row, Question *question) {
        char figure[FIGURE_MAX];

        span_set(question_add(question), ROLE_TEXT, "Its file system of %s is lost. No VM uses it.",
                 figure_bytes((uint64_t) model_image(model, row)->size_bytes, figure));
}

static const PanelKey keys[] = {
        {'D', "image delete", "delete", true, can_delete, ask_delete, false},
};

const Panel panel_images = {
        .digit = '2',
        .title = "Images",
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_rows = n_rows,
        .id = id,
        .name = name,
        .cell = cell,
        .value = value,
        .empty = empty,
        .tabs = tabs,
        .detail = show_detail,
        .keys = keys,
        .n_keys = ELEMENTSOF(keys),
};
