#pragma once
/* What a boundary function says when it fails. Functions return 0 or a negative errno; those at a
 * boundary also fill an Error, and each layer that knows more prepends its context. */

#include <stdbool.h>

#include "common/cleanup.h"

typedef enum ErrorKind {
        ERROR_NONE,
        ERROR_FAILED,
        ERROR_USAGE,             /* the command line is wrong */
        ERROR_INVALID_PARAMETER, /* a request's member is wrong; `field` names it */
        ERROR_NOT_FOUND,
        ERROR_NOT_INSTALLED,
        ERROR_ALREADY_EXISTS,
        ERROR_BUSY,
        ERROR_UNAVAILABLE, /* something that the request needs is not there: /dev/kvm, a kernel */
        ERROR_NOT_PERMITTED,
        ERROR_NO_SPACE,
        ERROR_DEGRADED,    /* it works, but not as it should */
        ERROR_CANCELED,
        ERROR_UNREACHABLE, /* no daemon, or it went away */
        ERROR_PROTOCOL,    /* the peer does not speak as agreed */
        ERROR_TIMED_OUT,
        _ERROR_KIND_MAX,
} ErrorKind;

/* Start from ERROR_INIT. All strings are owned; any but message may be NULL. */
typedef struct Error {
        ErrorKind kind;
        char *message;   /* what failed, on what, why: one line without a full stop */
        char *object;    /* the object's name, as the user knows it */
        char *field;     /* the member of the request that is wrong */
        char *hint;      /* what to do now, e.g. "run: banger kernel import --host" */
        char *operation; /* id under which the journal has the details */
} Error;

#define ERROR_INIT ((Error) {.kind = ERROR_NONE})
#define _cleanup_error_ _cleanup_(error_clear)

/* The stable name, "NotFound", as in the last part of a Varlink error. */
const char *error_kind_name(ErrorKind kind);
/* ERROR_FAILED for a name that is not known. */
ErrorKind error_kind_from_name(const char *name);
/* The exit status of DESIGN.md, for programs that fail for a reason of this kind. */
int error_kind_exit_status(ErrorKind kind);
/* The nearest kind for an errno (positive). */
ErrorKind error_kind_from_errno(int errnum);

/* Sets a fresh error, dropping an earlier one. errnum is positive. `error` may be NULL. Returns
 * -errnum, so that it can be returned at once. */
int error_set(Error *error, ErrorKind kind, int errnum, const char *format, ...) _printf_(4, 5);
/* As error_set(), with the kind derived from errnum and ": strerror" appended. */
int error_set_errno(Error *error, int errnum, const char *format, ...) _printf_(3, 4);
/* Puts "context: " before the message (sets one from r where there is none). Returns r. */
int error_prepend(Error *error, int r, const char *format, ...) _printf_(3, 4);
/* Appends a further failure, for clean-ups that go on: "first; then second". Moves `more` in.
 * Returns the first r that is negative. */
int error_join(Error *error, int r, Error *more, int more_r);
int error_set_field(Error *error, int r, const char *field);
int error_set_object(Error *error, int r, const char *object);
int error_set_hint(Error *error, int r, const char *format, ...) _printf_(3, 4);

/* Moves `from` over `to`, clearing what `to` had. */
void error_move(Error *to, Error *from);
void error_clear(Error *error);
