#pragma once
/* A bangerd that answers a script, call by call, in a process of its own. It ends with status 0 when
 * every step was used in order, and nothing else was asked. */

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/api-forward.h"
#include "common/api-image.h"
#include "common/api-kernel.h"
#include "common/api-operation.h"
#include "common/api-vm.h"
#include "common/clock.h"
#include "common/exec-frame.h"
#include "common/forward.h"
#include "common/varlink-poll.h"
#include "tests/unit/cli/fixture.h"

#define SCRIPT_PATIENCE_USEC (20 * USEC_PER_SEC)

typedef struct ScriptStep {
        const char *method; /* "VM.Create" */
        const char *error;  /* instead of a reply: ERROR_UNAVAILABLE with this message */
        size_t n_images;    /* Image.List: how many there are */
        int exit_status;    /* VM.Connect: of the command that is then run */
        const char *output; /* VM.Connect: what that prints, may be NULL */
        int raise;          /* this signal, at the client, before anything is said */
        bool hangs;         /* says nothing until the client leaves */
        bool waits_for_cancel; /* VM.Start: the next step is its Operation.Cancel, elsewhere */
        const char *reason; /* VM.Stop, VM.List: of the VM */
        const char *publish; /* VM.Create: it must ask for NAT and for this; NULL: for neither */
} ScriptStep;

typedef struct Script {
        const ScriptStep *steps; /* up to one without a method */
        size_t at;
        bool wrong;
        int agent_fd; /* the last agent's own end; -1 */
        int listen_fd, fd; /* of the client that is served */
        VarlinkServer *server;
} Script;

static const VarlinkServeConfig scripted_times = {SCRIPT_PATIENCE_USEC, SCRIPT_PATIENCE_USEC,
                                                  SCRIPT_PATIENCE_USEC};

/* The start's id, alone, and then whatever the script has for a second connection. */
static inline int scripted_cancel(Script *script, Error *reterr) {
        static const char id[] = "{\"parameters\":{\"operation\":\"0123456789\"},"
                                 "\"continues\":true}";
        int fd, before = script->fd;

        assert_int_equal(io_write_full(script->fd, id, sizeof(id)), 0);
        fd = accept4(script->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || varlink_serve(script->server, fd, &(Peer) {}, &scripted_times) < 0)
                script->wrong = true;
        script->fd = before;
        return error_set(reterr, ERROR_CANCELED, ECANCELED, "it was cancelled");
}

/* An agent that has said all before it was asked; the client's end. */
static inline int scripted_agent(Script *script, const ScriptStep *step) {
        const uint8_t status = (uint8_t) step->exit_status;
        uint8_t header[EXEC_HEADER_SIZE];
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(io_write_full(fds[1], "{}", sizeof("{}")), 0);
        if (step->output) {
                exec_header_write(EXEC_STDOUT, strlen(step->output), header);
                assert_int_equal(io_write_full(fds[1], header, sizeof(header)), 0);
                assert_int_equal(io_write_full(fds[1], step->output, strlen(step->output)), 0);
        }
        exec_header_write(EXEC_EXIT, sizeof(status), header);
        assert_int_equal(io_write_full(fds[1], header, sizeof(header)), 0);
        assert_int_equal(io_write_full(fds[1], &status, sizeof(status)), 0);
        script->agent_fd = fds[1];
        return fds[0];
}

static inline int scripted_reply(Script *script, VarlinkCall *call, const ScriptStep *step) {
        char id[] = "0123456789", name[] = "web", image[] = "debian", kernel[] = "6.1";
        char disk[] = "disk", *reason = step->reason ? strdup(step->reason) : NULL;
        VmInfo vm = {.id = id, .name = name, .image = image, .kernel = kernel, .vcpus = 1,
                     .memory_mib = 256, .state = VM_RUNNING};
        VmProgress progress = {.operation = id, .stage = disk};
        VmList vms = {.vms = {.items = &vm, .n_items = 1}};
        ImageInfo images[2] = {{.id = id, .name = image}, {.id = id, .name = name}};
        char address[] = "127.0.0.1";
        ForwardInfo forward = {.vm = name, .protocol = FORWARD_UDP, .address = address,
                               .host_port = 8080, .guest_port = 80, .active = true};
        ForwardList forwards = {.forwards = {.items = &forward, .n_items = 1}};
        ImageList list = {.images = {.items = images, .n_items = step->n_images}};

        if (string_equal(step->method, "Image.List"))
                return varlink_call_reply(call, &list);
        if (string_equal(step->method, "Forward.List"))
                return varlink_call_reply(call, &forwards);
        if (string_equal(step->method, "VM.Connect")) {
                int r = varlink_call_push_fd(call, scripted_agent(script, step));

                return r < 0 ? r : varlink_call_reply(call, NULL);
        }
        if (string_equal(step->method, "VM.Delete") ||
            string_equal(step->method, "Operation.Cancel"))
                return varlink_call_reply(call, NULL);
        vm.reason = reason;
        if (string_equal(step->method, "VM.List"))
                return varlink_call_reply(call, &vms);
        if (string_equal(step->method, "VM.Create") || string_equal(step->method, "VM.Show"))
                return varlink_call_reply(call, &vm);
        if (varlink_call_wants_more(call)) {
                (void) varlink_call_progress(call, &progress);
                progress.finished = true;
                progress.elapsed_us = 14000;
                (void) varlink_call_progress(call, &progress);
        }
        progress = (VmProgress) {.operation = id, .vm = &vm};
        return varlink_call_reply(call, &progress);
}

