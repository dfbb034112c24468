#include "daemon/sqlite.h"
#include "tests/unit/daemon/vm-host.h"

static bool has_entry(const VmHost *host, const char *prefix, const char *id) {
        char path[64];

        (void) snprintf(path, sizeof(path), "vms/%s%s", prefix, id);
        return faccessat(host->dir_fd, path, F_OK, 0) == 0;
}

static int host_stop_by_force(VmHost *host, const char *name) {
        char copy[64];
        const VmStop in = {.vm = copy, .force = true, .timeout_s = 1};
        VmProgress last = {};
        int r;

        (void) snprintf(copy, sizeof(copy), "%s", name);
        r = host_call(host, &interface_vm, "Stop", &in, &last, NULL);
        schema_clear(&vm_progress_schema, &last);
        return r;
}

/* As one that ran once: it has disks. */
static void make_stopped(VmHost *host, const char *name, char ret_id[11]) {
        host_create(host, name);
        assert_int_equal(host_start(host, name), 0);
        assert_int_equal(host_stop_by_force(host, name), 0);
        host_id(host, name, ret_id);
        assert_true(has_entry(host, "", ret_id));
}

static void deleting_takes_the_disks_and_the_record(void **state) {
        VmHost *host = *state;
        char id[11];

        make_stopped(host, "web", id);
        assert_int_equal(host_delete(host, "web", false), 0);
        assert_false(has_entry(host, "", id));
        assert_false(has_entry(host, ".import-", id));
        assert_int_equal(host_state(host, "web"), -1);
        host_restart_daemon(host);
        assert_int_equal(host_state(host, "web"), -1);
}

static void one_that_never_ran_can_be_deleted(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(host_delete(host, "web", false), 0);
        assert_int_equal(host_state(host, "web"), -1);
        host_create(host, "web");
}

static void run_in_store(const VmHost *host, const char *sql) {
        Database *database = NULL;
        char path[96];

        (void) snprintf(path, sizeof(path), "%s/banger.db", host->directory);
        assert_int_equal(database_open(path, &database, NULL), 0);
        assert_int_equal(database_run_script(database, sql, NULL), 0);
        database_free(database);
}

static void a_store_that_does_not_forget_it_keeps_it_whole(void **state) {
        VmHost *host = *state;
        char id[11];

        make_stopped(host, "web", id);
        process_stop(host->daemon);
        run_in_store(host, "CREATE TRIGGER keep BEFORE DELETE ON vms"
                           " BEGIN SELECT RAISE(ABORT, 'no'); END");
        host_start_daemon(host);
        assert_true(host_delete(host, "web", false) < 0);
        assert_non_null(strstr(host->error.message, "cannot delete vm \"web\""));
        assert_int_equal(host_state(host, "web"), VM_STOPPED);
        assert_true(has_entry(host, "", id));
        assert_int_equal(host_start(host, "web"), 0);
}

static void disks_that_cannot_be_removed_are_said_and_go_at_the_next_start(void **state) {
        VmHost *host = *state;
        char id[11], path[64], below[80];

        make_stopped(host, "web", id);
        (void) snprintf(path, sizeof(path), "vms/%s/more", id);
        assert_int_equal(mkdirat(host->dir_fd, path, 0700), 0);
        assert_true(host_delete(host, "web", false) < 0);
        assert_non_null(strstr(host->error.message, "vm \"web\" is deleted, but not its files"));
        assert_int_equal(host_state(host, "web"), -1);
        assert_true(has_entry(host, ".import-", id));
        (void) snprintf(below, sizeof(below), "vms/.import-%s/more", id);
        assert_int_equal(unlinkat(host->dir_fd, below, AT_REMOVEDIR), 0);
        host_restart_daemon(host);
        assert_int_equal(host_state(host, "web"), -1); /* it has started */
        assert_false(has_entry(host, ".import-", id));
}

static void disks_of_one_that_is_stored_are_put_back_at_start(void **state) {
        VmHost *host = *state;
        char id[11], name[64], part[64];

        make_stopped(host, "web", id);
        process_stop(host->daemon);
        (void) snprintf(name, sizeof(name), "vms/%s", id);
        (void) snprintf(part, sizeof(part), "vms/.import-%s", id);
        assert_int_equal(renameat(host->dir_fd, name, host->dir_fd, part), 0);
        host_start_daemon(host);
        assert_int_equal(host_state(host, "web"), VM_STOPPED);
        assert_true(has_entry(host, "", id));
}

