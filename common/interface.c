/* The Varlink interface definition language (varlink.org) from the tables. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/action.h"
#include "common/strings.h"

#define SERVICE_INTERFACE "org.varlink.service"

/* The nested types that were written already. */
typedef struct Types {
        const Schema **items;
        size_t n_items;
} Types;

typedef struct ErrorText {
        const char *name;
        const char *parameters;
        const char *summary;
} ErrorText;

static const ErrorText service_errors[] = {
        {"InterfaceNotFound", "(interface: string)", "No such interface"},
        {"MethodNotFound", "(method: string)", "The interface has no such method"},
        {"MethodNotImplemented", "(method: string)", "The method exists, but not here"},
        {"InvalidParameter", "(parameter: string)", "A parameter is wrong"},
        {"PermissionDenied", "()", "The caller may not do that"},
        {"ExpectedMore", "()", "The method must be called with `more`"},
};

/* Kinds without a row are no errors of ours on the wire. */
static const char *const error_summaries[_ERROR_KIND_MAX] = {
        [ERROR_FAILED] = "It did not work; the message says why",
        [ERROR_NOT_FOUND] = "There is no such object",
        [ERROR_NOT_INSTALLED] = "banger is not installed on this host",
        [ERROR_ALREADY_EXISTS] = "An object of that name exists",
        [ERROR_BUSY] = "The object is in use or in a state that does not allow it",
        [ERROR_UNAVAILABLE] = "Something that the request needs is not there",
        [ERROR_NOT_PERMITTED] = "The caller may not do that",
        [ERROR_NO_SPACE] = "Not enough room is left",
        [ERROR_DEGRADED] = "It works, but not as it should",
        [ERROR_CANCELED] = "Somebody cancelled the operation",
        [ERROR_UNREACHABLE] = "A daemon or a guest does not answer",
        [ERROR_PROTOCOL] = "A peer does not speak as agreed",
        [ERROR_TIMED_OUT] = "It took too long",
};

static void write_enum(FILE *file, const Field *field) {
        fputc('(', file);
        for (size_t i = 0; field->values[i]; i++)
                fprintf(file, "%s%s", i == 0 ? "" : ", ", field->values[i]);
        fputc(')', file);
}

static void write_type(FILE *file, const Field *field) {
        if (!field->required)
                fputc('?', file);
        switch (field->type) {
        case FIELD_BOOL:
                fputs("bool", file);
                break;
        case FIELD_INT:
                fputs("int", file);
                break;
        case FIELD_STRING:
                fputs("string", file);
                break;
        case FIELD_STRINGS:
                fputs("[]string", file);
                break;
        case FIELD_ENUM:
                write_enum(file, field);
                break;
        case FIELD_OBJECT:
                fputs(field->nested->name, file);
                break;
        case FIELD_OBJECTS:
                fprintf(file, "[]%s", field->nested->name);
                break;
        case FIELD_ANY:
        default:
                fputs("object", file);
                break;
        }
}

static void write_struct(FILE *file, const Schema *schema) {
        if (schema->n_fields == 0) {
                fputs("()", file);
                return;
        }
        fputs("(\n", file);
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Field *field = &schema->fields[i];

                if (field->summary)
                        fprintf(file, "  # %s\n", field->summary);
                fprintf(file, "  %s: ", field->name);
                write_type(file, field);
                fputs(i + 1 < schema->n_fields ? ",\n" : "\n", file);
        }
        fputc(')', file);
}

static int types_add(Types *types, const Schema *schema) {
        const Schema **grown = reallocarray(types->items, types->n_items + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        grown[types->n_items] = schema;
        types->items = grown;
        types->n_items++;
        return 0;
}

static bool types_has(const Types *types, const Schema *schema) {
        for (size_t i = 0; i < types->n_items; i++)
                if (types->items[i] == schema)
                        return true;
        return false;
}

/* Collects what the struct refers to, dependencies first. `open` holds those whose own references
 * are being collected, so that a type that contains itself ends. */
static int collect_types(const Schema *schema, Types *open, Types *done) {
        for (size_t i = 0; i < schema->n_fields; i++) {
                const Schema *nested = schema->fields[i].nested;
                int r;

                if (!nested || types_has(open, nested))
                        continue;
                r = types_add(open, nested);
                if (r >= 0)
                        r = collect_types(nested, open, done);
                if (r >= 0)
                        r = types_add(done, nested);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int collect_interface(const Interface *interface, Types *open, Types *done) {
        for (size_t i = 0; i < interface->n_actions; i++) {
                const Action *action = &interface->actions[i];
                int r;

                if (!action->method)
                        continue;
                r = collect_types(action->in, open, done);
                if (r >= 0)
                        r = collect_types(action->out, open, done);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void write_methods(FILE *file, const Interface *interface) {
        for (size_t i = 0; i < interface->n_actions; i++) {
                const Action *action = &interface->actions[i];

                if (!action->method)
                        continue;
                fputc('\n', file);
                if (action->summary)
                        fprintf(file, "# %s\n", action->summary);
                fprintf(file, "method %s", action->method);
                write_struct(file, action->in);
                fputs(" -> ", file);
                write_struct(file, action->out);
                fputc('\n', file);
        }
}

static void write_errors(FILE *file, const Interface *interface) {
        if (string_equal(interface->name, SERVICE_INTERFACE)) {
                for (size_t i = 0; i < ELEMENTSOF(service_errors); i++)
                        fprintf(file, "\n# %s\nerror %s %s\n", service_errors[i].summary,
                                service_errors[i].name, service_errors[i].parameters);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(error_summaries); i++)
                if (error_summaries[i])
                        fprintf(file,
                                "\n# %s\nerror %s (message: string, object: ?string, hint: ?string,"
                                " field: ?string, operation: ?string)\n",
                                error_summaries[i], error_kind_name((ErrorKind) i));
}

static void write_interface(FILE *file, const Interface *interface, const Types *types) {
        if (interface->summary)
                fprintf(file, "# %s\n", interface->summary);
        fprintf(file, "interface %s\n", interface->name);
        for (size_t i = 0; i < types->n_items; i++) {
                fprintf(file, "\ntype %s ", types->items[i]->name);
                write_struct(file, types->items[i]);
                fputc('\n', file);
        }
        write_methods(file, interface);
        write_errors(file, interface);
}

static void types_clear(Types *types) {
        free(types->items);
}

int interface_describe(const Interface *interface, char **ret) {
        _cleanup_(types_clear) Types open = {0}, done = {0};
        _cleanup_free_ char *text = NULL;
        bool failed;
        FILE *file;
        size_t size;
        int r;

        r = collect_interface(interface, &open, &done);
        if (r < 0)
                return r;
        file = open_memstream(&text, &size);
        if (!file)
                return -ENOMEM;
        write_interface(file, interface, &done);
        failed = ferror(file);
        /* The text is there only after this. */
        if (fclose(file) != 0 || failed)
                return -ENOMEM;
        *ret = steal_ptr(text);
        return 0;
}
