#include "helper/firewall-rules.h"

#include <arpa/inet.h>
#include <inttypes.h>

/* After others' (-100, as iptables and nft's "dstnat" have it): a port that another program publishes
 * stays its own. */
#define TRANSLATION_PRIORITY (-90)
/* Of a guest, at once. An eighth of the least net.netfilter.nf_conntrack_max that a host with 1 GiB
 * has (65536; nf_conntrack_init_start() of the kernel): no guest alone keeps the host from talking. */
#define CONNECTIONS_MAX 8192
/* Of a guest. The host keeps those of a datagram that is not whole for 30 s (net.ipv4.ipfrag_time), about
 * 2.5 KiB each, in 4 MiB for all (ipfrag_high_thresh): with these a guest has a fifth of it at most. No
 * larger ones than the link's MTU: a tap takes what a guest writes, padding too. */
#define FRAGMENTS "rate over 8/second burst 64 packets"
#define FRAGMENT_MAX "1500"

typedef struct AddressText {
        char text[INET_ADDRSTRLEN];
} AddressText;

static AddressText address_text(uint32_t address) {
        AddressText ret = {};

        (void) inet_ntop(AF_INET, &(struct in_addr) {htonl(address)}, ret.text, sizeof(ret.text));
        return ret;
}

/* With what it has counted so far: a packet between reading and replacing is lost to it. */
static void write_counter(FILE *out, const FirewallTable *earlier, const char *name, const char *vm,
                          const char *comment) {
        const FirewallCounter *counter = firewall_table_find(earlier, name, vm);

        fprintf(out, "\tcounter %s {\n\t\tcomment \"%s\"\n", name, comment);
        fprintf(out, "\t\tpackets %" PRIu64 " bytes %" PRIu64 "\n\t}\n",
                counter ? counter->packets : 0, counter ? counter->bytes : 0);
}

static void write_vm_counter(FILE *out, const FirewallTable *earlier, const char *name,
                             const VmId *vm) {
        char comment[sizeof("banger:") + VM_ID_LENGTH];

        (void) snprintf(comment, sizeof(comment), "banger:%s", vm->text);
        write_counter(out, earlier, name, vm->text, comment);
}

static void open_set(FILE *out, const char *kind, const char *name, const char *type) {
        fprintf(out, "\t%s %s {\n\t\ttype %s\n", kind, name, type);
}

/* nft takes no empty list of elements. */
static void open_element(FILE *out, size_t *n) {
        fputs(*n == 0 ? "\t\telements = {\n\t\t\t" : ",\n\t\t\t", out);
        (*n)++;
}

static void close_set(FILE *out, size_t n) {
        fputs(n == 0 ? "\t}\n" : "\n\t\t}\n\t}\n", out);
}

/* ---- frames on the bridge ---- */

static void write_bridge_sets(FILE *out, const FirewallPlan *plan, const FirewallTable *earlier) {
        size_t n = 0;

        for (size_t i = 0; i < plan->n_guests; i++) {
                char name[FORWARD_NAME_MAX];

                (void) snprintf(name, sizeof(name), "vm-%s", plan->guests[i].vm.text);
                write_vm_counter(out, earlier, name, &plan->guests[i].vm);
        }
        open_set(out, "set", "guests", "ifname . ether_addr . ipv4_addr");
        for (size_t i = 0; i < plan->n_guests; i++) {
                const FirewallGuest *guest = &plan->guests[i];

                open_element(out, &n);
                fprintf(out, "\"%s\" . %s . %s comment \"banger:%s\"", guest->names.tap,
                        guest->names.mac_text, address_text(guest->address).text, guest->vm.text);
        }
        close_set(out, n);
        open_set(out, "set", "fragments",
                 "ifname\n\t\tsize 1024\n\t\tflags dynamic,timeout\n\t\ttimeout 1m");
        close_set(out, 0);
        n = 0;
        open_set(out, "map", "sent", "ifname : counter");
        for (size_t i = 0; i < plan->n_guests; i++) {
                open_element(out, &n);
                fprintf(out, "\"%s\" : \"vm-%s\"", plan->guests[i].names.tap,
                        plan->guests[i].vm.text);
        }
        close_set(out, n);
}

/* What the bridge would hand up past its own address, for the tap itself to receive: frames to
 * link-local groups (IEEE 802.1Q table 8-1; br_handle_frame() of the kernel). They come by no other
 * hook of the bridge. */
static const char bridge_input[] =
        "\tchain input {\n"
        "\t\ttype filter hook input priority -200; policy accept;\n"
        "\t\tiifname \"bgr-*\" ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00"
        " counter name refused drop\n"
        "\t}\n";

