#include "common/exec-frame.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

void exec_header_write(ExecFrameType type, size_t size, uint8_t ret[EXEC_HEADER_SIZE]) {
        uint32_t size_le = htole32((uint32_t) size);

        memset(ret, 0, EXEC_HEADER_SIZE);
        ret[0] = (uint8_t) type;
        memcpy(ret + 4, &size_le, sizeof(size_le));
}

/* Drops the frames that were taken, so that there is always room for the rest of one frame. */
uint8_t *exec_reader_space(ExecReader *reader, size_t *ret_size) {
        if (reader->taken > 0) {
                memmove(reader->buffer, reader->buffer + reader->taken,
                        reader->used - reader->taken);
                reader->used -= reader->taken;
                reader->taken = 0;
        }
        *ret_size = sizeof(reader->buffer) - reader->used;
        return reader->buffer + reader->used;
}

void exec_reader_add(ExecReader *reader, size_t size) {
        reader->used += size;
}

static bool size_fits(uint8_t type, size_t size) {
        switch (type) {
        case EXEC_STDIN:
        case EXEC_STDOUT:
        case EXEC_STDERR:
                return size <= EXEC_PAYLOAD_MAX;
        case EXEC_SIGNAL:
        case EXEC_EXIT:
                return size == 1;
        case EXEC_CREDIT:
        case EXEC_RESIZE:
                return size == 4;
        default:
                return false;
        }
}

int exec_reader_next(ExecReader *reader, ExecFrame *ret) {
        static const uint8_t zeroes[3] = {0};
        const uint8_t *header = reader->buffer + reader->taken;
        size_t left = reader->used - reader->taken;
        uint32_t size_le;
        size_t size;

        if (left < EXEC_HEADER_SIZE)
                return 0;
        memcpy(&size_le, header + 4, sizeof(size_le));
        size = le32toh(size_le);
        if (memcmp(header + 1, zeroes, sizeof(zeroes)) != 0 || !size_fits(header[0], size))
                return -EPROTO;
        if (left < EXEC_HEADER_SIZE + size)
                return 0;
        *ret = (ExecFrame) {
                .type = (ExecFrameType) header[0],
                .payload = header + EXEC_HEADER_SIZE,
                .size = size,
        };
        reader->taken += EXEC_HEADER_SIZE + size;
        return 1;
}
