#include "daemon/vm.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/vm-config.h"

#define NAME_MAX_LENGTH 40 /* vm_name_check() */
#define NAME_ID_DIGITS 4
#define MIB INT64_C(1048576)

struct Vms {
        DaemonContext *context;
        Content content;
        Vm **items; /* by name */
        size_t n_items;
};

static Vm *vm_free(Vm *vm) {
        if (!vm)
                return NULL;
        vm_release(vm);
        vm_check_waiters(vm);
        vm_held_free(vm->held);
        varlink_call_unref(vm->delete_call);
        vm_record_clear(&vm->record);
        free(vm);
        return NULL;
}

static void vm_cleanup(Vm **vm) {
        vm_free(*vm);
}

/* Takes what the record owns, even on failure. */
static int vm_new(DaemonContext *context, VmRecord *record_taken, Vm **ret) {
        Vm *vm = calloc(1, sizeof(*vm));

        if (!vm) {
                vm_record_clear(record_taken);
                return -ENOMEM;
        }
        *vm = (Vm) {
                .context = context,
                .record = *record_taken,
                .vsock_fd = -1,
                .state = record_taken->broken ? VM_BROKEN : VM_STOPPED,
        };
        *record_taken = (VmRecord) {};
        /* Until it is clean its addresses and uid are not free for another. */
        if (vm->record.broken)
                vm->slot = (unsigned) vm->record.last_slot;
        *ret = vm;
        return 0;
}

static int vms_insert(Vms *vms, Vm *vm) {
        Vm **items = reallocarray(vms->items, vms->n_items + 1, sizeof(*items));
        size_t at = 0;

        if (!items)
                return -ENOMEM;
        vms->items = items;
        while (at < vms->n_items && strcmp(items[at]->record.name, vm->record.name) < 0)
                at++;
        memmove(&items[at + 1], &items[at], (vms->n_items - at) * sizeof(*items));
        items[at] = vm;
        vms->n_items++;
        return 0;
}

static int vms_load(Vms *vms, VmRecord *records, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(vm_cleanup) Vm *vm = NULL;
                int r;

                r = vm_new(vms->context, &records[i], &vm);
                if (r >= 0)
                        r = vms_insert(vms, vm);
                if (r < 0)
                        return r;
                (void) steal_ptr(vm);
        }
        return 0;
}

static bool is_known(const VmId *id, void *userdata) {
        return vms_find_id(userdata, id->text) != NULL;
}

int vms_new(DaemonContext *context, Vms **ret, Error *reterr) {
        Vms *vms = calloc(1, sizeof(*vms));
        VmRecord *records = NULL;
        size_t n = 0;
        int r;

        if (!vms)
                return error_set_errno(reterr, ENOMEM, "cannot load the VMs");
        vms->context = context;
        vms->content = CONTENT_INIT;
        r = content_open(context->state_dir, "vms", "", &vms->content, reterr);
        if (r >= 0)
                r = store_load_vms(context->store, &records, &n, reterr);
        if (r >= 0) {
                r = vms_load(vms, records, n);
                if (r < 0)
                        (void) error_set_errno(reterr, -r, "cannot load the VMs");
        }
        if (r >= 0)
                r = content_recover(&vms->content, is_known, vms, reterr);
        for (size_t i = 0; i < n; i++)
                vm_record_clear(&records[i]);
        free(records);
        if (r < 0) {
                vms_free(vms);
                return r;
        }
        *ret = vms;
        return 0;
}

Vms *vms_free(Vms *vms) {
        if (!vms)
                return NULL;
        for (size_t i = 0; i < vms->n_items; i++)
                vm_free(vms->items[i]);
        free(vms->items);
        content_close(&vms->content);
        free(vms);
        return NULL;
}

Vm *vms_find_id(const Vms *vms, const char *id) {
        for (size_t i = 0; i < vms->n_items; i++)
                if (strcmp(vms->items[i]->record.id.text, id) == 0)
                        return vms->items[i];
        return NULL;
}

