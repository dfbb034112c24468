#pragma once
/* /etc/banger/banger.conf, edited by the administrator:
 *
 *   [network]
 *   bridge = br-banger
 *   address = 172.30.0.1/24
 *   isolated = yes
 *   [firecracker]
 *   path = /usr/bin/firecracker
 *   jailer = /usr/bin/jailer
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

#define CONFIG_BRIDGE_MAX 15 /* IFNAMSIZ - 1 */

typedef struct Config {
        char bridge[CONFIG_BRIDGE_MAX + 1];
        uint32_t address; /* of the bridge, host order: the first of its network */
        unsigned prefix;
        bool isolated;    /* guests do not reach each other */
        char *firecracker, *jailer; /* absolute; NULL: where distributions put them */
} Config;

/* What holds without a file. */
extern const Config config_default;

/* The defaults when there is no file; refuses a file that is not a regular file of expected_uid's,
 * or is writable by others. path is BANGER_CONF outside tests, expected_uid 0. */
int config_read(const char *path, uid_t expected_uid, Config *ret, Error *reterr);
/* From the file's text. -EINVAL, -EFBIG, -ENOMEM; messages name the line. */
int config_parse(const char *text, size_t size, Config *ret, Error *reterr);
void config_clear(Config *config);
