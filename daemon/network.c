#include "daemon/network.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/strings.h"
#include "daemon/root-stub.h"

#define HELPER_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define VERSION_UNKNOWN 0

/* A forward that the helper could not set. */
typedef struct LeftOut {
        VmId id;
        Forward forward;
        char *reason;
} LeftOut;

typedef struct LeftOuts {
        LeftOut *items;
        size_t n_items;
} LeftOuts;

struct Network {
        const char *root_socket;
        pthread_mutex_t changing; /* held while the helper is asked: one change at a time */
        pthread_mutex_t lock;     /* of what follows; never while anybody waits */
        NetworkGuest *guests;
        size_t n_guests;
        uint64_t version; /* of the set */
        uint64_t applied; /* the version that the kernel has */
        bool failed;      /* the last try to apply it */
        LeftOuts left_outs; /* of the last one that did not */
};

static void left_outs_clear(LeftOuts *left_outs) {
        for (size_t i = 0; i < left_outs->n_items; i++)
                free(left_outs->items[i].reason);
        free(left_outs->items);
        *left_outs = (LeftOuts) {.items = NULL};
}

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

int network_new(const char *root_socket, Network **ret) {
        Network *network = calloc(1, sizeof(*network));

        if (!network)
                return -ENOMEM;
        *network = (Network) {
                .root_socket = root_socket,
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
        if (!before || strcmp(guest->id.text, before->id.text) != 0)
                return true;
        for (size_t i = 0; i < before->forwards.n_items; i++)
                if (forward_equal(&before->forwards.items[i], forward))
                        return true;
        return false;
}

static int add_forward(RootNetwork *wanted, const VmId *id, const Forward *forward,
                       bool optional) {
        RootForward *item = (RootForward *) wanted->forwards.items + wanted->forwards.n_items++;
        char address[INET_ADDRSTRLEN];

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

static void wanted_cleanup(RootNetwork *wanted) {
        schema_clear(&root_network_schema, wanted);
}

/* What the helper is asked for; a copy, for the set may be filled meanwhile. */
static int describe(const Network *network, const char *operation, const NetworkGuest *before,
                    RootNetwork *ret) {
        RootNetwork wanted = {
                .guests = {.items = calloc(network->n_guests + 1, sizeof(RootGuest))},
                .forwards = {.items = calloc(count_forwards(network) + 1, sizeof(RootForward))},
                .operation = operation ? strdup(operation) : NULL,
        };
        int r = wanted.guests.items && wanted.forwards.items && !wanted.operation == !operation
                        ? 0
                        : -ENOMEM;

        for (size_t i = 0; i < network->n_guests && r >= 0; i++) {
                const NetworkGuest *guest = &network->guests[i];

                r = add_guest(&wanted, guest);
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

static const LeftOut *find_left_out(const LeftOuts *left_outs, const VmId *id,
                                    const Forward *forward) {
        for (size_t i = 0; i < left_outs->n_items; i++)
                if (strcmp(left_outs->items[i].id.text, id->text) == 0 &&
                    forward_equal(&left_outs->items[i].forward, forward))
                        return &left_outs->items[i];
        return NULL;
}

/* What was refused of a request, in the terms of the set; an answer about none of its forwards is
 * passed over. */
static int read_left_outs(const RootNetwork *wanted, RootNetworkDone *done, LeftOuts *ret) {
        RootLeftOut *answers = done->left_out.items;
        const RootForward *forwards = wanted->forwards.items;
        LeftOuts left_outs = {.items = calloc(done->left_out.n_items + 1, sizeof(LeftOut))};

        if (!left_outs.items)
                return -ENOMEM;
        for (size_t i = 0; i < done->left_out.n_items; i++) {
                LeftOut *item = &left_outs.items[left_outs.n_items];
                const RootForward *forward;

                if (answers[i].forward >= (int64_t) wanted->forwards.n_items)
                        continue;
                forward = &forwards[answers[i].forward];
                if (vm_id_parse(forward->vm, &item->id) < 0 ||
                    forward_make(forward->protocol, forward->address, forward->host_port,
                                 forward->guest_port, &item->forward) < 0)
                        continue;
                item->reason = steal_ptr(answers[i].reason);
                left_outs.n_items++;
        }
        *ret = left_outs;
        return 0;
}

/* Every change asks anew: the same trouble is one record. */
static void tell_left_outs(const LeftOuts *before, const LeftOuts *now) {
        for (size_t i = 0; i < now->n_items; i++) {
                const LeftOut *item = &now->items[i];
                const LeftOut *known = find_left_out(before, &item->id, &item->forward);
                const LogField fields[] = {{"BANGER_VM", item->id.text}, {}};
                char text[FORWARD_TEXT_SIZE];

                if (known && string_equal(known->reason, item->reason))
                        continue;
                forward_format(&item->forward, text);
                log_write(LOG_WARNING, fields, "the forward %s is not in force: %s", text,
                          item->reason);
        }
}

/* One change at a time: nobody else writes what is read without the lock here. */
static void note_applied(Network *network, uint64_t version, LeftOuts *left_outs_taken) {
        tell_left_outs(&network->left_outs, left_outs_taken);
        (void) pthread_mutex_lock(&network->lock);
        network->applied = version;
        network->failed = false;
        left_outs_clear(&network->left_outs);
        network->left_outs = *left_outs_taken;
        (void) pthread_mutex_unlock(&network->lock);
}

static int ask_helper(const Network *network, const RootNetwork *wanted, LeftOuts *ret,
                      Error *reterr) {
        _cleanup_(done_cleanup) RootNetworkDone done = {.left_out = {.items = NULL}};
        int r;

        r = root_network_set(network->root_socket, clock_monotonic_usec() + HELPER_TIMEOUT_USEC,
                             wanted, &done, reterr);
        if (r < 0)
                return r;
        r = read_left_outs(wanted, &done, ret);
        return r < 0 ? error_set_errno(reterr, -r, "cannot read what the network lacks") : 0;
}

/* From when the helper is asked until it has succeeded nobody knows what the kernel has. before:
 * what the guest was that is changed; NULL: none is. */
static int apply(Network *network, const char *operation, const NetworkGuest *before,
                 Error *reterr) {
        _cleanup_(wanted_cleanup) RootNetwork wanted = {.guests = {.items = NULL}};
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
                r = ask_helper(network, &wanted, &left_outs, reterr);
        if (r >= 0)
                note_applied(network, version, &left_outs);
        else {
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
        found = find_left_out(&network->left_outs, id, forward);
        if (found)
                copy = strdup(found->reason);
        (void) pthread_mutex_unlock(&network->lock);
        if (found && !copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}
