/* Canvas, layout, filter and panels, without any terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "common/strings.h"
#include "tui/figures.h"
#include "tui/key.h"
#include "tui/layout.h"
#include "tui/ui.h"

static void assert_row(const Canvas *canvas, int y, const char *expected) {
        _cleanup_free_ char *row = canvas_row(canvas, y);

        assert_string_equal(row, expected);
}

static void text_is_cut_with_an_ellipsis(void **state) {
        _cleanup_canvas_ Canvas *canvas = NULL;

        (void) state;
        assert_int_equal(canvas_new(2, 20, false, &canvas), 0);
        assert_int_equal(canvas_text(canvas, 0, 0, 8, ROLE_TEXT, "abcdefghij"), 8);
        assert_row(canvas, 0, "abcdefg…");
        assert_int_equal(canvas_text(canvas, 1, 15, 20, ROLE_TEXT, "abcdefghij"), 10);
        assert_row(canvas, 1, "               abcde");
}

static void wide_characters_are_never_halved(void **state) {
        _cleanup_canvas_ Canvas *canvas = NULL;

        (void) state;
        assert_int_equal(canvas_new(1, 6, false, &canvas), 0);
        canvas_text(canvas, 0, 0, 6, ROLE_TEXT, "語語語");
        assert_row(canvas, 0, "語語語");
        /* One column in the middle of the second. */
        canvas_text(canvas, 0, 3, 1, ROLE_TEXT, "x");
        assert_row(canvas, 0, "語 x語");
        canvas_clear(canvas);
        assert_int_equal(canvas_text(canvas, 0, 0, 4, ROLE_TEXT, "語語語"), 3);
        assert_row(canvas, 0, "語…");
}

static void without_utf8_all_is_ascii(void **state) {
        _cleanup_canvas_ Canvas *canvas = NULL;

        (void) state;
        assert_int_equal(canvas_new(1, 20, true, &canvas), 0);
        canvas_text(canvas, 0, 0, 20, ROLE_TEXT, "a · 語 …");
        assert_row(canvas, 0, "a - ? ~");
}

static void long_text_is_broken_at_blanks(void **state) {
        _cleanup_canvas_ Canvas *canvas = NULL;

        (void) state;
        assert_int_equal(canvas_new(3, 10, false, &canvas), 0);
        assert_int_equal(canvas_wrap(canvas, (Rect) {0, 0, 3, 10}, ROLE_TEXT,
                                     "one two three four five six"),
                         3);
        assert_row(canvas, 0, "one two");
        assert_row(canvas, 1, "three four");
        assert_row(canvas, 2, "five six");
        assert_int_equal(canvas_wrap_rows(canvas, 10, "seven"), 1);
}

static void word_longer_than_a_row_is_broken(void **state) {
        _cleanup_canvas_ Canvas *canvas = NULL;

        (void) state;
        assert_int_equal(canvas_new(5, 10, false, &canvas), 0);
        assert_int_equal(canvas_wrap(canvas, (Rect) {0, 0, 5, 10}, ROLE_TEXT,
                                     "no /run/banger/bangerd.sock; run: it"),
                         5);
        assert_row(canvas, 0, "no");
        assert_row(canvas, 1, "/run/bange");
        assert_row(canvas, 2, "r/bangerd.");
        assert_row(canvas, 3, "sock; run:");
        assert_row(canvas, 4, "it");
        /* No room for even one of them. */
        assert_int_equal(canvas_wrap_rows(canvas, 1, "語語"), 2);
        assert_int_equal(canvas_wrap_rows(canvas, 0, "ab"), 2);
}

