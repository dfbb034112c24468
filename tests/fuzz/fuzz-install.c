/* install.conf: what is read and can be written again reads as the same. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/install.h"
#include "common/strings.h"

static void check_conf(const InstallConf *conf) {
        _cleanup_(install_conf_clear) InstallConf again = {0};
        _cleanup_free_ char *text = NULL;
        int r;

        if (!conf->owner)
                abort();
        r = install_conf_format(conf, &text);
        /* A line that is read may be too long once it is written with " = ". */
        if (r == -EINVAL)
                return;
        if (r < 0 || install_conf_parse(text, strlen(text), &again, NULL) < 0)
                abort();
        if (!string_equal(conf->owner, again.owner) || conf->uid != again.uid ||
            conf->gid != again.gid || !string_equal(conf->home, again.home))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(install_conf_clear) InstallConf conf = {0};
        _cleanup_error_ Error error = ERROR_INIT;

        if (install_conf_parse((const char *) data, size, &conf, &error) >= 0)
                check_conf(&conf);
        else if (!error.message)
                abort();
        return 0;
}
