#pragma once
/* The stream that follows io.banger.Guest.Exec: frames in both directions, so that binary data,
 * signals and the exit status share one vsock connection. No I/O here. */

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define EXEC_HEADER_SIZE 8
#define EXEC_PAYLOAD_MAX 65536
/* Bytes of stdin that the client may send before the agent gives it credit for more: a command that
 * does not read must not keep a signal from getting through. */
#define EXEC_STDIN_CREDIT (UINT32_C(256) * 1024)

typedef enum ExecFrameType {
        EXEC_STDIN = 1,  /* to the agent: data; empty means end of file */
        EXEC_SIGNAL = 2, /* to the agent: u8 signal number, sent to the command's process group */
        EXEC_CREDIT = 3, /* to the client: le32 further bytes of stdin */
        EXEC_STDOUT = 4, /* to the client: data; empty means end of file */
        EXEC_STDERR = 5,
        EXEC_EXIT = 6,   /* to the client, last: u8 exit status (128 + n for signal n) */
        EXEC_RESIZE = 7, /* to the agent: le16 rows, le16 columns; only with a terminal */
} ExecFrameType;

typedef struct ExecFrame {
        ExecFrameType type;
        const uint8_t *payload; /* points into what was fed; valid until the next call */
        size_t size;
} ExecFrame;

/* header: u8 type, three zero bytes, le32 payload size. */
void exec_header_write(ExecFrameType type, size_t size, uint8_t ret[EXEC_HEADER_SIZE]);

/* Collects bytes into frames. */
typedef struct ExecReader {
        uint8_t buffer[EXEC_HEADER_SIZE + EXEC_PAYLOAD_MAX];
        size_t used, taken;
} ExecReader;

/* Where to read the next bytes to, and how many fit. */
uint8_t *exec_reader_space(ExecReader *reader, size_t *ret_size);
void exec_reader_add(ExecReader *reader, size_t size);
/* 1 and a frame, 0 when more bytes are needed, -EPROTO for an unknown type or an impossible size. */
int exec_reader_next(ExecReader *reader, ExecFrame *ret);
