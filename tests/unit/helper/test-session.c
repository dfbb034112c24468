#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/strings.h"
#include "common/version.h"
#include "helper/session.h"
#include "tests/unit/helper/fixture.h"

#define STRANGER 65534

typedef struct Record {
        char result[32], verb[64], uid[16], operation[16];
} Record;

/* A session in a thread, and a client to it. */
typedef struct Served {
        Fixture *fixture;
        char conf[128];
        SessionConfig config;
        RecordSink sink;
        Record records[8];
        size_t n_records;
        int fd, r;
        pthread_t thread;
        VarlinkClient *client;
} Served;

static void keep(_unused_ int level, const LogField *fields, _unused_ const char *message,
                 void *userdata) {
        Served *served = userdata;
        Record *record = &served->records[served->n_records++];

        for (; fields->name; fields++) {
                const char *value = fields->value ? fields->value : "";

                if (string_equal(fields->name, "BANGER_RESULT"))
                        (void) snprintf(record->result, sizeof(record->result), "%s", value);
                if (string_equal(fields->name, "BANGER_VERB"))
                        (void) snprintf(record->verb, sizeof(record->verb), "%s", value);
                if (string_equal(fields->name, "BANGER_OPERATION"))
                        (void) snprintf(record->operation, sizeof(record->operation), "%s", value);
                if (string_equal(fields->name, "BANGER_PEER_UID"))
                        (void) snprintf(record->uid, sizeof(record->uid), "%s", value);
        }
}

static int one_tap(_unused_ const Host *host, Inventory *inventory, _unused_ Error *reterr) {
        const VmId vm = {.text = "0123456789"};

        return inventory_add(inventory, INVENTORY_LINK, "bgr-0123456789", &vm, "tun, up");
}

static int broken(_unused_ const Host *host, _unused_ Inventory *inventory, Error *reterr) {
        return error_set(reterr, ERROR_FAILED, EIO, "it is broken");
}

static const InventorySource good_sources[] = {{"taps", one_tap}};
static const InventorySource bad_sources[] = {{"taps", one_tap}, {"things", broken}};

static void write_conf(const Fixture *fixture, uid_t owner) {
        _cleanup_free_ char *text = string_format("[install]\nowner = somebody\nuid = %u\n"
                                                  "gid = %u\nhome = /home/somebody\n",
                                                  owner, owner);

        assert_non_null(text);
        fixture_write(fixture, "install.conf", text);
}

static int setup(void **state) {
        Served *served = calloc(1, sizeof(*served));
        void *fixture = NULL;

        assert_non_null(served);
        assert_int_equal(fixture_setup(&fixture), 0);
        served->fixture = fixture;
        fixture_path(served->fixture, "install.conf", served->conf, sizeof(served->conf));
        write_conf(served->fixture, getuid());
        served->sink = (RecordSink) {.write = keep, .userdata = served};
        served->config = (SessionConfig) {
                .install_conf = served->conf,
                .install_conf_uid = getuid(),
                .paths = &served->fixture->paths,
                .sources = good_sources,
                .n_sources = ELEMENTSOF(good_sources),
                .record = &served->sink,
                .times = {
                        .idle_timeout_usec = 20 * USEC_PER_SEC,
                        .stall_timeout_usec = 20 * USEC_PER_SEC,
                        .total_timeout_usec = 20 * USEC_PER_SEC,
                },
        };
        *state = served;
        return 0;
}

static void *serve(void *userdata) {
        Served *served = userdata;

        served->r = session_serve(&served->config, served->fd);
        return NULL;
}

static void start(Served *served) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(varlink_client_new(fds[0], &served->client), 0);
        served->fd = fds[1];
        assert_int_equal(pthread_create(&served->thread, NULL, serve, served), 0);
}

static void stop(Served *served) {
        served->client = varlink_client_free(served->client);
        assert_int_equal(pthread_join(served->thread, NULL), 0);
}