static void columns_drop_from_the_last(void **state) {
        LayoutColumn columns[] = {
                {.min = 8, .max = 20, .content = 30},
                {.min = 9, .max = 9, .content = 7},
                {.min = 4, .max = 4, .content = 1},
        };

        (void) state;
        layout_columns(columns, ELEMENTSOF(columns), 100);
        assert_int_equal(columns[0].width, 20);
        assert_int_equal(columns[2].width, 4);
        layout_columns(columns, ELEMENTSOF(columns), 24);
        assert_int_equal(columns[0].width, 13);
        assert_int_equal(columns[1].width, 9);
        assert_int_equal(columns[2].width, 0);
        layout_columns(columns, ELEMENTSOF(columns), 5);
        assert_int_equal(columns[0].width, 5);
        assert_int_equal(columns[1].width, 0);
}

static void detail_is_where_there_is_room(void **state) {
        Layout layout;

        (void) state;
        layout = layout_screen(30, 120, false, 3, 6);
        assert_int_equal(layout.detail.y, layout.list.y);
        assert_true(layout.detail.x > layout.list.width - 1);
        layout = layout_screen(24, 119, false, 3, 6);
        assert_int_equal(layout.detail.y, layout.list.y + layout.list.height);
        assert_int_equal(layout.detail.width, 119);
        layout = layout_screen(23, 119, false, 3, 6);
        assert_int_equal(layout.detail.height, 0);
        layout = layout_screen(10, 40, true, 3, 6);
        assert_int_equal(layout.list.height, 0);
        assert_int_equal(layout.detail.height, 5);
        /* Whatever the sizes, nothing reaches into the last two rows. */
        for (int height = 8; height < 70; height++)
                for (int rows = 0; rows < 80; rows += 7) {
                        layout = layout_screen(height, 100, false, rows, 9);
                        assert_true(layout.list.y + layout.list.height <= height - 2);
                        assert_true(layout.list.height >= 2);
                        assert_true(layout.detail.height == 0 ||
                                    layout.detail.y + layout.detail.height <= height - 2);
                }
}

static void figures_are_short(void **state) {
        char text[FIGURE_MAX];

        (void) state;
        assert_string_equal(figure_age(59, text), "59s");
        assert_string_equal(figure_age(60, text), "1m");
        assert_string_equal(figure_age(7500, text), "2h05m");
        assert_string_equal(figure_age(90061, text), "1d01h");
        assert_string_equal(figure_age(-5, text), "0s");
        assert_string_equal(figure_bytes(UINT64_C(512) << 20, text), "512M");
        assert_string_equal(figure_bytes(UINT64_C(1000) << 20, text), "1.0G");
        assert_string_equal(figure_share(UINT64_C(2202) << 20, UINT64_C(16) << 30, text),
                            "2.2/16G");
        assert_string_equal(figure_share(UINT64_MAX, UINT64_MAX, text), "16777216/16777216T");
}

/* ---- the state of the user's side ---- */

static VmInfo vms[] = {
        {.id = (char[]) {"00000000aa"}, .name = (char[]) {"alpha"}, .image = (char[]) {"debian"},
         .kernel = (char[]) {"6.1"}, .state = VM_STOPPED, .vcpus = 1, .memory_mib = 256},
        {.id = (char[]) {"00000000bb"}, .name = (char[]) {"beta"}, .image = (char[]) {"tiny"},
         .kernel = (char[]) {"6.1"}, .state = VM_RUNNING, .readiness = VM_READINESS_INIT,
         .vcpus = 1, .memory_mib = 256},
};

static Model make_model(void) {
        Model model;

        model_init(&model, "1");
        model.link = LINK_UP;
        model.has_vms = true;
        model.vms.vms = (Objects) {.items = vms, .n_items = ELEMENTSOF(vms)};
        return model;
}

