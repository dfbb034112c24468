#pragma once
/* A bangerd with a small world of its own, in a process of its own: lists, events, operations that
 * go on when they are told to. Told by one byte each on a socket; see fake_command(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/api-image.h"
#include "common/api-operation.h"
#include "common/api-system.h"
#include "common/api-vm.h"
#include "common/clock.h"
#include "common/strings.h"
#include "common/varlink-event.h"

#define FAKE_NOW_S 1767225600 /* 2026-01-01T00:00:00Z */
#define FAKE_VMS_MAX 64
#define FAKE_SUBSCRIBERS_MAX 8

typedef struct FakeVm {
        char id[11], name[48], image[32], kernel[32], address[16], reason[64];
        VmInfo info;
} FakeVm;

typedef struct FakeOptions {
        size_t n_vms;        /* beside web and old, vm-01 and on; SIZE_MAX: no VM at all */
        bool no_images;
        const char *version; /* NULL: that of the console under test */
        const char *helper;  /* NULL: well; else its message */
        bool mute;           /* takes connections and never answers */
        size_t bad_lists;    /* so many lists of images fail first */
} FakeOptions;

typedef struct FakeWorld {
        FakeOptions options;
        FakeVm vms[FAKE_VMS_MAX];
        size_t n_vms;
        VarlinkCall *subscribers[FAKE_SUBSCRIBERS_MAX];
        int64_t sequence;
        VarlinkCall *pending; /* a start or stop that waits to be told to go on */
        size_t pending_vm;
        int64_t elapsed_us;
        sd_event *event;
} FakeWorld;

static char fake_operation[] = "00000000aa";

static inline FakeVm *fake_add(FakeWorld *world, const char *name, VmState state, int64_t age_s) {
        FakeVm *vm = &world->vms[world->n_vms++];

        *vm = (FakeVm) {.id = ""};
        (void) snprintf(vm->id, sizeof(vm->id), "%010zx", world->n_vms);
        (void) snprintf(vm->name, sizeof(vm->name), "%s", name);
        (void) snprintf(vm->image, sizeof(vm->image), "debian");
        (void) snprintf(vm->kernel, sizeof(vm->kernel), "6.1.0-32-cloud-amd64");
        (void) snprintf(vm->address, sizeof(vm->address), "172.30.0.%zu", world->n_vms + 1);
        vm->info = (VmInfo) {
                .id = vm->id,
                .name = vm->name,
                .image = vm->image,
                .kernel = vm->kernel,
                .state = (int) state,
                .readiness = state == VM_RUNNING ? VM_READINESS_INIT : VM_READINESS_NONE,
                .vcpus = 2,
                .memory_mib = 512,
                .address = state == VM_RUNNING ? vm->address : NULL,
                .slot = state == VM_RUNNING ? (int64_t) world->n_vms : 0,
                .created_s = FAKE_NOW_S - 90061,
                .started_s = state == VM_RUNNING ? FAKE_NOW_S - age_s : 0,
        };
        return vm;
}

static inline void fake_fill(FakeWorld *world) {
        FakeVm *vm;

        if (world->options.n_vms == SIZE_MAX)
                return;
        vm = fake_add(world, "old", VM_BROKEN, 0);
        (void) snprintf(vm->reason, sizeof(vm->reason), "its disk is gone: /dev/mapper is empty");
        vm->info.reason = vm->reason;
        for (size_t i = 0; i < world->options.n_vms; i++) {
                char name[32];

                (void) snprintf(name, sizeof(name), "vm-%02zu", i + 1);
                fake_add(world, name, i % 2 ? VM_STOPPED : VM_RUNNING, 200 * (int64_t) (i + 1));
        }
        fake_add(world, "web", VM_RUNNING, 7500);
}

static inline void fake_publish(FakeWorld *world, Event *event) {
        event->sequence = ++world->sequence;
        for (size_t i = 0; i < FAKE_SUBSCRIBERS_MAX; i++)
                if (world->subscribers[i])
                        (void) varlink_call_progress(world->subscribers[i], event);
}

static inline void fake_changed(FakeWorld *world, FakeVm *vm) {
        Event event = {.kind = EVENT_VM_CHANGED, .object = vm->id, .name = vm->name,
                       .vm = &vm->info};

        fake_publish(world, &event);
}

/* ---- methods ---- */

static inline FakeVm *fake_find(FakeWorld *world, const char *name) {
        for (size_t i = 0; i < world->n_vms; i++)
                if (string_equal(world->vms[i].name, name) || string_equal(world->vms[i].id, name))
                        return &world->vms[i];
        return NULL;
}

