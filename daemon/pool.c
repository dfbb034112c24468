#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/pool.h"

typedef struct Item Item;
struct Item {
        PoolJob job;
        void (*posted)(void *userdata); /* instead of a job's done */
        int r;
        Item *next;
};

typedef struct Queue {
        Item *first, *last;
        size_t length;
} Queue;

struct Pool {
        pthread_mutex_t lock; /* of the queues and of stopping */
        pthread_cond_t work;
        Queue waiting, finished;
        bool stopping;

        size_t queue_max;
        int event_fd;
        sd_event_source *source;
        size_t n_threads;
        pthread_t threads[];
};

static void queue_push(Queue *queue, Item *item) {
        item->next = NULL;
        if (queue->last)
                queue->last->next = item;
        else
                queue->first = item;
        queue->last = item;
        queue->length++;
}

static Item *queue_pop(Queue *queue) {
        Item *item = queue->first;

        if (!item)
                return NULL;
        queue->first = item->next;
        if (!queue->first)
                queue->last = NULL;
        queue->length--;
        return item;
}

/* NULL when there is none. */
static Item *queue_take(Queue *queue, const void *userdata) {
        Item *before = NULL, *item = queue->first;

        while (item && item->job.userdata != userdata) {
                before = item;
                item = item->next;
        }
        if (!item)
                return NULL;
        if (before)
                before->next = item->next;
        else
                queue->first = item->next;
        if (queue->last == item)
                queue->last = before;
        queue->length--;
        return item;
}

static void pool_wake_loop(Pool *pool) {
        const uint64_t one = 1;
        ssize_t n;

        /* Cannot fail: the counter would have to overflow, and EINTR does not happen here, for the
         * threads take no signals. */
        do
                n = write(pool->event_fd, &one, sizeof(one));
        while (n < 0 && errno == EINTR);
}

static void *pool_thread(void *userdata) {
        Pool *pool = userdata;

        (void) pthread_mutex_lock(&pool->lock);
        for (;;) {
                Item *item = NULL;

                while (!pool->stopping && !(item = queue_pop(&pool->waiting)))
                        (void) pthread_cond_wait(&pool->work, &pool->lock);
                if (!item)
                        break;
                (void) pthread_mutex_unlock(&pool->lock);
                item->r = item->job.run(item->job.userdata);
                (void) pthread_mutex_lock(&pool->lock);
                queue_push(&pool->finished, item);
                pool_wake_loop(pool);
        }
        (void) pthread_mutex_unlock(&pool->lock);
        return NULL;
}

/* Delivers what is finished now; a done function may submit anew. */
static void pool_deliver(Pool *pool) {
        Queue finished;
        Item *item;

        (void) pthread_mutex_lock(&pool->lock);
        finished = pool->finished;
        pool->finished = (Queue) {};
        (void) pthread_mutex_unlock(&pool->lock);
        while ((item = queue_pop(&finished))) {
                if (item->posted)
                        item->posted(item->job.userdata);
                else
                        item->job.done(item->r, item->job.userdata);
                free(item);
        }
}

static int on_finished(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
                       void *userdata) {
        uint64_t count;

        /* Emptied before the queue is taken, so that no wake-up gets lost. */
        if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
                return -errno;
        pool_deliver(userdata);
        return 0;
}

static int pool_start_threads(Pool *pool, size_t n_threads) {
        sigset_t all, saved;
        int r;

        (void) sigfillset(&all);
        r = pthread_sigmask(SIG_SETMASK, &all, &saved);
        if (r != 0)
                return -r;
        while (r == 0 && pool->n_threads < n_threads) {
                r = pthread_create(&pool->threads[pool->n_threads], NULL, pool_thread, pool);
                if (r == 0)
                        pool->n_threads++;
        }
        (void) pthread_sigmask(SIG_SETMASK, &saved, NULL);
        return -r;
}

int pool_new(sd_event *event, size_t n_threads, size_t queue_max, Pool **ret) {
        Pool *pool = calloc(1, sizeof(*pool) + n_threads * sizeof(pool->threads[0]));
        int r;

        if (!pool)
                return -ENOMEM;
        /* Neither can fail with default attributes (glibc). */
        (void) pthread_mutex_init(&pool->lock, NULL);
        (void) pthread_cond_init(&pool->work, NULL);
        pool->queue_max = queue_max;
        pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = pool->event_fd < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_add_io(event, &pool->source, pool->event_fd, EPOLLIN, on_finished,
                                    pool);
        if (r >= 0)
                r = pool_start_threads(pool, n_threads);
        if (r < 0) {
                pool_free(pool);
                return r;
        }
        *ret = pool;
        return 0;
}

int pool_submit(Pool *pool, const PoolJob *job) {
        Item *item = malloc(sizeof(*item));
        int r = 0;

        if (!item)
                return -ENOMEM;
        *item = (Item) {.job = *job};
        (void) pthread_mutex_lock(&pool->lock);
        if (pool->stopping)
                r = -ESHUTDOWN;
        else if (pool->waiting.length >= pool->queue_max)
                r = -EBUSY;
        else {
                queue_push(&pool->waiting, item);
                (void) pthread_cond_signal(&pool->work);
        }
        (void) pthread_mutex_unlock(&pool->lock);
        if (r < 0)
                free(item);
        return r;
}

bool pool_withdraw(Pool *pool, const void *userdata) {
        Item *item;

        (void) pthread_mutex_lock(&pool->lock);
        item = queue_take(&pool->waiting, userdata);
        if (item) {
                item->r = -ECANCELED;
                queue_push(&pool->finished, item);
        }
        (void) pthread_mutex_unlock(&pool->lock);
        if (item)
                pool_wake_loop(pool);
        return item;
}

int pool_post(Pool *pool, void (*fn)(void *userdata), void *userdata) {
        Item *item = malloc(sizeof(*item));

        if (!item)
                return -ENOMEM;
        *item = (Item) {.posted = fn, .job.userdata = userdata};
        (void) pthread_mutex_lock(&pool->lock);
        queue_push(&pool->finished, item);
        (void) pthread_mutex_unlock(&pool->lock);
        pool_wake_loop(pool);
        return 0;
}

Pool *pool_free(Pool *pool) {
        Item *item;

        if (!pool)
                return NULL;
        (void) pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        (void) pthread_cond_broadcast(&pool->work);
        (void) pthread_mutex_unlock(&pool->lock);
        for (size_t i = 0; i < pool->n_threads; i++)
                (void) pthread_join(pool->threads[i], NULL);
        pool_deliver(pool);
        while ((item = queue_pop(&pool->waiting))) {
                item->job.done(-ECANCELED, item->job.userdata);
                free(item);
        }
        sd_event_source_disable_unref(pool->source);
        close_fd(pool->event_fd);
        (void) pthread_cond_destroy(&pool->work);
        (void) pthread_mutex_destroy(&pool->lock);
        free(pool);
        return NULL;
}
