/* The host: what `banger system status` finds, a row a check. */
#include <string.h>

#include "tui/panel.h"

enum {
        COLUMN_CHECK,
        COLUMN_STATE,
        COLUMN_EVIDENCE,
        COLUMN_REMEDY,
};

static const Column columns[] = {
        [COLUMN_CHECK] = {"CHECK", 16, 38, false},
        [COLUMN_STATE] = {"STATE", 8, 8, false},
        [COLUMN_EVIDENCE] = {"EVIDENCE", 16, 60, false},
        [COLUMN_REMEDY] = {"REMEDY", 10, 60, false},
};

static const char *const tabs[] = {"Check", NULL};

static size_t n_rows(const Model *model) {
        return model->report.checks.n_items;
}

static const char *name(const Model *model, size_t row) {
        return model_check(model, row)->name;
}

static void set_state(const SystemCheck *check, Span *ret) {
        static const struct {
                const char *text;
                Role role;
        } states[] = {
                [CHECK_OK] = {"ok", ROLE_GOOD},
                [CHECK_DEGRADED] = {"degraded", ROLE_BUSY},
                [CHECK_FAILED] = {"failed", ROLE_BAD},
        };

        span_set(ret, states[check->state].role, "%s", states[check->state].text);
}

static void cell(const Model *model, size_t row, size_t column, Span *ret) {
        const SystemCheck *check = model_check(model, row);

        switch (column) {
        case COLUMN_CHECK:
                span_set(ret, ROLE_TEXT, "%s", check->name);
                break;
        case COLUMN_STATE:
                set_state(check, ret);
                break;
        case COLUMN_EVIDENCE:
                span_set(ret, ROLE_TEXT, "%s", check->evidence ? check->evidence : "");
                break;
        default:
                span_set(ret, ROLE_TEXT, "%s", check->remedy ? check->remedy : "");
                break;
        }
}

static void empty(const Model *model, Span *ret) {
        if (model->report_error.message)
                span_set(ret, ROLE_BAD, "%s", model->report_error.message);
        else
                span_set(ret, ROLE_FAINT, "checking the installation");
}

static void show_detail(const Model *model, size_t row, _unused_ size_t tab, Detail *detail) {
        const SystemCheck *check = model_check(model, row);

        set_state(check, detail_add(detail, "state"));
        if (check->evidence)
                span_set(detail_add(detail, "evidence"), ROLE_TEXT, "%s", check->evidence);
        if (check->remedy)
                span_set(detail_add(detail, "remedy"), ROLE_STRONG, "%s", check->remedy);
}

static bool can_change(const Model *model, _unused_ size_t row, _unused_ bool *ret_force,
                       Span *why) {
        if (!model->has_report || model->report.installed)
                return true;
        span_set(why, ROLE_TEXT, "banger is not installed on this host: press i");
        return false;
}

static const PanelKey keys[] = {
        {'i', "system install", "install", false, NULL, NULL, false},
        {'r', "system restart", "restart", false, can_change, NULL, false},
        {'U', "system uninstall", "uninstall", false, can_change, NULL, false},
};

const Panel panel_host = {
        .digit = '6',
        .title = "Host",
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_rows = n_rows,
        .id = name,
        .name = name,
        .cell = cell,
        .empty = empty,
        .tabs = tabs,
        .detail = show_detail,
        .keys = keys,
        .n_keys = ELEMENTSOF(keys),
};