static inline int fake_vm_list(VarlinkCall *call, const void *parameters, void *userdata,
                               Error *reterr) {
        FakeWorld *world = userdata;
        VmInfo infos[FAKE_VMS_MAX];
        VmList list = {.vms = {.items = infos, .n_items = world->n_vms}};

        (void) parameters;
        (void) reterr;
        for (size_t i = 0; i < world->n_vms; i++)
                infos[i] = world->vms[i].info;
        return varlink_call_reply(call, &list);
}

static inline int fake_image_list(VarlinkCall *call, const void *parameters, void *userdata,
                                  Error *reterr) {
        static char id[] = "00000000ee", name[] = "debian", id_spare[] = "00000000ef",
                    spare[] = "alpine-3.20";
        FakeWorld *world = userdata;
        NameRef users[FAKE_VMS_MAX];
        ImageInfo images[] = {
                {.id = id_spare, .name = spare, .size_bytes = 52428800, .used_bytes = 9437184,
                 .created_s = FAKE_NOW_S - 3600},
                {.id = id, .name = name, .size_bytes = 2147483648, .used_bytes = 734003200,
                 .has_init = true, .created_s = FAKE_NOW_S - 864000,
                 .used_by = {.items = users, .n_items = world->n_vms}},
        };
        ImageList list = {.images = {.items = images, .n_items = world->options.no_images ? 0 : 2}};

        (void) parameters;
        if (world->options.bad_lists > 0) {
                world->options.bad_lists--;
                return error_set_hint(reterr,
                                      error_set(reterr, ERROR_FAILED, EIO, "its store is ill"),
                                      "run: banger doctor");
        }
        for (size_t i = 0; i < world->n_vms; i++)
                users[i].name = world->vms[i].name;
        return varlink_call_reply(call, &list);
}

static inline int fake_operation_list(VarlinkCall *call, const void *parameters, void *userdata,
                                      Error *reterr) {
        OperationList list = {.operations = {.n_items = 0}};

        (void) parameters;
        (void) userdata;
        (void) reterr;
        return varlink_call_reply(call, &list);
}

static inline int fake_status(VarlinkCall *call, const void *parameters, void *userdata,
                              Error *reterr) {
        static char host[] = "testhost", owner[] = "alice", daemon[] = "bangerd",
                    helper[] = "bangerd-root", own[] = "0.1.0";
        FakeWorld *world = userdata;
        char message[128] = "", version[32];
        ComponentStatus components[] = {
                {.name = daemon, .state = COMPONENT_OK, .version = version},
                {.name = helper, .state = COMPONENT_OK, .version = own},
        };
        SystemStatus status = {.host = host, .version = version, .owner = owner,
                               .vms_total = (int64_t) world->n_vms,
                               .components = {.items = components, .n_items = 2}};

        (void) parameters;
        (void) reterr;
        (void) snprintf(version, sizeof(version), "%s",
                        world->options.version ? world->options.version : own);
        if (world->options.helper) {
                (void) snprintf(message, sizeof(message), "%s", world->options.helper);
                components[1].state = COMPONENT_UNREACHABLE;
                components[1].version = NULL;
                components[1].message = message;
        }
        return varlink_call_reply(call, &status);
}

static inline void fake_gone(VarlinkCall *call, void *userdata) {
        FakeWorld *world = userdata;

        for (size_t i = 0; i < FAKE_SUBSCRIBERS_MAX; i++)
                if (world->subscribers[i] == call)
                        world->subscribers[i] = varlink_call_unref(call);
}

static inline int fake_subscribe(VarlinkCall *call, const void *parameters, void *userdata,
                                 Error *reterr) {
        FakeWorld *world = userdata;
        Event current = {.kind = EVENT_CURRENT};

        (void) parameters;
        for (size_t i = 0; i < FAKE_SUBSCRIBERS_MAX; i++)
                if (!world->subscribers[i]) {
                        world->subscribers[i] = varlink_call_ref(call);
                        varlink_call_set_gone(call, fake_gone, world);
                        current.sequence = world->sequence;
                        return varlink_call_progress(call, &current);
                }
        return error_set(reterr, ERROR_BUSY, EBUSY, "too many subscribers");
}

static inline void fake_tell_stage(FakeWorld *world, EventKind kind, const char *stage,
                                   const char *error) {
        FakeVm *vm = &world->vms[world->pending_vm];
        char text[32], why[64], method[64];
        OperationInfo info = {.id = fake_operation, .kind = method, .object = vm->name,
                              .stage = stage ? text : NULL, .started_s = FAKE_NOW_S,
                              .elapsed_us = world->elapsed_us};
        Event event = {.kind = (int) kind, .object = vm->id, .name = vm->name, .operation = &info,
                       .error = error ? why : NULL};

        (void) snprintf(text, sizeof(text), "%s", stage ? stage : "");
        (void) snprintf(why, sizeof(why), "%s", error ? error : "");
        (void) snprintf(method, sizeof(method), "%s", varlink_call_method(world->pending));
        world->elapsed_us += 40000;
        fake_publish(world, &event);
}

