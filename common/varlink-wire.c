#include "common/varlink-wire.h"

#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "common/utf8.h"

/* Messages with descriptors that may wait at once. Drivers stop reading when a message waits, so a
 * proper peer never gets near; it bounds what a hostile one can make this process hold open. */
#define HELD_MAX 8
#define INPUT_KEEP 16384 /* an idle connection keeps no larger buffer */

const VarlinkLimits varlink_limits_client = {4u << 20, 4u << 20, VARLINK_FDS_MAX};
const VarlinkLimits varlink_limits_daemon = {256u << 10, 4u << 20, 4};
const VarlinkLimits varlink_limits_helper = {64u << 10, 1u << 20, 4};

typedef struct FdSet {
        int fds[VARLINK_FDS_MAX];
        size_t n_fds;
} FdSet;

/* One message: descriptors must go out with its own first byte, never with that of another. */
typedef struct Output {
        struct Output *next;
        FdSet set;
        size_t size, sent;
        char bytes[];
} Output;

typedef struct Held {
        uint64_t position; /* in the stream, of the message that they belong to */
        FdSet set;
} Held;

struct VarlinkWire {
        VarlinkLimits limits;
        int broken; /* negative errno, for good */

        char *input;
        size_t begin, end, capacity; /* what is not yet taken */
        size_t tail;                 /* where the unfinished message begins; `end` for none */
        uint64_t position;           /* of input[begin] in the stream */
        Held held[HELD_MAX];
        size_t n_held;

        Output *first, *last;
        size_t queued;
        VarlinkProgress progress;
};

static void close_fds(const int *fds, size_t n_fds) {
        for (size_t i = 0; i < n_fds; i++)
                close_fd(fds[i]);
}

/* memcpy() must not be given NULL, not even for no bytes. */
static void fd_set_fill(FdSet *set, const int *fds, size_t n_fds) {
        if (n_fds > 0)
                memcpy(set->fds, fds, n_fds * sizeof(*fds));
        set->n_fds = n_fds;
}

int varlink_wire_new(const VarlinkLimits *limits, VarlinkWire **ret) {
        VarlinkWire *wire;

        if (limits->fds_max > VARLINK_FDS_MAX)
                return -EINVAL;
        wire = calloc(1, sizeof(*wire));
        if (!wire)
                return -ENOMEM;
        wire->limits = *limits;
        *ret = wire;
        return 0;
}

static void output_pop(VarlinkWire *wire) {
        Output *output = wire->first;

        wire->first = output->next;
        if (!wire->first)
                wire->last = NULL;
        close_fds(output->set.fds, output->set.n_fds);
        free(output);
}

VarlinkWire *varlink_wire_free(VarlinkWire *wire) {
        if (!wire)
                return NULL;
        while (wire->first)
                output_pop(wire);
        for (size_t i = 0; i < wire->n_held; i++)
                close_fds(wire->held[i].set.fds, wire->held[i].set.n_fds);
        free(wire->input);
        free(wire);
        return NULL;
}

static int wire_break(VarlinkWire *wire, int r) {
        wire->broken = r;
        return r;
}

static int wire_check(const VarlinkWire *wire, Error *reterr) {
        if (wire->broken < 0)
                return error_set(reterr, ERROR_PROTOCOL, -wire->broken,
                                 "the connection is broken by an earlier error");
        return 0;
}

static int input_reserve(VarlinkWire *wire, size_t size) {
        size_t used = wire->end - wire->begin, capacity;
        char *input;

        if (size <= wire->capacity - wire->end)
                return 0;
        /* Moved only when that frees half, or single bytes would move all of it each time. */
        if (wire->begin >= used && wire->begin > 0) {
                memmove(wire->input, wire->input + wire->begin, used);
                wire->tail -= wire->begin;
                wire->end = used;
                wire->begin = 0;
                if (size <= wire->capacity - wire->end)
                        return 0;
        }
        if (size > SIZE_MAX / 4 - wire->end)
                return -EMSGSIZE;
        capacity = wire->capacity > 0 ? wire->capacity : 4096;
        while (capacity - wire->end < size)
                capacity *= 2;
        input = realloc(wire->input, capacity);
        if (!input)
                return -ENOMEM;
        wire->input = input;
        wire->capacity = capacity;
        return 0;
}

