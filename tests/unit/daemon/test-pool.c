#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/pool.h"

typedef struct Job {
        int gate[2]; /* run waits for a byte when gate[0] is a descriptor */
        int result;
        pthread_t ran_in;
        bool signals_blocked;
        int done_r;
        unsigned n_done;
} Job;

static int setup(void **state) {
        sd_event *event = NULL;

        assert_true(sd_event_new(&event) >= 0);
        *state = event;
        return 0;
}

static int teardown(void **state) {
        sd_event_unref(*state);
        return 0;
}

static int run(void *userdata) {
        Job *job = userdata;
        sigset_t blocked;
        char byte;

        if (job->gate[0] >= 0 && read(job->gate[0], &byte, 1) < 0)
                return -errno;
        job->ran_in = pthread_self();
        (void) pthread_sigmask(SIG_BLOCK, NULL, &blocked);
        job->signals_blocked = sigismember(&blocked, SIGTERM) == 1;
        return job->result;
}

static void done(int r, void *userdata) {
        Job *job = userdata;

        job->done_r = r;
        job->n_done++;
}

static Job job_make(int result) {
        return (Job) {.gate = {-1, -1}, .result = result};
}

static Job job_make_gated(void) {
        Job job = job_make(0);

        assert_int_equal(pipe2(job.gate, O_CLOEXEC), 0);
        return job;
}

static void job_open_gate(Job *job) {
        assert_int_equal(write(job->gate[1], "!", 1), 1);
}

static void job_close(Job *job) {
        close_fd(job->gate[0]);
        close_fd(job->gate[1]);
}

static int submit(Pool *pool, Job *job) {
        return pool_submit(pool, &(PoolJob) {run, done, job});
}

/* Turns the loop until the job is done. */
static void wait_for(sd_event *event, const Job *job) {
        while (job->n_done == 0)
                assert_true(sd_event_run(event, 10 * UINT64_C(1000000)) > 0);
}

static void the_result_of_a_job_comes_to_the_loop(void **state) {
        Job job = job_make(-EXDEV);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 1, &pool), 0);
        assert_int_equal(submit(pool, &job), 0);
        wait_for(*state, &job);
        assert_int_equal(job.done_r, -EXDEV);
        assert_int_equal(job.n_done, 1);
        pool_free(pool);
        assert_int_equal(job.n_done, 1);
}

static void a_job_runs_outside_the_loop_and_takes_no_signals(void **state) {
        Job job = job_make(0);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 1, &pool), 0);
        assert_int_equal(submit(pool, &job), 0);
        wait_for(*state, &job);
        assert_false(pthread_equal(job.ran_in, pthread_self()));
        assert_true(job.signals_blocked);
        pool_free(pool);
}

static void the_callers_signal_mask_is_as_before(void **state) {
        sigset_t blocked;
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 1, &pool), 0);
        assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
        assert_int_equal(sigismember(&blocked, SIGTERM), 0);
        pool_free(pool);
}

static void a_slow_job_holds_no_other_thread_up(void **state) {
        Job slow = job_make_gated(), quick = job_make(7);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 2, 2, &pool), 0);
        assert_int_equal(submit(pool, &slow), 0);
        assert_int_equal(submit(pool, &quick), 0);
        wait_for(*state, &quick);
        assert_int_equal(slow.n_done, 0);
        job_open_gate(&slow);
        wait_for(*state, &slow);
        pool_free(pool);
        job_close(&slow);
}

static void one_thread_runs_jobs_in_their_order(void **state) {
        Job first = job_make_gated(), second = job_make(0), third = job_make(0);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 3, &pool), 0);
        assert_int_equal(submit(pool, &first), 0);
        assert_int_equal(submit(pool, &second), 0);
        assert_int_equal(submit(pool, &third), 0);
        job_open_gate(&first);
        wait_for(*state, &third);
        assert_int_equal(first.n_done, 1);
        assert_int_equal(second.n_done, 1);
        pool_free(pool);
        job_close(&first);
}

static void a_full_queue_refuses_and_never_calls_done(void **state) {
        Job running = job_make_gated(), started = job_make(0), waiting = job_make(0),
            refused = job_make(0);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 1, &pool), 0);
        /* Once the first is done, its thread is free: the next holds it for sure. */
        assert_int_equal(submit(pool, &started), 0);
        wait_for(*state, &started);
        assert_int_equal(submit(pool, &running), 0);
        while (submit(pool, &waiting) == -EBUSY)
                (void) sched_yield(); /* until the thread has taken `running` off the queue */
        assert_int_equal(submit(pool, &refused), -EBUSY);
        job_open_gate(&running);
        wait_for(*state, &waiting);
        pool_free(pool);
        assert_int_equal(refused.n_done, 0);
        job_close(&running);
}

static void freeing_waits_for_what_runs_and_cancels_what_waits(void **state) {
        Job running = job_make_gated(), waiting = job_make(0);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 1, &pool), 0);
        assert_int_equal(submit(pool, &running), 0);
        while (submit(pool, &waiting) == -EBUSY)
                (void) sched_yield();
        job_open_gate(&running);
        assert_null(pool_free(pool));
        assert_int_equal(running.n_done, 1);
        assert_int_equal(running.done_r, 0);
        /* The thread may have come to it before it was told to stop. */
        assert_int_equal(waiting.n_done, 1);
        assert_true(waiting.done_r == -ECANCELED || waiting.done_r == 0);
        job_close(&running);
}