static Vm *find_name(const Vms *vms, const char *name) {
        for (size_t i = 0; i < vms->n_items; i++)
                if (strcmp(vms->items[i]->record.name, name) == 0)
                        return vms->items[i];
        return NULL;
}

int vms_find(const Vms *vms, const char *name_or_id, Vm **ret, Error *reterr) {
        Vm *found = find_name(vms, name_or_id);
        int r;

        if (!found)
                found = vms_find_id(vms, name_or_id);
        if (found) {
                *ret = found;
                return 0;
        }
        r = error_set(reterr, ERROR_NOT_FOUND, ENOENT, "vm \"%s\" not found", name_or_id);
        (void) error_set_object(reterr, r, name_or_id);
        return error_set_hint(reterr, r, "run: banger vm list");
}

static uint32_t running_address(const Vm *vm) {
        const Config *config = &vm->context->config;

        return vm->state == VM_RUNNING ? vm_slot_address(vm->slot, config->address, config->prefix)
                                       : 0;
}

uint32_t vms_find_running_address(const Vms *vms, const char *name) {
        const Vm *vm = find_name(vms, name);

        return vm ? running_address(vm) : 0;
}

const char *vms_find_running_name(const Vms *vms, uint32_t address) {
        for (size_t i = 0; address != 0 && i < vms->n_items; i++)
                if (running_address(vms->items[i]) == address)
                        return vms->items[i]->record.name;
        return NULL;
}

void vms_for_each(Vms *vms, void (*fn)(Vm *vm, void *userdata), void *userdata) {
        for (size_t i = vms->n_items; i > 0; i--)
                fn(vms->items[i - 1], userdata);
}

void vms_count(const Vms *vms, int64_t *ret_running, int64_t *ret_total) {
        int64_t running = 0;

        for (size_t i = 0; i < vms->n_items; i++)
                running += vms->items[i]->state == VM_RUNNING;
        *ret_running = running;
        *ret_total = (int64_t) vms->n_items;
}

int64_t vms_count_broken(const Vms *vms) {
        int64_t broken = 0;

        for (size_t i = 0; i < vms->n_items; i++)
                broken += vms->items[i]->state == VM_BROKEN;
        return broken;
}

static void shut_down(Vm *vm, _unused_ void *userdata) {
        const LogField fields[] = {{"BANGER_VM", vm->record.id.text}, {}};
        _cleanup_error_ Error error = ERROR_INIT;

        if (vm->state == VM_STARTING && vm->operation)
                operation_cancel(vm->operation);
        else if (vm->state == VM_RUNNING && !vm->operation &&
                 vm_shut_down(vm, "the host was shut down", &error) < 0)
                log_error(LOG_WARNING, fields, &error, "cannot stop the VM");
}

void vms_shut_down(Vms *vms) {
        vms_for_each(vms, shut_down, NULL);
}

bool vms_active(const Vms *vms) {
        for (size_t i = 0; i < vms->n_items; i++)
                if (vms->items[i]->operation)
                        return true;
        return false;
}

int vms_list(const Vms *vms, VmList *ret) {
        VmInfo *items = calloc(vms->n_items ? vms->n_items : 1, sizeof(*items));
        VmList list = {.vms = {.items = items}};

        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < vms->n_items; i++) {
                int r = vm_describe(vms->items[i], &items[i]);

                if (r < 0) {
                        schema_clear(&vm_list_schema, &list);
                        return r;
                }
                list.vms.n_items++;
        }
        *ret = list;
        return 0;
}

const Content *vms_content(const Vms *vms) {
        return &vms->content;
}

