#include "daemon/root-stub.h"
#include "tests/unit/daemon/fake-root.h"

typedef struct Fixture {
        char directory[64], socket[96];
        pid_t fake;
        Error error;
} Fixture;

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        (void) snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        (void) snprintf(fixture->socket, sizeof(fixture->socket), "%s/root.sock",
                        fixture->directory);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        process_stop(fixture->fake);
        (void) unlink(fixture->socket);
        (void) rmdir(fixture->directory);
        error_clear(&fixture->error);
        free(fixture);
        return 0;
}

static uint64_t soon(void) {
        return clock_monotonic_usec() + PATIENCE_USEC;
}

static void ping_returns_what_the_helper_says(void **state) {
        Fixture *fixture = *state;
        RootPong pong = {};

        fixture->fake = fake_root_start(fixture->socket,
                                        (FakeRoot) {.version = "1.2", .owner_uid = 1000});
        assert_int_equal(root_ping(fixture->socket, soon(), &pong, NULL), 0);
        assert_string_equal(pong.version, "1.2");
        assert_int_equal(pong.owner_uid, 1000);
        schema_clear(&root_pong_schema, &pong);
}

static void inventory_returns_the_entries(void **state) {
        Fixture *fixture = *state;
        Inventory inventory = {};
        const InventoryEntry *entries;

        fixture->fake = fake_root_start(fixture->socket, (FakeRoot) {});
        assert_int_equal(root_inventory(fixture->socket, soon(), &inventory, NULL), 0);
        assert_int_equal(inventory.entries.n_items, 1);
        entries = inventory.entries.items;
        assert_string_equal(entries[0].name, "bgr-0123456789");
        schema_clear(&inventory_schema, &inventory);
}

static void a_helper_that_is_restarted_under_a_call_is_asked_again(void **state) {
        Fixture *fixture = *state;
        RootPong pong = {};

        fixture->fake = fake_root_start(fixture->socket, (FakeRoot) {.version = "1", .n_cut = 1});
        assert_int_equal(root_ping(fixture->socket, soon(), &pong, NULL), 0);
        schema_clear(&root_pong_schema, &pong);
}

static void a_launch_is_asked_for_once(void **state) {
        Fixture *fixture = *state;
        char id[] = "0123456789";
        const RootLaunch launch = {.vm = id, .slot = 1, .vcpus = 1, .memory_mib = 256};

        fixture->fake = fake_root_start(fixture->socket, (FakeRoot) {.n_cut = 1});
        assert_true(root_launch(fixture->socket, soon(), &launch, STDERR_FILENO, STDERR_FILENO,
                                &fixture->error) < 0);
        assert_int_equal(fixture->error.kind, ERROR_UNAVAILABLE);
}

static void waiting_for_a_socket_can_be_cancelled(void **state) {
        Fixture *fixture = *state;
        char id[] = "0123456789";
        const RootSockets wanted = {.vm = id, .slot = 1, .timeout_ms = 20000};
        int cancel[2], fd = -1;

        assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
        assert_int_equal(write(cancel[1], "!", 1), 1);
        /* Takes the call and never answers. */
        fixture->fake = fake_root_start(fixture->socket, (FakeRoot) {.n_cut = 0});
        assert_int_equal(kill(fixture->fake, SIGSTOP), 0);
        assert_int_equal(root_socket(fixture->socket, soon(), &wanted, cancel[0], &fd,
                                     &fixture->error),
                         -ECANCELED);
        assert_int_equal(fixture->error.kind, ERROR_CANCELED);
        assert_int_equal(fd, -1);
        close_fd(cancel[0]);
        close_fd(cancel[1]);
}

static void an_error_of_the_helper_keeps_its_kind_and_says_who_spoke(void **state) {
        Fixture *fixture = *state;
        RootPong pong = {};

        fixture->fake = fake_root_start(fixture->socket, (FakeRoot) {.error = "out of order"});
        assert_true(root_ping(fixture->socket, soon(), &pong, &fixture->error) < 0);
        assert_int_equal(fixture->error.kind, ERROR_UNAVAILABLE);
        assert_string_equal(fixture->error.message, "bangerd-root: out of order");
}

static void a_helper_that_is_not_there_is_an_error_that_names_the_socket(void **state) {
        Fixture *fixture = *state;
        RootPong pong = {};

        assert_int_equal(root_ping(fixture->socket, soon(), &pong, &fixture->error), -ENOENT);
        assert_non_null(strstr(fixture->error.message, fixture->socket));
        assert_int_equal(fixture->error.kind, ERROR_UNAVAILABLE);
        assert_string_equal(fixture->error.hint, "run: sudo systemctl start bangerd-root.socket");
}

static void a_helper_that_does_not_answer_times_out(void **state) {
        Fixture *fixture = *state;
        RootPong pong = {};

        fixture->fake = fake_root_start(fixture->socket, (FakeRoot) {.mute = true});
        assert_int_equal(root_ping(fixture->socket, clock_monotonic_usec() + 50 * USEC_PER_MSEC,
                                   &pong, &fixture->error),
                         -ETIMEDOUT);
        assert_int_equal(fixture->error.kind, ERROR_TIMED_OUT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(ping_returns_what_the_helper_says),
                TEST(inventory_returns_the_entries),
                TEST(a_helper_that_is_restarted_under_a_call_is_asked_again),
                TEST(a_launch_is_asked_for_once),
                TEST(waiting_for_a_socket_can_be_cancelled),
                TEST(an_error_of_the_helper_keeps_its_kind_and_says_who_spoke),
                TEST(a_helper_that_is_not_there_is_an_error_that_names_the_socket),
                TEST(a_helper_that_does_not_answer_times_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
