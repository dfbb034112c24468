#include "tui/model.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/strings.h"

void model_init(Model *model, const char *version) {
        *model = (Model) {.version = version, .sample = {.cpu_percent = -1}};
}

static void work_clear(Work *work) {
        schema_clear(&operation_info_schema, &work->info);
        stages_clear(&work->stages);
        free(work->error);
        *work = (Work) {.ended = true};
}

static void log_line_clear(LogLine *line) {
        free(line->object);
        free(line->text);
}

void model_clear(Model *model) {
        schema_clear(&system_status_schema, &model->status);
        schema_clear(&vm_list_schema, &model->vms);
        schema_clear(&image_list_schema, &model->images);
        schema_clear(&system_report_schema, &model->report);
        for (size_t i = 0; i < model->n_works; i++)
                work_clear(&model->works[i]);
        for (size_t i = 0; i < model->n_log; i++)
                log_line_clear(&model->log[i]);
        error_clear(&model->down);
        error_clear(&model->differs);
        error_clear(&model->unlisted);
        error_clear(&model->report_error);
}

void model_set_status(Model *model, SystemStatus *status) {
        schema_clear(&system_status_schema, &model->status);
        model->status = steal_struct(*status, (SystemStatus) {});
        model->has_status = true;
}

void model_set_vms(Model *model, VmList *list) {
        schema_clear(&vm_list_schema, &model->vms);
        model->vms = steal_struct(*list, (VmList) {});
        model->has_vms = true;
}

void model_set_images(Model *model, ImageList *list) {
        schema_clear(&image_list_schema, &model->images);
        model->images = steal_struct(*list, (ImageList) {});
        model->has_images = true;
}

void model_set_report(Model *model, SystemReport *report) {
        schema_clear(&system_report_schema, &model->report);
        error_clear(&model->report_error);
        model->report = steal_struct(*report, (SystemReport) {});
        model->has_report = true;
}

void model_link_up(Model *model) {
        model->link = LINK_UP;
        error_clear(&model->down);
        error_clear(&model->differs);
}

void model_link_down(Model *model, Error *error) {
        if (model->link != LINK_DOWN)
                model->down_usec = model->now_usec;
        model->link = LINK_DOWN;
        model->asked_usec = 0;
        model->sequence = 0;
        error_clear(&model->unlisted);
        error_move(&model->down, error);
}

bool model_stale(const Model *model) {
        return model->link == LINK_DOWN && (model->has_vms || model->has_images);
}

const VmInfo *model_vm(const Model *model, size_t i) {
        return (const VmInfo *) model->vms.vms.items + i;
}

const ImageInfo *model_image(const Model *model, size_t i) {
        return (const ImageInfo *) model->images.images.items + i;
}

const SystemCheck *model_check(const Model *model, size_t i) {
        return (const SystemCheck *) model->report.checks.items + i;
}

const ComponentStatus *model_component(const Model *model, const char *name) {
        const ComponentStatus *components = model->status.components.items;

        for (size_t i = 0; i < model->status.components.n_items; i++)
                if (string_equal(components[i].name, name))
                        return &components[i];
        return NULL;
}

size_t model_n_running(const Model *model) {
        size_t n = 0;

        for (size_t i = 0; i < model->vms.vms.n_items; i++)
                n += model_vm(model, i)->state == VM_RUNNING;
        return n;
}

uint64_t model_committed_bytes(const Model *model) {
        uint64_t mib = 0;

        for (size_t i = 0; i < model->vms.vms.n_items; i++) {
                const VmInfo *vm = model_vm(model, i);

                if (vm->state != VM_STOPPED && vm->state != VM_BROKEN)
                        mib += (uint64_t) vm->memory_mib;
        }
        return mib << 20;
}

/* ---- events ---- */

static void log_add(Model *model, const char *object, bool bad, char *text_taken) {
        LogLine line = {
                .time_s = model->now_s,
                .object = object ? strdup(object) : NULL,
                .text = text_taken,
                .bad = bad,
        };

        if (!line.text || (object && !line.object)) {
                log_line_clear(&line);
                return;
        }
        if (model->n_log == MODEL_LOG_MAX) {
                log_line_clear(&model->log[0]);
                memmove(&model->log[0], &model->log[1], sizeof(LogLine) * (MODEL_LOG_MAX - 1));
                model->n_log--;
        }
        model->log[model->n_log++] = line;
}

