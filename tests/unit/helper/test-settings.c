/* What a session hands to its verbs: the host as configured, and the VM that a call is about. */
#include "helper/session.h"
#include "tests/unit/helper/fixture.h"

typedef struct Served {
        char conf[128];
        SessionConfig config;
        Session session;
} Served;

static Served served_new(const Fixture *fixture) {
        Served served = {.session = SESSION_INIT};

        fixture_path(fixture, "banger.conf", served.conf, sizeof(served.conf));
        served.config = (SessionConfig) {.install_conf_uid = getuid(), .paths = &fixture->paths};
        return served;
}

static int open_host(Served *served, Host *host, Error *reterr) {
        served->config.banger_conf = served->conf;
        served->session.config = &served->config;
        return session_host(&served->session, host, reterr);
}

static void without_a_file_the_bridge_has_its_usual_name(void **state) {
        const Fixture *fixture = *state;
        Served served = served_new(fixture);
        _cleanup_host_ Host host = HOST_INIT;

        assert_int_equal(open_host(&served, &host, NULL), 0);
        assert_string_equal(host.paths->bridge, "br-banger");
        session_clear(&served.session);
}

static void the_host_has_the_bridge_of_the_settings(void **state) {
        const Fixture *fixture = *state;
        Served served = served_new(fixture);
        _cleanup_host_ Host host = HOST_INIT;

        fixture_write(fixture, "banger.conf", "[network]\nbridge = br-other\n");
        assert_int_equal(open_host(&served, &host, NULL), 0);
        assert_string_equal(host.paths->bridge, "br-other");
        assert_string_equal(host.paths->carrier, "bgr-carrier");
        session_clear(&served.session);
}

static void a_mistake_in_the_settings_is_told_with_its_line(void **state) {
        Fixture *fixture = *state;
        Served served = served_new(fixture);
        Host host = HOST_INIT;

        fixture_write(fixture, "banger.conf", "[network]\nbridge = a/b\n");
        assert_int_equal(open_host(&served, &host, &fixture->error), -EINVAL);
        assert_non_null(strstr(fixture->error.message, "banger.conf: line 2"));
        assert_int_equal(host.proc_fd, -1);
        session_clear(&served.session);
}

static void the_vm_of_a_call_is_remembered_for_its_record(void **state) {
        Fixture *fixture = *state;
        const SessionConfig config = {.paths = &fixture->paths};
        Session session = SESSION_INIT;
        VmId vm = {};

        session.config = &config;
        fixture_mkdir(fixture, "state/jails");
        assert_int_equal(session_vm(&session, "0123456789", &vm, NULL), 0);
        assert_string_equal(vm.text, "0123456789");
        assert_string_equal(session.vm.text, "0123456789");
        assert_int_equal(session_vm(&session, "../x", &vm, &fixture->error), -EINVAL);
        assert_int_equal(fixture->error.kind, ERROR_INVALID_PARAMETER);
        session_clear(&session);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(without_a_file_the_bridge_has_its_usual_name),
                TEST(the_host_has_the_bridge_of_the_settings),
                TEST(a_mistake_in_the_settings_is_told_with_its_line),
                TEST(the_vm_of_a_call_is_remembered_for_its_record),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