/* The ports are isolated as well; this holds from the moment that the setting is read. */
static const char bridge_isolation[] =
        "\tchain forward {\n"
        "\t\ttype filter hook forward priority -200; policy accept;\n"
        "\t\tiifname \"bgr-*\" oifname \"bgr-*\" drop\n"
        "\t}\n";

/* What is not let through by name is dropped. The type is read from the frame itself: "meta
 * protocol" would look behind a VLAN tag. UDP from port 67 is what a DHCP server says. 0x3fff is what is
 * not zero in a fragment: its place, and that more follow. */
static const char bridge_guests[] =
        "\tchain prerouting {\n"
        "\t\ttype filter hook prerouting priority -300; policy accept;\n"
        "\t\tiifname \"bgr-*\" jump from_guest\n"
        "\t}\n"
        "\tchain from_guest {\n"
        "\t\tether type ip ip frag-off & 0x3fff != 0 meta length > " FRAGMENT_MAX
        " counter name refused drop\n"
        "\t\tether type ip ip frag-off & 0x3fff != 0"
        " update @fragments { iifname limit " FRAGMENTS " } counter name refused drop\n"
        "\t\tether type ip udp sport 67 counter name refused drop\n"
        "\t\tether type ip iifname . ether saddr . ip saddr @guests"
        " counter name iifname map @sent accept\n"
        "\t\tether type arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4"
        " arp operation { request, reply }"
        " iifname . ether saddr . arp saddr ip @guests"
        " iifname . arp saddr ether . arp saddr ip @guests"
        " counter name iifname map @sent accept\n"
        "\t\tcounter name refused drop\n"
        "\t}\n";

static void write_bridge(FILE *out, const FirewallPlan *plan, const FirewallTable *earlier) {
        write_bridge_sets(out, plan, earlier);
        fputs(bridge_guests, out);
        fputs(bridge_input, out);
        if (plan->isolated)
                fputs(bridge_isolation, out);
}

/* ---- what the host routes ---- */

/* A forward's key in its map: those of all addresses have a map of their own. */
static void write_key(FILE *out, const FirewallForward *forward) {
        if (forward->wanted.address != 0)
                fprintf(out, "%s . ", address_text(forward->wanted.address).text);
        fprintf(out, "%s . %u", forward_protocol_names[forward->wanted.protocol],
                forward->wanted.host_port);
}

static void write_targets(FILE *out, const FirewallPlan *plan, const char *name, const char *type,
                          bool everywhere) {
        size_t n = 0;

        open_set(out, "map", name, type);
        for (size_t i = 0; i < plan->n_forwards; i++) {
                const FirewallForward *forward = &plan->forwards[i];

                if ((forward->wanted.address == 0) != everywhere)
                        continue;
                open_element(out, &n);
                write_key(out, forward);
                fprintf(out, " comment \"banger:%s\" : %s . %u", forward->vm.text,
                        address_text(forward->guest_address).text, forward->wanted.guest_port);
        }
        close_set(out, n);
}

static void write_counts(FILE *out, const FirewallPlan *plan, const char *name, const char *type,
                         bool everywhere) {
        char counter[FORWARD_NAME_MAX];
        size_t n = 0;

        open_set(out, "map", name, type);
        for (size_t i = 0; i < plan->n_forwards; i++) {
                const FirewallForward *forward = &plan->forwards[i];

                if ((forward->wanted.address == 0) != everywhere)
                        continue;
                open_element(out, &n);
                write_key(out, forward);
                firewall_forward_name(forward, counter);
                fprintf(out, " : \"%s\"", counter);
        }
        close_set(out, n);
}

