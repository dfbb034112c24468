#pragma once
/* Between the daemon and one guest. Its calls: io.banger.Host, on the listener of its jail. Ours:
 * connections to its agent, through the VMM's vsock socket. */

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "common/api-guest.h"
#include "common/varlink-wire.h"

typedef struct GuestChannel GuestChannel;

typedef struct GuestChannelConfig {
        uid_t uid; /* the VM's: the only peer that may call */
        /* What the guest is to be; the channel clears ret with guest_config_schema. Negative is
         * told to the guest. */
        int (*hello)(const HostHello *hello, GuestConfig *ret, void *userdata, Error *reterr);
        /* Must not free the channel. */
        void (*report)(const HostReport *report, void *userdata);
        void *userdata;
} GuestChannelConfig;

extern const VarlinkLimits guest_channel_limits;

/* listener_fd is taken, even on failure. Loop thread only. */
int guest_channel_new(sd_event *event, int listener_fd, const GuestChannelConfig *config,
                      GuestChannel **ret);
GuestChannel *guest_channel_free(GuestChannel *channel);

/* Any thread; blocks until the deadline. vsock_fd: the VMM's Unix socket, opened with O_PATH;
 * borrowed. The connection to the agent: a stream, nothing read past the VMM's answer. */
int guest_connect(int vsock_fd, uint64_t deadline_usec, int *ret_fd, Error *reterr);
/* The VMM's answer to "CONNECT PORT\n" (Firecracker's docs/vsock.md): 0 for "OK HOSTPORT\n", and not
 * a byte more is read. -ECONNRESET, -ETIMEDOUT, -EPROTO for any other. */
int guest_read_answer(int fd, uint64_t deadline_usec);
/* io.banger.Guest.Stop on a connection of its own. Any thread; blocks. */
int guest_stop(int vsock_fd, int64_t timeout_ms, uint64_t deadline_usec, Error *reterr);