int vms_name_image_users(const Vms *vms, const char *image_id, Objects *ret) {
        NameRef *users = calloc(vms->n_items ? vms->n_items : 1, sizeof(*users));
        size_t n = 0;

        if (!users)
                return -ENOMEM;
        *ret = (Objects) {.items = users};
        for (size_t i = 0; i < vms->n_items; i++) {
                if (strcmp(vms->items[i]->record.image.text, image_id) != 0)
                        continue;
                users[n].name = strdup(vms->items[i]->record.name);
                if (!users[n].name)
                        return -ENOMEM;
                ret->n_items = ++n;
        }
        return 0;
}

int vm_forget(Vm *vm, Error *reterr) {
        Vms *vms = vm->context->vms;
        size_t at = 0;
        int r = content_withdraw(&vms->content, &vm->record.id, reterr);

        if (r < 0)
                return r;
        r = store_delete_vm(vm->context->store, &vm->record.id, reterr);
        if (r < 0) {
                (void) content_publish(&vms->content, &vm->record.id, NULL);
                return r;
        }
        while (at < vms->n_items && vms->items[at] != vm)
                at++;
        if (at < vms->n_items) {
                memmove(&vms->items[at], &vms->items[at + 1],
                        (vms->n_items - at - 1) * sizeof(*vms->items));
                vms->n_items--;
        }
        event_bus_publish_object(vm->context->events, EVENT_VM_DELETED, &vm->record.id,
                                 vm->record.name);
        vm_free(vm);
        return 0;
}

char *vm_make_name(const char *image, const VmId *id, size_t n_digits) {
        char stem[NAME_MAX_LENGTH + 1];
        size_t n = 0;

        /* "-" and the digits fit behind it. */
        for (const char *at = image; *at && n + 1 + n_digits < NAME_MAX_LENGTH; at++) {
                bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
                bool digit = *at >= '0' && *at <= '9';

                if (letter)
                        stem[n++] = (char) (*at | 0x20); /* ASCII's lower case */
                else if (n > 0)
                        stem[n++] = digit ? *at : '-';
        }
        stem[n] = '\0';
        return string_format("%s-%.*s", n > 0 ? stem : "vm", (int) n_digits, id->text);
}

char *vms_make_name(const Vms *vms, const char *image, const VmId *id) {
        char *name = vm_make_name(image, id, NAME_ID_DIGITS);

        for (size_t n = NAME_ID_DIGITS + 1; name && n <= VM_ID_LENGTH && find_name(vms, name); n++) {
                free(name);
                name = vm_make_name(image, id, n);
        }
        return name;
}

static int check_work(int64_t work_mib, Error *reterr) {
        int r;

        if (work_mib == 0 || work_mib >= VM_WORK_MIB_MIN)
                return 0;
        r = error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                      "a work disk has at least %d MiB; 0 is for none", VM_WORK_MIB_MIN);
        return error_set_field(reterr, r, "work_mib");
}

static int make_record(Vms *vms, const VmCreate *create, VmRecord *record, Error *reterr) {
        const ImageRecord *image;
        const KernelRecord *kernel;
        int r;

        r = check_work(create->work_mib, reterr);
        if (r < 0)
                return r;
        r = images_find(vms->context->images, create->image, &image, reterr);
        if (r < 0)
                return r;
        r = kernels_find(vms->context->kernels, create->kernel, &kernel, reterr);
        if (r < 0)
                return r;
        r = vm_id_generate(&record->id);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make an id");
        record->name = create->name ? strdup(create->name)
                                    : vms_make_name(vms, image->name, &record->id);
        record->image = image->id;
        record->kernel = kernel->id;
        record->vcpus = create->vcpus;
        record->memory_mib = create->memory_mib;
        record->work_mib = create->work_mib;
        record->ephemeral = create->ephemeral;
        record->nat = create->nat;
        record->created_s = (int64_t) (clock_realtime_usec() / USEC_PER_SEC);
        return vms_add_forwards(vms->context, create->publish, &record->forwards, reterr);
}