static void write_ip_sets(FILE *out, const FirewallPlan *plan, const FirewallTable *earlier) {
        size_t n = 0;

        for (size_t i = 0; i < plan->n_forwards; i++) {
                char name[FORWARD_NAME_MAX];

                firewall_forward_name(&plan->forwards[i], name);
                write_vm_counter(out, earlier, name, &plan->forwards[i].vm);
        }
        open_set(out, "set", "nat", "ipv4_addr");
        for (size_t i = 0; i < plan->n_guests; i++) {
                if (!plan->guests[i].nat)
                        continue;
                open_element(out, &n);
                fprintf(out, "%s comment \"banger:%s\"",
                        address_text(plan->guests[i].address).text, plan->guests[i].vm.text);
        }
        close_set(out, n);
        n = 0;
        open_set(out, "set", "guests", "ipv4_addr");
        for (size_t i = 0; i < plan->n_guests; i++) {
                open_element(out, &n);
                fprintf(out, "%s", address_text(plan->guests[i].address).text);
        }
        close_set(out, n);
        n = 0;
        /* nft compares no two fields of a packet, but it finds both in a set. */
        open_set(out, "set", "selves", "ipv4_addr . ipv4_addr");
        for (size_t i = 0; i < plan->n_guests; i++) {
                AddressText address = address_text(plan->guests[i].address);

                open_element(out, &n);
                fprintf(out, "%s . %s", address.text, address.text);
        }
        close_set(out, n);
        n = 0;
        /* Two forwards may lead to one port. */
        open_set(out, "set", "targets", "ipv4_addr . inet_proto . inet_service");
        for (size_t i = 0; i < plan->n_forwards; i++) {
                const FirewallForward *forward = &plan->forwards[i];

                open_element(out, &n);
                fprintf(out, "%s . %s . %u", address_text(forward->guest_address).text,
                        forward_protocol_names[forward->wanted.protocol],
                        forward->wanted.guest_port);
        }
        close_set(out, n);
        write_targets(out, plan, "forwards",
                      "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service", false);
        write_targets(out, plan, "forwards_everywhere",
                      "inet_proto . inet_service : ipv4_addr . inet_service", true);
        write_counts(out, plan, "counts", "ipv4_addr . inet_proto . inet_service : counter", false);
        write_counts(out, plan, "counts_everywhere", "inet_proto . inet_service : counter", true);
}

/* Nothing comes in by a tap itself. Of the loopback addresses, which the bridge routes for the sake
 * of forwards, none is a guest's to reach: said before any address is changed. Nor is it another
 * machine's, so that forwards of those addresses hold for what the host itself sends. */
static void write_redirection(FILE *out, const FirewallPlan *plan) {
        fprintf(out,
                "\tchain early {\n"
                "\t\ttype filter hook prerouting priority -300; policy accept;\n"
                "\t\tiifname \"bgr-*\" drop\n"
                "\t\tiifname \"%s\" ip daddr 127.0.0.0/8 drop\n"
                "\t}\n"
                "\tchain prerouting {\n"
                "\t\ttype nat hook prerouting priority %d; policy accept;\n"
                "\t\tiifname \"%s\" return\n"
                "\t\tip daddr 127.0.0.0/8 return\n"
                "\t\tfib daddr type local jump translate\n"
                "\t}\n"
                "\tchain output {\n"
                "\t\ttype nat hook output priority %d; policy accept;\n"
                "\t\tfib daddr type local jump translate\n"
                "\t}\n",
                plan->bridge, TRANSLATION_PRIORITY, plan->bridge, TRANSLATION_PRIORITY);
        fputs("\tchain translate {\n"
              "\t\tcounter name ip daddr . meta l4proto . th dport map @counts"
              " dnat ip to ip daddr . meta l4proto . th dport map @forwards\n"
              "\t\tcounter name meta l4proto . th dport map @counts_everywhere"
              " dnat ip to meta l4proto . th dport map @forwards_everywhere\n"
              "\t}\n",
              out);
}

/* For the sake of the host's table of connections, before anything else is done about a packet. Only a
 * connection's first one counts: a flow without an answer is new for ever, and each look goes through
 * all that were counted. Replacing the table begins the count anew. */
static void write_share(FILE *out, const FirewallPlan *plan) {
        open_set(out, "set", "connections", "ipv4_addr\n\t\tsize 1024\n\t\tflags dynamic");
        close_set(out, 0);
        fprintf(out,
                "\tchain share {\n"
                "\t\ttype filter hook prerouting priority -160; policy accept;\n"
                "\t\tiifname \"%s\" ct state new ct status & confirmed == 0 ip saddr @guests"
                " add @connections { ip saddr ct count over %d } counter name refused drop\n"
                "\t}\n",
                plan->bridge, CONNECTIONS_MAX);
}

/* A guest without NAT is told so, whether the host routes or not: otherwise each lookup of a name in
 * it would last as long as the resolver's timeouts. */
static void write_refusal(FILE *out, const FirewallPlan *plan) {
        fprintf(out,
                "\tchain unreachable {\n"
                "\t\ttype filter hook prerouting priority -150; policy accept;\n"
                "\t\tiifname \"%s\" ct direction original ip saddr != @nat"
                " fib daddr type unicast fib daddr oifname != \"%s\""
                " reject with icmp type admin-prohibited\n"
                "\t}\n",
                plan->bridge, plan->bridge);
}

