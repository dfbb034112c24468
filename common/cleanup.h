#pragma once
/* The one cleanup idiom: a variable with a cleanup attribute owns what it names. */

#include <stddef.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define _printf_(at, first) __attribute__((format(printf, at, first)))
#define _unused_ __attribute__((unused))
#define _must_check_ __attribute__((warn_unused_result))

/* A constant array's length; the one macro that C cannot say as a function. */
#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))

static inline void cleanup_free(void *pointer) {
        free(*(void **) pointer);
}

/* Closes fd when it is one; errno is kept. Always returns -1, to be assigned back. */
int close_fd(int fd);

static inline void cleanup_close(int *fd) {
        close_fd(*fd);
}

static inline void cleanup_fclose(FILE **file) {
        if (*file)
                fclose(*file);
}

/* Gives the value away and leaves nothing behind to clean up. The argument is a pointer to the
 * owning pointer variable. */
#define steal_ptr(pointer)                                                                         \
        ({                                                                                         \
                __typeof__(pointer) *_owner = &(pointer);                                          \
                __typeof__(pointer) _value = *_owner;                                              \
                *_owner = NULL;                                                                    \
                _value;                                                                            \
        })

/* The same for a structure that owns; `left` is what owns nothing. */
#define steal_struct(variable, left)                                                               \
        ({                                                                                         \
                __typeof__(variable) *_owner = &(variable), _value = *_owner;                      \
                *_owner = (left);                                                                  \
                _value;                                                                            \
        })

static inline int steal_fd(int *fd) {
        int value = *fd;

        *fd = -1;
        return value;
}