static int teardown(void **state) {
        Served *served = *state;
        void *fixture = served->fixture;

        fixture_teardown(&fixture);
        free(served);
        return 0;
}

static int call(Served *served, const char *method, void *out) {
        return varlink_client_call(served->client, &interface_root, method, NULL, out, NULL, 0,
                                   NULL, clock_monotonic_usec() + 10 * USEC_PER_SEC,
                                   &served->fixture->error);
}

/* The standard interface has no policy of its own. */
static void whoever_may_connect_may_read_the_interfaces(void **state) {
        Served *served = *state;
        VarlinkReply reply = {};

        start(served);
        assert_int_equal(varlink_client_send(served->client, "org.varlink.service.GetInfo", NULL, 0,
                                             NULL, 0, UINT64_MAX, &served->fixture->error),
                         0);
        assert_int_equal(varlink_client_receive(served->client,
                                                clock_monotonic_usec() + 10 * USEC_PER_SEC, &reply,
                                                &served->fixture->error),
                         0);
        varlink_reply_clear(&reply);
        stop(served);
}

static void ping_answers_the_version_and_the_owner(void **state) {
        Served *served = *state;
        RootPong pong = {};

        start(served);
        assert_int_equal(call(served, "Ping", &pong), 0);
        assert_string_equal(pong.version, banger_version);
        assert_int_equal(pong.owner_uid, getuid());
        schema_clear(&root_pong_schema, &pong);
        stop(served);
        assert_int_equal(served->r, 0);
}

static void inventory_answers_what_the_sources_have(void **state) {
        Served *served = *state;

        start(served);
        assert_int_equal(call(served, "Inventory", &served->fixture->inventory), 0);
        assert_int_equal(served->fixture->inventory.entries.n_items, 1);
        assert_string_equal(fixture_find(served->fixture, "bgr-0123456789")->vm, "0123456789");
        stop(served);
}

static void a_source_that_fails_is_an_error_that_names_it(void **state) {
        Served *served = *state;

        served->config.sources = bad_sources;
        served->config.n_sources = ELEMENTSOF(bad_sources);
        start(served);
        assert_true(call(served, "Inventory", &served->fixture->inventory) < 0);
        assert_int_equal(served->fixture->error.kind, ERROR_FAILED);
        assert_non_null(strstr(served->fixture->error.message, "cannot list things: it is broken"));
        stop(served);
        assert_int_equal(served->n_records, 1);
        assert_string_equal(served->records[0].result, "Failed");
}

static void every_call_leaves_one_record(void **state) {
        Served *served = *state;
        RootPong pong = {};
        char uid[16];

        start(served);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(call(served, "Ping", &pong), 0);
                schema_clear(&root_pong_schema, &pong);
        }
        stop(served);
        (void) snprintf(uid, sizeof(uid), "%u", getuid());
        assert_int_equal(served->n_records, 2);
        assert_string_equal(served->records[1].verb, "io.banger.Root.Ping");
        assert_string_equal(served->records[1].uid, uid);
        assert_string_equal(served->records[1].result, "ok");
}

/* Whether it succeeds or fails. */
static void a_record_names_the_operation_that_the_call_is_for(void **state) {
        Served *served = *state;
        char id[] = "0123456789";
        const RootRequest request = {.operation = id};
        uint64_t deadline = clock_monotonic_usec() + 10 * USEC_PER_SEC;
        RootPong pong = {};

        served->config.sources = bad_sources;
        served->config.n_sources = ELEMENTSOF(bad_sources);
        start(served);
        assert_int_equal(varlink_client_call(served->client, &interface_root, "Ping", &request,
                                             &pong, NULL, 0, NULL, deadline, NULL),
                         0);
        assert_true(varlink_client_call(served->client, &interface_root, "Inventory", &request,
                                        &served->fixture->inventory, NULL, 0, NULL, deadline,
                                        NULL) < 0);
        schema_clear(&root_pong_schema, &pong);
        stop(served);
        assert_int_equal(served->n_records, 2);
        assert_string_equal(served->records[0].operation, "0123456789");
        assert_string_equal(served->records[1].operation, "0123456789");
        assert_string_equal(served->records[1].result, "Failed");
}

