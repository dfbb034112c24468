#include "common/varlink-error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/json.h"
#include "common/strings.h"

#define SERVICE "org.varlink.service."

static const struct {
        const char *name;
        size_t offset;
} texts[] = {
        {"message", offsetof(Error, message)},
        {"object", offsetof(Error, object)},
        {"hint", offsetof(Error, hint)},
        {"field", offsetof(Error, field)},
        {"operation", offsetof(Error, operation)},
};

static char **error_text(Error *error, size_t i) {
        return (char **) (void *) ((char *) error + texts[i].offset);
}

static int add(struct json_object *object, const char *name, struct json_object *value) {
        if (value && json_object_object_add(object, name, value) == 0)
                return 0;
        json_object_put(value);
        return -ENOMEM;
}

static int add_string(struct json_object *object, const char *name, const char *value) {
        return value ? add(object, name, json_object_new_string(value)) : 0;
}

static int make_reply(const char *name, struct json_object *parameters, struct json_object **ret) {
        _cleanup_json_ struct json_object *reply = json_object_new_object();
        int r;

        if (!reply)
                return -ENOMEM;
        r = add_string(reply, "error", name);
        if (r < 0)
                return r;
        r = add(reply, "parameters", json_object_get(parameters));
        if (r < 0)
                return r;
        *ret = steal_ptr(reply);
        return 0;
}

int varlink_error_encode(const char *interface, const Error *error, struct json_object **ret) {
        _cleanup_json_ struct json_object *parameters = json_object_new_object();
        _cleanup_free_ char *name = NULL;
        Error copy = *error;
        int r;

        if (!parameters)
                return -ENOMEM;
        /* Clients ignore the members of an error that they don't know, and only the message tells
         * the user what is wrong with the parameter. */
        if (error->kind == ERROR_INVALID_PARAMETER) {
                name = string_format(SERVICE "InvalidParameter");
                r = add_string(parameters, "parameter", error->field ? error->field : "");
                if (r < 0)
                        return r;
                copy.field = NULL;
        } else {
                /* The others name no error that an interface has. */
                if (copy.kind == ERROR_NONE || copy.kind == ERROR_USAGE)
                        copy.kind = ERROR_FAILED;
                name = string_format("%s.%s", interface, error_kind_name(copy.kind));
        }
        if (!name)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                r = add_string(parameters, texts[i].name, *error_text(&copy, i));
                if (r < 0)
                        return r;
        }
        return make_reply(name, parameters, ret);
}

int varlink_error_encode_service(const char *name, const char *member, const char *value,
                                 struct json_object **ret) {
        _cleanup_json_ struct json_object *parameters = json_object_new_object();
        _cleanup_free_ char *full = string_format(SERVICE "%s", name);
        int r;

        if (!parameters || !full)
                return -ENOMEM;
        r = add_string(parameters, member, value);
        if (r < 0)
                return r;
        return make_reply(full, parameters, ret);
}

static const char *get_string(struct json_object *parameters, const char *name) {
        struct json_object *value;

        if (!json_object_object_get_ex(parameters, name, &value) ||
            !json_object_is_type(value, json_type_string))
                return NULL;
        return json_object_get_string(value);
}

static int kind_errno(ErrorKind kind) {
        switch (kind) {
        case ERROR_USAGE:
        case ERROR_INVALID_PARAMETER:
                return EINVAL;
        case ERROR_NOT_FOUND:
        case ERROR_NOT_INSTALLED:
                return ENOENT;
        case ERROR_ALREADY_EXISTS:
                return EEXIST;
        case ERROR_BUSY:
                return EBUSY;
        case ERROR_UNAVAILABLE:
                return ENXIO;
        case ERROR_NOT_PERMITTED:
                return EPERM;
        case ERROR_NO_SPACE:
                return ENOSPC;
        case ERROR_CANCELED:
                return ECANCELED;
        case ERROR_UNREACHABLE:
                return EHOSTUNREACH;
        case ERROR_PROTOCOL:
                return EPROTO;
        case ERROR_TIMED_OUT:
                return ETIMEDOUT;
        case ERROR_NONE:
        case ERROR_FAILED:
        case ERROR_DEGRADED:
        case _ERROR_KIND_MAX:
        default:
                return EREMOTEIO;
        }
}

/* The errors that the protocol itself has. */
static const struct {
        const char *name;
        ErrorKind kind;
        int errnum;
        const char *message; /* where the reply has none; a value follows */
        const char *member;
} service_errors[] = {
        {"InvalidParameter", ERROR_INVALID_PARAMETER, EINVAL, "bad parameter", "parameter"},
        {"InterfaceNotFound", ERROR_PROTOCOL, EOPNOTSUPP, "the service has no interface",
         "interface"},
        {"MethodNotFound", ERROR_PROTOCOL, EOPNOTSUPP, "the service has no method", "method"},
        {"MethodNotImplemented", ERROR_PROTOCOL, EOPNOTSUPP, "the service does not implement",
         "method"},
        {"PermissionDenied", ERROR_NOT_PERMITTED, EPERM, "the service denies permission", NULL},
        {"ExpectedMore", ERROR_PROTOCOL, EPROTO, "the method wants a call with \"more\"", NULL},
};

static int decode_service(const char *name, struct json_object *parameters, Error *reterr) {
        for (size_t i = 0; i < ELEMENTSOF(service_errors); i++) {
                const char *message = get_string(parameters, "message"), *value = NULL;

                if (!string_equal(service_errors[i].name, name))
                        continue;
                if (service_errors[i].member)
                        value = get_string(parameters, service_errors[i].member);
                if (message)
                        error_set(reterr, service_errors[i].kind, service_errors[i].errnum, "%s",
                                  message);
                else
                        error_set(reterr, service_errors[i].kind, service_errors[i].errnum,
                                  "%s%s%s", service_errors[i].message, value ? " " : "",
                                  value ? value : "");
                if (service_errors[i].kind == ERROR_INVALID_PARAMETER && value)
                        error_set_field(reterr, -EINVAL, value);
                return -service_errors[i].errnum;
        }
        return error_set(reterr, ERROR_FAILED, EREMOTEIO, "the service answered " SERVICE "%s",
                         name);
}

int varlink_error_decode(const char *name, struct json_object *parameters, Error *reterr) {
        const char *rest = string_after_prefix(name, SERVICE), *dot = strrchr(name, '.'), *value;
        _cleanup_error_ Error error = ERROR_INIT;
        int r;

        if (rest)
                r = decode_service(rest, parameters, &error);
        else {
                ErrorKind kind = error_kind_from_name(dot ? dot + 1 : name);

                r = error_set(&error, kind, kind_errno(kind), "the service answered %s", name);
        }
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                char **text = error_text(&error, i), *copy;

                value = get_string(parameters, texts[i].name);
                if (!value)
                        continue;
                copy = strdup(value);
                if (!copy)
                        return error_set_errno(reterr, ENOMEM, "cannot read the service's error");
                free(*text);
                *text = copy;
        }
        if (reterr)
                error_move(reterr, &error);
        return r;
}
