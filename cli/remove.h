#pragma once
/* Removes files and whole trees, by descriptors only. */
#include "common/error.h"

/* Absolute paths, taken below root_fd. What is not there is removed already. */
int remove_file(int root_fd, const char *path, Error *reterr);
/* Only when empty; *ret_removed (may be NULL) says whether it is gone, which is no error. */
int remove_empty_directory(int root_fd, const char *path, bool *ret_removed, Error *reterr);
/* With all that is in it. Never follows a symbolic link and never enters another mount: such a
 * directory stays and is an error. Goes on past failures and reports the first of them. */
int remove_tree(int root_fd, const char *path, Error *reterr);
