/* Bytes from a client, through the wire and the server, to a fake service. The first byte says in
 * pieces of which size they come; newlines become NUL, so that the corpus is text. Whatever comes,
 * what goes out is JSON, and how the bytes were cut makes no difference. */
#include <stdint.h>

#include "common/json.h"
#include "tests/unit/common/fake-service.h"

#define INPUT_MAX 16384

static const VarlinkLimits limits = {.message_max = 4096, .output_max = 32768, .fds_max = 2};
static const Peer peer = {.pid = 1, .uid = 1000, .gid = 1000};

typedef struct Session {
        Fake fake;
        VarlinkServerConfig config;
        VarlinkServer *server;
        VarlinkConnection *connection;
        char output[1 << 18];
        size_t output_size;
} Session;

static void answer_kept(Session *session) {
        char text[] = "late";
        const FakeText reply = {.text = text};

        for (size_t i = 0; i < session->fake.n_kept; i++) {
                if (varlink_call_wants_more(session->fake.kept[i]))
                        varlink_call_progress(session->fake.kept[i], &reply);
                varlink_call_reply(session->fake.kept[i], &reply);
                varlink_call_unref(session->fake.kept[i]);
        }
        session->fake.n_kept = 0;
}

static void take_output(Session *session) {
        VarlinkWire *wire = varlink_connection_wire(session->connection);
        const void *bytes;
        const int *fds;
        size_t size, n_fds;

        while ((bytes = varlink_wire_pending(wire, &size, &fds, &n_fds))) {
                struct json_object *object = NULL;

                if (json_parse_object(bytes, size - 1, &object, NULL) < 0)
                        abort();
                json_object_put(object);
                if (session->output_size + size < sizeof(session->output)) {
                        memcpy(session->output + session->output_size, bytes, size);
                        session->output_size += size;
                }
                varlink_wire_sent(wire, size);
        }
}

/* As a driver does, until nothing more can be done. */
static int work(Session *session) {
        int r;

        do {
                r = varlink_connection_process(session->connection);
                take_output(session);
                if (r >= 0 && session->fake.n_kept > 0) {
                        answer_kept(session);
                        r = 1;
                }
        } while (r == 1);
        return r;
}

static int run(Session *session, const char *input, size_t size, size_t piece) {
        int r = 0;

        session->config = fake_config(&session->fake, &limits);
        if (varlink_server_new(&session->config, &session->server) < 0 ||
            varlink_connection_new(session->server, &peer, &session->connection) < 0)
                abort();
        for (size_t at = 0; r >= 0 && at < size; at += piece) {
                size_t left = size - at;

                r = varlink_wire_feed(varlink_connection_wire(session->connection), input + at,
                                      left < piece ? left : piece, NULL, 0, NULL);
                if (r >= 0)
                        r = work(session);
        }
        varlink_connection_free(session->connection);
        answer_kept(session);
        varlink_server_free(session->server);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ Session *whole = calloc(1, sizeof(*whole));
        _cleanup_free_ Session *pieces = calloc(1, sizeof(*pieces));
        char input[INPUT_MAX];

        if (!whole || !pieces)
                abort();
        if (size < 2 || size > sizeof(input))
                return 0;
        for (size_t i = 1; i < size; i++)
                input[i - 1] = data[i] == '\n' ? 0 : (char) data[i];
        size--;
        /* Where the connection breaks, the calls before may or may not have been answered. */
        if (run(whole, input, size, size) < 0)
                return 0;
        if (run(pieces, input, size, data[0] % 64u + 1) < 0)
                abort();
        if (whole->output_size != pieces->output_size ||
            memcmp(whole->output, pieces->output, whole->output_size) != 0)
                abort();
        return 0;
}
