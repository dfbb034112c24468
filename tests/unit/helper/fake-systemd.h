#pragma once
/* systemd as a script: the calls about one unit that it must get, in order, and its answers. */

#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-id128.h>

#include "common/strings.h"
#include "helper/units.h"
#include "tests/unit/helper/fixture.h"

#define UNIT "banger-vm-0123456789.service"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/banger_2dvm_2d0123456789_2eservice"

/* A call that systemd must get next, and its answer. Properties are named by themselves. */
typedef struct Step {
        const char *call;
        const char *unit;   /* that it is about; NULL: UNIT */
        const char *text;   /* the property, where it is one */
        int number;         /* likewise; for KillUnit the signal */
        const char *error;  /* D-Bus error name */
        bool changes;       /* a signal that the unit changed follows */
} Step;

typedef struct Script {
        const Step *steps;
        size_t n_steps;
} Script;

static inline int systemd_answer_property(sd_bus_message *call, const char *name,
                                          const Step *step) {
        if (string_equal(name, "Job"))
                return sd_bus_reply_method_return(call, "v", "(uo)", (uint32_t) step->number, "/");
        if (step->text)
                return sd_bus_reply_method_return(call, "v", "s", step->text);
        return sd_bus_reply_method_return(call, "v", "i", step->number);
}

static inline int systemd_answer_call(sd_bus_message *call, const char *member, const Step *step) {
        const char *unit = NULL, *who = NULL;
        int signal = 0;

        if (!string_equal(member, "Subscribe") &&
            (sd_bus_message_read(call, "s", &unit) <= 0 || 
             !string_equal(unit, step->unit ? step->unit : UNIT)))
                return -EINVAL;
        if (string_equal(member, "KillUnit") &&
            (sd_bus_message_read(call, "si", &who, &signal) <= 0 || signal != step->number ||
             !string_equal(who, "main")))
                return -EINVAL;
        return sd_bus_reply_method_return(call, "");
}

static inline int systemd_answer(sd_bus *bus, sd_bus_message *call, const Step *step) {
        const char *member = sd_bus_message_get_member(call), *property = NULL;
        int r;

        if (string_equal(member, "Get")) {
                if (sd_bus_message_read(call, "ss", NULL, &property) <= 0)
                        return -EINVAL;
        }
        if (!string_equal(property ? property : member, step->call))
                return -EINVAL;
        if (step->error)
                return sd_bus_reply_method_errorf(call, step->error, "as scripted");
        r = property ? systemd_answer_property(call, property, step) :
                       systemd_answer_call(call, member, step);
        if (r < 0 || !step->changes)
                return r;
        return sd_bus_emit_signal(bus, UNIT_PATH, "org.freedesktop.DBus.Properties",
                                  "PropertiesChanged", "sa{sv}as", "org.freedesktop.systemd1.Unit",
                                  0, 0);
}

/* systemd, in a process of its own: exits with 0 when it was asked all of the script, no more. */
static inline void systemd_serve(int fd, const Script *script) {
        sd_id128_t id = {};
        sd_bus *bus = NULL;
        size_t next = 0;
        int r;

        if (sd_id128_randomize(&id) < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
            sd_bus_set_server(bus, 1, id) < 0 || sd_bus_start(bus) < 0)
                _exit(1);
        for (;;) {
                sd_bus_message *message = NULL;

                r = sd_bus_process(bus, &message);
                if (r < 0)
                        _exit(next == script->n_steps ? 0 : 2);
                if (message && sd_bus_message_is_method_call(message, NULL, NULL) > 0 &&
                    (next == script->n_steps ||
                     systemd_answer(bus, message, &script->steps[next++]) < 0))
                        _exit(3);
                sd_bus_message_unref(message);
                if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
                        _exit(next == script->n_steps ? 0 : 2);
        }
}

typedef struct Systemd {
        sd_bus *bus;
        pid_t pid;
} Systemd;

static inline Systemd systemd_start(const Step *steps, size_t n_steps) {
        const Script script = {.steps = steps, .n_steps = n_steps};
        Systemd systemd = {};
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        systemd.pid = fork();
        assert_true(systemd.pid >= 0);
        if (systemd.pid == 0) {
                close_fd(fds[0]);
                systemd_serve(fds[1], &script);
        }
        close_fd(fds[1]);
        assert_true(sd_bus_new(&systemd.bus) >= 0);
        assert_true(sd_bus_set_fd(systemd.bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(systemd.bus) >= 0);
        return systemd;
}

static inline void systemd_finish(Systemd *systemd) {
        int status = -1;

        sd_bus_close_unref(systemd->bus);
        assert_int_equal(waitpid(systemd->pid, &status, 0), systemd->pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}
