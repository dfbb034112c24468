#include <errno.h>

#include "tests/unit/daemon/dns-query.h"

static int ask_zone(const DnsZone *zone, const Query *query, Reply *ret) {
        /* On the heap, so that a sanitizer sees each byte past the end. */
        _cleanup_free_ uint8_t *bytes = malloc(query->size ? query->size : 1);

        assert_non_null(bytes);
        memcpy(bytes, query->bytes, query->size);
        return dns_packet_answer(bytes, query->size, dns_zone_decide, zone, ret->bytes, &ret->size);
}

static Reply answer(const Query *query) {
        const DnsZone zone = web_zone(24);
        Reply reply = {.size = 0};

        assert_int_equal(ask_zone(&zone, query, &reply), 0);
        assert_int_equal(get16(&reply, 0), get16(&(Reply) {.bytes = {query->bytes[0],
                                                                     query->bytes[1]},
                                                           .size = 2},
                                                 0));
        assert_true(reply_has(&reply, BIT_QR));
        assert_false(reply_has(&reply, BIT_TC));
        return reply;
}

static Reply ask(const char *name, unsigned type) {
        const Query query = query_new(name, type);

        return answer(&query);
}

static Reply ask_in(unsigned prefix, const char *name, unsigned type) {
        const Query query = query_new(name, type);
        const DnsZone zone = web_zone(prefix);
        Reply reply = {.size = 0};

        assert_int_equal(ask_zone(&zone, &query, &reply), 0);
        return reply;
}

static void assert_refused(const Reply *reply) {
        assert_int_equal(reply_rcode(reply), DNS_REFUSED);
        assert_false(reply_has(reply, BIT_AA));
        assert_int_equal(n_answers(reply) + n_authorities(reply), 0);
}

/* No such name, or no such record of it: the zone's SOA says so, for no time. */
static void assert_denied(const Reply *reply, DnsRcode rcode, const char *zone) {
        ReplyRecord soa;

        assert_int_equal(reply_rcode(reply), rcode);
        assert_true(reply_has(reply, BIT_AA));
        assert_int_equal(n_answers(reply), 0);
        assert_int_equal(n_authorities(reply), 1);
        soa = find_record(reply, 0);
        assert_int_equal(soa.type, DNS_TYPE_SOA);
        assert_string_equal(soa.owner, zone);
        assert_int_equal(soa.ttl, 0);
        /* The SOA's last number bounds how long a denial may be kept (RFC 2308, 4). */
        assert_int_equal(get16(reply, soa.data + soa.data_size - 4), 0);
        assert_int_equal(get16(reply, soa.data + soa.data_size - 2), 0);
}

static void assert_web(const Reply *reply, const char *owner) {
        ReplyRecord record;

        assert_int_equal(reply_rcode(reply), DNS_NOERROR);
        assert_true(reply_has(reply, BIT_AA));
        assert_int_equal(n_answers(reply), 1);
        assert_int_equal(n_authorities(reply), 0);
        record = find_record(reply, 0);
        assert_string_equal(record.owner, owner);
        assert_int_equal(record.type, DNS_TYPE_A);
        assert_int_equal(record.class, 1);
        assert_int_equal(record.ttl, 0);
        assert_int_equal(record.data_size, 4);
        assert_memory_equal(reply->bytes + record.data, ((uint8_t[]) {172, 30, 0, 5}), 4);
}

static void a_vm_that_runs_has_its_address(_unused_ void **state) {
        const Reply reply = ask("web.vm", DNS_TYPE_A);

        assert_web(&reply, "web.vm.");
}

static void case_does_not_matter_and_is_kept(_unused_ void **state) {
        const Reply reply = ask("WeB.Vm", DNS_TYPE_A);

        assert_web(&reply, "WeB.Vm.");
}

static void another_type_of_a_name_that_exists_is_no_data(_unused_ void **state) {
        static const unsigned types[] = {28 /* AAAA */, 2 /* NS */, 15, 16, 33, 65, DNS_TYPE_SOA,
                                         DNS_TYPE_PTR, 999};

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                const Reply reply = ask("web.vm", types[i]);

                assert_denied(&reply, DNS_NOERROR, "vm.");
        }
}

