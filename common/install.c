#include "common/install.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io.h"
#include "common/strings.h"

#define INSTALL_CONF_MAX 16384
#define SECTION "install"

typedef enum ConfType {
        CONF_TEXT,
        CONF_ID, /* uid_t or gid_t, both 32 bits */
} ConfType;

typedef struct ConfKey {
        const char *name;
        ConfType type;
        size_t offset;
        bool required;
} ConfKey;

static const ConfKey keys[] = {
        {"owner", CONF_TEXT, offsetof(InstallConf, owner), true},
        {"uid", CONF_ID, offsetof(InstallConf, uid), true},
        {"gid", CONF_ID, offsetof(InstallConf, gid), true},
        {"home", CONF_TEXT, offsetof(InstallConf, home), false},
        {"version", CONF_TEXT, offsetof(InstallConf, version), false},
        {"commit", CONF_TEXT, offsetof(InstallConf, commit), false},
        {"built", CONF_TEXT, offsetof(InstallConf, built), false},
        {"installed", CONF_TEXT, offsetof(InstallConf, installed), false},
};

_Static_assert(sizeof(uid_t) == sizeof(uint32_t) && sizeof(gid_t) == sizeof(uint32_t),
               "CONF_ID stores both");

typedef struct Parsing {
        const char *rest; /* of the text */
        int line;
        InstallConf *conf;
        bool seen[ELEMENTSOF(keys)];
        int r;         /* the first failure's, in failed_line */
        int failed_line;
        Error *reterr; /* never NULL */
} Parsing;

static void *key_at(const ConfKey *key, InstallConf *conf) {
        return (char *) conf + key->offset;
}

static const void *key_at_const(const ConfKey *key, const InstallConf *conf) {
        return (const char *) conf + key->offset;
}

static int set_text(const char *value, char **ret, Error *reterr) {
        if (*value == '\0')
                return error_set(reterr, ERROR_FAILED, EINVAL, "is empty");
        *ret = strdup(value);
        return *ret ? 0 : error_set_errno(reterr, ENOMEM, "cannot keep it");
}

static int set_id(const char *value, uint32_t *ret, Error *reterr) {
        uint64_t number;

        /* UINT32_MAX is (uid_t) -1, which means "no change" to chown(2). */
        if (string_parse_u64(value, UINT32_MAX - 1, &number) < 0)
                return error_set(reterr, ERROR_FAILED, EINVAL, "is not a user or group number");
        *ret = (uint32_t) number;
        return 0;
}

static int set_key(Parsing *parsing, const char *name, const char *value) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                void *at = key_at(&keys[i], parsing->conf);

                if (!string_equal(keys[i].name, name))
                        continue;
                if (parsing->seen[i])
                        return error_set(parsing->reterr, ERROR_FAILED, EINVAL, "is there twice");
                parsing->seen[i] = true;
                return keys[i].type == CONF_TEXT ? set_text(value, at, parsing->reterr) :
                                                   set_id(value, at, parsing->reterr);
        }
        return error_set(parsing->reterr, ERROR_FAILED, EINVAL, "is not a known key");
}

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
        int r;

        if (string_equal(section, SECTION))
                r = error_prepend(parsing->reterr, set_key(parsing, name, value), "\"%s\"", name);
        else
                r = error_set(parsing->reterr, ERROR_FAILED, EINVAL,
                              "[%s] is not a known section", section);
        if (r >= 0)
                return 1;
        parsing->r = r;
        parsing->failed_line = parsing->line;
        return 0;
}

static int check_all_there(const Parsing *parsing) {
        const InstallConf *conf = parsing->conf;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].required && !parsing->seen[i])
                        return error_set(parsing->reterr, ERROR_FAILED, EINVAL,
                                         "\"%s\" is missing", keys[i].name);
        if (conf->home && conf->home[0] != '/')
                return error_set(parsing->reterr, ERROR_FAILED, EINVAL,
                                 "\"home\" is not an absolute path");
        return 0;
}

/* text is NUL-terminated. On failure conf may be half filled. */
static int parse_text(const char *text, InstallConf *conf, Error *reterr) {
        Parsing parsing = {.rest = text, .conf = conf, .reterr = reterr};
        int line = ini_parse_stream(read_line, &parsing, handle_value, &parsing);

        if (line < 0)
                return error_set_errno(reterr, ENOMEM, "cannot read it");
        /* libinih's own complaint may be about an earlier line than ours. */
        if (line > 0 && (parsing.r >= 0 || line < parsing.failed_line))
                return error_set(reterr, ERROR_FAILED, EINVAL, "line %d: is not KEY = VALUE", line);
        if (parsing.r < 0)
                return error_prepend(reterr, parsing.r, "line %d", parsing.failed_line);
        return check_all_there(&parsing);
}