/* Start and stop: the first stages, then as fake_command() says. */
static inline int fake_work(VarlinkCall *call, const void *parameters, void *userdata,
                            Error *reterr) {
        FakeWorld *world = userdata;
        FakeVm *vm = fake_find(world, *(char *const *) parameters);
        bool start = string_equal(varlink_call_method(call), "io.banger.VM.Start");

        if (!vm)
                return error_set(reterr, ERROR_NOT_FOUND, ENOENT, "there is no such vm");
        if (world->pending)
                return error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" is busy", vm->name);
        world->pending = varlink_call_ref(call);
        world->pending_vm = (size_t) (vm - world->vms);
        world->elapsed_us = 0;
        vm->info.state = start ? VM_STARTING : VM_STOPPING;
        fake_changed(world, vm);
        fake_tell_stage(world, EVENT_OPERATION, start ? "disk" : "agent", NULL);
        fake_tell_stage(world, EVENT_OPERATION, start ? "boot" : "wait", NULL);
        return 0;
}

static inline int fake_delete(VarlinkCall *call, const void *parameters, void *userdata,
                              Error *reterr) {
        const VmDelete *delete = parameters;
        FakeWorld *world = userdata;
        FakeVm *vm = fake_find(world, delete->vm);
        Event event = {.kind = EVENT_VM_DELETED};
        FakeVm gone;

        if (!vm)
                return error_set(reterr, ERROR_NOT_FOUND, ENOENT, "there is no such vm");
        if (vm->info.state == VM_RUNNING && !delete->force)
                return error_set(reterr, ERROR_BUSY, EBUSY, "vm \"%s\" runs", vm->name);
        gone = *vm;
        for (; vm + 1 < &world->vms[world->n_vms]; vm++) {
                /* The info points into its own. */
                char *reason = vm[1].info.reason ? vm->reason : NULL;
                char *address = vm[1].info.address ? vm->address : NULL;

                *vm = vm[1];
                vm->info.id = vm->id;
                vm->info.name = vm->name;
                vm->info.image = vm->image;
                vm->info.kernel = vm->kernel;
                vm->info.reason = reason;
                vm->info.address = address;
        }
        world->n_vms--;
        event.object = gone.id;
        event.name = gone.name;
        fake_publish(world, &event);
        return varlink_call_reply(call, NULL);
}

/* ---- commands ---- */

static inline void fake_finish(FakeWorld *world, const char *error) {
        FakeVm *vm = &world->vms[world->pending_vm];
        VmProgress progress = {.operation = fake_operation, .vm = &vm->info};
        bool start = vm->info.state == VM_STARTING;
        bool runs = start != (error != NULL);
        Error failure = ERROR_INIT;

        vm->info.state = runs ? VM_RUNNING : VM_STOPPED;
        vm->info.readiness = runs ? VM_READINESS_INIT : VM_READINESS_NONE;
        vm->info.started_s = runs ? FAKE_NOW_S : 0;
        vm->info.address = runs ? vm->address : NULL;
        fake_tell_stage(world, EVENT_OPERATION_ENDED, start ? "boot" : "wait", error);
        fake_changed(world, vm);
        if (error) {
                error_set(&failure, ERROR_UNAVAILABLE, ENODEV, "%s", error);
                error_set_hint(&failure, -ENODEV, "run: banger doctor");
                (void) varlink_call_fail(world->pending, -ENODEV, &failure);
                error_clear(&failure);
        } else
                (void) varlink_call_reply(world->pending, &progress);
        world->pending = varlink_call_unref(world->pending);
}

/* g: go on and end well; f: fail; b: web breaks, for a reason that steers terminals; n: one is made;
 * e: 2000 events at once; l: a VM is made in an event that is lost; else: leave. */
static inline void fake_command(FakeWorld *world, char command) {
        FakeVm *vm = fake_find(world, "web");

        if (!vm)
                return;
        switch (command) {
        case 'g':
        case 'f':
                if (world->pending)
                        fake_finish(world, command == 'f' ? "there is no /dev/kvm" : NULL);
                break;
        case 'b':
                vm->info.state = VM_BROKEN;
                (void) snprintf(vm->reason, sizeof(vm->reason), "\033[31mred\007 reason");
                vm->info.reason = vm->reason;
                fake_changed(world, vm);
                break;
        case 'n':
                fake_changed(world, fake_add(world, "new", VM_STOPPED, 0));
                break;
        case 'e':
                for (int64_t i = 0; i < 2000; i++) {
                        vm->info.memory_mib = 512 + i;
                        fake_changed(world, vm);
                }
                break;
        case 'l':
                fake_add(world, "zeta", VM_STOPPED, 0);
                world->sequence++;
                fake_changed(world, vm);
                break;
        default:
                (void) sd_event_exit(world->event, 0);
                break;
        }
}

