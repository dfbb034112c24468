/* Tables that another program has dropped, for real, in a network namespace of the test's own. */
#include "helper/guard.h"

#include <sys/prctl.h>
#include <sys/un.h>

#include "common/clock.h"
#include "helper/manager.h"
#include "tests/unit/helper/fake-systemd.h"
#include "tests/unit/helper/lab.h"

#define QUIET_MS 300  /* more than it lets pass between two looks */
#define RETRY_MS 3000 /* more than it lets pass after a failure */

static bool is_needed(void) {
        Guard guard = {};

        return guard_is_needed(&guard);
}

static void it_is_needed_while_one_of_the_tables_is_missing(void **state) {
        Lab *lab = lab_need(state);

        assert_true(is_needed());
        lab_set(lab, 2, 1);
        assert_false(is_needed());
        lab_run("nft delete table ip banger");
        assert_true(is_needed());
}

static void it_hears_of_changes_until_they_are_taken(void **state) {
        struct pollfd poller = {.events = POLLIN};

        (void) lab_need(state);
        assert_int_equal(guard_open(&poller.fd), 0);
        assert_int_equal(poll(&poller, 1, 0), 0);
        for (int i = 0; i < 100; i++) /* more than it has room for */
                lab_run("nft 'add table ip other; delete table ip other'");
        assert_int_equal(poll(&poller, 1, LAB_WAIT_MS), 1);
        guard_drain(poller.fd);
        assert_int_equal(poll(&poller, 1, 0), 0);
        lab_run("nft add table ip other");
        assert_int_equal(poll(&poller, 1, LAB_WAIT_MS), 1);
        close_fd(poller.fd);
}

static void guests_are_cut_off_from_the_loopback_addresses_too(void **state) {
        Lab *lab = lab_need(state);
        _cleanup_free_ char *text = NULL;

        lab_set(lab, 2, 1);
        assert_int_equal(firewall_mend(&lab->host, &lab->settings, NULL, NULL), 0);
        assert_int_equal(lab_digit(ROUTE_LOCALNET), '1');
        lab_run("nft flush ruleset");
        assert_int_equal(firewall_mend(&lab->host, &lab->settings, NULL, NULL), 1);
        assert_int_equal(lab_digit(ROUTE_LOCALNET), '0');
        assert_false(is_needed());
        text = lab_listing();
        assert_null(strstr(text, FIRST));
        assert_int_equal(firewall_mend(&lab->host, &lab->settings, NULL, NULL), 0);
}

static void without_a_tap_no_table_is_made(void **state) {
        Lab *lab = lab_need(state);

        lab_run("ip link delete bgr-" FIRST "; ip link delete bgr-" SECOND);
        assert_int_equal(firewall_mend(&lab->host, &lab->settings, NULL, NULL), 0);
        assert_true(is_needed());
}

/* ---- the helper itself ---- */

typedef struct Guarding {
        ManagerConfig config;
        char bus[160], conf[160];
        struct sockaddr_un address, socket_address;
        int bus_fd;
        pid_t pid;
} Guarding;

static int nothing(_unused_ const Host *host, _unused_ Inventory *inventory,
                   _unused_ Error *reterr) {
        return 0;
}

static void drop(_unused_ int level, _unused_ const LogField *fields, _unused_ const char *message,
                 _unused_ void *userdata) {
}

static const RecordSink no_records = {.write = drop};
static const InventorySource sources[] = {{"nothing", nothing}};

static int unix_listen(const Fixture *fixture, const char *name, struct sockaddr_un *address) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        *address = (struct sockaddr_un) {.sun_family = AF_UNIX};
        fixture_path(fixture, name, address->sun_path, sizeof(address->sun_path));
        assert_int_equal(bind(fd, (const struct sockaddr *) address, sizeof(*address)), 0);
        assert_int_equal(listen(fd, 4), 0);
        return fd;
}