static void keys_become_the_calls_of_their_actions(void **state) {
        Model model = make_model();
        Intent intent;
        Span line;
        Ui ui;

        (void) state;
        ui_init(&ui, &model);
        ui_key(&ui, 's', &intent);
        assert_int_equal(intent.kind, INTENT_CALL);
        assert_string_equal(intent.action->method, "Start");
        assert_string_equal(intent.interface->name, "io.banger.VM");
        assert_string_equal(intent.target, "alpha");
        ui_command_line(&intent, &line);
        assert_string_equal(line.text, "banger vm start alpha");
        /* What cannot be done is said and not tried. */
        ui_key(&ui, 'x', &intent);
        assert_int_equal(intent.kind, INTENT_NONE);
        assert_string_equal(ui.message.text, "alpha is stopped already");
        ui_clear(&ui);
}

static void nothing_acts_without_the_daemon(void **state) {
        Model model = make_model();
        Intent intent;
        Ui ui;

        (void) state;
        model.link = LINK_DOWN;
        ui_init(&ui, &model);
        ui_key(&ui, 's', &intent);
        assert_int_equal(intent.kind, INTENT_NONE);
        assert_string_equal(ui.message.text, "cannot start alpha: bangerd is not there");
        ui_clear(&ui);
}

static void running_vm_is_deleted_by_its_typed_name_only(void **state) {
        Model model = make_model();
        Intent intent;
        Span line;
        Ui ui;

        (void) state;
        ui_init(&ui, &model);
        ui_key(&ui, 'j', &intent);
        ui_key(&ui, 'D', &intent);
        assert_int_equal(intent.kind, INTENT_ASK);
        /* The focus does not move without the name. */
        ui_key(&ui, KEY_TAB, &intent);
        ui_key(&ui, KEY_RETURN, &intent);
        assert_int_equal(intent.kind, INTENT_NONE);
        assert_int_equal(ui.overlay, OVERLAY_NONE);
        ui_key(&ui, 'D', &intent);
        for (const char *key = "beta"; *key; key++)
                ui_key(&ui, *key, &intent);
        ui_key(&ui, KEY_RETURN, &intent);
        assert_int_equal(intent.kind, INTENT_CALL);
        assert_true(intent.force);
        ui_command_line(&intent, &line);
        assert_string_equal(line.text, "banger vm delete --force beta");
        ui_clear(&ui);
}

static void erase_never_acts_on_an_object(void **state) {
        Model model = make_model();
        Intent intent;
        Ui ui;

        (void) state;
        ui_init(&ui, &model);
        ui_key(&ui, KEY_ERASE, &intent);
        assert_int_equal(intent.kind, INTENT_NONE);
        assert_int_equal(ui.overlay, OVERLAY_NONE);
        ui_clear(&ui);
}

static void selection_stays_on_its_object(void **state) {
        Model model = make_model();
        VmInfo moved[3];
        Intent intent;
        size_t row = 0;
        Ui ui;

        (void) state;
        ui_init(&ui, &model);
        ui_key(&ui, 'G', &intent);
        /* One more comes before it. */
        moved[0] = vms[0];
        moved[1] = vms[0];
        moved[1].id = (char[]) {"00000000ab"};
        moved[2] = vms[1];
        model.vms.vms = (Objects) {.items = moved, .n_items = 3};
        ui_update(&ui);
        assert_true(ui_selected(&ui, &row));
        assert_int_equal(row, 2);
        model.vms.vms.n_items = 0;
        ui_update(&ui);
        assert_false(ui_selected(&ui, &row));
        /* With the first that comes, it is as at the begin. */
        model.vms.vms.n_items = 1;
        ui_update(&ui);
        assert_true(ui_selected(&ui, &row));
        ui_clear(&ui);
}

