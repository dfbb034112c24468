#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/import-source.h"

void import_source_clear(ImportSource *source) {
        close_fd(source->fd);
        *source = IMPORT_SOURCE_INIT;
}

int import_source_take(VarlinkCall *call, ImportSource *ret, Error *reterr) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int flags;

        if (varlink_call_n_fds(call) != 1)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "the call must carry one descriptor: the source");
        fd = varlink_call_take_fd(call, 0);
        flags = fcntl(fd, F_GETFL);
        if (fd < 0 || flags < 0 || fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at the source");
        /* A directory, device or socket would be read by the worker with other rules than a file. */
        if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "the source is neither a regular file nor a pipe");
        if ((flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EBADF,
                                 "the source is not open for reading");
        *ret = (ImportSource) {.fd = steal_fd(&fd), .is_pipe = S_ISFIFO(st.st_mode)};
        return 0;
}
