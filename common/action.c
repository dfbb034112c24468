#include "common/action.h"

#include <string.h>

#include "common/api-forward.h"
#include "common/api-image.h"
#include "common/api-kernel.h"
#include "common/api-operation.h"
#include "common/api-system.h"
#include "common/api-vm.h"
#include "common/strings.h"

const Schema schema_empty = {.name = "Empty"};

const Interface *const action_interfaces[] = {
        &interface_vm,
        &interface_forward,
        &interface_image,
        &interface_kernel,
        &interface_operation,
        &interface_event,
        &interface_system,
        NULL,
};

static const Interface *find_interface(const Interface *const *interfaces, const char *name,
                                       size_t length) {
        for (size_t i = 0; interfaces[i]; i++)
                if (strlen(interfaces[i]->name) == length &&
                    memcmp(interfaces[i]->name, name, length) == 0)
                        return interfaces[i];
        return NULL;
}

const Action *action_find_method(const Interface *const *interfaces, const char *method,
                                 const Interface **ret_interface) {
        const char *dot = strrchr(method, '.');
        const Interface *interface;

        if (!dot)
                return NULL;
        interface = find_interface(interfaces, method, (size_t) (dot - method));
        if (!interface)
                return NULL;
        for (size_t i = 0; i < interface->n_actions; i++) {
                const Action *action = &interface->actions[i];

                if (!action->method || !string_equal(action->method, dot + 1))
                        continue;
                if (ret_interface)
                        *ret_interface = interface;
                return action;
        }
        return NULL;
}

/* How many of the words the action's own take; 0 when they are not all there. */
static size_t match_words(const char *own, char *const *words, size_t n_words) {
        size_t n = 0;

        while (*own) {
                size_t length = strcspn(own, " ");

                if (n == n_words || strlen(words[n]) != length ||
                    memcmp(words[n], own, length) != 0)
                        return 0;
                n++;
                own += length;
                own += strspn(own, " ");
        }
        return n;
}

const Action *action_find_words(char *const *words, size_t n_words, size_t *ret_n_words) {
        const Action *best = NULL;
        size_t n_best = 0;

        for (size_t i = 0; action_interfaces[i]; i++) {
                const Interface *interface = action_interfaces[i];

                for (size_t j = 0; j < interface->n_actions; j++) {
                        const Action *action = &interface->actions[j];
                        size_t n = action->words ? match_words(action->words, words, n_words) : 0;

                        if (n <= n_best)
                                continue;
                        best = action;
                        n_best = n;
                }
        }
        if (best && ret_n_words)
                *ret_n_words = n_best;
        return best;
}
