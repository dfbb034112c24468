#pragma once
/* A small service with one method for each thing that a method can do, and a log of what happened
 * to it, one word an event. For the tests and the fuzz target of the Varlink server and drivers. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/varlink-server.h"

#define FAKE_KEPT_MAX 8

typedef struct Fake {
        char log[4096];
        VarlinkCall *kept[FAKE_KEPT_MAX];
        size_t n_kept;
        bool refuse_all; /* what admit does */
        int upgraded_fd;
        char upgraded_rest[64];
        bool drop_when_gone;
} Fake;

typedef struct FakeText {
        char *text;
        int64_t number;
} FakeText;

static const Field fake_text_fields[] = {
        {.name = "text", .type = FIELD_STRING, .offset = offsetof(FakeText, text), .required = true,
         .max = 1 << 20},
        {.name = "number", .type = FIELD_INT, .offset = offsetof(FakeText, number), .max = 1 << 18},
};

static const Schema fake_text_schema = {
        .name = "Text",
        .size = sizeof(FakeText),
        .fields = fake_text_fields,
        .n_fields = ELEMENTSOF(fake_text_fields),
};

static const Action fake_actions[] = {
        {.method = "Echo", .summary = "Answer the same", .in = &fake_text_schema,
         .out = &fake_text_schema},
        {.method = "Later", .summary = "Keep the call", .in = &fake_text_schema,
         .out = &fake_text_schema, .flags = ACTION_STREAMS},
        {.method = "Count", .summary = "Answer often", .in = &fake_text_schema,
         .out = &fake_text_schema, .flags = ACTION_STREAMS},
        {.method = "Fail", .summary = "Fail", .in = &schema_empty, .out = &schema_empty},
        {.method = "FailParameter", .summary = "Find a parameter wrong", .in = &schema_empty,
         .out = &schema_empty},
        {.method = "Forget", .summary = "Neither reply nor keep", .in = &schema_empty,
         .out = &schema_empty},
        {.method = "Wrong", .summary = "Reply what cannot be encoded", .in = &schema_empty,
         .out = &fake_text_schema},
        {.method = "Take", .summary = "Write a byte into each descriptor", .in = &schema_empty,
         .out = &fake_text_schema, .flags = ACTION_TAKES_FD},
        {.method = "Give", .summary = "Give descriptors", .in = &fake_text_schema,
         .out = &schema_empty},
        {.method = "Leave", .summary = "Speak something else", .in = &schema_empty,
         .out = &schema_empty, .flags = ACTION_UPGRADES},
        {.method = "Missing", .summary = "Not here", .in = &schema_empty, .out = &schema_empty},
};

static const Interface fake_interface = {
        .name = "io.banger.Fake",
        .summary = "A fake",
        .actions = fake_actions,
        .n_actions = ELEMENTSOF(fake_actions),
};

static inline void fake_note(Fake *fake, const char *event, const char *detail) {
        size_t used = strlen(fake->log);

        (void) snprintf(fake->log + used, sizeof(fake->log) - used, "%s%s%s%s", used ? " " : "",
                        event, detail ? ":" : "", detail ? detail : "");
}

static inline const char *fake_method_name(const VarlinkCall *call) {
        return strrchr(varlink_call_method(call), '.') + 1;
}

static int fake_echo(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const FakeText *text = parameters;

        (void) reterr;
        fake_note(userdata, "echo", strlen(text->text) < 16 ? text->text : "long");
        return varlink_call_reply(call, text);
}

static inline void fake_forget(Fake *fake, size_t i) {
        VarlinkCall *call = fake->kept[i];

        fake->kept[i] = NULL;
        varlink_call_unref(call);
}

static void fake_gone(VarlinkCall *call, void *userdata) {
        Fake *fake = userdata;

        fake_note(fake, "gone", NULL);
        for (size_t i = 0; fake->drop_when_gone && i < fake->n_kept; i++)
                if (fake->kept[i] == call)
                        fake_forget(fake, i);
}

static int fake_later(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const FakeText *text = parameters;
        Fake *fake = userdata;

        if (fake->n_kept == FAKE_KEPT_MAX)
                return error_set(reterr, ERROR_BUSY, EBUSY, "too many are kept");
        fake_note(fake, "later", text->text);
        fake->kept[fake->n_kept++] = varlink_call_ref(call);
        varlink_call_set_gone(call, fake_gone, fake);
        return 0;
}

static int fake_count(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const FakeText *asked = parameters;
        FakeText answer = {.text = asked->text};
        int r;

        (void) reterr;
        fake_note(userdata, "count", NULL);
        for (answer.number = 1; answer.number < asked->number; answer.number++) {
                r = varlink_call_progress(call, &answer);
                if (r < 0)
                        return r;
        }
        return varlink_call_reply(call, &answer);
}

static int fake_fail(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        int r;

        (void) call;
        (void) parameters;
        (void) userdata;
        r = error_set(reterr, ERROR_NOT_FOUND, ENOENT, "there is no vm \"web\"");
        error_set_object(reterr, r, "web");
        error_set_field(reterr, r, "name");
        if (reterr)
                reterr->operation = strdup("op1");
        return error_set_hint(reterr, r, "run: banger vm list");
}

