#pragma once
/* /etc/banger/install.conf, written by `banger system install`: who owns this installation. */
#include <sys/types.h>
#include "common/error.h"

#define BANGER_CONFIG_DIR "/etc/banger"
#define BANGER_INSTALL_CONF BANGER_CONFIG_DIR "/install.conf"
#define BANGER_CONF BANGER_CONFIG_DIR "/banger.conf"
#define BANGER_STATE_DIR "/var/lib/banger"
#define BANGERD_SOCKET "/run/banger/bangerd.sock"
#define BANGER_WORKER_SOCKET "/run/banger/worker.sock"
#define BANGERD_ROOT_SOCKET "/run/banger-root/bangerd-root.sock"

typedef struct InstallConf {
        char *owner;
        uid_t uid;
        gid_t gid;
        char *home;
        char *version, *commit, *built;
        char *installed; /* RFC 3339, UTC */
} InstallConf;

/* -ENOENT (ERROR_NOT_INSTALLED) when there is none; refuses a file that is not a regular file of
 * root's, or is writable by others. `path` is BANGER_INSTALL_CONF outside tests; expected_uid 0. */
int install_conf_read(const char *path, uid_t expected_uid, InstallConf *ret, Error *reterr);
/* From the file's text. ERROR_FAILED with the line for what install_conf_format() would not write:
 * unknown and duplicate keys, bad numbers, no owner, uid or gid. -EINVAL, -EFBIG, -ENOMEM. */
int install_conf_parse(const char *text, size_t size, InstallConf *ret, Error *reterr);
/* The file's text, to be written by the caller. -EINVAL for values that would not read back. */
int install_conf_format(const InstallConf *conf, char **ret);
void install_conf_clear(InstallConf *conf);
