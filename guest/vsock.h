#pragma once
/* The only way between a guest and its host that needs no network. */
#include <stdint.h>

/* To the host. Tries again until the deadline: the transport comes up late, the host may be busy.
 * The last failure, as a negative errno. */
int vsock_connect_host(unsigned port, uint64_t deadline_usec, int *ret_fd);
int vsock_listen(unsigned port, int *ret_fd);
/* -EAGAIN: nobody; -EPERM: somebody who is not the host, closed. */
int vsock_accept_host(int listen_fd, int *ret_fd);
