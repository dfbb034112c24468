#include "daemon/operation.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/clock.h"
#include "common/log.h"

struct Operation {
        Operations *table;
        Operation *previous, *next;
        VmId id;
        const char *kind;
        char *object, *name, *stage;
        int64_t started_s;
        uint64_t started_usec;
        Pool *pool;       /* that has its job; NULL: none */
        const void *job;
        int cancel_fd; /* the one thing that changes and is seen by threads: readable when cancelled */
};

struct Operations {
        EventBus *events;
        Operation *first, *last; /* by age */
};

static Operation *operation_free(Operation *operation) {
        if (!operation)
                return NULL;
        free(operation->object);
        free(operation->name);
        free(operation->stage);
        close_fd(operation->cancel_fd);
        free(operation);
        return NULL;
}

static void operation_cleanup(Operation **operation) {
        operation_free(*operation);
}

int operations_new(EventBus *events, Operations **ret) {
        Operations *operations = calloc(1, sizeof(*operations));

        if (!operations)
                return -ENOMEM;
        operations->events = events;
        *ret = operations;
        return 0;
}

static void operations_unlink(Operations *operations, Operation *operation) {
        if (operation->previous)
                operation->previous->next = operation->next;
        else
                operations->first = operation->next;
        if (operation->next)
                operation->next->previous = operation->previous;
        else
                operations->last = operation->previous;
}

Operations *operations_free(Operations *operations) {
        free(operations);
        return NULL;
}

static int operation_fill(const Operation *operation, OperationInfo *ret) {
        OperationInfo info = {
                .id = strdup(operation->id.text),
                .kind = strdup(operation->kind),
                .object = strdup(operation->name),
                .stage = operation->stage ? strdup(operation->stage) : NULL,
                .started_s = operation->started_s,
                .elapsed_us = (int64_t) (clock_monotonic_usec() - operation->started_usec),
        };

        if (!info.id || !info.kind || !info.object || (operation->stage && !info.stage)) {
                schema_clear(&operation_info_schema, &info);
                return -ENOMEM;
        }
        *ret = info;
        return 0;
}

static void operation_tell(const Operation *operation, EventKind kind, const Error *error) {
        OperationInfo info = {};
        Event event = {
                .kind = (int) kind,
                .object = operation->object,
                .name = operation->name,
                .operation = &info,
                .error = error ? error->message : NULL,
        };

        /* Without memory nobody is told; who lists sees it all the same. */
        if (operation_fill(operation, &info) < 0)
                return;
        event_bus_publish(operation->table->events, &event);
        schema_clear(&operation_info_schema, &info);
}

int operation_new(Operations *operations, const char *kind, const char *object, const char *name,
                  Operation **ret, Error *reterr) {
        _cleanup_(operation_cleanup) Operation *operation = calloc(1, sizeof(*operation));
        int r;

        if (!operation)
                return error_set_errno(reterr, ENOMEM, "cannot begin");
        *operation = (Operation) {
                .table = operations,
                .kind = kind,
                .object = strdup(object),
                .name = strdup(name),
                .started_s = (int64_t) (clock_realtime_usec() / USEC_PER_SEC),
                .started_usec = clock_monotonic_usec(),
                .cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        };
        if (operation->cancel_fd < 0)
                return error_set_errno(reterr, errno, "cannot begin");
        if (!operation->object || !operation->name)
                return error_set_errno(reterr, ENOMEM, "cannot begin");
        r = vm_id_generate(&operation->id);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot begin");
        operation->previous = operations->last;
        if (operations->last)
                operations->last->next = operation;
        else
                operations->first = operation;
        operations->last = operation;
        operation_tell(operation, EVENT_OPERATION, NULL);
        *ret = steal_ptr(operation);
        return 0;
}

