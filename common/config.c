#include "common/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/ini.h"
#include "common/strings.h"

/* A /31 has no room for a VM, and less than a /8 is no private network (RFC 1918). */
#define PREFIX_MIN 8
#define PREFIX_MAX 30

const Config config_default = {
        .bridge = "br-banger",
        .address = 0xac1e0001, /* 172.30.0.1 */
        .prefix = 24,
        .isolated = true,
};

typedef struct ConfigKey {
        const char *section, *name;
        int (*set)(const char *value, Config *config, Error *reterr);
} ConfigKey;

/* The kernel takes nearly anything; but names go into sysctl's paths too, where "/" and "." would
 * mean something else. */
static int set_bridge(const char *value, Config *config, Error *reterr) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_";
        size_t length = strlen(value);

        if (length == 0 || length > CONFIG_BRIDGE_MAX || value[0] == '-' ||
            strspn(value, allowed) != length)
                return error_set(reterr, ERROR_FAILED, EINVAL,
                                 "must be 1 to %d letters, digits, \"-\" and \"_\"",
                                 CONFIG_BRIDGE_MAX);
        /* "all" and "default" are sysctl's, the prefix that of our other links. */
        if (string_equal(value, "all") || string_equal(value, "default") ||
            string_after_prefix(value, "bgr-"))
                return error_set(reterr, ERROR_FAILED, EINVAL, "is a name with another meaning");
        memcpy(config->bridge, value, length + 1);
        return 0;
}

static int set_address(const char *value, Config *config, Error *reterr) {
        char text[INET_ADDRSTRLEN] = "";
        const char *slash = strchr(value, '/');
        struct in_addr address;
        uint64_t prefix;

        if (slash && (size_t) (slash - value) < sizeof(text))
                memcpy(text, value, (size_t) (slash - value));
        if (!slash || inet_pton(AF_INET, text, &address) != 1 ||
            string_parse_u64(slash + 1, 32, &prefix) < 0)
                return error_set(reterr, ERROR_FAILED, EINVAL,
                                 "is not an address with its prefix, as in 172.30.0.1/24");
        if (prefix < PREFIX_MIN || prefix > PREFIX_MAX)
                return error_set(reterr, ERROR_FAILED, EINVAL, "needs a prefix from %d to %d",
                                 PREFIX_MIN, PREFIX_MAX);
        if ((ntohl(address.s_addr) & (UINT32_MAX >> prefix)) != 1)
                return error_set(reterr, ERROR_FAILED, EINVAL,
                                 "must be the first address of its network");
        config->address = ntohl(address.s_addr);
        config->prefix = (unsigned) prefix;
        return 0;
}

static int set_isolated(const char *value, Config *config, Error *reterr) {
        if (!string_equal(value, "yes") && !string_equal(value, "no"))
                return error_set(reterr, ERROR_FAILED, EINVAL, "must be yes or no");
        config->isolated = string_equal(value, "yes");
        return 0;
}

static int set_path(const char *value, char **path, Error *reterr) {
        char *copy;

        if (value[0] != '/' || strlen(value) >= PATH_MAX)
                return error_set(reterr, ERROR_FAILED, EINVAL, "is not an absolute path");
        copy = strdup(value);
        if (!copy)
                return error_set_errno(reterr, ENOMEM, "cannot keep it");
        free(*path);
        *path = copy;
        return 0;
}

static int set_firecracker(const char *value, Config *config, Error *reterr) {
        return set_path(value, &config->firecracker, reterr);
}

static int set_jailer(const char *value, Config *config, Error *reterr) {
        return set_path(value, &config->jailer, reterr);
}

static const ConfigKey keys[] = {
        {"network", "bridge", set_bridge},
        {"network", "address", set_address},
        {"network", "isolated", set_isolated},
        {"firecracker", "path", set_firecracker},
        {"firecracker", "jailer", set_jailer},
};

typedef struct Parsing {
        Config config;
        bool seen[ELEMENTSOF(keys)];
} Parsing;

static int set_key(size_t i, const char *value, Parsing *parsing, Error *reterr) {
        if (parsing->seen[i])
                return error_set(reterr, ERROR_FAILED, EINVAL, "is there twice");
        parsing->seen[i] = true;
        return keys[i].set(value, &parsing->config, reterr);
}

static int handle_value(const char *section, const char *name, const char *value, void *userdata,
                        Error *reterr) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (string_equal(keys[i].section, section) && string_equal(keys[i].name, name))
                        return error_prepend(reterr, set_key(i, value, userdata, reterr),
                                             "\"%s\"", name);
        return error_set(reterr, ERROR_FAILED, EINVAL, "\"%s\" is not a known key of [%s]", name,
                         section);
}

int config_parse(const char *text, size_t size, Config *ret, Error *reterr) {
        Parsing parsing = {.config = config_default};
        int r = ini_text_parse(text, size, handle_value, &parsing, reterr);

        if (r < 0) {
                config_clear(&parsing.config);
                return r;
        }
        *ret = parsing.config;
        return 0;
}

int config_read(const char *path, uid_t expected_uid, Config *ret, Error *reterr) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        r = ini_file_read(path, expected_uid, &text, &size, reterr);
        if (r == -ENOENT) {
                *ret = config_default;
                return 0;
        }
        if (r < 0)
                return r;
        r = config_parse(text, size, ret, reterr);
        return error_prepend(reterr, r, "cannot use %s", path);
}

void config_clear(Config *config) {
        free(config->firecracker);
        free(config->jailer);
        *config = config_default;
}
