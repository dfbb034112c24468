/* exec-frame: what comes in one piece and what comes in small ones are the same frames. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/exec-frame.h"

typedef struct Seen {
        uint64_t hash; /* FNV-1a over types, sizes and payloads */
        int end;
} Seen;

static void mix(Seen *seen, const void *bytes, size_t size) {
        const uint8_t *at = bytes;

        for (size_t i = 0; i < size; i++)
                seen->hash = (seen->hash ^ at[i]) * UINT64_C(1099511628211);
}

static void take_frames(ExecReader *reader, Seen *seen) {
        ExecFrame frame;

        while (seen->end == 0) {
                int r = exec_reader_next(reader, &frame);

                if (r == 0)
                        return;
                if (r < 0) {
                        seen->end = r;
                        return;
                }
                if (frame.size > EXEC_PAYLOAD_MAX)
                        abort();
                mix(seen, &frame.type, sizeof(frame.type));
                mix(seen, &frame.size, sizeof(frame.size));
                mix(seen, frame.payload, frame.size);
        }
}

static Seen read_in_pieces(const uint8_t *data, size_t size, size_t piece) {
        Seen seen = {.hash = UINT64_C(14695981039346656037)};
        ExecReader *reader = calloc(1, sizeof(*reader));

        if (!reader)
                abort();
        while (size > 0 && seen.end == 0) {
                size_t room, n;
                uint8_t *at = exec_reader_space(reader, &room);

                /* A reader with no room has a whole frame, which was then taken. */
                if (room == 0)
                        abort();
                n = size < piece ? size : piece;
                n = n < room ? n : room;
                memcpy(at, data, n);
                exec_reader_add(reader, n);
                data += n;
                size -= n;
                take_frames(reader, &seen);
        }
        free(reader);
        return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Seen whole = read_in_pieces(data, size, SIZE_MAX), pieces = read_in_pieces(data, size, 7);

        if (whole.hash != pieces.hash || whole.end != pieces.end)
                abort();
        return 0;
}
