#include <errno.h>

#include "cli/layout.h"
#include "cli/setup.h"
#include "common/strings.h"

static int check_booted(const SetupEnv *env, const Account *owner, Error *reterr) {
        (void) owner;
        if (env->booted)
                return 0;
        return error_set(reterr, ERROR_UNAVAILABLE, ENODEV,
                         "this host does not run systemd, which banger is built on");
}

static int check_account(const SetupEnv *env, const Account *owner, Error *reterr) {
        return account_check_host(env->host->root_fd, owner, reterr);
}

static int check_earlier(const SetupEnv *env, const Account *owner, Error *reterr) {
        InstallConf conf = {.owner = NULL};
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        r = install_conf_read(env->host->install_conf, env->host->root_uid, &conf, &error);
        if (r == -ENOENT)
                return 0;
        if (r < 0) {
                if (reterr)
                        error_move(reterr, &error);
                return error_set_hint(reterr, r, "run: sudo banger system uninstall");
        }
        if (conf.uid != owner->uid) {
                r = error_set(reterr, ERROR_ALREADY_EXISTS, EEXIST,
                              "banger is installed on this host for %s already", conf.owner);
                r = error_set_hint(reterr, r, "run: sudo banger system uninstall");
        }
        install_conf_clear(&conf);
        return r;
}

static int check_units(const SetupEnv *env, const Account *owner, Error *reterr) {
        (void) owner;
        if (!env->booted)
                return 0; /* said already, and there is nobody to ask */
        for (size_t i = 0; i < layout_n_units; i++) {
                const char *name = layout_units[i].name;
                UnitState state;
                int r = env->units.ops->get_state(env->units.manager, name, &state, reterr);

                if (r < 0)
                        return r;
                if (!state.known) {
                        r = error_set(reterr, ERROR_UNAVAILABLE, ENOENT,
                                      "systemd has no usable unit %s (%s)", name, state.text);
                        return error_set_hint(reterr, r, "run: make install");
                }
        }
        return 0;
}

int setup_check(const SetupEnv *env, const Account *owner, Error *reterr) {
        static int (*const checks[])(const SetupEnv *, const Account *, Error *) = {
                check_booted,
                check_account,
                check_earlier,
                check_units,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                _cleanup_error_ Error error = ERROR_INIT;
                int this_r = checks[i](env, owner, &error);

                r = error_join(reterr, r, &error, this_r);
        }
        return r;
}
