#pragma once
/* Names of VMs on this host: NAME.vm is answered from the index of VMs, and systemd-resolved is
 * told, by the helper, to ask here for it. Loop thread only. */
#include "daemon/component.h"
#include "daemon/context.h"

typedef struct NamesSockets {
        int udp, tcp; /* -1: systemd has none, for another program has the port */
} NamesSockets;

/* Takes the sockets, even on failure; context must outlive it. From then on nobody comes to share
 * their port. */
int names_new(DaemonContext *context, NamesSockets sockets, Names **ret);
/* After the pools are gone. */
Names *names_free(Names *names);
/* The bridge may be new, or resolved: has the helper route the names here, in a thread, or nowhere
 * while another program has the port or shares it. A failure, and a share, costs nobody but names,
 * is logged once, and is tried again while a VM has a slot: after 2 s, then after ever longer.
 * NULL: does nothing. */
void names_route(Names *names);
/* What came of the last try; borrowed until the next call. NULL: they are not served. */
void names_see(const Names *names, NamesSeen *ret);
