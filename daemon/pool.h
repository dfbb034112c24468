#pragma once
/* A bounded pool of threads for what blocks: jobs run there, their results come to the loop. */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

typedef struct Pool Pool;

typedef struct PoolJob {
        int (*run)(void *userdata);         /* in a thread; may block until its own deadline */
        void (*done)(int r, void *userdata); /* in the loop, exactly once, with what run returned */
        void *userdata;
} PoolJob;

/* queue_max bounds the jobs that wait for a thread. All signals are blocked in the threads. */
int pool_new(sd_event *event, size_t n_threads, size_t queue_max, Pool **ret);
/* -EBUSY when the queue is full; then done is not called. Called from the loop's thread. */
int pool_submit(Pool *pool, const PoolJob *job);
/* Takes the job with this userdata out of the queue: its done gets -ECANCELED, as from a thread, and
 * run is not called. False when it does not wait (any more). Called from the loop's thread. */
bool pool_withdraw(Pool *pool, const void *userdata);
/* Has fn run in the loop, before the `done` of the job that posts it and in the order of posting; for
 * progress. Called from a job. -ENOMEM, and then fn does not run. */
int pool_post(Pool *pool, void (*fn)(void *userdata), void *userdata);
/* Waits for the jobs that run, drops those that wait (done gets -ECANCELED), delivers all results.
 * A done function that submits then gets -ESHUTDOWN. */
Pool *pool_free(Pool *pool);
