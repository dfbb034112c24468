#pragma once
/* Long work under way: has an id, can be listed, watched by events, and cancelled. A client that
 * leaves cancels nothing. Loop thread only, but for what says otherwise. */
#include "common/api-operation.h"
#include "daemon/events.h"
#include "daemon/pool.h"

typedef struct Operations Operations;
typedef struct Operation Operation;

int operations_new(EventBus *events, Operations **ret); /* -ENOMEM */
/* All of them must have ended. */
Operations *operations_free(Operations *operations);

/* kind is a method's full name and a constant; object and name of what it works on are copied. */
int operation_new(Operations *operations, const char *kind, const char *object, const char *name,
                  Operation **ret, Error *reterr);
/* The end, with what came of it; error may be NULL for success. Says so on the bus, puts the id into
 * the error, logs a failure, and frees the operation: no thread may hold it any more. */
void operation_end(Operation *operation, int r, Error *error);

const char *operation_id(const Operation *operation);   /* any thread */
const char *operation_kind(const Operation *operation); /* any thread */
/* A stage begins; copied. Says so on the bus. */
void operation_set_stage(Operation *operation, const char *stage);

/* As pool_submit(), with the job that carries the operation out: a cancel takes it out of the queue if
 * it waits there still, and its done gets -ECANCELED without a word; operation_explain() has one. */
int operation_submit(Operation *operation, Pool *pool, const PoolJob *job);
void operation_explain(const Operation *operation, int r, Error *error);

/* Asks it to stop as soon as it can; ends by operation_end(), with ERROR_CANCELED if it did. */
void operation_cancel(Operation *operation);
bool operation_canceled(const Operation *operation); /* any thread */
/* Readable once it is cancelled, for poll(2) in any thread. Never read from. */
int operation_cancel_fd(const Operation *operation);
/* -ECANCELED with a message when it is cancelled, else 0; any thread. */
int operation_check(const Operation *operation, Error *reterr);
void operation_cancel_all(Operations *operations);

/* ERROR_NOT_FOUND with a hint. */
int operations_find(const Operations *operations, const char *id, Operation **ret, Error *reterr);
/* The caller clears ret with operation_list_schema. -ENOMEM. */
int operations_list(const Operations *operations, OperationList *ret);