static void start(Lab *lab, Guarding *guarding) {
        guarding->bus_fd = unix_listen(lab->fixture, "bus", &guarding->address);
        (void) snprintf(guarding->bus, sizeof(guarding->bus), "unix:path=%s",
                        guarding->address.sun_path);
        fixture_mkdir(lab->fixture, "state/jails");
        lab->paths.bus = guarding->bus;
        fixture_path(lab->fixture, "banger.conf", guarding->conf, sizeof(guarding->conf));
        guarding->config = (ManagerConfig) {
                .listen_fd = unix_listen(lab->fixture, "sock", &guarding->socket_address),
                .session = {.install_conf = "/nonexistent",
                            .record = &no_records,
                            .paths = &lab->paths,
                            .sources = sources,
                            .n_sources = 1,
                            .banger_conf = guarding->conf},
                .idle_timeout_usec = 60 * USEC_PER_SEC,
                .guards = true,
                .sessions_max = 2,
                .sessions_reserved = 1,
        };
        guarding->pid = fork();
        assert_true(guarding->pid >= 0);
        if (guarding->pid == 0) {
                Manager *manager = NULL;
                int r;

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
                r = manager_new(&guarding->config, &manager);
                if (r >= 0)
                        r = manager_run(manager);
                manager_free(manager);
                _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        }
        close_fd(guarding->config.listen_fd);
}

/* It has looked once, and answers. */
static void assert_serves(const Guarding *guarding) {
        struct pollfd poller = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                                .events = POLLIN};

        assert_int_equal(connect(poller.fd, (const struct sockaddr *) &guarding->socket_address,
                                 sizeof(guarding->socket_address)),
                         0);
        assert_int_equal(poll(&poller, 1, LAB_WAIT_MS), 1); /* closed: nobody may ask anything */
        close_fd(poller.fd);
}

/* systemd has been asked nothing more. */
static void stop(Guarding *guarding) {
        struct pollfd poller = {.fd = guarding->bus_fd, .events = POLLIN};
        int status;

        assert_int_equal(kill(guarding->pid, SIGTERM), 0);
        assert_int_equal(waitpid(guarding->pid, &status, 0), guarding->pid);
        assert_int_equal(status, 0);
        assert_int_equal(poll(&poller, 1, 0), 0);
        close_fd(guarding->bus_fd);
}

