#pragma once
/* How systemd tells that its start is complete: sd_notify(3) to a socket named in its environment,
 * as it does under systemd-nspawn. */
#include <stdbool.h>

/* Abstract: it needs no file system. */
#define READY_SOCKET "@banger-init"

/* Binds the socket. Negative errno. */
int ready_listen(int *ret_fd);
/* Reads what has come. True: process 1 said READY=1. */
bool ready_received(int fd);
/* As above, with the process that has to say so. */
bool ready_received_from(int fd, int pid);
/* Does a message of sd_notify say so? Lines, not NUL-terminated. */
bool ready_in_message(const char *message, unsigned long size);
