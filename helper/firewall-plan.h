#pragma once
/* What is wanted of the network, checked and with every name and number derived. Pure. */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/api-root.h"
#include "common/config.h"
#include "common/forward.h"
#include "common/ident.h"

typedef struct FirewallGuest {
        VmId vm;
        VmNames names;
        uint32_t address; /* host order, as all addresses here */
        bool nat;
} FirewallGuest;

typedef struct FirewallForward {
        VmId vm;
        Forward wanted;
        uint32_t guest_address;
        bool optional, left_out;
        size_t place; /* in the request */
} FirewallForward;

typedef struct FirewallPlan {
        char bridge[CONFIG_BRIDGE_MAX + 1];
        bool isolated;
        FirewallGuest *guests;
        size_t n_guests;
        FirewallForward *forwards;
        size_t n_forwards;
} FirewallPlan;

/* Refuses guests and forwards that contradict each other. The caller clears. */
int firewall_plan_make(const RootNetwork *network, const Config *settings, FirewallPlan *ret,
                       Error *reterr);
void firewall_plan_clear(FirewallPlan *plan);
/* Drops the forwards that are marked as left out. */
void firewall_plan_leave_out(FirewallPlan *plan);

/* Does the host have to route for it? Not for what comes from the host itself. */
bool firewall_plan_routes(const FirewallPlan *plan);
/* Does a forward take connections to the loopback addresses? */
bool firewall_plan_has_loopback(const FirewallPlan *plan);

/* "tcp-127.0.0.1-8080": names the forward's counter. */
#define FORWARD_NAME_MAX 32
void firewall_forward_name(const FirewallForward *forward, char ret[static FORWARD_NAME_MAX]);
bool firewall_address_is_loopback(uint32_t address);
