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
        assert_int_equal(waiting_new(MAX, &queue->waiting), 0);
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

        waiting_clear(&queue->waiting);
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

static void clearing_closes_all(void **state) {
        Queue *queue = *state;

        assert_true(add(queue, 0));
        assert_true(add(queue, 1));
        waiting_clear(&queue->waiting);
        assert_closed(queue, 0);
        assert_closed(queue, 1);
        assert_int_equal(waiting_take(&queue->waiting), -1);
        assert_false(add(queue, 2));
}

#define WAITING_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                WAITING_TEST(the_first_come_is_the_first_taken),
                WAITING_TEST(no_more_than_so_many_wait),
                WAITING_TEST(one_who_has_left_makes_room),
                WAITING_TEST(one_who_has_left_is_not_taken),
                WAITING_TEST(one_who_waits_for_a_reply_is_taken),
                WAITING_TEST(clearing_closes_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
