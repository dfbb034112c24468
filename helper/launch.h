#pragma once
/* The transient unit of a VM. */
#include <sys/types.h>

#include "common/ident.h"
#include "helper/bus.h"
#include "helper/devices.h"
#include "helper/programs.h"

typedef struct LaunchPlan {
        const char *vm;   /* id */
        const char *unit; /* name */
        const char *jails;  /* absolute path of their directory */
        uid_t uid;
        dev_t drives[_DEVICE_ROLE_MAX]; /* 0: it has none */
        unsigned vcpus;
        uint64_t memory_mib;
        const Programs *programs;
        int console_fd, log_fd; /* borrowed */
} LaunchPlan;

/* Appends name, mode, properties and no further units: all of StartTransientUnit's arguments.
 * Negative errno of sd-bus. */
int launch_append_unit(sd_bus_message *call, const LaunchPlan *plan);
/* Until the program of a unit that is being started runs. One that has ended is forgotten; one that
 * does not come in time is killed. Needs units_watch(). */
int launch_await(sd_bus *bus, const VmId *vm, const char *jailer, uint64_t deadline_usec,
                 Error *reterr);
/* Are these a terminal and a pipe's writing end? */
int launch_check_stdio(int console_fd, int log_fd, Error *reterr);