static void a_name_that_no_vm_has_does_not_exist(_unused_ void **state) {
        static const char *const names[] = {"other.vm", "a.web.vm", "a.b.c.d.e.f.g.h.web.vm",
                                            "web?.vm", "web\x01.vm"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Reply reply = ask(names[i], DNS_TYPE_A);

                assert_denied(&reply, DNS_NXDOMAIN, "vm.");
                reply = ask(names[i], 28);
                assert_denied(&reply, DNS_NXDOMAIN, "vm.");
        }
}

/* Neither ends a label in our eyes: it is another name. */
static void a_label_with_a_dot_or_a_nul_is_no_vm(_unused_ void **state) {
        static const char odd[] = {'.', '\0', '\\'};

        for (size_t i = 0; i < sizeof(odd); i++) {
                Query query = query_new("web#.vm", DNS_TYPE_A);
                Reply reply;

                query.bytes[HEADER_SIZE + 4] = (uint8_t) odd[i];
                reply = answer(&query);
                assert_denied(&reply, DNS_NXDOMAIN, "vm.");
                query = query_new("web#vm", DNS_TYPE_A);
                query.bytes[HEADER_SIZE + 4] = (uint8_t) odd[i];
                reply = answer(&query);
                assert_refused(&reply);
        }
}

static void the_domain_itself_has_an_soa_and_nothing_else(_unused_ void **state) {
        Reply reply = ask("vm", DNS_TYPE_SOA);

        assert_int_equal(reply_rcode(&reply), DNS_NOERROR);
        assert_int_equal(n_answers(&reply), 1);
        assert_int_equal(find_record(&reply, 0).type, DNS_TYPE_SOA);
        reply = ask("vm", DNS_TYPE_A);
        assert_denied(&reply, DNS_NOERROR, "vm.");
}

static void what_is_not_ours_is_refused(_unused_ void **state) {
        static const char *const names[] = {"debian.org",
                                            "",
                                            "vm.org",
                                            "xvm",
                                            "arpa",
                                            "in-addr.arpa",
                                            "172.in-addr.arpa",
                                            "30.172.in-addr.arpa",
                                            "5.1.30.172.in-addr.arpa",
                                            "5.0.30.10.in-addr.arpa",
                                            "1.0.0.127.in-addr.arpa",
                                            "x.172.in-addr.arpa",
                                            "5.0.30.172.x.arpa",
                                            "1.0.0.0.ip6.arpa"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const Reply reply = ask(names[i], DNS_TYPE_A);

                assert_refused(&reply);
        }
}

static void transfers_other_classes_and_opt_as_a_question_are_refused(_unused_ void **state) {
        for (unsigned type = DNS_TYPE_META_FIRST; type <= DNS_TYPE_META_LAST; type++) {
                const Reply reply = ask("vm", type);

                assert_refused(&reply);
        }
        for (unsigned class = 3; class <= 255; class += 252) {
                Query query = query_new("web.vm", DNS_TYPE_A);
                Reply reply;

                set16(&query, query.size - 2, class);
                reply = answer(&query);
                assert_refused(&reply);
        }
}

static void the_address_of_a_vm_has_its_name(_unused_ void **state) {
        const Reply reply = ask("5.0.30.172.IN-ADDR.arpa", DNS_TYPE_PTR);
        ReplyRecord record;
        char target[64];

        assert_int_equal(reply_rcode(&reply), DNS_NOERROR);
        assert_true(reply_has(&reply, BIT_AA));
        assert_int_equal(n_answers(&reply), 1);
        record = find_record(&reply, 0);
        assert_int_equal(record.type, DNS_TYPE_PTR);
        assert_int_equal(record.ttl, 0);
        read_reply_name(&reply, &record.data, target, sizeof(target));
        assert_string_equal(target, "web.vm.");
}

static void an_address_without_a_vm_has_no_name(_unused_ void **state) {
        static const char *const names[] = {"1.0.30.172.in-addr.arpa", "6.0.30.172.in-addr.arpa",
                                            "05.0.30.172.in-addr.arpa", "x.0.30.172.in-addr.arpa",
                                            "256.0.30.172.in-addr.arpa",
                                            "1.5.0.30.172.in-addr.arpa"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const Reply reply = ask(names[i], DNS_TYPE_PTR);

                assert_denied(&reply, DNS_NXDOMAIN, "0.30.172.in-addr.arpa.");
        }
}