/* Appends, notes where messages end, and finds the last one that begins in these bytes (SIZE_MAX:
 * none does). */
static int input_append(VarlinkWire *wire, const char *bytes, size_t size, size_t *ret_beginning) {
        size_t beginning = SIZE_MAX, at, end;
        int r;

        r = input_reserve(wire, size);
        if (r < 0)
                return r;
        /* The reserve may have moved everything. */
        at = wire->end;
        end = at + size;
        memcpy(wire->input + at, bytes, size);
        wire->end = end;
        while (at < end) {
                const char *nul = memchr(wire->input + at, 0, end - at);
                size_t stop = nul ? (size_t) (nul - wire->input) : end;

                if (stop - wire->tail > wire->limits.message_max)
                        return -EMSGSIZE;
                if (wire->tail >= at)
                        beginning = wire->tail;
                if (!nul)
                        break;
                wire->progress.messages_in++;
                wire->tail = at = stop + 1;
        }
        *ret_beginning = beginning;
        return 0;
}

static int input_hold(VarlinkWire *wire, size_t beginning, const int *fds, size_t n_fds,
                      Error *reterr) {
        Held *held;

        if (n_fds > wire->limits.fds_max || wire->n_held == HELD_MAX)
                return error_set(reterr, ERROR_PROTOCOL, EMSGSIZE, "too many descriptors");
        if (beginning == SIZE_MAX)
                return error_set(reterr, ERROR_PROTOCOL, EPROTO,
                                 "descriptors came in the middle of a message");
        held = &wire->held[wire->n_held++];
        held->position = wire->position + (beginning - wire->begin);
        fd_set_fill(&held->set, fds, n_fds);
        return 0;
}

int varlink_wire_feed(VarlinkWire *wire, const void *bytes, size_t size, const int *fds,
                      size_t n_fds, Error *reterr) {
        size_t beginning = SIZE_MAX;
        int r;

        r = wire_check(wire, reterr);
        if (r < 0) {
                close_fds(fds, n_fds);
                return r;
        }
        if (size > 0) {
                r = input_append(wire, bytes, size, &beginning);
                if (r == -EMSGSIZE)
                        error_set(reterr, ERROR_PROTOCOL, EMSGSIZE,
                                  "a message is longer than %zu bytes", wire->limits.message_max);
                else if (r < 0)
                        error_set_errno(reterr, -r, "cannot store a message");
        }
        if (r >= 0 && n_fds > 0)
                r = input_hold(wire, beginning, fds, n_fds, reterr);
        if (r < 0) {
                close_fds(fds, n_fds);
                return wire_break(wire, r);
        }
        return 0;
}

static void input_consume(VarlinkWire *wire, size_t size) {
        wire->begin += size;
        wire->position += size;
        if (wire->begin < wire->end)
                return;
        wire->begin = wire->end = wire->tail = 0;
        if (wire->capacity > INPUT_KEEP) {
                free(wire->input);
                wire->input = NULL;
                wire->capacity = 0;
        }
}

int varlink_wire_next(VarlinkWire *wire, VarlinkMessage *ret, Error *reterr) {
        VarlinkMessage message = {.object = NULL};
        const char *text, *nul;
        int r;

        r = wire_check(wire, reterr);
        if (r < 0)
                return r;
        if (!varlink_wire_ready(wire))
                return 0;
        text = wire->input + wire->begin;
        nul = memchr(text, 0, wire->tail - wire->begin);
        if (!nul)
                return 0;
        r = json_parse_object(text, (size_t) (nul - text), &message.object, reterr);
        if (r < 0) {
                if (reterr && reterr->kind == ERROR_INVALID_PARAMETER)
                        reterr->kind = ERROR_PROTOCOL;
                return wire_break(wire, r);
        }
        if (wire->n_held > 0 && wire->held[0].position == wire->position) {
                message.n_fds = wire->held[0].set.n_fds;
                memcpy(message.fds, wire->held[0].set.fds, sizeof(message.fds));
                wire->n_held--;
                memmove(wire->held, wire->held + 1, wire->n_held * sizeof(Held));
        }
        input_consume(wire, (size_t) (nul - text) + 1);
        *ret = message;
        return 1;
}

