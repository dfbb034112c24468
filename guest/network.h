#pragma once
/* Addresses and routes by rtnetlink(7). */
#include <stddef.h>
#include <stdint.h>

#include "common/api-guest.h"

#define NETWORK_MESSAGE_MAX 256

/* One request to the kernel, ready to be sent. */
typedef struct NetworkMessage {
        _Alignas(8) uint8_t bytes[NETWORK_MESSAGE_MAX];
        size_t size;
} NetworkMessage;

void network_link_up(NetworkMessage *ret, unsigned index);
/* -EINVAL for what is no address. Replaces an address or route that is there. */
int network_address(NetworkMessage *ret, unsigned index, const char *address, unsigned prefix);
int network_default_route(NetworkMessage *ret, unsigned index, const char *gateway);

/* The index of the interface with this address, looked for below /sys/class/net: -ENODEV. */
int network_find(const char *directory, const char *mac, unsigned *ret_index);
/* lo up; the interface of config->mac up, with its address and default route. */
int network_configure(const GuestConfig *config, uint64_t deadline_usec, Error *reterr);