/* What took the place of the selected VM is not what a key was meant for. */
static void keys_rest_when_their_object_is_gone(void **state) {
        Model model = make_model();
        Intent intent;
        size_t row = 0;
        Ui ui;

        (void) state;
        model.vms.vms = (Objects) {.items = vms, .n_items = 2};
        ui_init(&ui, &model);
        ui_key(&ui, KEY_RETURN, &intent);
        assert_true(ui_view(&ui)->detail_open);
        /* alpha goes; beta runs, and x would stop it. */
        model.vms.vms = (Objects) {.items = &vms[1], .n_items = 1};
        ui_update(&ui);
        assert_false(ui_view(&ui)->detail_open);
        assert_string_equal(ui.message.text, "alpha is gone");
        for (const char *key = "xsD\r"; *key; key++) {
                ui_key(&ui, *key, &intent);
                assert_int_equal(intent.kind, INTENT_NONE);
                assert_int_equal(ui.overlay, OVERLAY_NONE);
                assert_false(ui_view(&ui)->detail_open);
                ui_update(&ui);
                assert_false(ui_selected(&ui, &row));
        }
        ui_key(&ui, 'x', &intent);
        assert_string_equal(ui.message.text,
                            "alpha is not selected any more: go to the row that you mean");
        ui_key(&ui, 'j', &intent);
        assert_true(ui_selected(&ui, &row));
        ui_key(&ui, 'x', &intent);
        assert_int_equal(intent.kind, INTENT_CALL);
        assert_string_equal(intent.target, "beta");
        ui_clear(&ui);
}

/* Nor is it when a filter hides what changed. */
static void keys_rest_when_their_object_is_hidden(void **state) {
        Model model = make_model();
        VmInfo changed[3] = {vms[0], vms[1], vms[1]};
        Intent intent;
        size_t row = 0;
        Ui ui;

        (void) state;
        changed[2].id = (char[]) {"00000000cc"};
        changed[2].name = (char[]) {"gamma"};
        model.vms.vms = (Objects) {.items = changed, .n_items = 3};
        ui_init(&ui, &model);
        for (const char *key = "/state:run\r"; *key; key++)
                ui_key(&ui, *key, &intent);
        /* The user's own filter selects what it leaves. */
        assert_true(ui_selected(&ui, &row));
        assert_int_equal(row, 1);
        changed[1].state = VM_STOPPED;
        ui_update(&ui);
        assert_false(ui_selected(&ui, &row));
        assert_string_equal(ui.message.text, "beta is not among /state:run any more");
        /* It comes back. */
        changed[1].state = VM_RUNNING;
        ui_update(&ui);
        assert_true(ui_selected(&ui, &row));
        assert_int_equal(row, 1);
        /* None is left. */
        changed[1].state = changed[2].state = VM_STOPPED;
        ui_update(&ui);
        assert_false(ui_selected(&ui, &row));
        assert_string_equal(ui.message.text, "beta is not among /state:run any more");
        ui_clear(&ui);
}

static void press_all(Ui *ui, const char *keys) {
        Intent intent;

        for (const char *key = keys; *key; key++)
                ui_key(ui, *key, &intent);
}

static void assert_order(Ui *ui, size_t first, size_t second, size_t third) {
        const View *view = ui_view(ui);

        assert_int_equal(view->n_rows, 3);
        assert_int_equal(view->rows[0], first);
        assert_int_equal(view->rows[1], second);
        assert_int_equal(view->rows[2], third);
}

