#pragma once
/* What was done so far and how to take it back, last things first. */
#include <stddef.h>

#include "common/error.h"

/* Taking back what did not come to pass must succeed: an entry is pushed before its deed. */
typedef int (*UndoRun)(void *argument, Error *reterr);

typedef struct UndoEntry {
        UndoRun run;
        void (*release)(void *argument);
        void *argument;
} UndoEntry;

typedef struct UndoJournal {
        UndoEntry *entries;
        size_t n_entries;
} UndoJournal;

#define _cleanup_undo_ _cleanup_(undo_clear)

/* The argument is taken, even on failure. -ENOMEM. */
int undo_push(UndoJournal *journal, UndoRun run, void (*release)(void *argument), void *argument);
/* Runs every entry although some fail, joins their errors, and empties the journal. */
int undo_run(UndoJournal *journal, Error *reterr);
/* Forgets: what was done stays. */
void undo_clear(UndoJournal *journal);
