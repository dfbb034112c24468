#pragma once
/* Signals that end a command which must clean up first: they are held, and seen when it looks. */
#include <signal.h>

#include "common/error.h"

typedef struct Interrupt {
        int fd;      /* readable once one came: for poll(2); interrupt_came() reads it */
        int signal;  /* the first one; 0: none yet */
        sigset_t mask;
        struct sigaction pipe;
} Interrupt;

/* Holds HUP, INT and TERM, but for what the caller's parent has ignored (nohup), and ignores PIPE: a
 * reader that left is an error of the write. Until interrupt_end(). */
int interrupt_begin(Interrupt *ret, Error *reterr);
/* Since the beginning. */
bool interrupt_came(Interrupt *interrupt);
/* -ECANCELED once one came. */
int interrupt_check(Interrupt *interrupt, Error *reterr);
/* What came meanwhile has had its effect: it is dropped, and signals are what they were. */
void interrupt_end(Interrupt *interrupt);