/* A connection outlives its rule in conntrack: what a forward that is gone still translates is
 * dropped on its way out. */
static void write_departure(FILE *out, const FirewallPlan *plan) {
        fprintf(out,
                "\tchain source {\n"
                "\t\ttype nat hook postrouting priority 100; policy accept;\n"
                "\t\tiifname \"%s\" oifname != \"%s\" ip saddr @nat masquerade\n"
                "\t\toifname \"%s\" ip saddr 127.0.0.0/8 masquerade\n"
                "\t}\n"
                "\tchain postrouting {\n"
                "\t\ttype filter hook postrouting priority 0; policy accept;\n"
                "\t\toifname \"%s\" ct direction original ct status dnat meta l4proto { tcp, udp }"
                " ip daddr . meta l4proto . th dport != @targets drop\n"
                "\t}\n",
                plan->bridge, plan->bridge, plan->bridge, plan->bridge);
}

/* What is invalid to conntrack would leave with the guest's own address. */
static void write_filters(FILE *out, const FirewallPlan *plan) {
        fprintf(out,
                "\tchain forward {\n"
                "\t\ttype filter hook forward priority 0; policy accept;\n"
                "\t\tiifname \"%s\" jump from_guests\n"
                "\t\toifname \"%s\" jump to_guests\n"
                "\t}\n"
                "\tchain from_guests {\n"
                "\t\toifname \"%s\" %s\n"
                "\t\tct state established ct direction reply accept\n"
                /* A guest tells of errors of its own connections only. */
                "\t\tct state related ct direction reply ip saddr . ct reply ip saddr @selves accept\n"
                "\t\tct state related ip saddr . ct original ip saddr != @selves"
                " counter name refused drop\n"
                "\t\tct state invalid drop\n"
                "\t\tip saddr @nat accept\n"
                "\t\tcounter name refused drop\n"
                "\t}\n",
                plan->bridge, plan->bridge, plan->bridge, plan->isolated ? "drop" : "accept");
        fprintf(out,
                "\tchain to_guests {\n"
                "\t\tct state established ct direction reply accept\n"
                "\t\tct state related accept\n"
                "\t\tct status dnat accept\n"
                "\t\tcounter name refused drop\n"
                "\t}\n"
                "\tchain input {\n"
                "\t\ttype filter hook input priority 0; policy accept;\n"
                "\t\tiifname \"%s\" jump to_host\n"
                "\t}\n"
                "\tchain to_host {\n"
                "\t\tct state established ct direction reply accept\n"
                /* An error about a connection to others would change the host's routes to them. */
                "\t\tct state related ip saddr . ct reply ip saddr @selves accept\n"
                "\t\ticmp type echo-request accept\n"
                "\t\tmeta l4proto { tcp, udp } th dport 53 accept\n"
                "\t\tcounter name refused drop\n"
                "\t}\n",
                plan->bridge);
}

static void write_ip(FILE *out, const FirewallPlan *plan, const FirewallTable *earlier) {
        write_ip_sets(out, plan, earlier);
        write_redirection(out, plan);
        write_share(out, plan);
        write_refusal(out, plan);
        write_departure(out, plan);
        write_filters(out, plan);
}

static const char *table_comment(const Routing *routing) {
        if (!routing)
                return FIREWALL_COMMENT;
        return routing->refuses_redirects ? FIREWALL_COMMENT_REDIRECTS : FIREWALL_COMMENT_ROUTING;
}

/* No rule counts by them. */
static void write_forwarded(FILE *out, const Routing *routing) {
        for (size_t i = 0; i < routing->n_links; i++)
                fprintf(out, "\tcounter forwarded-%zu {\n\t\tcomment \"%s%s\"\n\t}\n", i,
                        FIREWALL_COMMENT_FORWARDED, routing->links[i]);
}

void firewall_rules_write(FILE *out, FirewallFamily family, const FirewallPlan *plan,
                          const FirewallTable *earlier, const Routing *routing) {
        const char *name = firewall_families[family];

        if (earlier->present)
                fprintf(out, "delete table %s " FIREWALL_TABLE "\n", name);
        fprintf(out, "table %s " FIREWALL_TABLE " {\n\tcomment \"%s\"\n", name,
                table_comment(routing));
        if (routing)
                write_forwarded(out, routing);
        write_counter(out, earlier, "refused", "", "banger");
        if (family == FIREWALL_BRIDGE)
                write_bridge(out, plan, earlier);
        else
                write_ip(out, plan, earlier);
        fputs("}\n", out);
}