int vms_create(Vms *vms, const VmCreate *create, Vm **ret, Error *reterr) {
        _cleanup_(vm_record_clear) VmRecord record = {};
        _cleanup_(vm_cleanup) Vm *vm = NULL;
        int r;

        r = make_record(vms, create, &record, reterr);
        if (r < 0)
                return r;
        if (!record.name)
                return error_set_errno(reterr, ENOMEM, "cannot make a VM");
        r = vm_new(vms->context, &record, &vm);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot make a VM");
        r = store_put_vm(vms->context->store, &vm->record, reterr);
        if (r < 0)
                return r;
        r = vms_insert(vms, vm);
        if (r < 0) {
                (void) store_delete_vm(vms->context->store, &vm->record.id, NULL);
                return error_set_errno(reterr, -r, "cannot make a VM");
        }
        *ret = steal_ptr(vm);
        vm_changed(*ret);
        return 0;
}

static char *copy_or_null(const char *text) {
        return text ? strdup(text) : NULL;
}

int vm_describe(const Vm *vm, VmInfo *ret) {
        const DaemonContext *context = vm->context;
        const VmRecord *record = &vm->record;
        const ImageRecord *image = images_find_id(context->images, &record->image);
        const KernelRecord *kernel = kernels_find_id(context->kernels, &record->kernel);
        VmInfo info = {
                .id = strdup(record->id.text),
                .name = strdup(record->name),
                .image = strdup(image ? image->name : record->image.text),
                .kernel = strdup(kernel ? kernel->name : record->kernel.text),
                .state = (int) vm->state,
                .readiness = (int) vm->readiness,
                .vcpus = record->vcpus,
                .memory_mib = record->memory_mib,
                .work_mib = record->work_mib,
                .cow_mib = (vm_cow_bytes(vm) + MIB - 1) / MIB,
                .slot = vm->slot,
                .reason = copy_or_null(record->reason ? record->reason : vm->lacks),
                .created_s = record->created_s,
                .started_s = vm->state == VM_RUNNING || vm->state == VM_STOPPING ? record->started_s : 0,
                .ephemeral = record->ephemeral,
                .nat = record->nat,
        };
        int r = info.id && info.name && info.image && info.kernel ? 0 : -ENOMEM;

        if (r >= 0)
                r = vm_describe_forwards(vm, &info.forwards);
        if (r >= 0 && vm->slot > 0)
                r = vm_config_address(vm_slot_address(vm->slot, context->config.address,
                                                      context->config.prefix),
                                      &info.address);
        if (r < 0) {
                schema_clear(&vm_info_schema, &info);
                return r;
        }
        *ret = info;
        return 0;
}

unsigned vm_pick_slot(const bool *taken, unsigned preferred) {
        if (preferred >= VM_SLOT_MIN && preferred <= VM_SLOT_MAX && !taken[preferred])
                return preferred;
        for (unsigned slot = VM_SLOT_MIN; slot <= VM_SLOT_MAX; slot++)
                if (!taken[slot])
                        return slot;
        return 0;
}

int vm_take_slot(Vm *vm, Error *reterr) {
        const Vms *vms = vm->context->vms;
        const Config *config = &vm->context->config;
        bool taken[VM_SLOT_MAX + 1] = {};
        unsigned slot;
        int r;

        for (size_t i = 0; i < vms->n_items; i++)
                taken[vms->items[i]->slot] = true;
        for (unsigned i = VM_SLOT_MIN; i <= VM_SLOT_MAX; i++)
                if (vm_slot_address(i, config->address, config->prefix) == 0)
                        taken[i] = true;
        slot = vm_pick_slot(taken, (unsigned) vm->record.last_slot);
        if (slot == 0) {
                r = error_set(reterr, ERROR_UNAVAILABLE, EMFILE, "as many VMs run as there can");
                return error_set_hint(reterr, r, "stop one");
        }
        vm->slot = slot;
        vm->record.last_slot = slot;
        return 0;
}