bool varlink_wire_midway(const VarlinkWire *wire) {
        return wire->tail < wire->end;
}

bool varlink_wire_ready(const VarlinkWire *wire) {
        return wire->begin < wire->tail;
}

const void *varlink_wire_rest(const VarlinkWire *wire, size_t *ret_size) {
        *ret_size = wire->end - wire->begin;
        return wire->input ? wire->input + wire->begin : NULL;
}

/* Copies with U+FFFD for each byte that is not UTF-8: a stray file name in a message must not make
 * the peer refuse all of it. Returns the size; `to` NULL only counts. */
static size_t copy_as_utf8(char *to, const char *from, size_t size) {
        static const char replacement[3] = {'\xef', '\xbf', '\xbd'};
        size_t total = 0, length;

        for (size_t at = 0; at < size; at += length) {
                const char *piece = from + at;
                size_t piece_size;

                length = utf8_sequence(piece, size - at, NULL);
                piece_size = length;
                if (length == 0) {
                        length = 1;
                        piece = replacement;
                        piece_size = sizeof(replacement);
                }
                if (to)
                        memcpy(to + total, piece, piece_size);
                total += piece_size;
        }
        return total;
}

int varlink_wire_put(VarlinkWire *wire, struct json_object *object, const int *fds, size_t n_fds) {
        const char *text;
        Output *output;
        size_t length, size;
        int r = 0;

        text = json_object_to_json_string_length(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
        size = text ? copy_as_utf8(NULL, text, length) + 1 : 0;
        if (!text)
                r = -ENOMEM;
        else if (wire->broken < 0)
                r = wire->broken;
        else if (n_fds > wire->limits.fds_max)
                r = -EMSGSIZE;
        else if (size > wire->limits.output_max - wire->queued)
                r = -ENOBUFS;
        output = r < 0 ? NULL : malloc(sizeof(*output) + size);
        if (!output) {
                close_fds(fds, n_fds);
                return r < 0 ? r : -ENOMEM;
        }

        *output = (Output) {.size = size};
        fd_set_fill(&output->set, fds, n_fds);
        copy_as_utf8(output->bytes, text, length);
        output->bytes[size - 1] = 0;
        if (wire->last)
                wire->last->next = output;
        else
                wire->first = output;
        wire->last = output;
        wire->queued += size;
        return 0;
}

const void *varlink_wire_pending(VarlinkWire *wire, size_t *ret_size, const int **ret_fds,
                                 size_t *ret_n_fds) {
        const Output *output = wire->first;

        if (!output)
                return NULL;
        *ret_size = output->size - output->sent;
        *ret_fds = output->set.fds;
        *ret_n_fds = output->set.n_fds;
        return output->bytes + output->sent;
}

void varlink_wire_sent(VarlinkWire *wire, size_t size) {
        wire->queued -= size;
        wire->progress.bytes_out += size;
        while (size > 0 && wire->first) {
                Output *output = wire->first;
                size_t left = output->size - output->sent, part = size < left ? size : left;

                output->sent += part;
                size -= part;
                close_fds(output->set.fds, output->set.n_fds);
                output->set.n_fds = 0;
                if (output->sent == output->size)
                        output_pop(wire);
        }
}

size_t varlink_wire_queued(const VarlinkWire *wire) {
        return wire->queued;
}

VarlinkProgress varlink_wire_progress(const VarlinkWire *wire) {
        return wire->progress;
}

void varlink_message_clear(VarlinkMessage *message) {
        close_fds(message->fds, message->n_fds);
        json_object_put(message->object);
        *message = (VarlinkMessage) {.object = NULL};
}
