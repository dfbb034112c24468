#pragma once
/* What several `vm` commands do: calls to io.banger.VM. */
#include "cli/command.h"
#include "common/api-vm.h"

/* Start or Stop, with its stages shown as they go; `in` is the method's struct. wake_fd: -1, or
 * readable when enough was waited (it is not read): a start is then cancelled and what it made taken
 * back, a stop goes on without us; both end with ERROR_CANCELED. The caller clears ret with
 * vm_progress_schema. */
int vm_follow(const CommandContext *context, const char *method, const void *in, int wake_fd,
              VmProgress *ret, Error *reterr);
/* Runs a command through the guest's agent: its status. wake_fd: -1, or readable to give up waiting
 * for the agent, with ERROR_CANCELED. */
int vm_exec(const CommandContext *context, const VmExec *exec, int wake_fd, int *ret_status,
            Error *reterr);
/* A reason that comes with a success is something to know: the guest had to be ended, say. */
void vm_warn(const CommandContext *context, const VmInfo *vm);
/* Exit status of run and exec for a failure that is not the command's (as Podman's). */
#define VM_EXIT_OWN_FAILURE 125
/* Prints the error and returns VM_EXIT_OWN_FAILURE. */
int vm_own_failure(const CommandContext *context, const Error *error, int r);