int install_conf_parse(const char *text, size_t size, InstallConf *ret, Error *reterr) {
        _cleanup_(install_conf_clear) InstallConf conf = {0};
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *copy = NULL;
        int r;

        if (size > INSTALL_CONF_MAX)
                return error_set(reterr, ERROR_FAILED, EFBIG, "has more than %d bytes",
                                 INSTALL_CONF_MAX);
        if (strnlen(text, size) != size)
                return error_set(reterr, ERROR_FAILED, EINVAL, "has a NUL");
        copy = strndup(text, size);
        if (!copy)
                return error_set_errno(reterr, ENOMEM, "cannot read it");
        r = parse_text(copy, &conf, &error);
        if (r < 0) {
                if (reterr)
                        error_move(reterr, &error);
                return r;
        }
        *ret = conf;
        conf = (InstallConf) {0};
        return 0;
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
        if (st.st_size > INSTALL_CONF_MAX)
                return error_set(reterr, ERROR_FAILED, EFBIG, "has more than %d bytes",
                                 INSTALL_CONF_MAX);
        *ret_size = (size_t) st.st_size;
        return 0;
}

static int read_checked(int fd, uid_t expected_uid, InstallConf *ret, Error *reterr) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        r = check_file(fd, expected_uid, &size, reterr);
        if (r < 0)
                return r;
        text = malloc(size + 1);
        if (!text)
                return error_set_errno(reterr, ENOMEM, "cannot read it");
        r = io_read_full(fd, text, size);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read it");
        return install_conf_parse(text, size, ret, reterr);
}

int install_conf_read(const char *path, uid_t expected_uid, InstallConf *ret, Error *reterr) {
        _cleanup_close_ int fd = -1;
        int r;

        /* Not blocking: a FIFO in its place must not hold a daemon's start up. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT) {
                r = error_set(reterr, ERROR_NOT_INSTALLED, ENOENT,
                              "banger is not installed on this host: there is no %s", path);
                return error_set_hint(reterr, r, "run: sudo banger system install --owner USER");
        }
        if (fd < 0)
                return error_set_errno(reterr, errno, "cannot open %s", path);
        r = read_checked(fd, expected_uid, ret, reterr);
        return error_prepend(reterr, r, "cannot use %s", path);
}

static void write_keys(FILE *file, const InstallConf *conf) {
        fputs("# Written by `banger system install`; do not edit.\n[" SECTION "]\n", file);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const void *at = key_at_const(&keys[i], conf);

                if (keys[i].type == CONF_ID)
                        fprintf(file, "%s = %u\n", keys[i].name, *(const uint32_t *) at);
                else if (*(char *const *) at)
                        fprintf(file, "%s = %s\n", keys[i].name, *(char *const *) at);
        }
}

static bool conf_equal(const InstallConf *a, const InstallConf *b) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const void *at_a = key_at_const(&keys[i], a), *at_b = key_at_const(&keys[i], b);

                if (keys[i].type == CONF_ID ?
                            *(const uint32_t *) at_a != *(const uint32_t *) at_b :
                            !string_equal(*(char *const *) at_a, *(char *const *) at_b))
                        return false;
        }
        return true;
}

int install_conf_format(const InstallConf *conf, char **ret) {
        _cleanup_(install_conf_clear) InstallConf again = {0};
        _cleanup_free_ char *text = NULL;
        FILE *file;
        size_t size;
        bool failed;
        int r;

        file = open_memstream(&text, &size);
        if (!file)
                return -ENOMEM;
        write_keys(file, conf);
        failed = ferror(file);
        if (fclose(file) != 0 || failed)
                return -ENOMEM;
        /* Line ends, comment signs, white space at the ends or too long a line would read back as
         * something else, or not at all. */
        r = install_conf_parse(text, size, &again, NULL);
        if (r < 0)
                return r;
        if (!conf_equal(conf, &again))
                return -EINVAL;
        *ret = steal_ptr(text);
        return 0;
}

void install_conf_clear(InstallConf *conf) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].type == CONF_TEXT)
                        free(*(char **) key_at(&keys[i], conf));
        *conf = (InstallConf) {0};
}
