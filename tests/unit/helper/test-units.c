#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "helper/units.h"
#include "tests/unit/helper/fixture.h"

typedef struct FakeUnit {
        const char *name, *load, *active, *sub;
} FakeUnit;

typedef struct FakeManager {
        const FakeUnit *units;
        size_t n_units;
        const char *error; /* instead of units */
        bool truncated;    /* a reply of another type */
} FakeManager;

/* The patterns are systemd's business: what they let through is checked again here. */
static int answer(sd_bus_message *call, const FakeManager *manager) {
        sd_bus_message *reply = NULL;
        int r;

        if (manager->error)
                return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_FAILED, "%s", manager->error);
        if (manager->truncated)
                return sd_bus_reply_method_return(call, "as", 1, "odd");
        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
        for (size_t i = 0; r >= 0 && i < manager->n_units; i++)
                r = sd_bus_message_append(reply, "(ssssssouso)", manager->units[i].name, "a VM",
                                          manager->units[i].load, manager->units[i].active,
                                          manager->units[i].sub, "", "/unit", 0, "", "/");
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

/* Serves one connection until its peer leaves; in a process of its own. */
static void serve(int listen_fd, const FakeManager *manager) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        sd_id128_t id = {};
        sd_bus *bus = NULL;
        int r;

        if (fd < 0 || sd_id128_randomize(&id) < 0 || sd_bus_new(&bus) < 0 ||
            sd_bus_set_fd(bus, fd, fd) < 0 || sd_bus_set_server(bus, 1, id) < 0 ||
            sd_bus_start(bus) < 0)
                _exit(1);
        for (;;) {
                sd_bus_message *message = NULL;

                r = sd_bus_process(bus, &message);
                if (r < 0)
                        _exit(0);
                if (message &&
                    sd_bus_message_is_method_call(message, "org.freedesktop.systemd1.Manager",
                                                  "ListUnitsByPatterns") > 0)
                        (void) answer(message, manager);
                sd_bus_message_unref(message);
                if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
                        _exit(0);
        }
}

static int units_of(Fixture *fixture, const FakeManager *manager) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char bus[128];
        pid_t pid;
        int r;

        fixture_path(fixture, "bus", address.sun_path, sizeof(address.sun_path));
        assert_int_equal(bind(listen_fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listen_fd, 1), 0);
        (void) snprintf(bus, sizeof(bus), "unix:path=%s/bus", fixture->root);
        fixture->paths.bus = bus;
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                serve(listen_fd, manager);
        r = units_read(&fixture->host, &fixture->inventory, &fixture->error);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        fixture->paths.bus = NULL;
        return r;
}

static void a_unit_of_a_vm_is_listed(void **state) {
        static const FakeUnit units[] = {
                {"banger-vm-0123456789.service", "loaded", "active", "running"}};
        Fixture *fixture = *state;
        const InventoryEntry *entry;

        assert_int_equal(units_of(fixture, &(FakeManager) {.units = units, .n_units = 1}), 0);
        entry = fixture_find(fixture, "banger-vm-0123456789.service");
        assert_int_equal(entry->kind, INVENTORY_UNIT);
        assert_string_equal(entry->vm, "0123456789");
        assert_string_equal(entry->detail, "active, running");
}

static void a_failed_unit_is_listed_until_it_is_reset(void **state) {
        static const FakeUnit units[] = {
                {"banger-vm-0123456789.service", "loaded", "failed", "failed"}};
        Fixture *fixture = *state;

        assert_int_equal(units_of(fixture, &(FakeManager) {.units = units, .n_units = 1}), 0);
        assert_string_equal(fixture_find(fixture, units[0].name)->detail, "failed, failed");
}

static void units_that_are_no_vms_are_not_listed(void **state) {
        static const FakeUnit units[] = {
                {"banger-vm-manager.service", "loaded", "active", "running"},
                {"banger-vm-abcdefabcd.service", "not-found", "inactive", "dead"},
                {"ssh.service", "loaded", "active", "running"},
        };
        Fixture *fixture = *state;

        assert_int_equal(units_of(fixture, &(FakeManager) {.units = units, .n_units = 3}), 0);
        assert_int_equal(fixture->inventory.entries.n_items, 0);
}

static void what_systemd_says_against_it_is_told(void **state) {
        Fixture *fixture = *state;

        assert_true(units_of(fixture, &(FakeManager) {.error = "no such luck"}) < 0);
        assert_non_null(strstr(fixture->error.message, "systemd: no such luck"));
}

static void a_reply_of_another_type_is_an_error(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(units_of(fixture, &(FakeManager) {.truncated = true}), -ENXIO);
        assert_non_null(strstr(fixture->error.message, "cannot read systemd's reply"));
}

static void a_bus_that_is_not_there_is_an_error(void **state) {
        Fixture *fixture = *state;

        fixture->paths.bus = "unix:path=/nonexistent/bus";
        assert_int_equal(units_read(&fixture->host, &fixture->inventory, &fixture->error), -ENOENT);
        assert_non_null(strstr(fixture->error.message, "bus"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_unit_of_a_vm_is_listed),
                TEST(a_failed_unit_is_listed_until_it_is_reset),
                TEST(units_that_are_no_vms_are_not_listed),
                TEST(what_systemd_says_against_it_is_told),
                TEST(a_reply_of_another_type_is_an_error),
                TEST(a_bus_that_is_not_there_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
