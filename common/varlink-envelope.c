/* The members of a call: {method, parameters?, more?, oneway?, upgrade?} and nothing else. */
#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "common/varlink-internal.h"

/* Interfaces have up to 255 bytes (UAPI.20); a method's name is no longer than that of one. */
#define METHOD_MAX 511

static int refuse(const char *member, const char *reason, Error *reterr) {
        error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL, "%s", reason);
        return error_set_field(reterr, -EINVAL, member);
}

static bool method_valid(const char *method) {
        size_t length = strspn(method, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789.-");

        return length > 0 && length <= METHOD_MAX && method[length] == 0 && strchr(method, '.');
}

static int take_flag(bool *flag, struct json_object *value, const char *member, Error *reterr) {
        if (!json_object_is_type(value, json_type_boolean))
                return refuse(member, "must be true or false", reterr);
        *flag = json_object_get_boolean(value);
        return 0;
}

static int take_method(VarlinkCall *call, struct json_object *value, Error *reterr) {
        const char *method;

        if (!json_object_is_type(value, json_type_string))
                return refuse("method", "must be a string", reterr);
        method = json_object_get_string(value);
        if (!method_valid(method))
                return refuse("method", "is not the name of a method", reterr);
        call->method = strdup(method);
        return call->method ? 0 : -ENOMEM;
}

static int take_member(VarlinkCall *call, const char *name, struct json_object *value,
                       struct json_object **ret_parameters, Error *reterr) {
        if (strcmp(name, "method") == 0)
                return take_method(call, value, reterr);
        if (strcmp(name, "oneway") == 0)
                return take_flag(&call->oneway, value, name, reterr);
        if (strcmp(name, "more") == 0)
                return take_flag(&call->more, value, name, reterr);
        if (strcmp(name, "upgrade") == 0)
                return take_flag(&call->upgrade, value, name, reterr);
        if (strcmp(name, "parameters") != 0)
                return refuse(name, "is no member of a call", reterr);
        if (!json_object_is_type(value, json_type_object))
                return refuse(name, "must be an object", reterr);
        *ret_parameters = value;
        return 0;
}

int varlink_envelope_parse(VarlinkCall *call, VarlinkMessage *message,
                           struct json_object **ret_parameters, Error *reterr) {
        struct json_object_iterator at = json_object_iter_begin(message->object),
                                    end = json_object_iter_end(message->object);
        struct json_object *oneway;

        *ret_parameters = NULL;
        memcpy(call->in_fds, message->fds, sizeof(call->in_fds));
        call->n_in_fds = message->n_fds;
        message->n_fds = 0;

        /* First, for it decides whether what is wrong with the others may be answered. */
        if (json_object_object_get_ex(message->object, "oneway", &oneway) &&
            json_object_is_type(oneway, json_type_boolean))
                call->oneway = json_object_get_boolean(oneway);
        for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
                int r = take_member(call, json_object_iter_peek_name(&at),
                                    json_object_iter_peek_value(&at), ret_parameters, reterr);

                if (r < 0)
                        return r;
        }
        if (!call->method)
                return refuse("method", "is missing", reterr);
        if (call->oneway && call->more)
                return refuse("more", "a oneway call has no replies", reterr);
        if (call->upgrade && (call->oneway || call->more))
                return refuse("upgrade", "an upgrade has exactly one reply", reterr);
        return 0;
}
