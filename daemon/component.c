#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/dns.h"
#include "common/strings.h"
#include "daemon/component.h"

/* Takes message. */
static int component_make(const char *name, ComponentState state, const char *version,
                          char *message_taken, ComponentStatus *ret) {
        _cleanup_free_ char *name_copy = strdup(name), *message = message_taken;
        _cleanup_free_ char *version_copy = version ? strdup(version) : NULL;

        if (!name_copy || (version && !version_copy) || (state != COMPONENT_OK && !message))
                return -ENOMEM;
        *ret = (ComponentStatus) {
                .name = steal_ptr(name_copy),
                .state = (int) state,
                .version = steal_ptr(version_copy),
                .message = steal_ptr(message),
        };
        return 0;
}

int component_self(const char *version, const InstallConf *install, ComponentStatus *ret) {
        if (!install->version || string_equal(version, install->version))
                return component_make("bangerd", COMPONENT_OK, version, NULL, ret);
        return component_make("bangerd", COMPONENT_DIFFERENT, version,
                              string_format("version %s is installed, %s runs; "
                                            "run: sudo banger system restart",
                                            install->version, version),
                              ret);
}

static char *unreachable_message(const HelperSeen *seen) {
        const char *why = seen->error && seen->error->message ? seen->error->message
                                                              : strerrordesc_np(-seen->r);
        const char *hint = seen->error && seen->error->hint ? seen->error->hint
                                                            : "run: sudo banger system restart";

        return string_format("%s; %s", why ? why : "it does not answer", hint);
}

int component_names(const NamesSeen *seen, ComponentStatus *ret) {
        static const char name[] = "dns";
        const Error *error = seen->error;

        if (!seen->served)
                return component_make(name, COMPONENT_DEGRADED, NULL,
                                      strdup("names like NAME." DNS_DOMAIN " do not resolve: "
                                             "another program may have " DNS_ADDRESS_TEXT ", "
                                             "see: sudo ss -lntup; then run: "
                                             "sudo banger system restart"),
                                      ret);
        if (!seen->asked) /* nothing is known to be wrong */
                return component_make(name, COMPONENT_OK, NULL,
                                      strdup("systemd-resolved is being told"), ret);
        if (seen->r < 0)
                return component_make(name, COMPONENT_DEGRADED, NULL,
                                      string_format("names like NAME." DNS_DOMAIN
                                                    " do not resolve: %s%s%s",
                                                    error && error->message
                                                            ? error->message
                                                            : strerrordesc_np(-seen->r),
                                                    error && error->hint ? "; " : "",
                                                    error && error->hint ? error->hint : ""),
                                      ret);
        return component_make(name, COMPONENT_OK, NULL, NULL, ret);
}

int component_helper(const HelperSeen *seen, const char *version, uid_t owner,
                     ComponentStatus *ret) {
        static const char name[] = "bangerd-root";

        if (seen->r < 0)
                return component_make(name, COMPONENT_UNREACHABLE, NULL, unreachable_message(seen),
                                      ret);
        if (seen->owner_uid != (int64_t) owner)
                return component_make(name, COMPONENT_DEGRADED, seen->version,
                                      string_format("it serves uid %" PRId64 ", this daemon is uid "
                                                    "%u; run: sudo banger system restart",
                                                    seen->owner_uid, owner),
                                      ret);
        if (!string_equal(seen->version, version))
                return component_make(name, COMPONENT_DIFFERENT, seen->version,
                                      string_format("it is version %s, bangerd is %s; "
                                                    "run: sudo banger system restart",
                                                    seen->version, version),
                                      ret);
        return component_make(name, COMPONENT_OK, seen->version, NULL, ret);
}