static void freeing_without_threads_cancels_all_that_wait(void **state) {
        Job first = job_make(0), second = job_make(0);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 0, 2, &pool), 0);
        assert_int_equal(submit(pool, &first), 0);
        assert_int_equal(submit(pool, &second), 0);
        pool_free(pool);
        assert_int_equal(first.done_r, -ECANCELED);
        assert_int_equal(second.done_r, -ECANCELED);
}

typedef struct Chain {
        Pool *pool;
        Job next;
        int r;
} Chain;

static int run_nothing(_unused_ void *userdata) {
        return 0;
}

static void done_submits(_unused_ int r, void *userdata) {
        Chain *chain = userdata;

        chain->r = submit(chain->pool, &chain->next);
}

static void a_result_may_submit_the_next_job(void **state) {
        Chain chain = {.next = job_make(5), .r = 1};

        assert_int_equal(pool_new(*state, 1, 1, &chain.pool), 0);
        assert_int_equal(pool_submit(chain.pool, &(PoolJob) {run_nothing, done_submits, &chain}),
                         0);
        wait_for(*state, &chain.next);
        assert_int_equal(chain.next.done_r, 5);
        pool_free(chain.pool);
}

static void a_job_that_is_submitted_while_freeing_is_refused(void **state) {
        Chain chain = {.next = job_make(5), .r = 1};

        assert_int_equal(pool_new(*state, 0, 1, &chain.pool), 0);
        assert_int_equal(pool_submit(chain.pool, &(PoolJob) {run_nothing, done_submits, &chain}),
                         0);
        pool_free(chain.pool);
        assert_int_equal(chain.r, -ESHUTDOWN);
        assert_int_equal(chain.next.n_done, 0);
}

/* With a queue of one place: returns once the thread has taken the first off it. */
static void submit_running(Pool *pool, Job *running, Job *next) {
        assert_int_equal(submit(pool, running), 0);
        while (submit(pool, next) == -EBUSY)
                (void) sched_yield();
}

static void a_job_that_waits_can_be_withdrawn(void **state) {
        Job running = job_make_gated(), waiting = job_make(0), last = job_make(3);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 2, &pool), 0);
        assert_int_equal(submit(pool, &running), 0);
        assert_int_equal(submit(pool, &waiting), 0);
        while (submit(pool, &last) == -EBUSY)
                (void) sched_yield();
        assert_true(pool_withdraw(pool, &waiting));
        assert_int_equal(waiting.n_done, 0); /* not under the caller's feet */
        wait_for(*state, &waiting);
        assert_int_equal(waiting.done_r, -ECANCELED);
        assert_int_equal(running.n_done, 0);
        assert_false(pool_withdraw(pool, &waiting));
        job_open_gate(&running);
        wait_for(*state, &last);
        assert_int_equal(last.done_r, 3);
        pool_free(pool);
        assert_int_equal(waiting.n_done, 1);
        job_close(&running);
}

static void after_the_last_was_withdrawn_others_can_be_added(void **state) {
        Job first = job_make(0), last = job_make(0), added = job_make(0);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 0, 2, &pool), 0);
        assert_int_equal(submit(pool, &first), 0);
        assert_int_equal(submit(pool, &last), 0);
        assert_true(pool_withdraw(pool, &last));
        assert_int_equal(submit(pool, &added), 0);
        assert_true(pool_withdraw(pool, &first));
        assert_true(pool_withdraw(pool, &added));
        assert_int_equal(submit(pool, &first), 0);
        pool_free(pool);
        assert_int_equal(first.n_done, 2);
        assert_int_equal(last.n_done, 1);
        assert_int_equal(added.n_done, 1);
}

static void a_job_that_runs_is_not_withdrawn(void **state) {
        Job running = job_make_gated(), waiting = job_make(0);
        Pool *pool = NULL;

        assert_int_equal(pool_new(*state, 1, 1, &pool), 0);
        submit_running(pool, &running, &waiting); /* one place: the thread has taken the first */
        assert_false(pool_withdraw(pool, &running));
        job_open_gate(&running);
        wait_for(*state, &waiting);
        assert_int_equal(running.done_r, 0);
        pool_free(pool);
        job_close(&running);
}

static void freeing_nothing_is_allowed(_unused_ void **state) {
        assert_null(pool_free(NULL));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_result_of_a_job_comes_to_the_loop),
                TEST(a_job_runs_outside_the_loop_and_takes_no_signals),
                TEST(the_callers_signal_mask_is_as_before),
                TEST(a_slow_job_holds_no_other_thread_up),
                TEST(one_thread_runs_jobs_in_their_order),
                TEST(a_full_queue_refuses_and_never_calls_done),
                TEST(freeing_waits_for_what_runs_and_cancels_what_waits),
                TEST(freeing_without_threads_cancels_all_that_wait),
                TEST(a_result_may_submit_the_next_job),
                TEST(a_job_that_is_submitted_while_freeing_is_refused),
                TEST(a_job_that_waits_can_be_withdrawn),
                TEST(after_the_last_was_withdrawn_others_can_be_added),
                TEST(a_job_that_runs_is_not_withdrawn),
                TEST(freeing_nothing_is_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
