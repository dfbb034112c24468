#include <errno.h>
#include <string.h>

#include "cli/daemon.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "common/api-image.h"
#include "common/clock.h"
#include "common/strings.h"

#define CALL_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define STATUS_SIGNALED 128

static void info_cleanup(VmInfo *vm) {
        schema_clear(&vm_info_schema, vm);
}

static void images_cleanup(ImageList *list) {
        schema_clear(&image_list_schema, list);
}

static uint64_t deadline(void) {
        return clock_monotonic_usec() + CALL_TIMEOUT_USEC;
}

/* With a single image there is nothing to choose. */
static int choose_image(const CommandContext *context, const VmRun *run, char **ret,
                        Error *reterr) {
        _cleanup_(images_cleanup) ImageList list = {.images = {.items = NULL}};
        const ImageInfo *images;
        char *name;
        int r = 0;

        if (!run->image)
                r = daemon_call(context->host, &interface_image, "List", NULL, &list, NULL,
                                deadline(), reterr);
        if (r < 0)
                return r;
        images = list.images.items;
        if (!run->image && list.images.n_items == 0)
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_UNAVAILABLE, ENOENT,
                                                "there is no image yet"),
                                      "run: banger image import NAME SOURCE");
        if (!run->image && list.images.n_items > 1)
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_USAGE, EINVAL,
                                                "there are several images: --image says which"),
                                      "run: banger image list");
        name = strdup(run->image ? run->image : images[0].name);
        if (!name)
                return error_set_errno(reterr, ENOMEM, "cannot choose an image");
        *ret = name;
        return 0;
}

static int create(const CommandContext *context, const VmRun *run, char *image, VmInfo *ret,
                  Error *reterr) {
        const VmCreate wanted = {
                .name = run->name,
                .image = image,
                .kernel = run->kernel,
                .vcpus = run->vcpus,
                .memory_mib = run->memory_mib,
                .nat = run->nat,
                .publish = run->publish,
                .work_mib = run->work_mib,
                .ephemeral = run->remove,
        };

        return daemon_call(context->host, &interface_vm, "Create", &wanted, ret, NULL, deadline(),
                           reterr);
}

static int start(const CommandContext *context, char *vm, int signal_fd, Error *reterr) {
        const VmRef ref = {.vm = vm};
        VmProgress progress = {.operation = NULL};
        int r = vm_follow(context, "Start", &ref, signal_fd, &progress, reterr);

        if (r < 0)
                return r;
        if (progress.vm && !context->json)
                vm_warn(context, progress.vm);
        schema_clear(&vm_progress_schema, &progress);
        return 0;
}

/* Deleted is what is gone already, too: it was to go when it stopped. */
static int delete(const CommandContext *context, char *vm, Error *reterr) {
        const VmDelete wanted = {.vm = vm, .force = true};
        _cleanup_error_ Error error = ERROR_INIT;
        int r = daemon_call(context->host, &interface_vm, "Delete", &wanted, NULL, NULL,
                            deadline(), &error);

        if (r >= 0 || error.kind == ERROR_NOT_FOUND)
                return 0;
        error_move(reterr, &error);
        return r;
}

/* A further interrupt leaves the stop to the daemon, which goes on with it. */
static int stop(const CommandContext *context, char *vm, int wake_fd, Error *reterr) {
        const VmStop wanted = {.vm = vm, .timeout_s = VM_STOP_TIMEOUT_S_DEFAULT};
        VmProgress progress = {.operation = NULL};
        /* Quietly: what the command printed is the last thing to be seen. */
        CommandContext quiet = *context;
        int r;

        quiet.json = true;
        r = vm_follow(&quiet, "Stop", &wanted, wake_fd, &progress, reterr);
        if (r >= 0)
                schema_clear(&vm_progress_schema, &progress);
        return r;
}

static int print_name(const CommandContext *context, const VmInfo *vm, Error *reterr) {
        int r = context->json ? output_schema_json(context->out, &vm_info_schema, vm)
                              : output_line(context->out, "%s", vm->name);

        return r < 0 ? error_set_errno(reterr, -r, "cannot print the VM") : 0;
}

static bool in_foreground(const VmRun *run) {
        return run->command && !run->detach;
}

/* The command's exit status, or negative. Whatever it waits for can be interrupted. */
static int start_and_run(const CommandContext *context, const VmRun *run, const VmInfo *vm,
                         Interrupt *interrupt, bool *ret_started, Error *reterr) {
        const VmExec exec = {.vm = vm->name, .now = run->now, .command = run->command};
        int status, r = interrupt_check(interrupt, reterr);

        if (r >= 0) {
                r = start(context, vm->name, interrupt->fd, reterr);
                *ret_started = r >= 0;
        }
        /* One that came too late to cancel the start. */
        if (r >= 0)
                r = interrupt_check(interrupt, reterr);
        if (r < 0)
                return r;
        if (!in_foreground(run))
                return print_name(context, vm, reterr);
        r = vm_exec(context, &exec, interrupt->fd, &status, reterr);
        return r < 0 ? r : status;
}

/* Everything after the VM exists: the exit status, or negative. */
static int run_vm(const CommandContext *context, const VmRun *run, const VmInfo *vm,
                  Interrupt *interrupt, Error *reterr) {
        _cleanup_error_ Error more = ERROR_INIT;
        bool started = false, interrupted;
        int more_r = 0, r = start_and_run(context, run, vm, interrupt, &started, reterr);

        interrupted = interrupt_came(interrupt) && r < 0;
        if (run->remove && (r < 0 || in_foreground(run)))
                more_r = delete(context, vm->name, &more);
        else if (started && (r < 0 || in_foreground(run)))
                more_r = stop(context, vm->name, interrupt->fd, &more);
        if (more_r < 0 && r >= 0) {
                /* The command's own status is what the caller asked for. */
                output_error(context->err, context->json, &more, more_r);
                return r;
        }
        if (more_r < 0)
                r = error_join(reterr, r, &more, more_r);
        if (interrupted) {
                output_error(context->err, context->json, reterr, r);
                error_clear(reterr);
                return STATUS_SIGNALED + interrupt->signal;
        }
        return r;
}

/* From the creation on nothing ends this process before it has cleaned up. */
static int create_and_run(const CommandContext *context, const VmRun *run, Error *reterr) {
        _cleanup_(info_cleanup) VmInfo vm = {.id = NULL};
        _cleanup_free_ char *image = NULL;
        Interrupt interrupt;
        int r = choose_image(context, run, &image, reterr);

        if (r >= 0)
                r = interrupt_begin(&interrupt, reterr);
        if (r < 0)
                return r;
        r = create(context, run, image, &vm, reterr);
        if (r >= 0)
                r = run_vm(context, run, &vm, &interrupt, reterr);
        interrupt_end(&interrupt);
        return r;
}

static int run_run(const CommandContext *context, const Action *action, const void *value,
                   Error *reterr) {
        const VmRun *run = value;
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        (void) action;
        if (run->detach && run->command)
                return error_set(reterr, ERROR_USAGE, EINVAL,
                                 "-d and a command do not go together: use vm exec");
        r = create_and_run(context, run, &error);
        if (r < 0 && error.kind == ERROR_USAGE) {
                error_move(reterr, &error);
                return r;
        }
        return r < 0 ? vm_own_failure(context, &error, r) : r;
}

const Command command_vm_run = {
        .words = "vm run",
        .run = run_run,
};