static void a_verb_that_does_not_exist_leaves_a_record(void **state) {
        Served *served = *state;
        VarlinkReply reply = {};
        uint64_t deadline = clock_monotonic_usec() + 10 * USEC_PER_SEC;

        start(served);
        assert_int_equal(varlink_client_send(served->client, "io.banger.Root.Reboot", NULL, 0, NULL,
                                             0, deadline, NULL),
                         0);
        assert_true(varlink_client_receive(served->client, deadline, &reply, NULL) < 0);
        stop(served);
        assert_int_equal(served->n_records, 1);
        assert_string_not_equal(served->records[0].result, "ok");
}

/* With a terminal or another file, and a pipe. */
static int launch(Served *served, bool terminal) {
        char id[] = "0123456789";
        const RootLaunch request = {.vm = id, .slot = 1, .vcpus = 1, .memory_mib = 128};
        _cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        int ends[2], fds[2], r;
        char name[64];

        assert_int_equal(unlockpt(master), 0);
        assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        fds[0] = open(terminal ? name : "/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
        fds[1] = ends[1];
        assert_true(fds[0] >= 0);
        close_fd(ends[0]);
        r = varlink_client_call(served->client, &interface_root, "Launch", &request, NULL, fds, 2,
                                NULL, clock_monotonic_usec() + 10 * USEC_PER_SEC,
                                &served->fixture->error);
        close_fd(fds[0]);
        close_fd(fds[1]);
        return r;
}

/* As another session would; the caller's. */
static int lock_all_vms(const Served *served) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd;

        fd = host_open_lock(served->fixture->host.state_fd, ".lock");
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
        return fd;
}

static void a_vm_is_locked_no_longer_than_the_call(void **state) {
        Served *served = *state;

        fixture_mkdir(served->fixture, "state/jails");
        start(served);
        assert_true(launch(served, true) < 0);
        assert_int_equal(served->fixture->error.kind, ERROR_UNAVAILABLE); /* no /dev/kvm */
        close_fd(lock_all_vms(served));
        stop(served);
}

static void what_a_caller_sends_is_looked_at_before_its_vm_is_locked(void **state) {
        Served *served = *state;
        int lock;

        fixture_mkdir(served->fixture, "state/jails");
        lock = lock_all_vms(served);
        start(served);
        assert_int_equal(launch(served, false), -EINVAL);
        stop(served);
        close_fd(lock);
}

/* A connection as of somebody who is neither root nor the owner. */
static bool stranger_connects(const Served *served, int fds[static 2]) {
        bool made;

        if (getuid() != 0) {
                write_conf(served->fixture, STRANGER);
                return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
        }
        write_conf(served->fixture, 1000);
        if (seteuid(STRANGER) < 0)
                return false;
        made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
        return seteuid(0) == 0 && made;
}

static void a_stranger_is_refused_and_recorded(void **state) {
        Served *served = *state;
        int fds[2] = {-1, -1};

        assert_true(stranger_connects(served, fds));
        assert_int_equal(session_serve(&served->config, fds[1]), -EACCES);
        assert_int_equal(served->n_records, 1);
        assert_string_equal(served->records[0].result, "NotPermitted");
        close_fd(fds[0]);
}

