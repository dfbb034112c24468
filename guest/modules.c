#include "guest/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/io.h"

#define LIST_MAX 65536

int modules_load_file(const char *path, _unused_ void *userdata) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return syscall(SYS_finit_module, fd, "", 0) < 0 ? -errno : 0;
}

int modules_load_list(const char *list, ModuleLoader loader, void *userdata, Error *reterr) {
        int result = 0;

        while (*list) {
                size_t length = strcspn(list, "\n");
                _cleanup_free_ char *path = strndup(list, length);
                _cleanup_error_ Error error = ERROR_INIT;
                int r;

                if (!path)
                        return error_set_errno(reterr, ENOMEM, "cannot load modules");
                list += length;
                list += *list == '\n';
                if (*path == '\0')
                        continue;
                r = loader(path, userdata);
                if (r >= 0 || r == -EEXIST)
                        continue;
                error_set_errno(&error, -r, "cannot load %s", path);
                result = error_join(reterr, result, &error, r);
        }
        return result;
}

int modules_load(const char *list_path, Error *reterr) {
        _cleanup_free_ char *list = NULL;
        int r;

        r = io_read_file(AT_FDCWD, list_path, LIST_MAX, &list, NULL);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read %s", list_path);
        return modules_load_list(list, modules_load_file, NULL, reterr);
}
