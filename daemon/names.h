#pragma once
/* Names of VMs on this host: NAME.vm is answered from the index of VMs, and systemd-resolved is
 * told, by the helper, to ask here for it. Loop thread only. */
#include "daemon/context.h"

typedef struct NamesSockets {
        int udp, tcp; /* -1: systemd has none, for another program has the port */
} NamesSockets;

/* Takes the sockets, even on failure; context must outlive it. */
int names_new(DaemonContext *context, NamesSockets sockets, Names **ret);
/* After the pools are gone. */
Names *names_free(Names *names);
/* Are they answered? Only then may anybody be sent here: who has the port otherwise is unknown.
 * NULL: no. */
bool names_served(const Names *names);
/* The bridge may be new, or resolved: has the helper route the names here, in a thread. A failure
 * costs nobody but names, and is logged once. NULL: does nothing. */
void names_route(Names *names);
/* What names_route() does, for a thread. Blocks. */
int names_ask_helper(const char *root_socket, bool served, Error *reterr);