static void rows_are_sorted_by_any_column(void **state) {
        Model model = make_model();
        VmInfo some[3] = {vms[0], vms[1], vms[1]};
        _cleanup_canvas_ Canvas *canvas = NULL;
        _cleanup_free_ char *line = NULL;
        size_t row = 0;
        Ui ui;

        (void) state;
        some[1].memory_mib = 1024;
        some[2].id = (char[]) {"00000000cc"};
        some[2].name = (char[]) {"gamma"};
        some[2].memory_mib = 512;
        model.vms.vms = (Objects) {.items = some, .n_items = 3};
        ui_init(&ui, &model);
        assert_order(&ui, 0, 1, 2);
        /* NAME the other way, STATE, CPUS, which are all the same. */
        press_all(&ui, "O");
        assert_order(&ui, 2, 1, 0);
        press_all(&ui, "o");
        assert_order(&ui, 1, 2, 0);
        press_all(&ui, "o");
        assert_order(&ui, 0, 1, 2);
        /* MEM: figures, not their text, "1.0G" and "512M". */
        press_all(&ui, "o");
        assert_order(&ui, 0, 2, 1);
        press_all(&ui, "O");
        assert_order(&ui, 1, 2, 0);
        /* The selection stays on its object, and follows it. */
        assert_true(ui_selected(&ui, &row));
        assert_int_equal(row, 0);
        some[0].memory_mib = 2048;
        ui_update(&ui);
        assert_order(&ui, 0, 1, 2);
        assert_true(ui_selected(&ui, &row));
        assert_int_equal(row, 0);
        assert_int_equal(canvas_new(24, 80, false, &canvas), 0);
        ui_draw(&ui, canvas);
        line = canvas_row(canvas, 2);
        assert_non_null(strstr(line, "by MEM ↓  1 of 3"));
        /* UP, IP, IMAGE, and as at the begin. */
        press_all(&ui, "oooo");
        assert_order(&ui, 0, 1, 2);
        assert_false(view_sorted(ui_view(&ui)));
        ui_clear(&ui);
}

/* The checks of the host come in an order that says something. */
static void checks_of_the_host_keep_their_order(void **state) {
        SystemCheck checks[] = {
                {.name = (char[]) {"zeta"}, .state = CHECK_OK},
                {.name = (char[]) {"eta"}, .state = CHECK_FAILED},
        };
        Model model = make_model();
        Ui ui;

        (void) state;
        model.has_report = true;
        model.report.checks = (Objects) {.items = checks, .n_items = 2};
        ui_init(&ui, &model);
        press_all(&ui, "6oO");
        assert_int_equal(ui_view(&ui)->rows[0], 0);
        assert_false(view_sorted(ui_view(&ui)));
        /* No key acts on one: another takes the place of what is gone. */
        model.report.checks.n_items = 1;
        ui_update(&ui);
        model.report.checks = (Objects) {.items = &checks[1], .n_items = 1};
        ui_update(&ui);
        assert_int_equal(ui.message.text[0], '\0');
        ui_clear(&ui);
}

static void frozen_until_the_next_key_which_does_nothing_else(void **state) {
        Model model = make_model();
        Intent intent;
        Ui ui;

        (void) state;
        ui_init(&ui, &model);
        press_all(&ui, "z");
        assert_true(ui.frozen);
        ui_key(&ui, 's', &intent);
        assert_int_equal(intent.kind, INTENT_NONE);
        assert_false(ui.frozen);
        ui_key(&ui, 's', &intent);
        assert_int_equal(intent.kind, INTENT_CALL);
        ui_clear(&ui);
}

static void keys_that_need_the_helper_are_off_without_it(void **state) {
        ComponentStatus components[] = {
                {.name = (char[]) {"bangerd-root"}, .state = COMPONENT_UNREACHABLE,
                 .message = (char[]) {"it does not answer; run: sudo banger x"}},
        };
        Model model = make_model();
        Intent intent;
        Ui ui;

        (void) state;
        model.status.components = (Objects) {.items = components, .n_items = 1};
        ui_init(&ui, &model);
        ui_key(&ui, 's', &intent);
        assert_int_equal(intent.kind, INTENT_NONE);
        assert_string_equal(ui.message.text, "cannot start alpha: the helper is unreachable: "
                                             "it does not answer; run: sudo banger x");
        ui_key(&ui, 'D', &intent);
        assert_int_equal(ui.overlay, OVERLAY_NONE);
        /* What it does in another version is its own to say. */
        components[0].state = COMPONENT_DIFFERENT;
        ui_key(&ui, 's', &intent);
        assert_int_equal(intent.kind, INTENT_CALL);
        ui_clear(&ui);
}

