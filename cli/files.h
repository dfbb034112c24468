#pragma once
/* Directories and files that must be there as said: made, mended or left alone, and undone. */
#include <sys/types.h>

#include "cli/undo.h"

typedef struct FileOwner {
        uid_t uid;
        gid_t gid;
} FileOwner;

typedef enum FileChange {
        FILE_UNCHANGED,
        FILE_CREATED,
        FILE_CHANGED,
} FileChange;

/* Absolute paths, taken below root_fd; the directory above must exist. A symbolic link or another
 * type of file in the way is an error. root_fd must outlive the journal. */
int files_ensure_directory(int root_fd, const char *path, mode_t mode, FileOwner owner,
                           UndoJournal *journal, FileChange *ret, Error *reterr);
/* Readers see the old file or the new one. */
int files_ensure_file(int root_fd, const char *path, const char *content, mode_t mode,
                      FileOwner owner, UndoJournal *journal, FileChange *ret, Error *reterr);