static void an_address_of_a_vm_has_only_its_name(_unused_ void **state) {
        Reply reply = ask("5.0.30.172.in-addr.arpa", DNS_TYPE_A);

        assert_denied(&reply, DNS_NOERROR, "0.30.172.in-addr.arpa.");
        reply = ask("0.30.172.in-addr.arpa", DNS_TYPE_PTR);
        assert_denied(&reply, DNS_NOERROR, "0.30.172.in-addr.arpa.");
        reply = ask("0.30.172.in-addr.arpa", DNS_TYPE_SOA);
        assert_int_equal(n_answers(&reply), 1);
}

static void a_network_of_no_whole_octets_ends_where_it_ends(_unused_ void **state) {
        Reply reply = ask_in(20, "5.0.30.172.in-addr.arpa", DNS_TYPE_PTR);

        assert_int_equal(n_answers(&reply), 1);
        reply = ask_in(20, "9.15.30.172.in-addr.arpa", DNS_TYPE_PTR);
        assert_denied(&reply, DNS_NXDOMAIN, "30.172.in-addr.arpa.");
        reply = ask_in(20, "15.30.172.in-addr.arpa", DNS_TYPE_PTR);
        assert_denied(&reply, DNS_NOERROR, "30.172.in-addr.arpa.");
        reply = ask_in(20, "9.16.30.172.in-addr.arpa", DNS_TYPE_PTR);
        assert_refused(&reply);
        reply = ask_in(30, "5.0.30.172.in-addr.arpa", DNS_TYPE_PTR);
        assert_refused(&reply);
        reply = ask_in(8, "1.2.3.172.in-addr.arpa", DNS_TYPE_PTR);
        assert_denied(&reply, DNS_NXDOMAIN, "172.in-addr.arpa.");
}

static void any_is_answered_by_one_record(_unused_ void **state) {
        Reply reply = ask("web.vm", DNS_TYPE_ANY);

        assert_web(&reply, "web.vm.");
        assert_true(reply.size < 60);
        reply = ask("5.0.30.172.in-addr.arpa", DNS_TYPE_ANY);
        assert_int_equal(n_answers(&reply), 1);
        reply = ask("vm", DNS_TYPE_ANY);
        assert_int_equal(n_answers(&reply), 1);
}

static void an_answer_is_never_answered(_unused_ void **state) {
        const DnsZone zone = web_zone(24);
        Query query = query_new("web.vm", DNS_TYPE_A);
        Reply reply;

        set16(&query, 2, BIT_QR);
        assert_int_equal(ask_zone(&zone, &query, &reply), -EBADMSG);
        reply = ask("web.vm", DNS_TYPE_A);
        memcpy(query.bytes, reply.bytes, reply.size);
        query.size = reply.size;
        assert_int_equal(ask_zone(&zone, &query, &reply), -EBADMSG);
}

static void less_than_a_header_is_not_answered(_unused_ void **state) {
        const DnsZone zone = web_zone(24);
        Reply reply;

        for (size_t size = 0; size < HEADER_SIZE; size++) {
                Query query = query_new("web.vm", DNS_TYPE_A);

                query.size = size;
                assert_int_equal(ask_zone(&zone, &query, &reply), -EBADMSG);
        }
}

static void assert_only_header(const Reply *reply, DnsRcode rcode) {
        assert_int_equal(reply_rcode(reply), rcode);
        assert_int_equal(reply->size, HEADER_SIZE);
        assert_int_equal(get16(reply, 4), 0);
}

static void a_message_that_ends_early_is_malformed(_unused_ void **state) {
        const Query whole = query_new("web.vm", DNS_TYPE_A);

        for (size_t size = HEADER_SIZE; size < whole.size; size++) {
                Query query = whole;
                Reply reply;

                query.size = size;
                reply = answer(&query);
                assert_only_header(&reply, DNS_FORMERR);
        }
}

