#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/copy.h"

#define HOLE 4096
#define SHARE_CHUNK (INT64_C(64) * 1024 * 1024)

static bool is_zero(const char *bytes, size_t size) {
        return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static int write_at(int fd, const char *bytes, size_t size, int64_t at) {
        while (size > 0) {
                ssize_t n = pwrite(fd, bytes, size, at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes += n;
                size -= (size_t) n;
                at += n;
        }
        return 0;
}

/* Runs of blocks that are not all zeros. `at` is a whole number of blocks, as the input's pieces
 * are but for a pipe's. */
static int write_sparse(int fd, const char *bytes, size_t size, int64_t at) {
        size_t from = 0, to = 0;
        int r = 0;

        while (to < size && r >= 0) {
                size_t n = HOLE - (size_t) ((at + (int64_t) to) % HOLE);

                if (n > size - to)
                        n = size - to;
                if (is_zero(bytes + to, n)) {
                        r = write_at(fd, bytes + from, to - from, at + (int64_t) from);
                        from = to + n;
                }
                to += n;
        }
        return r < 0 ? r : write_at(fd, bytes + from, to - from, at + (int64_t) from);
}

/* Past the holes that the source's own file system knows of. */
static void skip_hole(Input *input) {
        int64_t at = input->start + input->position;
        off_t next = input->is_stream ? -1 : lseek(input->fd, at, SEEK_DATA);

        if (next < 0 && !input->is_stream && errno == ENXIO)
                next = input->end;
        if (next > at)
                (void) input_skip(input, next - at);
}

/* Lets the file system share blocks or copy by itself. 1: all done, 0: it cannot go on so. */
static int share(Input *input, int target_fd, Error *reterr) {
        for (;;) {
                off_t from, to, hole;
                int64_t left;
                ssize_t n;
                int r = job_check(input->job, reterr);

                if (r < 0)
                        return r;
                skip_hole(input);
                left = input->end - input->start - input->position;
                if (left <= 0)
                        return 1;
                from = input->start + input->position;
                to = input->position;
                /* Some file systems would fill holes on the way. */
                hole = lseek(input->fd, from, SEEK_HOLE);
                if (hole > from && hole - from < left)
                        left = hole - from;
                n = copy_file_range(input->fd, &from, target_fd, &to,
                                    (size_t) (left < SHARE_CHUNK ? left : SHARE_CHUNK), 0);
                if (n <= 0)
                        return 0;
                input->position += n;
                job_tell(input->job, input->position);
        }
}

static int copy_bytes(Input *input, int target_fd, Error *reterr) {
        _cleanup_free_ char *buffer = malloc(INPUT_CHUNK);

        if (!buffer)
                return error_set_errno(reterr, ENOMEM, "cannot copy");
        for (;;) {
                int64_t at;
                ssize_t n;
                int r;

                skip_hole(input);
                at = input->position;
                n = input_read(input, buffer, INPUT_CHUNK, reterr);
                if (n < 0)
                        return (int) n;
                if (n == 0)
                        return 0;
                r = write_sparse(target_fd, buffer, (size_t) n, at);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot write the copy");
        }
}

int copy_input(Input *input, int target_fd, Error *reterr) {
        struct stat st;
        int r = 0;

        if (!input->is_stream && input->end < 0) {
                if (fstat(input->fd, &st) < 0)
                        return error_set_errno(reterr, errno, "cannot look at the source");
                input->end = st.st_size;
        }
        if (!input->is_stream)
                r = share(input, target_fd, reterr);
        if (r == 0)
                r = copy_bytes(input, target_fd, reterr);
        if (r >= 0 && ftruncate(target_fd, input->position) < 0)
                r = error_set_errno(reterr, errno, "cannot size the copy");
        return r < 0 ? r : 0;
}
