#include "common/strings.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

bool string_equal(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

const char *string_after_prefix(const char *text, const char *prefix) {
        size_t length = strlen(prefix);

        return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

int string_parse_u64(const char *text, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (*text == '\0')
                return -EINVAL;
        for (const char *c = text; *c; c++) {
                uint64_t digit;

                if (*c < '0' || *c > '9')
                        return -EINVAL;
                digit = (uint64_t) (*c - '0');
                if (value > (UINT64_MAX - digit) / 10)
                        return -ERANGE;
                value = value * 10 + digit;
        }
        if (value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

char *string_format(const char *format, ...) {
        va_list arguments;
        char *text;
        int r;

        va_start(arguments, format);
        r = vasprintf(&text, format, arguments);
        va_end(arguments);
        return r < 0 ? NULL : text;
}

size_t strv_length(char *const *strings) {
        size_t n = 0;

        while (strings && strings[n])
                n++;
        return n;
}

int strv_append(char ***strings, const char *value) {
        _cleanup_free_ char *copy = strdup(value);
        size_t n = strv_length(*strings);
        char **grown;

        if (!copy)
                return -ENOMEM;
        grown = reallocarray(*strings, n + 2, sizeof(char *));
        if (!grown)
                return -ENOMEM;
        grown[n] = steal_ptr(copy);
        grown[n + 1] = NULL;
        *strings = grown;
        return 0;
}

int strv_append_once(char ***strings, const char *value) {
        for (size_t i = 0; *strings && (*strings)[i]; i++)
                if (string_equal((*strings)[i], value))
                        return 0;
        return strv_append(strings, value);
}

char **strv_copy(char *const *strings) {
        size_t n = strv_length(strings);
        char **copy = calloc(n + 1, sizeof(char *));

        if (!copy)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(strings[i]);
                if (!copy[i])
                        return strv_free(copy);
        }
        return copy;
}

char *strv_join(char *const *strings, const char *separator) {
        char *joined = strdup("");

        for (size_t i = 0; joined && strings && strings[i]; i++) {
                char *longer = string_format("%s%s%s", joined, i == 0 ? "" : separator, strings[i]);

                free(joined);
                joined = longer;
        }
        return joined;
}

char **strv_free(char **strings) {
        for (size_t i = 0; strings && strings[i]; i++)
                free(strings[i]);
        free(strings);
        return NULL;
}
