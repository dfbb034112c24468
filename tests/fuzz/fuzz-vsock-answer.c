/* What a VMM answers to CONNECT: taken only where it begins with "OK ", and what follows the line is
 * left for the agent. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "daemon/guest-channel.h"

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t rest[INPUT_MAX];
        const uint8_t *end;
        size_t left;
        int fds[2], r;

        if (size > INPUT_MAX)
                size = INPUT_MAX;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
            send(fds[1], data, size, 0) != (ssize_t) size || shutdown(fds[1], SHUT_WR) < 0)
                abort();
        r = guest_read_answer(fds[0], UINT64_MAX);
        end = size > 0 ? memchr(data, '\n', size) : NULL;
        if (r == 0) {
                if (!end || size < 3 || memcmp(data, "OK ", 3) != 0)
                        abort();
                left = size - (size_t) (end + 1 - data);
                if (recv(fds[0], rest, sizeof(rest), 0) != (ssize_t) left ||
                    memcmp(rest, end + 1, left) != 0)
                        abort();
        }
        close_fd(fds[0]);
        close_fd(fds[1]);
        return 0;
}
