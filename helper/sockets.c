#include "helper/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* On the descriptor that is handed over: the directory is the VM's by now. */
static int check_socket(int fd, uid_t uid, uid_t owner, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot be looked at");
        if (!S_ISSOCK(st.st_mode))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "is not a socket");
        if (st.st_uid != uid && st.st_uid != owner)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "belongs to uid %u instead of %u", st.st_uid, uid);
        return 0;
}

int socket_open(const Host *host, const char *path, uid_t uid, uid_t owner, int *ret_fd,
                Error *reterr) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = host_open_below(host->state_fd, path, O_PATH | O_NOFOLLOW);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return error_set_errno(reterr, -fd, "cannot be opened");
        r = check_socket(fd, uid, owner, reterr);
        if (r < 0)
                return r;
        *ret_fd = steal_fd(&fd);
        return 1;
}

int wait_for_path(const SocketOperations *operations, void *userdata, const SocketWanted *wanted,
                  int *ret_fd, Error *reterr) {
        for (;;) {
                uint64_t now, until;
                int r;

                r = operations->look(userdata, wanted->path, ret_fd, reterr);
                if (r < 0)
                        return error_prepend(reterr, r, "the %s", wanted->label);
                if (r > 0)
                        return 0;
                r = operations->check(userdata, reterr);
                if (r < 0)
                        return error_prepend(reterr, r, "the %s will not appear", wanted->label);
                now = operations->now(userdata);
                if (now >= wanted->deadline_usec)
                        return error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT,
                                         "the %s did not appear in time", wanted->label);
                until = now + SOCKET_POLL_USEC;
                if (until > wanted->deadline_usec)
                        until = wanted->deadline_usec;
                r = operations->pause(userdata, until);
                if (r == -ECANCELED)
                        return error_set(reterr, ERROR_CANCELED, ECANCELED,
                                         "the caller has left while waiting for the %s",
                                         wanted->label);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot wait for the %s", wanted->label);
        }
}

int ensure_socket_access(const SocketOperations *operations, void *userdata, int fd,
                         const char *label, uid_t uid, gid_t gid, Error *reterr) {
        int r;

        r = operations->chown(userdata, fd, uid, gid);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot give the %s to uid %u", label, uid);
        r = operations->chmod(userdata, fd, 0600);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot set the mode of the %s", label);
        return 0;
}

int socket_hand_over(const SocketOperations *operations, void *userdata, const SocketWanted *wanted,
                     uid_t uid, gid_t gid, int *ret_fd, Error *reterr) {
        _cleanup_close_ int fd = -1;
        int r;

        r = wait_for_path(operations, userdata, wanted, &fd, reterr);
        if (r < 0)
                return r;
        r = ensure_socket_access(operations, userdata, fd, wanted->label, uid, gid, reterr);
        if (r < 0)
                return r;
        *ret_fd = steal_fd(&fd);
        return 0;
}
