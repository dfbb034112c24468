/* org.varlink.service, which every Varlink service has: who it is and what it speaks. */
#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "common/strings.h"
#include "common/varlink-error.h"
#include "common/varlink-internal.h"

#define DESCRIPTION_MAX (1 << 20)

/* The texts are borrowed; these structs are only encoded, never cleared. */
typedef struct Info {
        const char *vendor, *product, *version, *url;
        const char **interfaces;
} Info;

typedef struct DescriptionRequest {
        char *interface;
} DescriptionRequest;

typedef struct Description {
        const char *description;
} Description;

static const Field info_fields[] = {
        {.name = "vendor",
         .type = FIELD_STRING,
         .offset = offsetof(Info, vendor),
         .required = true},
        {.name = "product",
         .type = FIELD_STRING,
         .offset = offsetof(Info, product),
         .required = true},
        {.name = "version",
         .type = FIELD_STRING,
         .offset = offsetof(Info, version),
         .required = true},
        {.name = "url", .type = FIELD_STRING, .offset = offsetof(Info, url), .required = true},
        {.name = "interfaces",
         .type = FIELD_STRINGS,
         .offset = offsetof(Info, interfaces),
         .required = true},
};

static const Field description_request_fields[] = {
        {.name = "interface",
         .type = FIELD_STRING,
         .offset = offsetof(DescriptionRequest, interface),
         .required = true},
};

static const Field description_fields[] = {
        {.name = "description",
         .type = FIELD_STRING,
         .offset = offsetof(Description, description),
         .required = true,
         .max = DESCRIPTION_MAX},
};

static const Schema info_schema = {
        .name = "Info",
        .size = sizeof(Info),
        .fields = info_fields,
        .n_fields = ELEMENTSOF(info_fields),
};

static const Schema description_request_schema = {
        .name = "DescriptionRequest",
        .size = sizeof(DescriptionRequest),
        .fields = description_request_fields,
        .n_fields = ELEMENTSOF(description_request_fields),
};

static const Schema description_schema = {
        .name = "Description",
        .size = sizeof(Description),
        .fields = description_fields,
        .n_fields = ELEMENTSOF(description_fields),
};

static const Action service_actions[] = {
        {.method = "GetInfo",
         .summary = "Tell who provides this service, and which interfaces it has",
         .in = &schema_empty,
         .out = &info_schema},
        {.method = "GetInterfaceDescription",
         .summary = "Describe an interface of this service",
         .in = &description_request_schema,
         .out = &description_schema},
};

const Interface varlink_service_interface = {
        .name = VARLINK_SERVICE,
        .summary = "Every Varlink service provides this: it describes the service",
        .actions = service_actions,
        .n_actions = ELEMENTSOF(service_actions),
};

static int handle_get_info(VarlinkCall *call, const void *parameters, void *userdata,
                           Error *reterr) {
        const VarlinkServer *server = userdata;
        const VarlinkServerConfig *config = server->config;
        _cleanup_free_ const char **names = NULL;
        Info info = {config->vendor, config->product, config->version, config->url, NULL};

        (void) parameters;
        names = calloc(server->n_interfaces + 1, sizeof(*names));
        if (!names)
                return error_set_errno(reterr, ENOMEM, "cannot list the interfaces");
        for (size_t i = 0; i < server->n_interfaces; i++)
                names[i] = server->interfaces[i]->name;
        info.interfaces = names;
        return varlink_call_reply(call, &info);
}

static int handle_get_description(VarlinkCall *call, const void *parameters, void *userdata,
                                  Error *reterr) {
        const VarlinkServer *server = userdata;
        const DescriptionRequest *request = parameters;
        _cleanup_json_ struct json_object *reply = NULL;
        _cleanup_free_ char *text = NULL;
        Description description;
        int r;

        for (size_t i = 0; i < server->n_interfaces; i++) {
                if (!string_equal(server->interfaces[i]->name, request->interface))
                        continue;
                r = interface_describe(server->interfaces[i], &text);
                if (r < 0)
                        return error_set_errno(reterr, -r, "cannot describe the interface");
                description.description = text;
                return varlink_call_reply(call, &description);
        }
        /* Not one of our own errors: the protocol has a name for this. */
        r = varlink_error_encode_service("InterfaceNotFound", "interface", request->interface,
                                         &reply);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot describe the interface");
        r = error_set(reterr, ERROR_NOT_FOUND, ENOENT, "the service has no such interface");
        return varlink_call_finish(call, reply, r, reterr);
}

static const VarlinkMethod service_methods[] = {
        {.name = VARLINK_SERVICE ".GetInfo", .handler = handle_get_info},
        {.name = VARLINK_SERVICE ".GetInterfaceDescription", .handler = handle_get_description},
};

const VarlinkMethod *varlink_service_find(const char *method) {
        for (size_t i = 0; i < ELEMENTSOF(service_methods); i++)
                if (strcmp(service_methods[i].name, method) == 0)
                        return &service_methods[i];
        return NULL;
}