/* systemd is asked to reload bangerd, and nothing else. error: its answer's; NULL: it does. */
static void assert_asks_systemd(const Guarding *guarding, const char *error) {
        const Step steps[] = {
                {.call = "ReloadUnit", .unit = "bangerd.service", .error = error}};
        const Script script = {.steps = steps, .n_steps = ELEMENTSOF(steps)};
        struct pollfd poller = {.fd = guarding->bus_fd, .events = POLLIN};
        int status, fd;
        pid_t pid;

        assert_int_equal(poll(&poller, 1, LAB_WAIT_MS), 1);
        fd = accept4(guarding->bus_fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                systemd_serve(fd, &script);
        close_fd(fd);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void assert_reloads(const Guarding *guarding) {
        assert_asks_systemd(guarding, NULL);
}

static void the_helper_mends_what_another_program_drops_and_has_it_set_anew(void **state) {
        Lab *lab = lab_need(state);
        Guarding guarding = {};

        lab_set(lab, 2, 1);
        start(lab, &guarding);
        for (int i = 0; i < 2; i++) {
                lab_run("nft flush ruleset");
                assert_reloads(&guarding);
                assert_false(is_needed());
                assert_int_equal(lab_digit(ROUTE_LOCALNET), '0');
        }
        stop(&guarding);
}

/* A guest with NAT, for as long as the tables are dropped and set anew. */
static void route_over_dropped_tables(Lab *lab) {
        Guarding guarding = {};

        lab->guests[0].nat = true;
        lab_set(lab, 2, 1);
        start(lab, &guarding);
        assert_serves(&guarding);
        lab_run("nft flush ruleset");
        assert_reloads(&guarding);
        lab_set(lab, 2, 1);
        lab->guests[0].nat = false;
        lab_set(lab, 2, 1);
        stop(&guarding);
}

/* What the tables remembered goes over into those that are made anew. */
static void routing_is_put_back_in_the_end_all_the_same(void **state) {
        Lab *lab = lab_need(state);

        lab_write(ACCEPT_REDIRECTS, "0\n");
        route_over_dropped_tables(lab);
        assert_int_equal(lab_digit(IP_FORWARD), '0');
        assert_int_equal(lab_digit(ACCEPT_REDIRECTS), '0');
}

/* Where the host routes of its own accord, it goes on. */
static void routing_that_was_on_stays_on(void **state) {
        Lab *lab = lab_need(state);

        lab_write(IP_FORWARD, "1\n");
        route_over_dropped_tables(lab);
        assert_int_equal(lab_digit(IP_FORWARD), '1');
}

/* The configuration cannot be read, so nothing can be mended; and then it can. */
static void what_fails_is_tried_again(void **state) {
        struct pollfd poller = {.events = POLLIN};
        Lab *lab = lab_need(state);
        Guarding guarding = {};

        fixture_write(lab->fixture, "banger.conf", "[network\n");
        start(lab, &guarding);
        poller.fd = guarding.bus_fd;
        lab_run("nft flush ruleset");
        assert_int_equal(poll(&poller, 1, QUIET_MS), 0);
        assert_true(is_needed());
        fixture_write(lab->fixture, "banger.conf", "");
        assert_reloads(&guarding);
        assert_false(is_needed());
        stop(&guarding);
}

/* The tables are there by then. */
static void a_reload_that_systemd_did_not_hear_of_is_asked_for_again(void **state) {
        struct pollfd poller = {.events = POLLIN};
        Lab *lab = lab_need(state);
        Guarding guarding = {};

        start(lab, &guarding);
        poller.fd = guarding.bus_fd;
        assert_int_equal(poll(&poller, 1, LAB_WAIT_MS), 1);
        close_fd(accept4(guarding.bus_fd, NULL, NULL, SOCK_CLOEXEC));
        assert_reloads(&guarding);
        stop(&guarding);
}

/* It does not run, or not for long. */
static void a_reload_that_systemd_refuses_is_not(void **state) {
        Lab *lab = lab_need(state);
        Guarding guarding = {};

        start(lab, &guarding);
        assert_asks_systemd(&guarding, "org.freedesktop.systemd1.JobTypeNotApplicable");
        assert_int_equal(poll(&(struct pollfd) {.fd = guarding.bus_fd, .events = POLLIN}, 1, RETRY_MS),
                         0);
        stop(&guarding);
}

static void it_looks_at_its_start_too(void **state) {
        Lab *lab = lab_need(state);
        Guarding guarding = {};

        start(lab, &guarding);
        assert_reloads(&guarding);
        assert_false(is_needed());
        stop(&guarding);
}

static void what_banger_itself_changes_is_none_of_its_business(void **state) {
        struct pollfd poller = {.events = POLLIN};
        Lab *lab = lab_need(state);
        Guarding guarding = {};

        lab_set(lab, 2, 1);
        start(lab, &guarding);
        poller.fd = guarding.bus_fd;
        for (size_t i = 0; i < 4; i++)
                lab_set(lab, 2, i);
        lab_run("ip link delete bgr-" FIRST "; ip link delete bgr-" SECOND);
        lab_set(lab, 0, 0);
        assert_int_equal(poll(&poller, 1, QUIET_MS), 0);
        lab_guest(lab, FIRST, lab->first_ns, FIRST_MAC, FIRST_ADDRESS);
        lab_run("nft add table ip other");
        assert_reloads(&guarding);
        stop(&guarding);
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, lab_setup, lab_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(it_is_needed_while_one_of_the_tables_is_missing),
                TEST(it_hears_of_changes_until_they_are_taken),
                TEST(guests_are_cut_off_from_the_loopback_addresses_too),
                TEST(without_a_tap_no_table_is_made),
                TEST(the_helper_mends_what_another_program_drops_and_has_it_set_anew),
                TEST(routing_is_put_back_in_the_end_all_the_same),
                TEST(routing_that_was_on_stays_on),
                TEST(what_fails_is_tried_again),
                TEST(a_reload_that_systemd_did_not_hear_of_is_asked_for_again),
                TEST(a_reload_that_systemd_refuses_is_not),
                TEST(it_looks_at_its_start_too),
                TEST(what_banger_itself_changes_is_none_of_its_business),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
