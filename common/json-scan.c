#include "common/json-scan.h"

#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "common/utf8.h"

typedef struct Scanner {
        const char *text;
        size_t size, at;
        size_t depth, n_values, n_containers;
        Error *reterr;
} Scanner;

static int scan_value(Scanner *scanner);

static int scan_fail(const Scanner *scanner, const char *reason) {
        return error_set(scanner->reterr, ERROR_INVALID_PARAMETER, EINVAL,
                         "not valid JSON at byte %zu: %s", scanner->at, reason);
}

/* The byte at hand, or -1 at the end. */
static int scan_peek(const Scanner *scanner) {
        return scanner->at < scanner->size ? (unsigned char) scanner->text[scanner->at] : -1;
}

static bool scan_is_digit(const Scanner *scanner) {
        int c = scan_peek(scanner);

        return c >= '0' && c <= '9';
}

static bool scan_take(Scanner *scanner, char wanted) {
        if (scan_peek(scanner) != wanted)
                return false;
        scanner->at++;
        return true;
}

static void scan_space(Scanner *scanner) {
        while (scan_take(scanner, ' ') || scan_take(scanner, '\t') || scan_take(scanner, '\n') ||
               scan_take(scanner, '\r'))
                ;
}

static int scan_hex4(Scanner *scanner, unsigned *ret) {
        unsigned value = 0;

        for (size_t i = 0; i < 4; i++) {
                int c = scan_peek(scanner);

                if (c >= '0' && c <= '9')
                        value = value << 4 | (unsigned) (c - '0');
                else if (c >= 'a' && c <= 'f')
                        value = value << 4 | (unsigned) (c - 'a' + 10);
                else if (c >= 'A' && c <= 'F')
                        value = value << 4 | (unsigned) (c - 'A' + 10);
                else
                        return scan_fail(scanner, "bad \\u escape");
                scanner->at++;
        }
        *ret = value;
        return 0;
}

static int scan_unicode_escape(Scanner *scanner) {
        unsigned high = 0, low = 0;
        int r;

        r = scan_hex4(scanner, &high);
        if (r < 0)
                return r;
        /* A NUL would end the string for everything in C that reads it. */
        if (high == 0)
                return scan_fail(scanner, "NUL in a string");
        if (high < 0xd800 || high > 0xdfff)
                return 0;
        if (high >= 0xdc00 || !scan_take(scanner, '\\') || !scan_take(scanner, 'u'))
                return scan_fail(scanner, "lone surrogate");
        r = scan_hex4(scanner, &low);
        if (r < 0)
                return r;
        if (low < 0xdc00 || low > 0xdfff)
                return scan_fail(scanner, "lone surrogate");
        return 0;
}

static int scan_string(Scanner *scanner) {
        size_t length;
        int c, r;

        if (!scan_take(scanner, '"'))
                return scan_fail(scanner, "string expected");
        for (;;) {
                c = scan_peek(scanner);
                if (c < 0)
                        return scan_fail(scanner, "unfinished string");
                if (c < 0x20)
                        return scan_fail(scanner, "control character in a string");
                if (c == '"') {
                        scanner->at++;
                        return 0;
                }
                if (c != '\\') {
                        length = utf8_sequence(scanner->text + scanner->at,
                                               scanner->size - scanner->at, NULL);
                        if (length == 0)
                                return scan_fail(scanner, "not UTF-8");
                        scanner->at += length;
                        continue;
                }
                scanner->at++;
                if (scan_take(scanner, 'u')) {
                        r = scan_unicode_escape(scanner);
                        if (r < 0)
                                return r;
                        continue;
                }
                c = scan_peek(scanner);
                if (c <= 0 || !strchr("\"\\/bfnrt", c))
                        return scan_fail(scanner, "bad escape");
                scanner->at++;
        }
}

static int scan_digits(Scanner *scanner) {
        if (!scan_is_digit(scanner))
                return scan_fail(scanner, "digit expected");
        while (scan_is_digit(scanner))
                scanner->at++;
        return 0;
}

