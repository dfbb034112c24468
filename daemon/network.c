#include "daemon/network.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/left-outs.h"
#include "daemon/root-stub.h"

#define HELPER_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define VERSION_UNKNOWN 0

struct Network {
        const char *root_socket;
        pthread_mutex_t changing; /* held while the helper is asked: one change at a time */
        PortHolds holds;          /* of whoever changes */
        PortHoldMake hold;
        pthread_mutex_t lock;     /* of what follows; never while anybody waits */
        NetworkGuest *guests;
        size_t n_guests;
        uint64_t version; /* of the set */
        uint64_t applied; /* the version that the kernel has */
        bool failed;      /* the last try to apply it */
        LeftOuts left_outs; /* of the last one that did not */
};

void network_guest_clear(NetworkGuest *guest) {
        forwards_clear(&guest->forwards);
        *guest = (NetworkGuest) {.slot = 0};
}

int network_guest_copy(const NetworkGuest *guest, NetworkGuest *ret) {
        NetworkGuest copy = *guest;
        int r = forwards_copy(&guest->forwards, &copy.forwards);

        if (r >= 0)
                *ret = copy;
        return r;
}

int network_new(const char *root_socket, PortHoldMake hold, Network **ret) {
        Network *network = calloc(1, sizeof(*network));

        if (!network)
                return -ENOMEM;
        *network = (Network) {
                .root_socket = root_socket,
                .hold = hold,
                .changing = PTHREAD_MUTEX_INITIALIZER,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .version = 1,
                .applied = VERSION_UNKNOWN,
        };
        *ret = network;
        return 0;
}

Network *network_free(Network *network) {
        if (!network)
                return NULL;
        for (size_t i = 0; i < network->n_guests; i++)
                network_guest_clear(&network->guests[i]);
        free(network->guests);
        left_outs_clear(&network->left_outs);
        port_holds_clear(&network->holds);
        (void) pthread_mutex_destroy(&network->changing);
        (void) pthread_mutex_destroy(&network->lock);
        free(network);
        return NULL;
}

static NetworkGuest *find(const Network *network, const VmId *id) {
        for (size_t i = 0; i < network->n_guests; i++)
                if (strcmp(network->guests[i].id.text, id->text) == 0)
                        return &network->guests[i];
        return NULL;
}

/* An entry that is not in the set has slot 0. */
static bool is_guest(const NetworkGuest *guest) {
        return guest->slot != 0;
}

static void remove_entry(Network *network, NetworkGuest *entry) {
        size_t after = network->n_guests - 1 - (size_t) (entry - network->guests);

        memmove(entry, entry + 1, after * sizeof(*entry));
        network->n_guests--;
}

/* Makes the entry of this id be guest (taken on success), and gives what it was before. */
static int exchange(Network *network, const VmId *id, NetworkGuest *guest,
                    NetworkGuest *ret_before) {
        NetworkGuest *entry = find(network, id), *guests;

        if (!entry && is_guest(guest)) {
                guests = reallocarray(network->guests, network->n_guests + 1, sizeof(*guests));
                if (!guests)
                        return -ENOMEM;
                network->guests = guests;
                entry = &guests[network->n_guests++];
                *entry = (NetworkGuest) {.slot = 0};
        }
        *ret_before = entry ? *entry : (NetworkGuest) {.slot = 0};
        if (entry && is_guest(guest))
                *entry = *guest;
        else if (entry)
                remove_entry(network, entry);
        *guest = (NetworkGuest) {.slot = 0};
        network->version++;
        return 0;
}

static size_t count_forwards(const Network *network) {
        size_t n = 0;

        for (size_t i = 0; i < network->n_guests; i++)
                n += network->guests[i].forwards.n_items;
        return n;
}

/* What the helper is asked for, and what of it is not read back from its words. */
typedef struct Wanted {
        RootNetwork request;
        VmId *ids;         /* whose each forward is */
        Forwards forwards; /* in the request's order */
} Wanted;

static int add_guest(RootNetwork *wanted, const NetworkGuest *guest) {
        RootGuest *item = (RootGuest *) wanted->guests.items + wanted->guests.n_items++;

        *item = (RootGuest) {
                .vm = strdup(guest->id.text),
                .slot = guest->slot,
                .nat = guest->nat,
        };
        return item->vm ? 0 : -ENOMEM;
}

/* Those that a change brings are set, or the change fails. For one that was wanted before no VM is to
 * suffer: somebody may listen there since its rule went, or its address has gone. */
static bool is_optional(const NetworkGuest *guest, const NetworkGuest *before,
                        const Forward *forward) {
        return !before || strcmp(guest->id.text, before->id.text) != 0 ||
               forwards_have(&before->forwards, forward);
}

