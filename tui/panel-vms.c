/* Virtual machines. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/format.h"
#include "common/strings.h"
#include "tui/figures.h"
#include "tui/panel.h"

enum {
        COLUMN_NAME,
        COLUMN_STATE,
        COLUMN_CPUS,
        COLUMN_MEM,
        COLUMN_UP,
        COLUMN_IP,
        COLUMN_IMAGE,
};

static const Column columns[] = {
        [COLUMN_NAME] = {"NAME", 8, 40, false},
        [COLUMN_STATE] = {"STATE", 9, 24, false},
        [COLUMN_CPUS] = {"CPUS", 4, 4, true},
        [COLUMN_MEM] = {"MEM", 5, 5, true},
        [COLUMN_UP] = {"UP", 6, 6, true},
        [COLUMN_IP] = {"IP", 11, 15, false},
        [COLUMN_IMAGE] = {"IMAGE", 6, 32, false},
};

enum {
        TAB_OVERVIEW,
        TAB_EVENTS,
};

static const char *const tabs[] = {[TAB_OVERVIEW] = "Overview", [TAB_EVENTS] = "Events", NULL};

static size_t n_rows(const Model *model) {
        return model->vms.vms.n_items;
}

static const char *id(const Model *model, size_t row) {
        return model_vm(model, row)->id;
}

static const char *name(const Model *model, size_t row) {
        return model_vm(model, row)->name;
}

static const Work *current_work(const Model *model, const VmInfo *vm) {
        const Work *work = model_work(model, &interface_vm, vm->name);

        return work && !work->ended ? work : NULL;
}

static void set_state(const Model *model, const VmInfo *vm, Span *ret) {
        const Work *work = current_work(model, vm);
        const char *state = vm_state_names[vm->state];

        switch ((VmState) vm->state) {
        case VM_STARTING:
        case VM_STOPPING:
                if (work && work->info.stage)
                        span_set(ret, ROLE_BUSY, "%s: %s", state, work->info.stage);
                else
                        span_set(ret, ROLE_BUSY, "%s", state);
                break;
        case VM_RUNNING:
                /* Ready is what a user waits for; what is short of it is said. */
                if (vm->readiness < (int) VM_READINESS_AGENT)
                        span_set(ret, ROLE_BUSY, "running: booting");
                else
                        span_set(ret, ROLE_GOOD, "%s", state);
                break;
        case VM_BROKEN:
                span_set(ret, ROLE_BAD, "%s", state);
                break;
        case VM_STOPPED:
        case _VM_STATE_MAX:
                span_set(ret, vm->reason ? ROLE_TEXT : ROLE_FAINT, "%s%s", state,
                         vm->reason ? " !" : "");
                break;
        }
}

static void cell(const Model *model, size_t row, size_t column, Span *ret) {
        const VmInfo *vm = model_vm(model, row);
        char figure[FIGURE_MAX];

        switch (column) {
        case COLUMN_NAME:
                span_set(ret, ROLE_TEXT, "%s", vm->name);
                break;
        case COLUMN_STATE:
                set_state(model, vm, ret);
                break;
        case COLUMN_CPUS:
                span_set(ret, ROLE_TEXT, "%" PRId64, vm->vcpus);
                break;
        case COLUMN_MEM:
                span_set(ret, ROLE_TEXT, "%s",
                         figure_bytes((uint64_t) vm->memory_mib << 20, figure));
                break;
        case COLUMN_UP:
                span_set(ret, ROLE_TEXT, "%s",
                         vm->started_s > 0 ? figure_age(model->now_s - vm->started_s, figure)
                                           : "-");
                break;
        case COLUMN_IP:
                span_set(ret, ROLE_TEXT, "%s", vm->address ? vm->address : "-");
                break;
        default:
                span_set(ret, ROLE_TEXT, "%s", vm->image);
                break;
        }
}

static bool value(const Model *model, size_t row, size_t column, int64_t *ret) {
        const VmInfo *vm = model_vm(model, row);

        switch (column) {
        case COLUMN_CPUS:
                *ret = vm->vcpus;
                return true;
        case COLUMN_MEM:
                *ret = vm->memory_mib;
                return true;
        case COLUMN_UP:
                *ret = vm->started_s > 0 ? model->now_s - vm->started_s : -1;
                return true;
        case COLUMN_IP:
                /* Addresses are counted by slots. */
                *ret = vm->slot;
                return true;
        default:
                return false;
        }
}

static void empty(const Model *model, Span *ret) {
        if (!model->has_vms)
                span_set(ret, ROLE_FAINT, "waiting for the list of VMs");
        else if (model->has_images && model->images.images.n_items == 0)
                span_set(ret, ROLE_TEXT,
                         "No VM and no image yet; first, an image: "
                         "banger image import NAME SOURCE");
        else
                span_set(ret, ROLE_TEXT, "No VM yet; the first: banger vm run -d --name NAME");
}

/* ---- detail ---- */

static void add_work(const Model *model, const VmInfo *vm, Detail *detail) {
        const Work *work = model_work(model, &interface_vm, vm->name);
        _cleanup_free_ char *stages = NULL, *took = NULL;
        const char *verb;
        Span *span;

        if (!work)
                return;
        verb = strrchr(work->info.kind, '.');
        took = format_duration(model_work_elapsed_us(model, work));
        stages = stages_format(&work->stages, (size_t) (detail->width > 0 ? detail->width : 1));
        span = detail_add(detail, "last");
        if (span && took)
                span_set(span, work->error ? ROLE_BAD : work->ended ? ROLE_TEXT : ROLE_BUSY,
                         "%s %s%s%s", verb ? verb + 1 : work->info.kind, took,
                         work->error ? ": " : work->ended ? "" : " so far",
                         work->error ? work->error : "");
        span = stages && *stages ? detail_add(detail, NULL) : NULL;
        if (span)
                span_set(span, ROLE_FAINT, "%s", stages);
}

