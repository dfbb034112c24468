#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

typedef struct KindRow {
        const char *name;
        int exit_status;
} KindRow;

/* Exit statuses: DESIGN.md, "Exit status of every program". */
static const KindRow kinds[_ERROR_KIND_MAX] = {
        [ERROR_NONE] = {"None", 0},
        [ERROR_FAILED] = {"Failed", 1},
        [ERROR_USAGE] = {"Usage", 2},
        [ERROR_INVALID_PARAMETER] = {"InvalidParameter", 2},
        [ERROR_NOT_FOUND] = {"NotFound", 3},
        [ERROR_NOT_INSTALLED] = {"NotInstalled", 3},
        [ERROR_ALREADY_EXISTS] = {"AlreadyExists", 4},
        [ERROR_BUSY] = {"Busy", 4},
        [ERROR_UNAVAILABLE] = {"Unavailable", 4},
        [ERROR_NOT_PERMITTED] = {"NotPermitted", 4},
        [ERROR_NO_SPACE] = {"NoSpace", 4},
        [ERROR_DEGRADED] = {"Degraded", 4},
        [ERROR_CANCELED] = {"Canceled", 1},
        [ERROR_UNREACHABLE] = {"Unreachable", 5},
        [ERROR_PROTOCOL] = {"Protocol", 1},
        [ERROR_TIMED_OUT] = {"TimedOut", 124},
};

int close_fd(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void) close(fd);
                errno = saved;
        }
        return -1;
}

const char *error_kind_name(ErrorKind kind) {
        return kind < _ERROR_KIND_MAX ? kinds[kind].name : kinds[ERROR_FAILED].name;
}

ErrorKind error_kind_from_name(const char *name) {
        for (size_t i = ERROR_NONE + 1; i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i].name, name) == 0)
                        return (ErrorKind) i;
        return ERROR_FAILED;
}

int error_kind_exit_status(ErrorKind kind) {
        return kind < _ERROR_KIND_MAX ? kinds[kind].exit_status : 1;
}

ErrorKind error_kind_from_errno(int errnum) {
        switch (errnum) {
        case ENOENT:
                return ERROR_NOT_FOUND;
        case EEXIST:
                return ERROR_ALREADY_EXISTS;
        case EBUSY:
                return ERROR_BUSY;
        case EACCES:
        case EPERM:
                return ERROR_NOT_PERMITTED;
        case ENOSPC:
        case EDQUOT:
                return ERROR_NO_SPACE;
        case ECANCELED:
                return ERROR_CANCELED;
        case ECONNREFUSED:
        case ECONNRESET:
        case EPIPE:
                return ERROR_UNREACHABLE;
        case EPROTO:
        case EBADMSG:
                return ERROR_PROTOCOL;
        case ETIMEDOUT:
        case ETIME:
                return ERROR_TIMED_OUT;
        default:
                return ERROR_FAILED;
        }
}

/* Out of memory while describing an error leaves the message NULL; the kind and r still tell. */
static char *format_text(const char *format, va_list arguments) _printf_(1, 0);
static char *format_text(const char *format, va_list arguments) {
        char *text;

        return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

static void replace(char **where, char *value) {
        free(*where);
        *where = value;
}

int error_set(Error *error, ErrorKind kind, int errnum, const char *format, ...) {
        va_list arguments;

        if (!error)
                return -errnum;
        error_clear(error);
        error->kind = kind;
        va_start(arguments, format);
        error->message = format_text(format, arguments);
        va_end(arguments);
        return -errnum;
}

int error_set_errno(Error *error, int errnum, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        if (!error)
                return -errnum;
        va_start(arguments, format);
        text = format_text(format, arguments);
        va_end(arguments);
        return error_set(error, error_kind_from_errno(errnum), errnum, "%s: %s", text ? text : "",
                         strerrordesc_np(errnum) ? strerrordesc_np(errnum) : "unknown error");
}

int error_prepend(Error *error, int r, const char *format, ...) {
        _cleanup_free_ char *context = NULL;
        char *joined;
        va_list arguments;

        if (!error || r >= 0)
                return r;
        if (error->kind == ERROR_NONE) {
                const char *why = strerrordesc_np(-r);

                error->kind = error_kind_from_errno(-r);
                replace(&error->message, strdup(why ? why : "unknown error"));
        }
        va_start(arguments, format);
        context = format_text(format, arguments);
        va_end(arguments);
        if (context && asprintf(&joined, "%s: %s", context, error->message ? error->message : "") >= 0)
                replace(&error->message, joined);
        return r;
}

int error_join(Error *error, int r, Error *more, int more_r) {
        char *joined;

        if (more_r >= 0) {
                error_clear(more);
                return r;
        }
        if (r >= 0) {
                if (error) {
                        error_move(error, more);
                        if (error->kind == ERROR_NONE)
                                error_set_errno(error, -more_r, "clean-up failed");
                } else
                        error_clear(more);
                return more_r;
        }
        if (error && more->message &&
            asprintf(&joined, "%s; %s", error->message ? error->message : "", more->message) >= 0)
                replace(&error->message, joined);
        error_clear(more);
        return r;
}

int error_set_field(Error *error, int r, const char *field) {
        if (error && r < 0)
                replace(&error->field, field ? strdup(field) : NULL);
        return r;
}

int error_set_object(Error *error, int r, const char *object) {
        if (error && r < 0)
                replace(&error->object, object ? strdup(object) : NULL);
        return r;
}

int error_set_hint(Error *error, int r, const char *format, ...) {
        va_list arguments;

        if (!error || r >= 0)
                return r;
        va_start(arguments, format);
        replace(&error->hint, format_text(format, arguments));
        va_end(arguments);
        return r;
}

void error_move(Error *to, Error *from) {
        error_clear(to);
        *to = *from;
        *from = ERROR_INIT;
}

void error_clear(Error *error) {
        free(error->message);
        free(error->object);
        free(error->field);
        free(error->hint);
        free(error->operation);
        *error = ERROR_INIT;
}
