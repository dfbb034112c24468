#include "common/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io.h"

typedef struct Parsing {
        const char *rest; /* of the text */
        int line;
        IniValue value;
        void *userdata;
        int r; /* the first failure's, in failed_line */
        int failed_line;
        Error *reterr; /* never NULL */
} Parsing;

/* A line for libinih. It would take a longer one than it has room for as two. */
static char *read_line(char *buffer, int size, void *userdata) {
        Parsing *parsing = userdata;
        size_t length = strcspn(parsing->rest, "\n");

        if (parsing->r < 0 || *parsing->rest == '\0')
                return NULL;
        parsing->line++;
        if (length >= (size_t) size) {
                parsing->r = error_set(parsing->reterr, ERROR_FAILED, EINVAL, "is too long");
                parsing->failed_line = parsing->line;
                return NULL;
        }
        memcpy(buffer, parsing->rest, length);
        buffer[length] = '\0';
        parsing->rest += length;
        if (*parsing->rest == '\n')
                parsing->rest++;
        return buffer;
}

static int handle_value(void *userdata, const char *section, const char *name, const char *value) {
        Parsing *parsing = userdata;
        int r = parsing->value(section, name, value, parsing->userdata, parsing->reterr);

        if (r >= 0)
                return 1;
        parsing->r = r;
        parsing->failed_line = parsing->line;
        return 0;
}

/* text is NUL-terminated. */
static int parse_text(const char *text, IniValue value, void *userdata, Error *reterr) {
        Parsing parsing = {.rest = text, .value = value, .userdata = userdata, .reterr = reterr};
        int line = ini_parse_stream(read_line, &parsing, handle_value, &parsing);

        if (line < 0)
                return error_set_errno(reterr, ENOMEM, "cannot read it");
        /* libinih's own complaint may be about an earlier line than ours. */
        if (line > 0 && (parsing.r >= 0 || line < parsing.failed_line))
                return error_set(reterr, ERROR_FAILED, EINVAL, "line %d: is not KEY = VALUE", line);
        if (parsing.r < 0)
                return error_prepend(reterr, parsing.r, "line %d", parsing.failed_line);
        return 0;
}

int ini_text_parse(const char *text, size_t size, IniValue value, void *userdata, Error *reterr) {
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *copy = NULL;
        int r;

        if (size > INI_SIZE_MAX)
                return error_set(reterr, ERROR_FAILED, EFBIG, "has more than %d bytes",
                                 INI_SIZE_MAX);
        if (strnlen(text, size) != size)
                return error_set(reterr, ERROR_FAILED, EINVAL, "has a NUL");
        copy = strndup(text, size);
        if (!copy)
                return error_set_errno(reterr, ENOMEM, "cannot read it");
        r = parse_text(copy, value, userdata, &error);
        if (r < 0 && reterr)
                error_move(reterr, &error);
        return r;
}

/* On the opened descriptor, so that what was checked is what is read. */
static int check_file(int fd, uid_t expected_uid, size_t *ret_size, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at it");
        if (!S_ISREG(st.st_mode))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM, "is not a regular file");
        if (st.st_uid != expected_uid)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "belongs to uid %u instead of %u", st.st_uid, expected_uid);
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "is writable by others than its owner");
        if (st.st_size > INI_SIZE_MAX)
                return error_set(reterr, ERROR_FAILED, EFBIG, "has more than %d bytes",
                                 INI_SIZE_MAX);
        *ret_size = (size_t) st.st_size;
        return 0;
}

static int read_checked(int fd, uid_t expected_uid, char **ret, size_t *ret_size, Error *reterr) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        r = check_file(fd, expected_uid, &size, reterr);
        if (r < 0)
                return r;
        text = calloc(1, size + 1);
        if (!text)
                return error_set_errno(reterr, ENOMEM, "cannot read it");
        r = io_read_full(fd, text, size);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read it");
        *ret = steal_ptr(text);
        *ret_size = size;
        return 0;
}

int ini_file_read(const char *path, uid_t expected_uid, char **ret, size_t *ret_size,
                  Error *reterr) {
        _cleanup_close_ int fd = -1;

        /* Not blocking: a FIFO in its place must not hold a daemon's start up. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT)
                return -ENOENT;
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open %s", path);
        return error_prepend(reterr, read_checked(fd, expected_uid, ret, ret_size, reterr),
                             "cannot use %s", path);
}
