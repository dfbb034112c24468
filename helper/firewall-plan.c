#include "helper/firewall-plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strings.h"

bool firewall_address_is_loopback(uint32_t address) {
        return address >> 24 == 127;
}

void firewall_forward_name(const FirewallForward *forward, char ret[static FORWARD_NAME_MAX]) {
        char address[INET_ADDRSTRLEN];

        forward_format_address(&forward->wanted, address);
        (void) snprintf(ret, FORWARD_NAME_MAX, "%s-%s-%u",
                        forward_protocol_names[forward->wanted.protocol], address,
                        forward->wanted.host_port);
}

static int add_guest(const RootGuest *wanted, const Config *settings, FirewallPlan *plan,
                     Error *reterr) {
        FirewallGuest *guest = &plan->guests[plan->n_guests];

        if (vm_id_parse(wanted->vm, &guest->vm) < 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "\"%s\" is no VM id",
                                 wanted->vm);
        vm_names(&guest->vm, &guest->names);
        guest->nat = wanted->nat;
        guest->address = vm_slot_address((unsigned) wanted->slot, settings->address,
                                         settings->prefix);
        if (guest->address == 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, ERANGE,
                                 "the network of the VMs has no address for slot %d of vm %s",
                                 (int) wanted->slot, wanted->vm);
        for (size_t i = 0; i < plan->n_guests; i++)
                if (string_equal(plan->guests[i].vm.text, guest->vm.text) ||
                    plan->guests[i].address == guest->address)
                        return error_set(reterr, ERROR_INVALID_PARAMETER, EEXIST,
                                         "vm %s or its slot %d is there twice", wanted->vm,
                                         (int) wanted->slot);
        plan->n_guests++;
        return 0;
}

static const FirewallGuest *find_guest(const FirewallPlan *plan, const char *vm) {
        for (size_t i = 0; i < plan->n_guests; i++)
                if (string_equal(plan->guests[i].vm.text, vm))
                        return &plan->guests[i];
        return NULL;
}

static int add_forward(const RootForward *wanted, FirewallPlan *plan, Error *reterr) {
        FirewallForward *forward = &plan->forwards[plan->n_forwards];
        const FirewallGuest *guest = find_guest(plan, wanted->vm);
        const char *address = wanted->address ? wanted->address : "127.0.0.1";
        char name[FORWARD_NAME_MAX];

        *forward = (FirewallForward) {.optional = wanted->optional, .place = plan->n_forwards};
        if (forward_make(wanted->protocol, address, wanted->host_port, wanted->guest_port,
                         &forward->wanted) < 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "\"%s\" is no address that a host can have", address);
        firewall_forward_name(forward, name);
        if (!guest)
                return error_set(reterr, ERROR_INVALID_PARAMETER, ENOENT,
                                 "the forward %s leads to vm %s, which is not among the guests",
                                 name, wanted->vm);
        forward->vm = guest->vm;
        forward->guest_address = guest->address;
        for (size_t i = 0; i < plan->n_forwards; i++) {
                int r;

                if (!forward_clashes(&plan->forwards[i].wanted, &forward->wanted))
                        continue;
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                              "the forward %s of vm %s has the port of another forward, of vm %s",
                              name, wanted->vm, plan->forwards[i].vm.text);
                return error_set_hint(reterr, r, "choose another port of this host");
        }
        plan->n_forwards++;
        return 0;
}

int firewall_plan_make(const RootNetwork *network, const Config *settings, FirewallPlan *ret,
                       Error *reterr) {
        const RootForward *forwards = network->forwards.items;
        const RootGuest *guests = network->guests.items;
        FirewallPlan plan = {.isolated = settings->isolated};
        int r = 0;

        _Static_assert(sizeof(plan.bridge) == sizeof(settings->bridge), "the same name");
        memcpy(plan.bridge, settings->bridge, sizeof(plan.bridge));
        plan.guests = calloc(network->guests.n_items + 1, sizeof(*plan.guests));
        plan.forwards = calloc(network->forwards.n_items + 1, sizeof(*plan.forwards));
        if (!plan.guests || !plan.forwards) {
                firewall_plan_clear(&plan);
                return error_set_errno(reterr, ENOMEM, "cannot plan the network");
        }
        for (size_t i = 0; r >= 0 && i < network->guests.n_items; i++)
                r = add_guest(&guests[i], settings, &plan, reterr);
        for (size_t i = 0; r >= 0 && i < network->forwards.n_items; i++)
                r = add_forward(&forwards[i], &plan, reterr);
        if (r < 0) {
                firewall_plan_clear(&plan);
                return r;
        }
        *ret = plan;
        return 0;
}

void firewall_plan_clear(FirewallPlan *plan) {
        free(plan->guests);
        free(plan->forwards);
        *plan = (FirewallPlan) {};
}

void firewall_plan_leave_out(FirewallPlan *plan) {
        size_t n = 0;

        for (size_t i = 0; i < plan->n_forwards; i++)
                if (!plan->forwards[i].left_out)
                        plan->forwards[n++] = plan->forwards[i];
        plan->n_forwards = n;
}

bool firewall_plan_routes(const FirewallPlan *plan) {
        for (size_t i = 0; i < plan->n_guests; i++)
                if (plan->guests[i].nat)
                        return true;
        for (size_t i = 0; i < plan->n_forwards; i++)
                if (!firewall_address_is_loopback(plan->forwards[i].wanted.address))
                        return true;
        return false;
}

bool firewall_plan_has_loopback(const FirewallPlan *plan) {
        for (size_t i = 0; i < plan->n_forwards; i++)
                if (plan->forwards[i].wanted.address == 0 ||
                    firewall_address_is_loopback(plan->forwards[i].wanted.address))
                        return true;
        return false;
}