static void remove_vm(Model *model, size_t i) {
        Objects *list = &model->vms.vms;
        VmInfo *vms = list->items;

        schema_clear(&vm_info_schema, &vms[i]);
        memmove(&vms[i], &vms[i + 1], sizeof(*vms) * (list->n_items - i - 1));
        list->n_items--;
}

static void forget_vm(Model *model, const char *id) {
        for (size_t i = 0; i < model->vms.vms.n_items; i++)
                if (string_equal(model_vm(model, i)->id, id)) {
                        remove_vm(model, i);
                        return;
                }
}

static void log_vm(Model *model, const VmInfo *now) {
        const VmInfo *before = NULL;
        const char *state = vm_state_names[now->state];

        for (size_t i = 0; i < model->vms.vms.n_items && !before; i++)
                if (string_equal(model_vm(model, i)->id, now->id))
                        before = model_vm(model, i);
        if (before && before->state == now->state && string_equal(before->reason, now->reason))
                return;
        log_add(model, now->id, now->state == VM_BROKEN,
                now->reason ? string_format("%s is %s: %s", now->name, state, now->reason)
                            : string_format("%s is %s", now->name, state));
}

/* Keeps the order of the daemon's list. -ENOMEM. */
static int put_vm(Model *model, VmInfo *vm) {
        Objects *list = &model->vms.vms;
        VmInfo *grown;
        size_t at = 0;

        forget_vm(model, vm->id);
        grown = reallocarray(list->items, list->n_items + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        list->items = grown;
        while (at < list->n_items && strcmp(grown[at].name, vm->name) < 0)
                at++;
        memmove(&grown[at + 1], &grown[at], sizeof(*grown) * (list->n_items - at));
        grown[at] = steal_struct(*vm, (VmInfo) {});
        list->n_items++;
        return 0;
}

static Work *find_work(Model *model, const char *id) {
        for (size_t i = model->n_works; i > 0; i--)
                if (string_equal(model->works[i - 1].info.id, id))
                        return &model->works[i - 1];
        return NULL;
}

/* Room for one more: an ended one goes first, else the oldest. */
static Work *new_work(Model *model) {
        size_t victim = 0;

        if (model->n_works == MODEL_WORKS_MAX) {
                while (victim < MODEL_WORKS_MAX && !model->works[victim].ended)
                        victim++;
                if (victim == MODEL_WORKS_MAX)
                        victim = 0;
                work_clear(&model->works[victim]);
                memmove(&model->works[victim], &model->works[victim + 1],
                        sizeof(Work) * (MODEL_WORKS_MAX - victim - 1));
                model->n_works--;
        }
        model->works[model->n_works] = (Work) {};
        return &model->works[model->n_works++];
}

/* The stage before has ended where the next begins. */
static void enter_stage(Work *work, char *stage, int64_t elapsed_us) {
        VmProgress progress = {.operation = work->info.id};
        Stage *last = work->stages.n_items > 0 ? &work->stages.items[work->stages.n_items - 1]
                                               : NULL;

        if (last && string_equal(last->name, stage))
                return;
        if (last && !last->finished) {
                progress.stage = last->name;
                progress.finished = true;
                progress.elapsed_us = elapsed_us - work->stage_began_us;
                (void) stages_add(&work->stages, &progress);
        }
        progress = (VmProgress) {.operation = work->info.id, .stage = stage};
        if (stage)
                (void) stages_add(&work->stages, &progress);
        work->stage_began_us = elapsed_us;
}

static Work *take_operation(Model *model, OperationInfo *info) {
        Work *work = find_work(model, info->id);

        if (!work)
                work = new_work(model);
        schema_clear(&operation_info_schema, &work->info);
        work->info = steal_struct(*info, (OperationInfo) {});
        work->began_usec = model->now_usec - (uint64_t) work->info.elapsed_us;
        if (work->info.stage)
                enter_stage(work, work->info.stage, work->info.elapsed_us);
        return work;
}

/* "vm start" for "io.banger.VM.Start". */
static const char *kind_words(const char *kind) {
        const Action *action = action_find_method(action_interfaces, kind, NULL);

        return action && action->words ? action->words : kind;
}

static void end_operation(Model *model, Event *event) {
        Work *work = take_operation(model, event->operation);
        const char *words = kind_words(work->info.kind);

        enter_stage(work, NULL, work->info.elapsed_us);
        work->ended = true;
        free(work->error);
        work->error = steal_ptr(event->error);
        log_add(model, event->object, work->error != NULL,
                work->error ? string_format("%s %s: %s", words, work->info.object, work->error)
                            : string_format("%s %s: done", words, work->info.object));
}

void model_set_operations(Model *model, OperationList *list) {
        OperationInfo *infos = list->operations.items;

        /* What is not in the list has ended unseen. */
        for (size_t i = 0; i < model->n_works; i++)
                model->works[i].ended = true;
        for (size_t i = 0; i < list->operations.n_items; i++)
                take_operation(model, &infos[i])->ended = false;
        schema_clear(&operation_list_schema, list);
}

void model_apply_progress(Model *model, const VmProgress *progress) {
        Work *work = progress->operation ? find_work(model, progress->operation) : NULL;

        if (work)
                (void) stages_add(&work->stages, progress);
}

static ModelAsk apply_vm(Model *model, Event *event) {
        bool known = model->has_vms;
        size_t n = model->vms.vms.n_items;

        if (!event->vm || !known)
                return MODEL_ASK_NOTHING;
        log_vm(model, event->vm);
        if (put_vm(model, event->vm) < 0)
                return MODEL_ASK_ALL;
        /* A new one: its image has one user more. */
        return model->vms.vms.n_items != n ? MODEL_ASK_IMAGES : MODEL_ASK_NOTHING;
}

ModelAsk model_apply_event(Model *model, Event *event) {
        bool lost = event->kind != EVENT_CURRENT && model->sequence > 0 &&
                    event->sequence != model->sequence + 1;
        ModelAsk ask = MODEL_ASK_NOTHING;

        model->sequence = event->sequence;
        switch ((EventKind) event->kind) {
        case EVENT_VM_CHANGED:
                ask = apply_vm(model, event);
                break;
        case EVENT_VM_DELETED:
                log_add(model, event->object, false,
                        string_format("%s is deleted", event->name ? event->name : "a VM"));
                forget_vm(model, event->object);
                ask = MODEL_ASK_IMAGES;
                break;
        case EVENT_IMAGE_CHANGED:
        case EVENT_IMAGE_DELETED:
                ask = MODEL_ASK_IMAGES;
                break;
        case EVENT_KERNEL_CHANGED:
        case EVENT_KERNEL_DELETED:
        case EVENT_CURRENT:
                break;
        case EVENT_OPERATION:
                if (event->operation)
                        take_operation(model, event->operation);
                break;
        case EVENT_OPERATION_ENDED:
                /* What failed may have failed for the helper's sake. */
                ask = event->error ? MODEL_ASK_STATUS : MODEL_ASK_NOTHING;
                if (event->operation)
                        end_operation(model, event);
                break;
        }
        return lost ? MODEL_ASK_ALL : ask;
}

/* Kinds need not be methods that anybody may call: io.banger.VM.Recover. */
static bool kind_is_of(const char *kind, const Interface *interface) {
        size_t length = strlen(interface->name);

        return strncmp(kind, interface->name, length) == 0 && kind[length] == '.';
}

const Work *model_work(const Model *model, const Interface *interface, const char *object) {
        for (size_t i = model->n_works; i > 0; i--) {
                const OperationInfo *info = &model->works[i - 1].info;

                if (string_equal(info->object, object) && kind_is_of(info->kind, interface))
                        return &model->works[i - 1];
        }
        return NULL;
}

int64_t model_work_elapsed_us(const Model *model, const Work *work) {
        return work->ended ? work->info.elapsed_us
                           : (int64_t) (model->now_usec - work->began_usec);
}