static int add_forward(Wanted *wanted, const VmId *id, const Forward *forward, bool optional) {
        Objects *forwards = &wanted->request.forwards;
        RootForward *item = (RootForward *) forwards->items + forwards->n_items++;
        char address[INET_ADDRSTRLEN];

        wanted->ids[wanted->forwards.n_items] = *id;
        wanted->forwards.items[wanted->forwards.n_items++] = *forward;
        forward_format_address(forward, address);
        *item = (RootForward) {
                .vm = strdup(id->text),
                .protocol = (int) forward->protocol,
                .address = strdup(address),
                .host_port = forward->host_port,
                .guest_port = forward->guest_port,
                .optional = optional,
        };
        return item->vm && item->address ? 0 : -ENOMEM;
}

static void wanted_cleanup(Wanted *wanted) {
        schema_clear(&root_network_schema, &wanted->request);
        forwards_clear(&wanted->forwards);
        free(wanted->ids);
}

static int wanted_new(size_t n_guests, size_t n_forwards, const char *operation, Wanted *ret) {
        Wanted wanted = {
                .request = {.guests = {.items = calloc(n_guests + 1, sizeof(RootGuest))},
                            .forwards = {.items = calloc(n_forwards + 1, sizeof(RootForward))},
                            .operation = operation ? strdup(operation) : NULL},
                .ids = calloc(n_forwards + 1, sizeof(VmId)),
                .forwards = {.items = calloc(n_forwards + 1, sizeof(Forward))},
        };

        if (!wanted.request.guests.items || !wanted.request.forwards.items || !wanted.ids ||
            !wanted.forwards.items || !wanted.request.operation != !operation) {
                wanted_cleanup(&wanted);
                return -ENOMEM;
        }
        *ret = wanted;
        return 0;
}

/* A copy, for the set may be filled meanwhile. */
static int describe(const Network *network, const char *operation, const NetworkGuest *before,
                    Wanted *ret) {
        Wanted wanted;
        int r = wanted_new(network->n_guests, count_forwards(network), operation, &wanted);

        if (r < 0)
                return r;

        for (size_t i = 0; i < network->n_guests && r >= 0; i++) {
                const NetworkGuest *guest = &network->guests[i];

                r = add_guest(&wanted.request, guest);
                for (size_t j = 0; j < guest->forwards.n_items && r >= 0; j++)
                        r = add_forward(&wanted, &guest->id, &guest->forwards.items[j],
                                        is_optional(guest, before, &guest->forwards.items[j]));
        }
        if (r < 0)
                wanted_cleanup(&wanted);
        else
                *ret = wanted;
        return r;
}

static void done_cleanup(RootNetworkDone *done) {
        schema_clear(&root_network_done_schema, done);
}

/* One change at a time: nobody else writes what is read without the lock here. */
static void note_applied(Network *network, uint64_t version, LeftOuts *left_outs_taken) {
        left_outs_tell(&network->left_outs, left_outs_taken);
        (void) pthread_mutex_lock(&network->lock);
        network->applied = version;
        network->failed = false;
        left_outs_clear(&network->left_outs);
        network->left_outs = *left_outs_taken;
        (void) pthread_mutex_unlock(&network->lock);
}

static int ask_helper(const Network *network, const Wanted *wanted, uint64_t deadline_usec,
                      LeftOuts *ret, Error *reterr) {
        _cleanup_(done_cleanup) RootNetworkDone done = {.left_out = {.items = NULL}};
        int r;

        r = root_network_set(network->root_socket, deadline_usec, &wanted->request, &done, reterr);
        if (r < 0)
                return r;
        r = left_outs_read(&done, wanted->ids, &wanted->forwards, ret);
        return r < 0 ? error_set_errno(reterr, -r, "cannot read what the network lacks") : 0;
}

static bool release_left_outs(Network *network, const LeftOuts *left_outs) {
        bool released = false;

        for (size_t i = 0; i < left_outs->n_items; i++)
                if (port_holds_release(&network->holds, &left_outs->items[i].forward))
                        released = true;
        return released;
}

/* To the helper a socket is some program's, which has the port of a forward that it does not know yet.
 * So those of forwards that go or become others are closed first. Where the rule of a forward was lost
 * (nft flush ruleset) it takes ours for one that has come since, and leaves the forward out: then once
 * more, without the socket. */
static int ask(Network *network, const Wanted *wanted, LeftOuts *ret, Error *reterr) {
        uint64_t deadline = clock_monotonic_usec() + HELPER_TIMEOUT_USEC;
        LeftOuts left_outs = {.items = NULL};
        int r;

        port_holds_retain(&network->holds, &wanted->forwards);
        r = ask_helper(network, wanted, deadline, &left_outs, reterr);
        if (r >= 0 && release_left_outs(network, &left_outs)) {
                left_outs_clear(&left_outs);
                r = ask_helper(network, wanted, deadline, &left_outs, reterr);
        }
        if (r >= 0)
                *ret = left_outs;
        return r;
}

/* After the helper has said which are in force. One whose port cannot be held is in force all the
 * same. */
static void hold_ports(Network *network, const Wanted *wanted, const LeftOuts *left_outs) {
        for (size_t i = 0; i < wanted->forwards.n_items; i++) {
                const Forward *forward = &wanted->forwards.items[i];

                if (!left_outs_find(left_outs, &wanted->ids[i], forward))
                        port_holds_add(&network->holds, &wanted->ids[i], forward, network->hold);
        }
}

