/* The set of guests, against a helper that is a process. */
#include <pthread.h>

#include "common/io.h"
#include "daemon/network.h"
#include "tests/unit/daemon/fake-root.h"

typedef struct Fixture {
        char directory[64], socket[96];
        int dir_fd;
        pid_t fake;
        Network *network;
        Error error;
} Fixture;

static Forward web_forward = {.address = 0x7f000001, .host_port = 8080, .guest_port = 80};
static const VmId web_id = {"aaaaaaaaaa"}, db_id = {"bbbbbbbbbb"};

static unsigned n_held;

static int hold(const Forward *forward, int *ret_fd, Error *reterr) {
        n_held++;
        return port_hold(forward, ret_fd, reterr);
}

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        (void) snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        (void) snprintf(fixture->socket, sizeof(fixture->socket), "%s/root", fixture->directory);
        fixture->dir_fd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fixture->fake = fake_root_start(fixture->socket,
                                        (FakeRoot) {.directory = fixture->directory});
        assert_int_equal(network_new(fixture->socket, hold, &fixture->network), 0);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        network_free(fixture->network);
        process_stop(fixture->fake);
        close_fd(fixture->dir_fd);
        remove_tree(fixture->directory);
        error_clear(&fixture->error);
        free(fixture);
        return 0;
}

static NetworkGuest web(void) {
        return (NetworkGuest) {.id = web_id, .slot = 1,
                               .forwards = {.items = &web_forward, .n_items = 1}};
}

static NetworkGuest db(void) {
        return (NetworkGuest) {.id = db_id, .slot = 2, .nat = true};
}

static int put(Fixture *fixture, NetworkGuest guest) {
        error_clear(&fixture->error);
        return network_put(fixture->network, &guest, NULL, &fixture->error);
}

static void write_file(const Fixture *fixture, const char *name, const char *text) {
        assert_int_equal(io_write_file_atomic(fixture->dir_fd, name, text, strlen(text), 0600), 0);
}

static void assert_file(const Fixture *fixture, const char *name, const char *expected) {
        _cleanup_free_ char *text = NULL;
        int r = io_read_file(fixture->dir_fd, name, 65536, &text, NULL);

        assert_string_equal(r == -ENOENT ? "" : text, expected);
}

