#include "common/install.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/ini.h"
#include "common/strings.h"

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
        InstallConf *conf;
        bool seen[ELEMENTSOF(keys)];
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

static int set_key(Parsing *parsing, const char *name, const char *value, Error *reterr) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                void *at = key_at(&keys[i], parsing->conf);

                if (!string_equal(keys[i].name, name))
                        continue;
                if (parsing->seen[i])
                        return error_set(reterr, ERROR_FAILED, EINVAL, "is there twice");
                parsing->seen[i] = true;
                return keys[i].type == CONF_TEXT ? set_text(value, at, reterr) :
                                                   set_id(value, at, reterr);
        }
        return error_set(reterr, ERROR_FAILED, EINVAL, "is not a known key");
}

static int handle_value(const char *section, const char *name, const char *value, void *userdata,
                        Error *reterr) {
        if (string_equal(section, SECTION))
                return error_prepend(reterr, set_key(userdata, name, value, reterr), "\"%s\"",
                                     name);
        return error_set(reterr, ERROR_FAILED, EINVAL, "[%s] is not a known section", section);
}

static int check_all_there(const Parsing *parsing, Error *reterr) {
        const InstallConf *conf = parsing->conf;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].required && !parsing->seen[i])
                        return error_set(reterr, ERROR_FAILED, EINVAL,
                                         "\"%s\" is missing", keys[i].name);
        if (conf->home && conf->home[0] != '/')
                return error_set(reterr, ERROR_FAILED, EINVAL,
                                 "\"home\" is not an absolute path");
        return 0;
}

int install_conf_parse(const char *text, size_t size, InstallConf *ret, Error *reterr) {
        _cleanup_(install_conf_clear) InstallConf conf = {0};
        Parsing parsing = {.conf = &conf};
        int r;

        r = ini_text_parse(text, size, handle_value, &parsing, reterr);
        if (r >= 0)
                r = check_all_there(&parsing, reterr);
        if (r < 0)
                return r;
        *ret = conf;
        conf = (InstallConf) {0};
        return 0;
}

int install_conf_read(const char *path, uid_t expected_uid, InstallConf *ret, Error *reterr) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        r = ini_file_read(path, expected_uid, &text, &size, reterr);
        if (r == -ENOENT) {
                r = error_set(reterr, ERROR_NOT_INSTALLED, ENOENT,
                              "banger is not installed on this host: there is no %s", path);
                return error_set_hint(reterr, r, "run: sudo banger system install --owner USER");
        }
        if (r < 0)
                return r;
        r = install_conf_parse(text, size, ret, reterr);
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