static void other_numbers_of_records_are_malformed(_unused_ void **state) {
        static const struct {
                size_t at;
                unsigned n;
        } counts[] = {{4, 0}, {4, 2}, {4, 65535}, {6, 1}, {8, 1}, {10, 2}, {10, 65535}, {10, 1}};

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                Query query = query_new("web.vm", DNS_TYPE_A);
                Reply reply;

                set16(&query, counts[i].at, counts[i].n);
                reply = answer(&query);
                assert_only_header(&reply, DNS_FORMERR);
        }
}

/* Whole ones, so that it is not their lack that is wrong. */
static void records_in_a_query_are_malformed(_unused_ void **state) {
        for (size_t section = 6; section <= 8; section += 2) {
                Query query = query_new("web.vm", DNS_TYPE_A);
                Reply reply;

                put_opt(&query, 1232, 0, false);
                set16(&query, 10, 0);
                set16(&query, section, 1);
                reply = answer(&query);
                assert_only_header(&reply, DNS_FORMERR);
        }
}

static void edns_twice_is_malformed(_unused_ void **state) {
        Query query = query_new("web.vm", DNS_TYPE_A);
        Reply reply;

        put_opt(&query, 1232, 0, false);
        put_opt(&query, 1232, 0, false);
        set16(&query, 10, 2);
        reply = answer(&query);
        assert_only_header(&reply, DNS_FORMERR);
}

static void a_name_that_points_to_itself_is_malformed(_unused_ void **state) {
        Query query = query_new("", DNS_TYPE_A);
        Reply reply;

        query.size = HEADER_SIZE;
        put16(&query, 0xc000 | HEADER_SIZE);
        put16(&query, DNS_TYPE_A);
        put16(&query, 1);
        reply = answer(&query);
        assert_only_header(&reply, DNS_FORMERR);
}

static void other_operations_are_not_implemented(_unused_ void **state) {
        for (unsigned opcode = 1; opcode < 16; opcode++) {
                Query query = query_new("web.vm", DNS_TYPE_A);
                Reply reply;

                set16(&query, 2, opcode << 11 | BIT_RD);
                reply = answer(&query);
                assert_only_header(&reply, DNS_NOTIMP);
                assert_int_equal(get16(&reply, 2) >> 11 & 0xf, opcode);
        }
}

static void flags_of_the_query_that_belong_into_the_answer_are_in_it(_unused_ void **state) {
        Query query = query_new("web.vm", DNS_TYPE_A);
        Reply reply = answer(&query);

        assert_true(reply_has(&reply, BIT_RD));
        assert_false(reply_has(&reply, BIT_CD));
        set16(&query, 2, BIT_CD);
        reply = answer(&query);
        assert_false(reply_has(&reply, BIT_RD));
        assert_true(reply_has(&reply, BIT_CD));
}

static void edns_is_answered_by_edns(_unused_ void **state) {
        for (unsigned udp_size = 0; udp_size <= 4096; udp_size += 4096) {
                Query query = query_new("web.vm", DNS_TYPE_A);
                ReplyRecord opt;
                Reply reply;

                put_opt(&query, udp_size, 0, udp_size > 0);
                reply = answer(&query);
                assert_web(&reply, "web.vm.");
                assert_int_equal(n_additional(&reply), 1);
                opt = find_record(&reply, 1);
                assert_string_equal(opt.owner, "");
                assert_int_equal(opt.type, DNS_TYPE_OPT);
                assert_int_equal(opt.class, 1232);
                assert_int_equal(opt.ttl, udp_size > 0 ? 0x8000 : 0);
        }
}

static void without_edns_there_is_none(_unused_ void **state) {
        const Reply reply = ask("web.vm", DNS_TYPE_A);

        assert_int_equal(n_additional(&reply), 0);
}

static void a_later_edns_is_a_bad_version(_unused_ void **state) {
        Query query = query_new("web.vm", DNS_TYPE_A);
        Reply reply;

        put_opt(&query, 1232, 1, false);
        reply = answer(&query);
        assert_int_equal(n_answers(&reply) + n_authorities(&reply), 0);
        assert_int_equal(reply_rcode(&reply), 0);
        /* The upper bits of 16, and the version that there is. */
        assert_int_equal(find_record(&reply, 0).ttl >> 16, 1 << 8 | 0);
}