static inline bool scripted_network(const ScriptStep *step, const VmCreate *create) {
        return create->nat == (step->publish != NULL) &&
               string_equal(create->publish ? create->publish[0] : NULL, step->publish);
}

static inline int scripted_handle(VarlinkCall *call, const void *parameters, void *userdata,
                                  Error *reterr) {
        Script *script = userdata;
        const ScriptStep *step = &script->steps[script->at];
        const char *method = string_after_prefix(varlink_call_method(call), "io.banger.");
        char id[] = "0123456789", tap[] = "tap";
        const VmProgress progress = {.operation = id, .stage = tap, .finished = true,
                                     .elapsed_us = 3000};

        if (string_equal(method, "VM.Create") && !scripted_network(step, parameters))
                script->wrong = true;
        if (!string_equal(step->method, method)) {
                script->wrong = true;
                return error_set(reterr, ERROR_FAILED, EIO, "%s is not in the script", method);
        }
        script->at++;
        if (step->raise)
                (void) kill(getppid(), step->raise);
        if (step->hangs) {
                struct pollfd left = {.fd = script->fd, .events = POLLRDHUP};

                if (poll(&left, 1, (int) (SCRIPT_PATIENCE_USEC / USEC_PER_MSEC)) != 1)
                        script->wrong = true;
                return error_set(reterr, ERROR_FAILED, EIO, "nobody hears this");
        }
        if (step->waits_for_cancel)
                return scripted_cancel(script, reterr);
        if (!step->error)
                return scripted_reply(script, call, step);
        if (varlink_call_wants_more(call))
                (void) varlink_call_progress(call, &progress);
        return error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "%s", step->error);
}

static inline void scripted_main(int listen_fd, Script *script) {
        static const VarlinkMethod methods[] = {
                {"io.banger.VM.Create", scripted_handle, 0},
                {"io.banger.VM.Start", scripted_handle, 0},
                {"io.banger.VM.Stop", scripted_handle, 0},
                {"io.banger.VM.Resize", scripted_handle, 0},
                {"io.banger.VM.Delete", scripted_handle, 0},
                {"io.banger.VM.Set", scripted_handle, 0},
                {"io.banger.VM.List", scripted_handle, 0},
                {"io.banger.VM.Show", scripted_handle, 0},
                {"io.banger.VM.Connect", scripted_handle, 0},
                {"io.banger.Forward.Add", scripted_handle, 0},
                {"io.banger.Forward.Remove", scripted_handle, 0},
                {"io.banger.Forward.List", scripted_handle, 0},
                {"io.banger.Image.Import", scripted_handle, 0},
                {"io.banger.Image.List", scripted_handle, 0},
                {"io.banger.Image.Delete", scripted_handle, 0},
                {"io.banger.Operation.Cancel", scripted_handle, 0},
                {"io.banger.Operation.List", scripted_handle, 0},
        };
        static const Interface *const interfaces[] = {&interface_vm, &interface_forward,
                                                      &interface_image, &interface_operation,
                                                      NULL};
        const VarlinkServerConfig config = {
                .vendor = "banger",
                .product = "fake",
                .version = "0",
                .url = "https://banger.example/",
                .interfaces = interfaces,
                .methods = methods,
                .n_methods = ELEMENTSOF(methods),
                .limits = &varlink_limits_daemon,
                .userdata = script,
        };
        char byte;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        script->listen_fd = listen_fd;
        if (varlink_server_new(&config, &script->server) < 0)
                _exit(2);
        while (script->steps[script->at].method && !script->wrong) {
                bool hangs = script->steps[script->at].hangs;

                script->fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
                if (script->fd < 0 || (varlink_serve(script->server, script->fd, &(Peer) {},
                                                     &scripted_times) < 0 && !hangs))
                        _exit(3);
        }
        /* The client leaves its agent, not the other way round. */
        while (script->agent_fd >= 0 && read(script->agent_fd, &byte, 1) > 0)
                continue;
        _exit(script->wrong ? 4 : 0);
}

static inline pid_t scripted_start(const TempRoot *root, const ScriptStep *steps) {
        Script script = {.steps = steps, .agent_fd = -1};
        pid_t pid;
        int fd;

        temp_root_mkdir(root, "/run/banger");
        fd = fixture_listen(root->bangerd_socket);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                scripted_main(fd, &script);
        close_fd(fd);
        return pid;
}

/* Was all of the script used, in its order? */
static inline void scripted_end(pid_t pid) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}
