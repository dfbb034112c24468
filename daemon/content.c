#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/strings.h"
#include "daemon/content.h"

#define PART_PREFIX ".import-"

static void closedir_cleanup(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}

int content_open(const char *state_dir, const char *name, const char *suffix, Content *ret,
                 Error *reterr) {
        _cleanup_free_ char *path = string_format("%s/%s", state_dir, name);
        int fd;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot open %s", name);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open %s", path);
        *ret = (Content) {.dir_fd = fd, .suffix = suffix};
        return 0;
}

void content_close(Content *content) {
        close_fd(content->dir_fd);
        *content = CONTENT_INIT;
}

ContentName content_name(const Content *content, const VmId *id) {
        ContentName name;

        (void) snprintf(name.text, sizeof(name.text), "%s%s", id->text, content->suffix);
        return name;
}

ContentName content_part_name(const VmId *id) {
        ContentName name;

        (void) snprintf(name.text, sizeof(name.text), "%s%s", PART_PREFIX, id->text);
        return name;
}

/* A new descriptor with a position of its own; NULL with errno. */
static DIR *open_directory(int dir_fd, const char *name) {
        _cleanup_close_ int fd = openat(dir_fd, name,
                                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);

        if (dir)
                (void) steal_fd(&fd);
        return dir;
}

static int remove_files(int dir_fd, const char *name) {
        _cleanup_(closedir_cleanup) DIR *dir = open_directory(dir_fd, name);

        if (!dir)
                return -errno;
        for (;;) {
                const struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno;
                if (string_equal(entry->d_name, ".") || string_equal(entry->d_name, ".."))
                        continue;
                if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
                        return -errno;
        }
}

int content_remove_part(const Content *content, const VmId *id, Error *reterr) {
        ContentName part = content_part_name(id);
        int r;

        if (unlinkat(content->dir_fd, part.text, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR)
                return error_set_errno(reterr, errno, "cannot remove %s", part.text);
        r = remove_files(content->dir_fd, part.text);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot empty %s", part.text);
        if (unlinkat(content->dir_fd, part.text, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot remove %s", part.text);
        return 0;
}

int content_publish(const Content *content, const VmId *id, Error *reterr) {
        ContentName part = content_part_name(id), name = content_name(content, id);
        int r;

        if (renameat(content->dir_fd, part.text, content->dir_fd, name.text) < 0)
                return error_set_errno(reterr, errno, "cannot make %s", name.text);
        if (fsync(content->dir_fd) >= 0)
                return 0;
        r = error_set_errno(reterr, errno, "cannot write the directory of %s", name.text);
        /* Its maker drops it by the other name. */
        (void) content_withdraw(content, id, NULL);
        return r;
}

int content_withdraw(const Content *content, const VmId *id, Error *reterr) {
        ContentName part = content_part_name(id), name = content_name(content, id);

        if (renameat(content->dir_fd, name.text, content->dir_fd, part.text) < 0 &&
            errno != ENOENT)
                return error_set_errno(reterr, errno, "cannot delete %s", name.text);
        return 0;
}

int content_recover(const Content *content, bool (*known)(const VmId *id, void *userdata),
                    void *userdata, Error *reterr) {
        _cleanup_(closedir_cleanup) DIR *dir = open_directory(content->dir_fd, ".");
        const struct dirent *entry;
        int r;

        if (!dir)
                return error_set_errno(reterr, errno, "cannot look for unfinished imports");
        while ((errno = 0, entry = readdir(dir))) {
                const char *text = string_after_prefix(entry->d_name, PART_PREFIX);
                VmId id;

                if (!text || vm_id_parse(text, &id) < 0)
                        continue;
                r = known(&id, userdata) ? content_publish(content, &id, reterr)
                                         : content_remove_part(content, &id, reterr);
                if (r < 0)
                        return r;
        }
        return errno > 0 ? error_set_errno(reterr, errno, "cannot look for unfinished imports") : 0;
}