static void add_state(const Model *model, const VmInfo *vm, Detail *detail) {
        static const char *const ready[] = {
                [VM_READINESS_NONE] = "",
                [VM_READINESS_LAUNCHED] = ", launched",
                [VM_READINESS_AGENT] = ", its agent answers",
                [VM_READINESS_INIT] = ", its init runs",
        };
        char figure[FIGURE_MAX];
        Span *span = detail_add(detail, "state");

        set_state(model, vm, span);
        if (vm->state == VM_RUNNING)
                span_set(span, span->role, "running%s%s%s", ready[vm->readiness],
                         vm->started_s > 0 ? ", up " : "",
                         vm->started_s > 0 ? figure_age(model->now_s - vm->started_s, figure) : "");
        span = vm->reason ? detail_add(detail, "reason") : NULL;
        if (span)
                span_set(span, vm->state == VM_BROKEN ? ROLE_BAD : ROLE_TEXT, "%s", vm->reason);
}

static void overview(const Model *model, const VmInfo *vm, Detail *detail) {
        _cleanup_free_ char *created = format_time(vm->created_s);
        char figure[FIGURE_MAX];

        add_state(model, vm, detail);
        add_work(model, vm, detail);
        span_set(detail_add(detail, "size"), ROLE_TEXT, "%" PRId64 " vCPU%s, %s memory", vm->vcpus,
                 vm->vcpus == 1 ? "" : "s", figure_bytes((uint64_t) vm->memory_mib << 20, figure));
        if (vm->address)
                span_set(detail_add(detail, "address"), ROLE_TEXT, "%s, slot %" PRId64, vm->address,
                         vm->slot);
        span_set(detail_add(detail, "image"), ROLE_TEXT, "%s", vm->image);
        span_set(detail_add(detail, "kernel"), ROLE_TEXT, "%s", vm->kernel);
        span_set(detail_add(detail, "id"), ROLE_TEXT, "%s, made %s%s", vm->id,
                 created ? created : "?", vm->ephemeral ? "; deleted as soon as it stops" : "");
}

static void events(const Model *model, const VmInfo *vm, Detail *detail) {
        for (size_t i = model->n_log; i > 0; i--) {
                const LogLine *line = &model->log[i - 1];
                _cleanup_free_ char *when = NULL;
                Span *span;

                if (!string_equal(line->object, vm->id))
                        continue;
                span = detail_add(detail, NULL);
                when = format_time(line->time_s);
                if (!span || !when)
                        return;
                span_set(span, line->bad ? ROLE_BAD : ROLE_TEXT, "%s  %s", when, line->text);
        }
        if (detail->n_lines == 0)
                span_set(detail_add(detail, NULL), ROLE_FAINT,
                         "nothing has happened to it since this console was opened");
}

static void show_detail(const Model *model, size_t row, size_t tab, Detail *detail) {
        if (tab == TAB_EVENTS)
                events(model, model_vm(model, row), detail);
        else
                overview(model, model_vm(model, row), detail);
}

/* ---- keys ---- */

static bool can_start(const Model *model, size_t row, _unused_ bool *ret_force, Span *why) {
        const VmInfo *vm = model_vm(model, row);

        /* Whether a broken one can start is the daemon's to say. */
        if (vm->state == VM_STOPPED || vm->state == VM_BROKEN)
                return true;
        span_set(why, ROLE_TEXT, "%s is %s already", vm->name, vm_state_names[vm->state]);
        return false;
}

static bool can_stop(const Model *model, size_t row, _unused_ bool *ret_force, Span *why) {
        const VmInfo *vm = model_vm(model, row);

        if (vm->state == VM_RUNNING || vm->state == VM_BROKEN)
                return true;
        if (vm->state == VM_STOPPED)
                span_set(why, ROLE_TEXT, "%s is stopped already", vm->name);
        else
                span_set(why, ROLE_TEXT, "%s is %s: wait for that", vm->name,
                         vm_state_names[vm->state]);
        return false;
}

static bool can_delete(const Model *model, size_t row, bool *ret_force, _unused_ Span *why) {
        *ret_force = model_vm(model, row)->state != VM_STOPPED;
        return true;
}

static void ask_delete(const Model *model, size_t row, Question *question) {
        const VmInfo *vm = model_vm(model, row);
        char figure[FIGURE_MAX];

        span_set(question_add(question), ROLE_TEXT,
                 "Its disks are lost, with all that was written.");
        if (vm->state == VM_STOPPED)
                return;
        if (vm->started_s > 0)
                span_set(question_add(question), ROLE_BAD, "It is %s, up %s: what runs in it ends.",
                         vm_state_names[vm->state],
                         figure_age(model->now_s - vm->started_s, figure));
        else
                span_set(question_add(question), ROLE_BAD, "It is %s.", vm_state_names[vm->state]);
        question->type_name = true;
}

static const PanelKey keys[] = {
        {'s', "vm start", "start", true, can_start, NULL, true},
        {'x', "vm stop", "stop", true, can_stop, NULL, true},
        {'D', "vm delete", "delete", true, can_delete, ask_delete, true},
};

const Panel panel_vms = {
        .digit = '1',
        .title = "VMs",
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
