#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "common/strings.h"
#include "tui/model.h"

static char *copy(const char *text) {
        char *result = text ? strdup(text) : NULL;

        assert_true(!text || result);
        return result;
}

static VmInfo make_vm(const char *id, const char *name, VmState state) {
        return (VmInfo) {
                .id = copy(id),
                .name = copy(name),
                .image = copy("debian"),
                .kernel = copy("6.1"),
                .state = (int) state,
                .vcpus = 1,
                .memory_mib = 256,
        };
}

static int setup(void **state) {
        Model *model = calloc(1, sizeof(*model));
        VmInfo *vms = calloc(2, sizeof(*vms));
        VmList list = {.vms = {.items = vms, .n_items = 2}};

        assert_non_null(model);
        assert_non_null(vms);
        model_init(model, "1");
        vms[0] = make_vm("00000000aa", "alpha", VM_STOPPED);
        vms[1] = make_vm("00000000bb", "gamma", VM_RUNNING);
        model_set_vms(model, &list);
        assert_null(list.vms.items);
        *state = model;
        return 0;
}

static int teardown(void **state) {
        model_clear(*state);
        free(*state);
        return 0;
}

static ModelAsk apply_vm(Model *model, int64_t sequence, const char *id, const char *name,
                         VmState state) {
        VmInfo *vm = calloc(1, sizeof(*vm));
        Event event = {.sequence = sequence, .kind = EVENT_VM_CHANGED, .object = copy(id),
                       .name = copy(name), .vm = vm};
        ModelAsk ask;

        assert_non_null(vm);
        *vm = make_vm(id, name, state);
        ask = model_apply_event(model, &event);
        schema_clear(&event_schema, &event);
        return ask;
}

static ModelAsk apply_operation(Model *model, EventKind kind, const char *stage,
                                int64_t elapsed_us, const char *error) {
        static int64_t sequence = 100;
        OperationInfo *info = calloc(1, sizeof(*info));
        Event event = {.sequence = ++sequence, .kind = (int) kind, .object = copy("00000000aa"),
                       .name = copy("alpha"), .operation = info, .error = copy(error)};
        ModelAsk ask;

        assert_non_null(info);
        *info = (OperationInfo) {.id = copy("00000000ff"), .kind = copy("io.banger.VM.Start"),
                                 .object = copy("alpha"), .stage = copy(stage),
                                 .elapsed_us = elapsed_us};
        model->sequence = sequence - 1;
        ask = model_apply_event(model, &event);
        schema_clear(&event_schema, &event);
        return ask;
}

static void event_changes_the_vm_in_its_place(void **state) {
        Model *model = *state;

        assert_int_equal(apply_vm(model, 7, "00000000aa", "alpha", VM_RUNNING), MODEL_ASK_NOTHING);
        assert_int_equal(model->vms.vms.n_items, 2);
        assert_int_equal(model_vm(model, 0)->state, VM_RUNNING);
        assert_int_equal(model_n_running(model), 2);
        assert_int_equal(model_committed_bytes(model), UINT64_C(512) << 20);
}

static void new_vm_comes_in_the_order_of_names(void **state) {
        Model *model = *state;

        /* And its image has one user more. */
        assert_int_equal(apply_vm(model, 7, "00000000cc", "beta", VM_STOPPED), MODEL_ASK_IMAGES);
        assert_string_equal(model_vm(model, 0)->name, "alpha");
        assert_string_equal(model_vm(model, 1)->name, "beta");
        assert_string_equal(model_vm(model, 2)->name, "gamma");
}

static void deleted_vm_goes(void **state) {
        Model *model = *state;
        Event event = {.sequence = 1, .kind = EVENT_VM_DELETED, .object = copy("00000000aa"),
                       .name = copy("alpha")};

        assert_int_equal(model_apply_event(model, &event), MODEL_ASK_IMAGES);
        schema_clear(&event_schema, &event);
        assert_int_equal(model->vms.vms.n_items, 1);
        assert_string_equal(model_vm(model, 0)->name, "gamma");
}

static void gap_in_the_count_asks_for_all(void **state) {
        Model *model = *state;

        assert_int_equal(apply_vm(model, 41, "00000000aa", "alpha", VM_RUNNING), MODEL_ASK_NOTHING);
        assert_int_equal(apply_vm(model, 42, "00000000aa", "alpha", VM_STOPPED), MODEL_ASK_NOTHING);
        assert_int_equal(apply_vm(model, 44, "00000000aa", "alpha", VM_RUNNING), MODEL_ASK_ALL);
}

static void count_begins_anew_with_the_daemon(void **state) {
        _cleanup_error_ Error error = ERROR_INIT;
        Model *model = *state;

        (void) apply_vm(model, 41, "00000000aa", "alpha", VM_RUNNING);
        error_set(&error, ERROR_UNREACHABLE, ENOENT, "gone");
        model_link_down(model, &error);
        assert_true(model_stale(model));
        assert_int_equal(model->vms.vms.n_items, 2);
        model_link_up(model);
        assert_false(model_stale(model));
        assert_int_equal(apply_vm(model, 1, "00000000aa", "alpha", VM_STOPPED), MODEL_ASK_NOTHING);
}