/* From when the helper is asked until it has succeeded nobody knows what the kernel has. before:
 * what the guest was that is changed; NULL: none is. */
static int apply(Network *network, const char *operation, const NetworkGuest *before,
                 Error *reterr) {
        _cleanup_(wanted_cleanup) Wanted wanted = {.ids = NULL};
        LeftOuts left_outs = {.items = NULL};
        uint64_t version;
        int r;

        (void) pthread_mutex_lock(&network->lock);
        r = describe(network, operation, before, &wanted);
        version = network->version;
        network->applied = VERSION_UNKNOWN;
        (void) pthread_mutex_unlock(&network->lock);
        if (r < 0)
                (void) error_set_errno(reterr, -r, "cannot describe the network");
        else
                r = ask(network, &wanted, &left_outs, reterr);
        if (r >= 0) {
                hold_ports(network, &wanted, &left_outs);
                note_applied(network, version, &left_outs);
        } else {
                (void) pthread_mutex_lock(&network->lock);
                network->failed = true;
                (void) pthread_mutex_unlock(&network->lock);
        }
        return r;
}

static int exchange_locked(Network *network, const VmId *id, NetworkGuest *guest,
                           NetworkGuest *ret_before) {
        int r;

        (void) pthread_mutex_lock(&network->lock);
        r = exchange(network, id, guest, ret_before);
        (void) pthread_mutex_unlock(&network->lock);
        return r;
}

/* guest is taken; slot 0 removes. */
static int change(Network *network, const VmId *id, NetworkGuest *guest, const char *operation,
                  Error *reterr) {
        NetworkGuest before = {.slot = 0};
        int r = exchange_locked(network, id, guest, &before);

        if (r < 0) {
                network_guest_clear(guest);
                return error_set_errno(reterr, -r, "cannot change the network");
        }
        before.id = *id; /* it may not have been there */
        r = apply(network, operation, &before, reterr);
        if (r < 0)
                (void) exchange_locked(network, id, &before, guest);
        network_guest_clear(guest);
        network_guest_clear(&before);
        return r;
}

int network_fill(Network *network, const NetworkGuest *guest) {
        NetworkGuest copy, before = {.slot = 0};
        int r = network_guest_copy(guest, &copy);

        if (r >= 0)
                r = exchange_locked(network, &guest->id, &copy, &before);
        if (r < 0)
                return r;
        network_guest_clear(&before);
        return 0;
}

int network_put(Network *network, const NetworkGuest *guest, const char *operation, Error *reterr) {
        NetworkGuest copy;
        int r = network_guest_copy(guest, &copy);

        if (r < 0)
                return error_set_errno(reterr, -r, "cannot change the network");
        (void) pthread_mutex_lock(&network->changing);
        r = change(network, &guest->id, &copy, operation, reterr);
        (void) pthread_mutex_unlock(&network->changing);
        return r;
}

static bool is_known(Network *network, const VmId *id) {
        bool known;

        (void) pthread_mutex_lock(&network->lock);
        known = find(network, id) != NULL;
        (void) pthread_mutex_unlock(&network->lock);
        return known;
}

int network_remove(Network *network, const VmId *id, const char *operation, Error *reterr) {
        NetworkGuest none = {.slot = 0};
        int r = 0;

        (void) pthread_mutex_lock(&network->changing);
        if (is_known(network, id))
                r = change(network, id, &none, operation, reterr);
        else
                /* What a put that failed, or a VM that nobody knows, may have left. */
                (void) apply(network, operation, NULL, NULL);
        (void) pthread_mutex_unlock(&network->changing);
        return r;
}

static bool is_stale(Network *network) {
        bool stale;

        (void) pthread_mutex_lock(&network->lock);
        stale = network->applied != network->version;
        (void) pthread_mutex_unlock(&network->lock);
        return stale;
}

void network_forget(Network *network) {
        (void) pthread_mutex_lock(&network->lock);
        network->version++;
        (void) pthread_mutex_unlock(&network->lock);
}

int network_apply(Network *network, Error *reterr) {
        int r = 0;

        (void) pthread_mutex_lock(&network->changing);
        if (is_stale(network))
                r = apply(network, NULL, NULL, reterr);
        (void) pthread_mutex_unlock(&network->changing);
        return r;
}

bool network_failed(Network *network) {
        bool failed;

        (void) pthread_mutex_lock(&network->lock);
        failed = network->failed;
        (void) pthread_mutex_unlock(&network->lock);
        return failed;
}

int network_find_left_out(Network *network, const VmId *id, const Forward *forward, char **ret) {
        const LeftOut *found;
        char *copy = NULL;

        (void) pthread_mutex_lock(&network->lock);
        found = left_outs_find(&network->left_outs, id, forward);
        if (found)
                copy = strdup(found->reason);
        (void) pthread_mutex_unlock(&network->lock);
        if (found && !copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}