static int fake_fail_parameter(VarlinkCall *call, const void *parameters, void *userdata,
                               Error *reterr) {
        (void) call;
        (void) parameters;
        (void) userdata;
        error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "must be even");
        return error_set_field(reterr, -EINVAL, "cpus");
}

static int fake_forgetful(VarlinkCall *call, const void *parameters, void *userdata,
                          Error *reterr) {
        (void) call;
        (void) parameters;
        (void) userdata;
        (void) reterr;
        return 0;
}

static int fake_wrong(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        FakeText text = {.text = NULL};

        (void) parameters;
        (void) userdata;
        (void) reterr;
        varlink_call_reply(call, &text);
        return 0;
}

static int fake_take(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        char digits[] = "taken";
        FakeText answer = {.text = digits, .number = (int64_t) varlink_call_n_fds(call)};

        (void) parameters;
        (void) reterr;
        fake_note(userdata, "take", NULL);
        for (size_t i = 0; i < varlink_call_n_fds(call); i++) {
                _cleanup_close_ int fd = varlink_call_take_fd(call, i);
                ssize_t written = write(fd, "!", 1);

                if (written < 0)
                        return -errno;
        }
        return varlink_call_reply(call, &answer);
}

/* `number` read ends of pipes that hold the text. */
static int fake_give(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        const FakeText *asked = parameters;

        (void) userdata;
        (void) reterr;
        for (int64_t i = 0; i < asked->number; i++) {
                int ends[2], r;
                ssize_t written;

                if (pipe2(ends, O_CLOEXEC) < 0)
                        return -errno;
                written = write(ends[1], asked->text, strnlen(asked->text, 16));
                close_fd(ends[1]);
                r = varlink_call_push_fd(call, ends[0]);
                if (r < 0 || written < 0)
                        return r < 0 ? r : -EIO;
        }
        return varlink_call_reply(call, NULL);
}

static void fake_upgraded(int fd, const void *rest, size_t rest_size, void *userdata) {
        Fake *fake = userdata;

        fake_note(fake, "upgraded", fd < 0 ? "dead" : NULL);
        fake->upgraded_fd = fd;
        if (rest_size > 0 && rest_size < sizeof(fake->upgraded_rest))
                memcpy(fake->upgraded_rest, rest, rest_size);
}

static int fake_leave(VarlinkCall *call, const void *parameters, void *userdata, Error *reterr) {
        (void) parameters;
        (void) reterr;
        varlink_call_set_upgrade(call, fake_upgraded, userdata);
        return varlink_call_reply(call, NULL);
}

static const VarlinkMethod fake_methods[] = {
        {"io.banger.Fake.Echo", fake_echo, 1},
        {"io.banger.Fake.Later", fake_later, 0},
        {"io.banger.Fake.Count", fake_count, 0},
        {"io.banger.Fake.Fail", fake_fail, 0},
        {"io.banger.Fake.FailParameter", fake_fail_parameter, 0},
        {"io.banger.Fake.Forget", fake_forgetful, 0},
        {"io.banger.Fake.Wrong", fake_wrong, 0},
        {"io.banger.Fake.Take", fake_take, 0},
        {"io.banger.Fake.Give", fake_give, 0},
        {"io.banger.Fake.Leave", fake_leave, 0},
        {"io.banger.Fake.Missing", NULL, 0},
};

static int fake_admit(VarlinkCall *call, const VarlinkMethod *method, void *userdata,
                      Error *reterr) {
        const Fake *fake = userdata;

        (void) call;
        if (fake->refuse_all)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "policy %u says no",
                                 method->policy);
        return 0;
}

static void fake_done(VarlinkCall *call, int r, const Error *error, uint64_t duration_usec,
                      void *userdata) {
        char detail[128];

        (void) duration_usec;
        (void) snprintf(detail, sizeof(detail), "%s%s%s", fake_method_name(call), r < 0 ? "=" : "",
                        r < 0 && error ? error_kind_name(error->kind) : "");
        fake_note(userdata, "done", detail);
}

static void fake_refused(const Peer *peer, const Error *error, void *userdata) {
        (void) peer;
        fake_note(userdata, "refused", error_kind_name(error->kind));
}

static const VarlinkHooks fake_hooks = {
        .admit = fake_admit,
        .done = fake_done,
        .refused = fake_refused,
};

static const Interface *const fake_interfaces[] = {&fake_interface, NULL};

static inline VarlinkServerConfig fake_config(Fake *fake, const VarlinkLimits *limits) {
        return (VarlinkServerConfig) {
                .vendor = "banger",
                .product = "fake",
                .version = "1",
                .url = "https://banger.example/",
                .interfaces = fake_interfaces,
                .methods = fake_methods,
                .n_methods = ELEMENTSOF(fake_methods),
                .hooks = &fake_hooks,
                .limits = limits,
                .userdata = fake,
        };
}