static void the_helper_is_given_the_whole_set_each_time(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(put(fixture, web()), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\naaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
        assert_int_equal(put(fixture, db()), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\nbbbbbbbbbb 2 nat\n"
                                        "aaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
        assert_int_equal(network_remove(fixture->network, &web_id, NULL, NULL), 0);
        assert_file(fixture, "network", "bbbbbbbbbb 2 nat\n");
}

static void putting_again_replaces(void **state) {
        Fixture *fixture = *state;
        NetworkGuest without = web();

        without.forwards.n_items = 0;
        without.nat = true;
        assert_int_equal(put(fixture, web()), 0);
        assert_int_equal(put(fixture, without), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1 nat\n");
}

static void a_put_that_fails_is_taken_back(void **state) {
        Fixture *fixture = *state;
        NetworkGuest changed = web();

        assert_int_equal(put(fixture, web()), 0);
        write_file(fixture, "fails", "NetworkSet");
        assert_true(put(fixture, db()) < 0);
        assert_string_equal(fixture->error.message, "bangerd-root: NetworkSet does not work");
        changed.forwards.n_items = 0;
        assert_true(put(fixture, changed) < 0);
        write_file(fixture, "fails", "");
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\naaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
}

static void a_removal_that_fails_is_taken_back_and_can_be_repeated(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(put(fixture, web()), 0);
        write_file(fixture, "fails", "NetworkSet");
        assert_true(network_remove(fixture->network, &web_id, NULL, NULL) < 0);
        assert_true(network_remove(fixture->network, &web_id, NULL, &fixture->error) < 0);
        assert_string_equal(fixture->error.message, "bangerd-root: NetworkSet does not work");
        write_file(fixture, "fails", "");
        assert_int_equal(network_remove(fixture->network, &web_id, NULL, NULL), 0);
        assert_file(fixture, "network", "");
}

/* The kernel may have it all the same: of a put that failed, or from before the daemon's start. */
static void the_removal_of_what_is_not_in_the_set_applies_it_and_never_fails(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(put(fixture, web()), 0);
        write_file(fixture, "network", "what the kernel had");
        assert_int_equal(network_remove(fixture->network, &db_id, NULL, NULL), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\naaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
        write_file(fixture, "fails", "NetworkSet");
        assert_int_equal(network_remove(fixture->network, &db_id, NULL, NULL), 0);
}

static void assert_left_out(Fixture *fixture, const char *expected) {
        _cleanup_free_ char *reason = NULL;

        assert_int_equal(network_find_left_out(fixture->network, &web_id, &web_forward, &reason),
                         0);
        if (expected)
                assert_string_equal(reason, expected);
        else
                assert_null(reason);
}

/* Whoever listens there since its rule went must not keep other VMs from starting or stopping. */
static void a_forward_that_was_there_before_fails_no_change_of_another(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(put(fixture, web()), 0);
        assert_left_out(fixture, NULL);
        write_file(fixture, "refuses", "8080");
        assert_int_equal(put(fixture, db()), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\nbbbbbbbbbb 2 nat\n");
        assert_left_out(fixture, "somebody listens there");
        assert_int_equal(network_remove(fixture->network, &db_id, NULL, NULL), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\n");
        write_file(fixture, "refuses", "");
        assert_int_equal(put(fixture, db()), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\nbbbbbbbbbb 2 nat\n"
                                        "aaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
        assert_left_out(fixture, NULL);
}

static void nor_one_of_its_own_vm(void **state) {
        Fixture *fixture = *state;
        NetworkGuest changed = web();

        assert_int_equal(put(fixture, web()), 0);
        write_file(fixture, "refuses", "8080");
        changed.nat = true;
        assert_int_equal(put(fixture, changed), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1 nat\n");
        assert_int_equal(network_remove(fixture->network, &web_id, NULL, NULL), 0);
        assert_file(fixture, "network", "");
        assert_left_out(fixture, NULL);
}

static void a_forward_that_a_change_brings_fails_it(void **state) {
        Fixture *fixture = *state;
        NetworkGuest without = web();

        write_file(fixture, "refuses", "8080");
        assert_true(put(fixture, web()) < 0);
        assert_int_equal(fixture->error.kind, ERROR_BUSY);
        without.forwards.n_items = 0;
        assert_int_equal(put(fixture, without), 0);
        assert_true(put(fixture, web()) < 0);
        assert_int_equal(put(fixture, db()), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\nbbbbbbbbbb 2 nat\n");
}

static void a_failure_is_known_until_it_is_made_good(void **state) {
        Fixture *fixture = *state;

        assert_false(network_failed(fixture->network));
        write_file(fixture, "fails", "NetworkSet");
        assert_int_equal(network_remove(fixture->network, &web_id, NULL, NULL), 0);
        assert_true(network_failed(fixture->network));
        write_file(fixture, "fails", "");
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_false(network_failed(fixture->network));
}

static void what_is_filled_is_applied_once(void **state) {
        Fixture *fixture = *state;
        const NetworkGuest first = web(), second = db();

        assert_int_equal(network_fill(fixture->network, &first), 0);
        assert_int_equal(network_fill(fixture->network, &second), 0);
        assert_file(fixture, "calls", "");
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_file(fixture, "calls", "NetworkSet\n");
        assert_file(fixture, "network", "aaaaaaaaaa 1\nbbbbbbbbbb 2 nat\n"
                                        "aaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
}

static void a_fresh_set_is_applied_even_if_it_is_empty(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_file(fixture, "calls", "NetworkSet\n");
}

static void what_is_forgotten_is_applied_again(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(network_apply(fixture->network, NULL), 0);
        network_forget(fixture->network);
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_file(fixture, "calls", "NetworkSet\nNetworkSet\n");
}

/* ---- the ports are held ---- */

/* One of 127.0.0.1 that nobody has. */
static Forward free_port(ForwardProtocol protocol) {
        Forward forward = {.protocol = protocol, .address = INADDR_LOOPBACK, .guest_port = 80};
        _cleanup_close_ int fd = fake_bind((int) protocol, "127.0.0.1", 0);
        struct sockaddr_in at;
        socklen_t size = sizeof(at);

        assert_true(fd >= 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &size), 0);
        forward.host_port = ntohs(at.sin_port);
        return forward;
}

static NetworkGuest guest_with(const VmId *id, Forward *forward) {
        return (NetworkGuest) {.id = *id, .slot = 1, .forwards = {.items = forward, .n_items = 1}};
}

static bool is_taken(const Forward *forward) {
        int fd = fake_bind((int) forward->protocol, "127.0.0.1", forward->host_port);

        if (fd >= 0)
                close_fd(fd);
        return fd < 0;
}

static bool is_in_force(const Fixture *fixture, const VmId *id, const Forward *forward) {
        _cleanup_free_ char *text = NULL;
        char wanted[FORWARD_TEXT_SIZE], line[64];

        forward_format(forward, wanted);
        (void) snprintf(line, sizeof(line), "%s %s\n", id->text, wanted);
        assert_int_equal(io_read_file(fixture->dir_fd, "network", 65536, &text, NULL), 0);
        return strstr(text, line);
}

static void a_port_is_held_as_long_as_it_is_forwarded(void **state) {
        Fixture *fixture = *state;

        write_file(fixture, "binds", "");
        for (int protocol = 0; protocol < _FORWARD_PROTOCOL_MAX; protocol++) {
                Forward forward = free_port((ForwardProtocol) protocol);

                assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
                assert_true(is_taken(&forward));
                assert_int_equal(put(fixture, db()), 0);
                assert_true(is_taken(&forward));
                assert_int_equal(network_remove(fixture->network, &web_id, NULL, NULL), 0);
                assert_false(is_taken(&forward));
        }
}

static void a_port_that_is_held_is_not_asked_for_again(void **state) {
        Fixture *fixture = *state;
        Forward forward = free_port(FORWARD_TCP);

        n_held = 0;
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        assert_int_equal(put(fixture, db()), 0);
        assert_int_equal(n_held, 1);
}

/* The rule is there, and of the daemon before nobody holds its port any more. */
static void the_next_daemon_holds_it_again(void **state) {
        Fixture *fixture = *state;
        Forward forward = free_port(FORWARD_UDP);
        const NetworkGuest guest = guest_with(&web_id, &forward);

        write_file(fixture, "binds", "");
        assert_int_equal(put(fixture, guest), 0);
        network_free(fixture->network);
        assert_false(is_taken(&forward));
        assert_int_equal(network_new(fixture->socket, hold, &fixture->network), 0);
        assert_int_equal(network_fill(fixture->network, &guest), 0);
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_true(is_taken(&forward));
        assert_true(is_in_force(fixture, &web_id, &forward));
}

/* To the helper the daemon's own socket is one of a program that came since. */
static void where_the_rules_were_lost_the_sockets_are_in_nobodys_way(void **state) {
        Fixture *fixture = *state;
        Forward forward = free_port(FORWARD_UDP);

        write_file(fixture, "binds", "");
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        write_file(fixture, "network", "");
        assert_int_equal(put(fixture, db()), 0);
        assert_true(is_in_force(fixture, &web_id, &forward));
        assert_true(is_taken(&forward));
        write_file(fixture, "network", "");
        network_forget(fixture->network);
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_true(is_in_force(fixture, &web_id, &forward));
        assert_true(is_taken(&forward));
}

static void a_port_may_lead_elsewhere_from_now_on(void **state) {
        Fixture *fixture = *state;
        Forward forward = free_port(FORWARD_UDP);

        write_file(fixture, "binds", "");
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        forward.guest_port = 81;
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        assert_true(is_taken(&forward));
        forward.address = INADDR_ANY;
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        assert_true(is_taken(&forward));
        assert_int_equal(network_remove(fixture->network, &web_id, NULL, NULL), 0);
        assert_int_equal(put(fixture, guest_with(&db_id, &forward)), 0);
        assert_true(is_in_force(fixture, &db_id, &forward));
        assert_true(is_taken(&forward));
}

/* The helper sees only who listens. */
static void a_port_that_a_program_has_is_forwarded_all_the_same(void **state) {
        Fixture *fixture = *state;
        Forward forward = free_port(FORWARD_TCP);
        int fd = fake_bind(FORWARD_TCP, "127.0.0.1", forward.host_port);

        write_file(fixture, "binds", "");
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        assert_true(is_in_force(fixture, &web_id, &forward));
        close_fd(fd);
        assert_false(is_taken(&forward));
        assert_int_equal(put(fixture, db()), 0);
        assert_true(is_taken(&forward));
}

static void what_is_left_out_is_not_held(void **state) {
        Fixture *fixture = *state;
        Forward forward = free_port(FORWARD_TCP);
        char port[8];

        write_file(fixture, "binds", "");
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        (void) snprintf(port, sizeof(port), "%u", forward.host_port);
        write_file(fixture, "refuses", port);
        assert_int_equal(put(fixture, db()), 0);
        assert_false(is_in_force(fixture, &web_id, &forward));
        assert_false(is_taken(&forward));
        write_file(fixture, "refuses", "");
        assert_int_equal(put(fixture, db()), 0);
        assert_true(is_taken(&forward));
}

static void after_a_change_that_fails_it_is_held_again(void **state) {
        Fixture *fixture = *state;
        Forward forward = free_port(FORWARD_UDP);

        write_file(fixture, "binds", "");
        assert_int_equal(put(fixture, guest_with(&web_id, &forward)), 0);
        write_file(fixture, "fails", "NetworkSet");
        assert_true(network_remove(fixture->network, &web_id, NULL, NULL) < 0);
        write_file(fixture, "fails", "");
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_true(is_in_force(fixture, &web_id, &forward));
        assert_true(is_taken(&forward));
}

/* ---- while the helper works ---- */

static void *put_in_thread(void *userdata) {
        (void) put(userdata, web());
        return NULL;
}

static void wait_for_calls(const Fixture *fixture, const char *expected) {
        uint64_t deadline = clock_monotonic_usec() + PATIENCE_USEC;
        bool seen = false;

        while (!seen && clock_monotonic_usec() < deadline) {
                _cleanup_free_ char *text = NULL;

                seen = io_read_file(fixture->dir_fd, "calls", 65536, &text, NULL) >= 0 &&
                       strcmp(text, expected) == 0;
        }
        assert_true(seen);
}

/* As the loop does it: it must not wait for the helper; and what came too late for a call counts as
 * not applied. */
static void filling_does_not_wait_for_the_helper(void **state) {
        Fixture *fixture = *state;
        const NetworkGuest second = db();
        pthread_t thread;

        write_file(fixture, "holds", "NetworkSet");
        assert_int_equal(pthread_create(&thread, NULL, put_in_thread, fixture), 0);
        wait_for_calls(fixture, "NetworkSet\n");
        assert_int_equal(network_fill(fixture->network, &second), 0);
        write_file(fixture, "holds", "");
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\naaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
        assert_int_equal(network_apply(fixture->network, NULL), 0);
        assert_file(fixture, "network", "aaaaaaaaaa 1\nbbbbbbbbbb 2 nat\n"
                                        "aaaaaaaaaa 127.0.0.1:8080:80/tcp\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_helper_is_given_the_whole_set_each_time),
                TEST(putting_again_replaces),
                TEST(a_put_that_fails_is_taken_back),
                TEST(a_removal_that_fails_is_taken_back_and_can_be_repeated),
                TEST(the_removal_of_what_is_not_in_the_set_applies_it_and_never_fails),
                TEST(a_forward_that_was_there_before_fails_no_change_of_another),
                TEST(nor_one_of_its_own_vm),
                TEST(a_forward_that_a_change_brings_fails_it),
                TEST(a_failure_is_known_until_it_is_made_good),
                TEST(what_is_filled_is_applied_once),
                TEST(a_fresh_set_is_applied_even_if_it_is_empty),
                TEST(what_is_forgotten_is_applied_again),
                TEST(a_port_is_held_as_long_as_it_is_forwarded),
                TEST(a_port_that_is_held_is_not_asked_for_again),
                TEST(the_next_daemon_holds_it_again),
                TEST(where_the_rules_were_lost_the_sockets_are_in_nobodys_way),
                TEST(a_port_may_lead_elsewhere_from_now_on),
                TEST(a_port_that_a_program_has_is_forwarded_all_the_same),
                TEST(what_is_left_out_is_not_held),
                TEST(after_a_change_that_fails_it_is_held_again),
                TEST(filling_does_not_wait_for_the_helper),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
