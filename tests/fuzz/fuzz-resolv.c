/* A resolv.conf: at most three servers come of it, IPv4 ones that are not this host's own. */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/vm-config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);
        _cleanup_strv_ char **dns = NULL;

        if (!text || vm_config_add_dns(text, &dns) < 0 || strv_length(dns) > 3)
                abort();
        for (size_t i = 0; i < strv_length(dns); i++) {
                struct in_addr address;

                if (inet_pton(AF_INET, dns[i], &address) != 1 ||
                    ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET)
                        abort();
        }
        return 0;
}
