#include <errno.h>
#include <sys/socket.h>

#include "helper/waiting.h"
#include "tests/unit/helper/fixture.h"

#define MAX 2

/* Clients by number, each with its end and the helper's. */
typedef struct Queue {
        Waiting waiting;
        int clients[MAX + 1], ours[MAX + 1];
} Queue;

static int setup(void **state) {
        Queue *queue = calloc(1, sizeof(*queue));

        assert_non_null(queue);
        assert_int_equal(waiting_new(MAX, 1, &queue->waiting), 0);
        for (size_t i = 0; i <= MAX; i++) {
                int ends[2];

                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
                queue->clients[i] = ends[0];
                queue->ours[i] = ends[1];
        }
        *state = queue;
        return 0;
}

static int teardown(void **state) {
        Queue *queue = *state;

        waiting_close(&queue->waiting, false);
        waiting_free(&queue->waiting);
        for (size_t i = 0; i <= MAX; i++) {
                close_fd(queue->clients[i]);
                close_fd(queue->ours[i]);
        }
        free(queue);
        return 0;
}

static bool add(Queue *queue, size_t client) {
        if (!waiting_add(&queue->waiting, queue->ours[client]))
                return false;
        queue->ours[client] = -1;
        return true;
}

static void leave(Queue *queue, size_t client) {
        queue->clients[client] = close_fd(queue->clients[client]);
}

/* That client is the next. */
static void assert_taken(Queue *queue, size_t client) {
        char byte = '\0';

        queue->ours[client] = waiting_take(&queue->waiting);
        assert_true(queue->ours[client] >= 0);
        assert_int_equal(write(queue->clients[client], "?", 1), 1);
        assert_int_equal(recv(queue->ours[client], &byte, 1, MSG_DONTWAIT), 1);
}

static void assert_closed(const Queue *queue, size_t client) {
        char byte;

        assert_int_equal(recv(queue->clients[client], &byte, 1, MSG_DONTWAIT), 0);
}

static void assert_open(const Queue *queue, size_t client) {
        char byte;

        assert_int_equal(recv(queue->clients[client], &byte, 1, MSG_DONTWAIT), -1);
        assert_int_equal(errno, EAGAIN);
}

static void dismiss(Queue *queue, size_t client) {
        waiting_dismiss(&queue->waiting, steal_fd(&queue->ours[client]));
}

static void the_first_come_is_the_first_taken(void **state) {
        Queue *queue = *state;

        assert_int_equal(waiting_take(&queue->waiting), -1);
        assert_true(add(queue, 1));
        assert_true(add(queue, 0));
        assert_taken(queue, 1);
        assert_true(add(queue, 2));
        assert_taken(queue, 0);
        assert_taken(queue, 2);
        assert_int_equal(waiting_take(&queue->waiting), -1);
}

static void no_more_than_so_many_wait(void **state) {
        Queue *queue = *state;

        assert_true(add(queue, 0));
        assert_true(add(queue, 1));
        assert_false(add(queue, 2));
        assert_taken(queue, 0);
        assert_true(add(queue, 2));
}

static void one_who_has_left_makes_room(void **state) {
        Queue *queue = *state;

        assert_true(add(queue, 0));
        assert_true(add(queue, 1));
        leave(queue, 0);
        assert_true(add(queue, 2));
        assert_taken(queue, 1);
        assert_taken(queue, 2);
}

static void one_who_has_left_is_not_taken(void **state) {
        Queue *queue = *state;

        assert_true(add(queue, 0));
        assert_true(add(queue, 1));
        leave(queue, 0);
        assert_taken(queue, 1);
        assert_int_equal(waiting_take(&queue->waiting), -1);
        assert_int_equal(queue->waiting.n_dismissed, 1);
}

/* A request that lies unread, or an end of the requests, is not the client's leaving. */
static void one_who_waits_for_a_reply_is_taken(void **state) {
        Queue *queue = *state;
        char byte = '\0';

        assert_true(add(queue, 0));
        assert_int_equal(write(queue->clients[0], "!", 1), 1);
        assert_int_equal(shutdown(queue->clients[0], SHUT_WR), 0);
        queue->ours[0] = waiting_take(&queue->waiting);
        assert_int_equal(recv(queue->ours[0], &byte, 1, MSG_DONTWAIT), 1);
        assert_int_equal(byte, '!');
}

static void one_dismissed_is_open_until_let_go_of(void **state) {
        Queue *queue = *state;

        assert_true(add(queue, 0));
        dismiss(queue, 1);
        assert_open(queue, 1);
        waiting_let_go(&queue->waiting);
        assert_closed(queue, 1);
        assert_open(queue, 0);
        assert_taken(queue, 0);
}

static void all_are_dismissed(void **state) {
        Queue *queue = *state;

        assert_true(add(queue, 0));
        assert_true(add(queue, 1));
        dismiss(queue, 2);
        waiting_dismiss_all(&queue->waiting);
        assert_int_equal(waiting_take(&queue->waiting), -1);
        for (size_t i = 0; i <= MAX; i++)
                assert_open(queue, i);
        waiting_let_go(&queue->waiting);
        for (size_t i = 0; i <= MAX; i++)
                assert_closed(queue, i);
}

static void a_forked_process_closes_all_or_those_that_wait(void **state) {
        Queue *queue = *state;

        assert_true(add(queue, 0));
        dismiss(queue, 1);
        waiting_close(&queue->waiting, true);
        assert_closed(queue, 0);
        assert_open(queue, 1);
        assert_int_equal(waiting_take(&queue->waiting), -1);
        waiting_close(&queue->waiting, false);
        assert_closed(queue, 1);
}

#define WAITING_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                WAITING_TEST(the_first_come_is_the_first_taken),
                WAITING_TEST(no_more_than_so_many_wait),
                WAITING_TEST(one_who_has_left_makes_room),
                WAITING_TEST(one_who_has_left_is_not_taken),
                WAITING_TEST(one_who_waits_for_a_reply_is_taken),
                WAITING_TEST(one_dismissed_is_open_until_let_go_of),
                WAITING_TEST(all_are_dismissed),
                WAITING_TEST(a_forked_process_closes_all_or_those_that_wait),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