/* What is not the session's, above all 0: stdin, or what was opened in its place. */
static void a_refused_client_closes_its_own_descriptor_only(void **state) {
        Served *served = *state;
        int fds[2] = {-1, -1}, null = open("/dev/null", O_RDWR | O_CLOEXEC), saved;
        struct stat before, after;

        assert_true(null >= 0);
        saved = fcntl(0, F_DUPFD_CLOEXEC, 3);
        assert_int_equal(dup2(null, 0), 0);
        assert_int_equal(fstat(0, &before), 0);
        assert_true(stranger_connects(served, fds));
        assert_int_equal(session_serve(&served->config, fds[1]), -EACCES);
        assert_int_equal(fcntl(fds[1], F_GETFD), -1);
        assert_int_equal(fstat(0, &after), 0);
        assert_int_equal(before.st_rdev, after.st_rdev);
        if (saved >= 0)
                assert_int_equal(dup2(saved, 0), 0);
        close_fd(saved);
        close_fd(null);
        close_fd(fds[0]);
}

static void the_owner_is_let_in(void **state) {
        Served *served = *state;
        Session session = SESSION_INIT;
        int fds[2] = {-1, -1};

        assert_true(stranger_connects(served, fds));
        write_conf(served->fixture, getuid() == 0 ? STRANGER : getuid());
        assert_int_equal(session_open(&served->config, fds[1], &session, NULL), 0);
        assert_int_equal(session.install.uid, session.peer.uid);
        session_clear(&session);
        close_fd(fds[0]);
        close_fd(fds[1]);
}

static void nobody_is_served_without_an_installation(void **state) {
        Served *served = *state;
        int fds[2] = {-1, -1};

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(unlink(served->conf), 0);
        assert_int_equal(session_serve(&served->config, fds[1]), -ENOENT);
        assert_int_equal(served->n_records, 1);
        assert_string_equal(served->records[0].result, "NotInstalled");
        close_fd(fds[0]);
}

static void what_is_no_socket_is_an_error(void **state) {
        Served *served = *state;
        Session session = SESSION_INIT;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_true(session_open(&served->config, fds[0], &session, &served->fixture->error) < 0);
        close_fd(fds[0]);
        close_fd(fds[1]);
}

#define SESSION_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void one_call_about_a_vm_waits_for_another(void **state) {
        Served *served = *state;
        Session session = SESSION_INIT, other = SESSION_INIT;
        int fds[2];
        VmId vm;

        session.config = other.config = &served->config;
        fixture_mkdir(served->fixture, "state/jails");
        assert_int_equal(session_vm(&other, "0123456789", &vm, NULL), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        session.fd = fds[1];
        /* Its caller leaves. */
        close_fd(fds[0]);
        assert_int_equal(session_vm(&session, "0123456789", &vm, NULL), -ECANCELED);
        /* Another VM is nobody's business; this one is free when the other connection ends. */
        assert_int_equal(session_vm(&session, "9876543210", &vm, NULL), 0);
        session_clear(&other);
        assert_int_equal(session_vm(&session, "0123456789", &vm, NULL), 0);
        session_clear(&session);
        close_fd(fds[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SESSION_TEST(whoever_may_connect_may_read_the_interfaces),
                SESSION_TEST(ping_answers_the_version_and_the_owner),
                SESSION_TEST(inventory_answers_what_the_sources_have),
                SESSION_TEST(a_source_that_fails_is_an_error_that_names_it),
                SESSION_TEST(every_call_leaves_one_record),
                SESSION_TEST(a_record_names_the_operation_that_the_call_is_for),
                SESSION_TEST(one_call_about_a_vm_waits_for_another),
                SESSION_TEST(a_vm_is_locked_no_longer_than_the_call),
                SESSION_TEST(what_a_caller_sends_is_looked_at_before_its_vm_is_locked),
                SESSION_TEST(a_verb_that_does_not_exist_leaves_a_record),
                SESSION_TEST(a_stranger_is_refused_and_recorded),
                SESSION_TEST(a_refused_client_closes_its_own_descriptor_only),
                SESSION_TEST(the_owner_is_let_in),
                SESSION_TEST(nobody_is_served_without_an_installation),
                SESSION_TEST(what_is_no_socket_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