static void stages_end_where_the_next_begin(void **state) {
        Model *model = *state;
        _cleanup_free_ char *line = NULL;
        const Work *work;

        (void) apply_operation(model, EVENT_OPERATION, NULL, 0, NULL);
        (void) apply_operation(model, EVENT_OPERATION, "disk", 1000, NULL);
        (void) apply_operation(model, EVENT_OPERATION, "boot", 15000, NULL);
        work = model_work(model, &interface_vm, "alpha");
        assert_non_null(work);
        assert_false(work->ended);
        assert_int_equal(work->stages.n_items, 2);
        assert_true(work->stages.items[0].finished);
        assert_int_equal(work->stages.items[0].elapsed_us, 14000);
        assert_false(work->stages.items[1].finished);

        assert_int_equal(apply_operation(model, EVENT_OPERATION_ENDED, "boot", 325000, NULL),
                         MODEL_ASK_NOTHING);
        work = model_work(model, &interface_vm, "alpha");
        assert_true(work->ended);
        assert_null(work->error);
        line = stages_format(&work->stages, 80);
        assert_true(string_equal(line, "disk 14 ms · boot 310 ms") ||
                    string_equal(line, "disk 14 ms - boot 310 ms"));
}

static void failed_operation_keeps_its_reason_and_asks_for_the_status(void **state) {
        Model *model = *state;

        (void) apply_operation(model, EVENT_OPERATION, "tap", 1000, NULL);
        assert_int_equal(apply_operation(model, EVENT_OPERATION_ENDED, "tap", 2000, "no tun"),
                         MODEL_ASK_STATUS);
        assert_string_equal(model_work(model, &interface_vm, "alpha")->error, "no tun");
        assert_true(model->log[model->n_log - 1].bad);
        assert_string_equal(model->log[model->n_log - 1].text, "vm start alpha: no tun");
}

static void own_times_go_before_those_of_events(void **state) {
        Model *model = *state;
        char id[] = "00000000ff", stage[] = "disk";
        const VmProgress progress = {.operation = id, .stage = stage, .finished = true,
                                     .elapsed_us = 12345, .usual_us = 1000};

        (void) apply_operation(model, EVENT_OPERATION, "disk", 0, NULL);
        model_apply_progress(model, &progress);
        (void) apply_operation(model, EVENT_OPERATION, "boot", 99999, NULL);
        assert_int_equal(model_work(model, &interface_vm, "alpha")->stages.items[0].elapsed_us,
                         12345);
}

static void log_and_operations_are_bounded(void **state) {
        Model *model = *state;

        for (int64_t i = 1; i <= 3 * MODEL_LOG_MAX; i++)
                (void) apply_vm(model, i, "00000000aa", "alpha", i % 2 ? VM_RUNNING : VM_STOPPED);
        assert_int_equal(model->n_log, MODEL_LOG_MAX);
        for (size_t i = 0; i < 3 * MODEL_WORKS_MAX; i++) {
                char id[16];
                OperationInfo *infos = calloc(1, sizeof(*infos));
                OperationList list = {.operations = {.items = infos, .n_items = 1}};

                assert_non_null(infos);
                (void) snprintf(id, sizeof(id), "%010zx", i + 1);
                infos[0] = (OperationInfo) {.id = copy(id), .kind = copy("io.banger.VM.Stop"),
                                            .object = copy("alpha")};
                model_set_operations(model, &list);
        }
        assert_int_equal(model->n_works, MODEL_WORKS_MAX);
}

/* With all under way, the one that began first is forgotten. */
static void oldest_operation_makes_room(void **state) {
        Model *model = *state;
        size_t n = MODEL_WORKS_MAX + 1;
        OperationInfo *infos = calloc(n, sizeof(*infos));
        OperationList list = {.operations = {.items = infos, .n_items = n}};

        assert_non_null(infos);
        for (size_t i = 0; i < n; i++)
                infos[i] = (OperationInfo) {.id = string_format("%010zx", i),
                                            .kind = copy("io.banger.VM.Recover"),
                                            .object = string_format("vm-%zu", i)};
        model_set_operations(model, &list);
        assert_null(model_work(model, &interface_vm, "vm-0"));
        for (size_t i = 1; i < n; i++) {
                _cleanup_free_ char *name = string_format("vm-%zu", i);

                assert_non_null(model_work(model, &interface_vm, name));
        }
}

static void operation_on_an_image_is_none_of_its_namesake(void **state) {
        Model *model = *state;
        OperationInfo *infos = calloc(1, sizeof(*infos));
        OperationList list = {.operations = {.items = infos, .n_items = 1}};

        assert_non_null(infos);
        infos[0] = (OperationInfo) {.id = copy("00000000ff"),
                                    .kind = copy("io.banger.Image.Import"),
                                    .object = copy("alpha")};
        model_set_operations(model, &list);
        assert_null(model_work(model, &interface_vm, "alpha"));
        assert_non_null(model_work(model, &interface_image, "alpha"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(event_changes_the_vm_in_its_place, setup, teardown),
                cmocka_unit_test_setup_teardown(new_vm_comes_in_the_order_of_names, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(deleted_vm_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(gap_in_the_count_asks_for_all, setup, teardown),
                cmocka_unit_test_setup_teardown(count_begins_anew_with_the_daemon, setup, teardown),
                cmocka_unit_test_setup_teardown(stages_end_where_the_next_begin, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        failed_operation_keeps_its_reason_and_asks_for_the_status, setup, teardown),
                cmocka_unit_test_setup_teardown(own_times_go_before_those_of_events, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(log_and_operations_are_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(oldest_operation_makes_room, setup, teardown),
                cmocka_unit_test_setup_teardown(operation_on_an_image_is_none_of_its_namesake,
                                                setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
