#pragma once
/* What the kernel holds of the tables, read from nft's listings. */
#include "helper/firewall-plan.h"
#include "helper/sysctl.h"

#define FIREWALL_TABLE "banger"

typedef enum FirewallFamily {
        FIREWALL_BRIDGE,
        FIREWALL_IP,
        _FIREWALL_FAMILY_MAX,
} FirewallFamily;

extern const char *const firewall_families[_FIREWALL_FAMILY_MAX]; /* "bridge", "ip" */

/* Counts go over from a table to the one that replaces it. */
typedef struct FirewallCounter {
        char *name;
        VmId vm; /* "" for what is shared */
        uint64_t packets, bytes;
} FirewallCounter;

typedef struct FirewallTable {
        bool present;
        bool ours;            /* by its comment */
        bool routing_was_off; /* ip_forward is to be put back, and with it: */
        Routing routing;
        FirewallCounter *counters; /* by name */
        size_t n_counters;
} FirewallTable;

typedef struct FirewallState {
        FirewallTable tables[_FIREWALL_FAMILY_MAX];
} FirewallState;

/* "list flowtables": which are there. It names every table, and is all that nft reads for it. */
void firewall_state_find(const char *listing, FirewallState *state);
/* "list table FAMILY banger", cut up in the reading. Only what outlasts the table is looked at: all
 * of it is replaced in any case. -ENOMEM. */
int firewall_table_parse(char *listing, FirewallTable *table);
/* Both are there, and ours. */
bool firewall_state_is_whole(const FirewallState *state);
void firewall_table_clear(FirewallTable *table);
void firewall_state_clear(FirewallState *state);
/* NULL when there is none, or it is not this VM's ("": what is shared, NULL: anybody's). */
const FirewallCounter *firewall_table_find(const FirewallTable *table, const char *name,
                                           const char *vm);

/* What a table's comment tells. */
void firewall_table_take_comment(FirewallTable *table, const char *comment);

/* The comments of our tables, and of a counter for each link that forwarded: they remember what is
 * to be put back. (The elements of a set are not read: they are many.) */
#define FIREWALL_COMMENT "banger"
#define FIREWALL_COMMENT_ROUTING "banger: net.ipv4.ip_forward was 0"
#define FIREWALL_COMMENT_REDIRECTS FIREWALL_COMMENT_ROUTING ", accept_redirects 0"
#define FIREWALL_COMMENT_FORWARDED "banger: forwarded "