static void question_about_what_is_gone_is_withdrawn(void **state) {
        Model model = make_model();
        Intent intent;
        Ui ui;

        (void) state;
        ui_init(&ui, &model);
        ui_key(&ui, 'D', &intent);
        model.vms.vms = (Objects) {.items = &vms[1], .n_items = 1};
        ui_update(&ui);
        assert_int_equal(ui.overlay, OVERLAY_NONE);
        ui_key(&ui, KEY_RETURN, &intent);
        assert_int_equal(intent.kind, INTENT_NONE);
        ui_clear(&ui);
}

static void filter_takes_words_columns_and_their_opposite(void **state) {
        Model model = make_model();

        (void) state;
        assert_true(filter_match(&panel_vms, &model, 0, ""));
        assert_true(filter_match(&panel_vms, &model, 0, "ALPHA"));
        assert_false(filter_match(&panel_vms, &model, 1, "alpha"));
        assert_true(filter_match(&panel_vms, &model, 1, "!alpha"));
        assert_true(filter_match(&panel_vms, &model, 1, "state:run image:tin"));
        assert_false(filter_match(&panel_vms, &model, 1, "image:run"));
        assert_true(filter_match(&panel_vms, &model, 1, "!"));
}

/* The keys of every panel are plain letters, and each means one thing. */
static void keys_of_a_panel_are_letters_of_their_own(void **state) {
        static const char taken[] = "jkgGqYoOz?/[]0123456789";

        (void) state;
        for (size_t i = 0; i < n_panels; i++)
                for (size_t j = 0; j < panels[i]->n_keys; j++) {
                        int key = panels[i]->keys[j].key;

                        assert_true((key >= 'a' && key <= 'z') || (key >= 'A' && key <= 'Z'));
                        assert_null(strchr(taken, key));
                        for (size_t k = 0; k < j; k++)
                                assert_int_not_equal(panels[i]->keys[k].key, key);
                }
}

/* A key that destroys asks. */
static void what_destroys_asks_first(void **state) {
        (void) state;
        for (size_t i = 0; i < n_panels; i++)
                for (size_t j = 0; j < panels[i]->n_keys; j++) {
                        const PanelKey *key = &panels[i]->keys[j];
                        const Action *action = panel_key_action(key, NULL);

                        /* Local ones ask themselves, with their plan. */
                        if (action && (action->flags & ACTION_DESTROYS) &&
                            !(action->flags & ACTION_LOCAL))
                                assert_non_null(key->ask);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_is_cut_with_an_ellipsis),
                cmocka_unit_test(wide_characters_are_never_halved),
                cmocka_unit_test(without_utf8_all_is_ascii),
                cmocka_unit_test(long_text_is_broken_at_blanks),
                cmocka_unit_test(word_longer_than_a_row_is_broken),
                cmocka_unit_test(columns_drop_from_the_last),
                cmocka_unit_test(detail_is_where_there_is_room),
                cmocka_unit_test(figures_are_short),
                cmocka_unit_test(keys_become_the_calls_of_their_actions),
                cmocka_unit_test(nothing_acts_without_the_daemon),
                cmocka_unit_test(running_vm_is_deleted_by_its_typed_name_only),
                cmocka_unit_test(erase_never_acts_on_an_object),
                cmocka_unit_test(selection_stays_on_its_object),
                cmocka_unit_test(keys_rest_when_their_object_is_gone),
                cmocka_unit_test(keys_rest_when_their_object_is_hidden),
                cmocka_unit_test(rows_are_sorted_by_any_column),
                cmocka_unit_test(checks_of_the_host_keep_their_order),
                cmocka_unit_test(frozen_until_the_next_key_which_does_nothing_else),
                cmocka_unit_test(keys_that_need_the_helper_are_off_without_it),
                cmocka_unit_test(question_about_what_is_gone_is_withdrawn),
                cmocka_unit_test(filter_takes_words_columns_and_their_opposite),
                cmocka_unit_test(keys_of_a_panel_are_letters_of_their_own),
                cmocka_unit_test(what_destroys_asks_first),
        };

        assert_true(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
