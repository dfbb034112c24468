#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/input.h"

int input_open(Input *ret, int fd, Job *job, int64_t *ret_size, Error *reterr) {
        struct stat st;
        bool is_stream;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at the source");
        is_stream = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
        if (!is_stream && !S_ISREG(st.st_mode))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "the source is neither a regular file nor a pipe");
        *ret = (Input) {.job = job, .fd = fd, .is_stream = is_stream, .end = -1, .keep_fd = -1};
        *ret_size = is_stream ? -1 : st.st_size;
        return 0;
}

static ssize_t read_retrying(const Input *input, void *buffer, size_t size) {
        ssize_t n;

        do {
                n = input->is_stream ? read(input->fd, buffer, size)
                                     : pread(input->fd, buffer, size,
                                             input->start + input->position);
        } while (n < 0 && errno == EINTR);
        return n;
}

static int keep(Input *input, const char *bytes, size_t size, Error *reterr) {
        while (size > 0) {
                ssize_t n = pwrite(input->keep_fd, bytes, size, input->keep_at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set_errno(reterr, errno, "cannot keep what the source sends");
                bytes += n;
                size -= (size_t) n;
                input->keep_at += n;
        }
        return 0;
}

ssize_t input_read(Input *input, void *buffer, size_t size, Error *reterr) {
        ssize_t n;
        int r;

        r = input->is_stream ? job_wait_readable(input->job, input->fd, reterr)
                             : job_check(input->job, reterr);
        if (r < 0)
                return r;
        if (input->end >= 0) {
                int64_t left = input->end - input->start - input->position;

                size = left <= 0 ? 0 : (uint64_t) left < size ? (size_t) left : size;
        }
        n = size > 0 ? read_retrying(input, buffer, size) : 0;
        if (n < 0)
                return error_set_errno(reterr, errno, "cannot read the source");
        if (n > 0 && input->keep_fd >= 0) {
                r = keep(input, buffer, (size_t) n, reterr);
                if (r < 0)
                        return r;
        }
        if (n > 0 && input->punch)
                /* Where the file system cannot, the space comes back at the end. */
                (void) fallocate(input->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 input->start + input->position, n);
        input->position += n;
        job_tell(input->job, input->told_base + (input->position >> input->told_shift));
        return n;
}

int64_t input_skip(Input *input, int64_t size) {
        if (input->is_stream || size <= 0)
                return 0;
        if (input->end >= 0 && size > input->end - input->start - input->position)
                size = input->end - input->start - input->position;
        if (size <= 0 || size > INT64_MAX - input->start - input->position)
                return 0;
        input->position += size;
        return size;
}