static int scan_number(Scanner *scanner) {
        bool negative = scan_take(scanner, '-'), fits = true, whole = true;
        int64_t value = 0;
        int r;

        if (!scan_is_digit(scanner))
                return scan_fail(scanner, "value expected");
        if (!scan_take(scanner, '0'))
                for (; scan_is_digit(scanner); scanner->at++) {
                        int64_t digit = scanner->text[scanner->at] - '0';

                        /* Counted downwards, where there is one value more. */
                        if (__builtin_mul_overflow(value, INT64_C(10), &value) ||
                            __builtin_sub_overflow(value, digit, &value))
                                fits = false;
                }
        if (scan_take(scanner, '.')) {
                whole = false;
                r = scan_digits(scanner);
                if (r < 0)
                        return r;
        }
        if (scan_take(scanner, 'e') || scan_take(scanner, 'E')) {
                whole = false;
                if (!scan_take(scanner, '+'))
                        scan_take(scanner, '-');
                r = scan_digits(scanner);
                if (r < 0)
                        return r;
        }
        if (whole && (!fits || (!negative && value == INT64_MIN)))
                return scan_fail(scanner, "number out of range");
        return 0;
}

static int scan_word(Scanner *scanner, const char *word) {
        size_t length = strlen(word);

        if (scanner->size - scanner->at < length ||
            memcmp(scanner->text + scanner->at, word, length) != 0)
                return scan_fail(scanner, "value expected");
        scanner->at += length;
        return 0;
}

static int scan_member(Scanner *scanner) {
        int r;

        r = scan_string(scanner);
        if (r < 0)
                return r;
        scan_space(scanner);
        if (!scan_take(scanner, ':'))
                return scan_fail(scanner, "colon expected");
        scan_space(scanner);
        return scan_value(scanner);
}

static int scan_container(Scanner *scanner, char close, int (*scan_item)(Scanner *)) {
        int r;

        if (scanner->depth == JSON_DEPTH_MAX || scanner->n_containers == JSON_CONTAINERS_MAX)
                return error_set(scanner->reterr, ERROR_INVALID_PARAMETER, E2BIG,
                                 "JSON is nested too deeply or has too many parts");
        scanner->at++;
        scanner->depth++;
        scanner->n_containers++;
        scan_space(scanner);
        if (!scan_take(scanner, close))
                for (;;) {
                        r = scan_item(scanner);
                        if (r < 0)
                                return r;
                        scan_space(scanner);
                        if (scan_take(scanner, close))
                                break;
                        if (!scan_take(scanner, ','))
                                return scan_fail(scanner, "comma or end expected");
                        scan_space(scanner);
                }
        scanner->depth--;
        return 0;
}

static int scan_value(Scanner *scanner) {
        scanner->n_values++;
        switch (scan_peek(scanner)) {
        case '{':
                return scan_container(scanner, '}', scan_member);
        case '[':
                return scan_container(scanner, ']', scan_value);
        case '"':
                return scan_string(scanner);
        case 't':
                return scan_word(scanner, "true");
        case 'f':
                return scan_word(scanner, "false");
        case 'n':
                return scan_word(scanner, "null");
        default:
                return scan_number(scanner);
        }
}

int json_scan_object(const char *text, size_t size, JsonScan *ret, Error *reterr) {
        Scanner scanner = {.text = text, .size = size, .reterr = reterr};
        JsonScan scan;
        int r;

        scan_space(&scanner);
        scan.begin = scanner.at;
        if (scan_peek(&scanner) != '{')
                return scan_fail(&scanner, "object expected");
        r = scan_value(&scanner);
        if (r < 0)
                return r;
        scan.end = scanner.at;
        scan.n_values = scanner.n_values;
        scan_space(&scanner);
        if (scanner.at != size)
                return scan_fail(&scanner, "something follows the object");
        *ret = scan;
        return 0;
}