static void options_of_edns_are_not_echoed(_unused_ void **state) {
        Query query = query_new("web.vm", DNS_TYPE_A);
        Reply reply;

        put_opt(&query, 1232, 0, false);
        set16(&query, query.size - 2, 12);
        put16(&query, 10); /* COOKIE */
        put16(&query, 8);
        for (size_t i = 0; i < 8; i++)
                put8(&query, 'c');
        reply = answer(&query);
        assert_web(&reply, "web.vm.");
        assert_int_equal(find_record(&reply, 1).data_size, 0);
}

static void a_record_that_is_not_edns_is_left_aside(_unused_ void **state) {
        Query query = query_new("web.vm", DNS_TYPE_A);
        Reply reply;

        set16(&query, 10, 1);
        put_name(&query, "x");
        put16(&query, 16);
        put16(&query, 1);
        put16(&query, 0);
        put16(&query, 0);
        put16(&query, 2);
        put8(&query, 1);
        put8(&query, 'x');
        reply = answer(&query);
        assert_web(&reply, "web.vm.");
        assert_int_equal(n_additional(&reply), 0);
}

/* 255 bytes, the most that a name may have: nothing needs to be cut to 512. */
static void the_longest_name_fits_with_all_that_is_said_of_it(_unused_ void **state) {
        char name[256] = "";
        Query query;
        Reply reply;

        for (size_t i = 0; i < 3; i++) {
                memset(name + strlen(name), 'a', 63);
                strcat(name, ".");
        }
        memset(name + strlen(name), 'b', 57);
        strcat(name, ".vm");
        assert_int_equal(strlen(name) + 2, 254);
        query = query_new(name, DNS_TYPE_A);
        put_opt(&query, 512, 0, true);
        reply = answer(&query);
        assert_denied(&reply, DNS_NXDOMAIN, "vm.");
        assert_true(reply.size <= DNS_ANSWER_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_vm_that_runs_has_its_address),
                cmocka_unit_test(case_does_not_matter_and_is_kept),
                cmocka_unit_test(another_type_of_a_name_that_exists_is_no_data),
                cmocka_unit_test(a_name_that_no_vm_has_does_not_exist),
                cmocka_unit_test(a_label_with_a_dot_or_a_nul_is_no_vm),
                cmocka_unit_test(the_domain_itself_has_an_soa_and_nothing_else),
                cmocka_unit_test(what_is_not_ours_is_refused),
                cmocka_unit_test(transfers_other_classes_and_opt_as_a_question_are_refused),
                cmocka_unit_test(the_address_of_a_vm_has_its_name),
                cmocka_unit_test(an_address_without_a_vm_has_no_name),
                cmocka_unit_test(an_address_of_a_vm_has_only_its_name),
                cmocka_unit_test(a_network_of_no_whole_octets_ends_where_it_ends),
                cmocka_unit_test(any_is_answered_by_one_record),
                cmocka_unit_test(an_answer_is_never_answered),
                cmocka_unit_test(less_than_a_header_is_not_answered),
                cmocka_unit_test(a_message_that_ends_early_is_malformed),
                cmocka_unit_test(other_numbers_of_records_are_malformed),
                cmocka_unit_test(records_in_a_query_are_malformed),
                cmocka_unit_test(edns_twice_is_malformed),
                cmocka_unit_test(a_name_that_points_to_itself_is_malformed),
                cmocka_unit_test(other_operations_are_not_implemented),
                cmocka_unit_test(flags_of_the_query_that_belong_into_the_answer_are_in_it),
                cmocka_unit_test(edns_is_answered_by_edns),
                cmocka_unit_test(without_edns_there_is_none),
                cmocka_unit_test(a_later_edns_is_a_bad_version),
                cmocka_unit_test(options_of_edns_are_not_echoed),
                cmocka_unit_test(a_record_that_is_not_edns_is_left_aside),
                cmocka_unit_test(the_longest_name_fits_with_all_that_is_said_of_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
