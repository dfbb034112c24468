#include <errno.h>
#include <stdlib.h>

#include "cli/undo.h"

int undo_push(UndoJournal *journal, UndoRun run, void (*release)(void *argument), void *argument) {
        UndoEntry *grown = reallocarray(journal->entries, journal->n_entries + 1, sizeof(*grown));

        if (!grown) {
                release(argument);
                return -ENOMEM;
        }
        grown[journal->n_entries++] = (UndoEntry) {run, release, argument};
        journal->entries = grown;
        return 0;
}

int undo_run(UndoJournal *journal, Error *reterr) {
        int r = 0;

        for (size_t i = journal->n_entries; i-- > 0;) {
                _cleanup_error_ Error error = ERROR_INIT;
                int this_r = journal->entries[i].run(journal->entries[i].argument, &error);

                r = error_join(reterr, r, &error, this_r);
        }
        undo_clear(journal);
        return r;
}

void undo_clear(UndoJournal *journal) {
        for (size_t i = 0; i < journal->n_entries; i++)
                journal->entries[i].release(journal->entries[i].argument);
        free(journal->entries);
        *journal = (UndoJournal) {.entries = NULL};
}