static void one_that_runs_needs_force(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(host_start(host, "web"), 0);
        assert_int_equal(host_delete(host, "web", false), -EBUSY);
        assert_string_equal(host->error.hint, "run: banger vm stop web, or add --force");
        assert_int_equal(host_state(host, "web"), VM_RUNNING);
        assert_int_equal(host_delete(host, "web", true), 0);
        assert_int_equal(host_state(host, "web"), -1);
        assert_int_equal(host_count_calls(host, "Stop"), 1);
}

static void one_that_starts_is_cancelled_first(void **state) {
        VmHost *host = *state;
        VarlinkClient *starting;

        host_create(host, "late");
        starting = host_send_start(host, "late");
        host_wait_state(host, "late", VM_STARTING);
        assert_int_equal(host_delete(host, "late", false), -EBUSY);
        assert_int_equal(host_delete(host, "late", true), 0);
        assert_int_equal(host_state(host, "late"), -1);
        assert_true(host_receive(host, starting) < 0);
        assert_int_equal(host->error.kind, ERROR_CANCELED);
}

/* Broken: the VMM is launched, and nothing is known of its end. */
static void break_after_launch(VmHost *host, const char *name) {
        char operation[16];
        VarlinkClient *starting;

        host_create(host, name);
        starting = host_send_start(host, name);
        while (host_count_calls(host, "Launch") == 0)
                ;
        host_let_fail(host, "Reap");
        host_operation(host, name, operation);
        assert_int_equal(host_cancel(host, operation), 0);
        assert_true(host_receive(host, starting) < 0);
        assert_int_equal(host_state(host, name), VM_BROKEN);
}

static void a_broken_one_that_may_run_needs_force(void **state) {
        VmHost *host = *state;
        size_t stops;

        break_after_launch(host, "late");
        host_let_fail(host, "");
        stops = host_count_calls(host, "Stop");
        assert_int_equal(host_delete(host, "late", false), -EBUSY);
        assert_non_null(strstr(host->error.message, "may still run"));
        assert_non_null(strstr(host->error.hint, "--force"));
        assert_int_equal(host_count_calls(host, "Stop"), stops);
        assert_int_equal(host_delete(host, "late", true), 0);
        assert_int_equal(host_state(host, "late"), -1);
}

static void a_broken_one_that_never_ran_needs_none(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        host_let_fail(host, "JailMake JailRemove");
        assert_true(host_start(host, "web") < 0);
        assert_int_equal(host_state(host, "web"), VM_BROKEN);
        host_let_fail(host, "");
        assert_int_equal(host_delete(host, "web", false), 0);
}

static void what_cannot_be_cleaned_up_is_not_deleted(void **state) {
        VmHost *host = *state;

        host_create(host, "web");
        assert_int_equal(host_start(host, "web"), 0);
        host_let_fail(host, "DiskDetach");
        assert_true(host_delete(host, "web", true) < 0);
        assert_non_null(strstr(host->error.message, "vm \"web\" is broken"));
        assert_string_equal(host->error.hint, "run: banger vm stop web");
        assert_int_equal(host_state(host, "web"), VM_BROKEN);
        host_let_fail(host, "");
        assert_int_equal(host_stop_by_force(host, "web"), 0);
        assert_int_equal(host_delete(host, "web", false), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(deleting_takes_the_disks_and_the_record),
                TEST(one_that_never_ran_can_be_deleted),
                TEST(a_store_that_does_not_forget_it_keeps_it_whole),
                TEST(disks_that_cannot_be_removed_are_said_and_go_at_the_next_start),
                TEST(disks_of_one_that_is_stored_are_put_back_at_start),
                TEST(one_that_runs_needs_force),
                TEST(one_that_starts_is_cancelled_first),
                TEST(a_broken_one_that_may_run_needs_force),
                TEST(a_broken_one_that_never_ran_needs_none),
                TEST(what_cannot_be_cleaned_up_is_not_deleted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