void operation_end(Operation *operation, int r, Error *error) {
        const LogField fields[] = {
                {"BANGER_OPERATION", operation->id.text},
                {"BANGER_VERB", operation->kind},
                {"BANGER_OBJECT", operation->object},
                {"BANGER_STAGE", operation->stage},
                {},
        };
        _cleanup_error_ Error bare = ERROR_INIT;

        if (r < 0 && (!error || !error->message)) {
                if (!error)
                        error = &bare;
                (void) error_set_errno(error, -r, "%s failed", operation->kind);
        }
        if (r < 0) {
                free(error->operation);
                error->operation = strdup(operation->id.text);
                log_error(error->kind == ERROR_CANCELED ? LOG_NOTICE : LOG_WARNING, fields, error,
                          operation->name);
        } else
                log_write(LOG_INFO, fields, "%s: %s done", operation->name, operation->kind);
        operations_unlink(operation->table, operation);
        operation_tell(operation, EVENT_OPERATION_ENDED, r < 0 ? error : NULL);
        operation_free(operation);
}

const char *operation_id(const Operation *operation) {
        return operation->id.text;
}

const char *operation_kind(const Operation *operation) {
        return operation->kind;
}

void operation_set_stage(Operation *operation, const char *stage) {
        char *copy = strdup(stage);

        if (!copy)
                return;
        free(operation->stage);
        operation->stage = copy;
        operation_tell(operation, EVENT_OPERATION, NULL);
}

int operation_submit(Operation *operation, Pool *pool, const PoolJob *job) {
        int r = pool_submit(pool, job);

        if (r < 0)
                return r;
        operation->pool = pool;
        operation->job = job->userdata;
        return 0;
}

void operation_explain(const Operation *operation, int r, Error *error) {
        if (r == -ECANCELED && error->kind == ERROR_NONE)
                (void) operation_check(operation, error);
}

void operation_cancel(Operation *operation) {
        /* Cannot fail: the counter would have to overflow. */
        (void) eventfd_write(operation->cancel_fd, 1);
        /* A job that runs sees the descriptor; one that waits would see it late. */
        if (operation->pool)
                (void) pool_withdraw(operation->pool, operation->job);
}

bool operation_canceled(const Operation *operation) {
        struct pollfd wait = {.fd = operation->cancel_fd, .events = POLLIN};

        return poll(&wait, 1, 0) > 0;
}

int operation_cancel_fd(const Operation *operation) {
        return operation->cancel_fd;
}

int operation_check(const Operation *operation, Error *reterr) {
        if (!operation_canceled(operation))
                return 0;
        return error_set(reterr, ERROR_CANCELED, ECANCELED, "operation %s was cancelled",
                         operation->id.text);
}

void operation_cancel_all(Operations *operations) {
        for (Operation *operation = operations->first; operation; operation = operation->next)
                operation_cancel(operation);
}

int operations_find(const Operations *operations, const char *id, Operation **ret, Error *reterr) {
        int r;

        for (Operation *operation = operations->first; operation; operation = operation->next)
                if (strcmp(operation->id.text, id) == 0) {
                        *ret = operation;
                        return 0;
                }
        r = error_set(reterr, ERROR_NOT_FOUND, ENOENT, "operation \"%s\" is not under way", id);
        (void) error_set_object(reterr, r, id);
        return error_set_hint(reterr, r, "run: banger operation list");
}

int operations_list(const Operations *operations, OperationList *ret) {
        OperationList list = {};
        OperationInfo *items;
        size_t n = 0, i = 0;

        for (const Operation *operation = operations->first; operation; operation = operation->next)
                n++;
        items = calloc(n ? n : 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        list.operations.items = items;
        for (const Operation *operation = operations->first; operation;
             operation = operation->next) {
                int r = operation_fill(operation, &items[i]);

                list.operations.n_items = i;
                if (r < 0) {
                        schema_clear(&operation_list_schema, &list);
                        return r;
                }
                i++;
        }
        list.operations.n_items = n;
        *ret = list;
        return 0;
}
