#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/operation.h"

typedef struct Fixture {
        EventBus *events;
        Operations *operations;
        Operation *operation;
        Error error;
} Fixture;

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        assert_int_equal(event_bus_new(&fixture->events), 0);
        assert_int_equal(operations_new(fixture->events, &fixture->operations), 0);
        assert_int_equal(operation_new(fixture->operations, "io.banger.VM.Start", "0123456789",
                                       "web", &fixture->operation, &fixture->error),
                         0);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        if (fixture->operation)
                operation_end(fixture->operation, 0, NULL);
        operations_free(fixture->operations);
        event_bus_free(fixture->events);
        error_clear(&fixture->error);
        free(fixture);
        return 0;
}

static void what_is_under_way_is_listed_oldest_first(void **state) {
        Fixture *fixture = *state;
        const OperationInfo *items;
        OperationList list;
        Operation *second;

        assert_int_equal(operation_new(fixture->operations, "io.banger.VM.Stop", "9876543210",
                                       "db", &second, NULL),
                         0);
        operation_set_stage(fixture->operation, "disk");
        assert_int_equal(operations_list(fixture->operations, &list), 0);
        items = list.operations.items;
        assert_int_equal(list.operations.n_items, 2);
        assert_string_equal(items[0].object, "web");
        assert_string_equal(items[0].stage, "disk");
        assert_string_equal(items[1].object, "db");
        assert_null(items[1].stage);
        schema_clear(&operation_list_schema, &list);
        operation_end(second, 0, NULL);
}

static void one_that_has_ended_is_not_found(void **state) {
        Fixture *fixture = *state;
        char id[VM_ID_LENGTH + 1];
        Operation *found;

        (void) snprintf(id, sizeof(id), "%s", operation_id(fixture->operation));
        assert_int_equal(operations_find(fixture->operations, id, &found, NULL), 0);
        assert_ptr_equal(found, fixture->operation);
        operation_end(steal_ptr(fixture->operation), 0, NULL);
        assert_int_equal(operations_find(fixture->operations, id, &found, &fixture->error),
                         -ENOENT);
        assert_int_equal(fixture->error.kind, ERROR_NOT_FOUND);
}

static void a_cancel_is_seen_by_check_and_by_poll(void **state) {
        Fixture *fixture = *state;
        struct pollfd wait = {.fd = operation_cancel_fd(fixture->operation), .events = POLLIN};

        assert_int_equal(operation_check(fixture->operation, &fixture->error), 0);
        assert_int_equal(poll(&wait, 1, 0), 0);
        operation_cancel(fixture->operation);
        operation_cancel(fixture->operation);
        assert_int_equal(operation_check(fixture->operation, &fixture->error), -ECANCELED);
        assert_int_equal(fixture->error.kind, ERROR_CANCELED);
        assert_int_equal(poll(&wait, 1, 0), 1);
}

typedef struct Job {
        sd_event *event;
        Pool *pool;
        unsigned n_runs, n_done;
        int r;
} Job;

static int job_run(void *userdata) {
        Job *job = userdata;

        job->n_runs++;
        return 0;
}

static void job_done(int r, void *userdata) {
        Job *job = userdata;

        job->n_done++;
        job->r = r;
}

static void a_cancel_ends_a_job_that_waits_for_a_thread(void **state) {
        Fixture *fixture = *state;
        Job job = {};

        assert_true(sd_event_new(&job.event) >= 0);
        assert_int_equal(pool_new(job.event, 0, 1, &job.pool), 0); /* so it waits for ever */
        assert_int_equal(operation_submit(fixture->operation, job.pool,
                                          &(PoolJob) {job_run, job_done, &job}),
                         0);
        operation_cancel(fixture->operation);
        assert_int_equal(job.n_done, 0);
        while (job.n_done == 0)
                assert_true(sd_event_run(job.event, 10 * UINT64_C(1000000)) > 0);
        assert_int_equal(job.r, -ECANCELED);
        assert_int_equal(job.n_runs, 0);
        operation_explain(fixture->operation, job.r, &fixture->error);
        assert_non_null(strstr(fixture->error.message, operation_id(fixture->operation)));
        pool_free(job.pool);
        sd_event_unref(job.event);
}

static void a_reason_that_is_known_is_not_explained_away(void **state) {
        Fixture *fixture = *state;
        int r = error_set(&fixture->error, ERROR_CANCELED, ECANCELED, "the client has left");

        operation_cancel(fixture->operation);
        operation_explain(fixture->operation, r, &fixture->error);
        assert_string_equal(fixture->error.message, "the client has left");
}

static void a_failure_carries_the_id(void **state) {
        Fixture *fixture = *state;
        _cleanup_free_ char *id = strdup(operation_id(fixture->operation));
        int r = error_set(&fixture->error, ERROR_FAILED, EIO, "no");

        operation_end(steal_ptr(fixture->operation), r, &fixture->error);
        assert_string_equal(fixture->error.operation, id);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_under_way_is_listed_oldest_first, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(one_that_has_ended_is_not_found, setup, teardown),
                cmocka_unit_test_setup_teardown(a_cancel_is_seen_by_check_and_by_poll, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_cancel_ends_a_job_that_waits_for_a_thread, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_reason_that_is_known_is_not_explained_away, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_failure_carries_the_id, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
