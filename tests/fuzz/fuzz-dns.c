/* DNS queries from anybody on the host: whatever is answered is an answer to that query, and as short
 * as UDP carries for everybody. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/dns-zone.h"

#define HEADER_SIZE 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The longest name that a VM may have. */
static const char vm[] = "abcdefghijklmnopqrstuvwxyz-0123456789-abc";

static uint32_t find_address(const char *name, void *userdata) {
        (void) userdata;
        return string_equal(name, "web") || string_equal(name, vm) ? 0xac1e0005 : 0;
}

static const char *find_name(uint32_t address, void *userdata) {
        (void) userdata;
        return (address & 1) != 0 ? vm : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const DnsZone zone = {
                .address = 0xac1e0001,
                .prefix = size > 0 ? 8 + data[0] % 23 : 24,
                .find_address = find_address,
                .find_name = find_name,
        };
        uint8_t answer[DNS_ANSWER_MAX];
        size_t answer_size = 0;

        /* The id decides about the network too. */
        if (dns_packet_answer(data, size, dns_zone_decide, &zone, answer, &answer_size) < 0) {
                if (size >= HEADER_SIZE && (data[2] & 0x80) == 0)
                        abort();
                return 0;
        }
        if (size < HEADER_SIZE || (data[2] & 0x80) != 0 || answer_size < HEADER_SIZE ||
            answer_size > sizeof(answer))
                abort();
        /* Id, operation and the wish for recursion are the query's; it is an answer, and whole. */
        if (memcmp(answer, data, 2) != 0 || (answer[2] & 0xf9) != (0x80 | (data[2] & 0x79)) ||
            (answer[2] & 0x02) != 0)
                abort();
        /* At most one record beside EDNS. */
        if (answer[6] != 0 || answer[8] != 0 || answer[10] != 0 || answer[7] + answer[9] > 1 ||
            answer[11] > 1)
                abort();
        return 0;
}