static inline int fake_on_command(sd_event_source *source, int fd, uint32_t revents,
                                  void *userdata) {
        FakeWorld *world = userdata;
        char command;

        (void) source;
        (void) revents;
        if (read(fd, &command, 1) != 1)
                command = 'q';
        fake_command(world, command);
        return 0;
}

static inline int fake_missing(VarlinkCall *call, const void *parameters, void *userdata,
                               Error *reterr) {
        (void) parameters;
        (void) userdata;
        return error_set(reterr, ERROR_UNAVAILABLE, ENOSYS, "the fake has no %s",
                         varlink_call_method(call));
}

/* Every method of the table of actions; those without a row here fail. */
static inline size_t fake_methods(VarlinkMethod *ret, size_t max) {
        static const VarlinkMethod own[] = {
                {"io.banger.VM.List", fake_vm_list, 0},
                {"io.banger.VM.Start", fake_work, 0},
                {"io.banger.VM.Stop", fake_work, 0},
                {"io.banger.VM.Delete", fake_delete, 0},
                {"io.banger.Image.List", fake_image_list, 0},
                {"io.banger.Operation.List", fake_operation_list, 0},
                {"io.banger.Event.Subscribe", fake_subscribe, 0},
                {"io.banger.System.GetStatus", fake_status, 0},
        };
        size_t n = 0;

        for (size_t i = 0; action_interfaces[i]; i++)
                for (size_t j = 0; j < action_interfaces[i]->n_actions && n < max; j++) {
                        const char *method = action_interfaces[i]->actions[j].method;
                        char *name = method ? string_format("%s.%s", action_interfaces[i]->name,
                                                            method)
                                            : NULL;

                        if (!name)
                                continue;
                        ret[n] = (VarlinkMethod) {name, fake_missing, 0};
                        for (size_t k = 0; k < ELEMENTSOF(own); k++)
                                if (string_equal(own[k].name, name))
                                        ret[n] = own[k];
                        n++;
                }
        return n;
}

static inline void fake_main(int listen_fd, int command_fd, const FakeOptions *options) {
        VarlinkMethod methods[64];
        FakeWorld world = {.options = *options};
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "fake",
                .version = "0",
                .url = "https://banger.example/",
                .interfaces = action_interfaces,
                .methods = methods,
                .n_methods = fake_methods(methods, ELEMENTSOF(methods)),
                .limits = &varlink_limits_daemon,
                .userdata = &world,
        };
        const VarlinkListenerConfig listener_config = {.clients_max = 64,
                                                       .stall_timeout_usec = UINT64_MAX / 2};
        VarlinkListener *listener = NULL;
        VarlinkServer *server = NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        fake_fill(&world);
        if (sd_event_new(&world.event) < 0 || varlink_server_new(&config, &server) < 0 ||
            sd_event_add_io(world.event, NULL, command_fd, EPOLLIN, fake_on_command, &world) < 0)
                _exit(2);
        if (!options->mute &&
            varlink_listener_new(world.event, server, listen_fd, &listener_config, &listener) < 0)
                _exit(3);
        (void) sd_event_loop(world.event);
        _exit(0);
}

typedef struct FakeDaemon {
        pid_t pid;
        int command_fd;
        char socket[108];
} FakeDaemon;

static inline void fake_start(FakeDaemon *daemon, const char *socket_path,
                              const FakeOptions *options) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fds[2], fd;

        (void) snprintf(daemon->socket, sizeof(daemon->socket), "%s", socket_path);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
        (void) unlink(socket_path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 16), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        daemon->pid = fork();
        assert_true(daemon->pid >= 0);
        if (daemon->pid == 0) {
                close(fds[0]);
                fake_main(fd, fds[1], options);
        }
        close(fd);
        close(fds[1]);
        daemon->command_fd = fds[0];
}

static inline void fake_tell(const FakeDaemon *daemon, char command) {
        assert_int_equal(write(daemon->command_fd, &command, 1), 1);
}

/* Dies as by SIGKILL; its socket stays and refuses. */
static inline void fake_stop(FakeDaemon *daemon) {
        if (daemon->pid <= 0)
                return;
        assert_int_equal(kill(daemon->pid, SIGKILL), 0);
        assert_int_equal(waitpid(daemon->pid, NULL, 0), daemon->pid);
        close(daemon->command_fd);
        daemon->pid = 0;
}
