#pragma once
/* What is in a directory that is not root's. */

/* Opens a name right below dir_fd: no symbolic link, and nothing that is mounted there (-EXDEV). Nobody
 * is asked: whoever serves a file system of FUSE may never answer. -errno. */
int below_open(int dir_fd, const char *name, int flags);
