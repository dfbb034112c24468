#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/clock.h"
#include "common/strings.h"
#include "daemon/vm-config.h"
#include "daemon/vm-keep.h"
#include "daemon/vm.h"
#include "tests/unit/daemon/process.h"

static void the_last_slot_is_preferred(_unused_ void **state) {
        const bool taken[VM_SLOT_MAX + 1] = {[1] = true};

        assert_int_equal(vm_pick_slot(taken, 7), 7);
}

static void the_lowest_free_slot_is_next(_unused_ void **state) {
        const bool taken[VM_SLOT_MAX + 1] = {[1] = true, [2] = true, [7] = true};

        assert_int_equal(vm_pick_slot(taken, 7), 3);
        assert_int_equal(vm_pick_slot(taken, 0), 3);
}

static void with_all_slots_taken_there_is_none(_unused_ void **state) {
        bool taken[VM_SLOT_MAX + 1];

        memset(taken, true, sizeof(taken));
        assert_int_equal(vm_pick_slot(taken, 5), 0);
}

static void a_slot_of_another_range_is_not_preferred(_unused_ void **state) {
        const bool taken[VM_SLOT_MAX + 1] = {};

        assert_int_equal(vm_pick_slot(taken, VM_SLOT_MAX + 1), VM_SLOT_MIN);
}

static void assert_made_name(const char *image, const char *expected) {
        const VmId id = {"0123456789"};
        _cleanup_free_ char *name = vm_make_name(image, &id, 4);

        assert_string_equal(name, expected);
        assert_int_equal(vm_name_check(name, NULL), 0);
}

static void a_name_is_made_from_the_image_and_the_id(_unused_ void **state) {
        assert_made_name("debian", "debian-0123");
        assert_made_name("Debian_12.5", "debian-12-5-0123");
        assert_made_name("12", "vm-0123");
        assert_made_name("a-very-long-name-of-an-image-that-goes-on-and-on",
                         "a-very-long-name-of-an-image-that-g-0123");
}

/* The VMs of a store in a directory of its own. */
typedef struct Stored {
        char directory[64];
        DaemonContext context;
} Stored;

static int stored_setup(void **state) {
        Stored *stored = calloc(1, sizeof(*stored));
        char release[] = "", name[] = "debian", path[80];
        const ImageRecord image = {.id = {"1111111111"}, .name = name};
        const KernelRecord kernel = {.id = {"2222222222"}, .name = name, .release = release};

        assert_non_null(stored);
        (void) snprintf(stored->directory, sizeof(stored->directory), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(stored->directory));
        (void) snprintf(path, sizeof(path), "%s/vms", stored->directory);
        assert_int_equal(mkdir(path, 0700), 0);
        stored->context.state_dir = stored->directory;
        assert_int_equal(store_open(stored->directory, &stored->context.store, NULL), 0);
        assert_int_equal(store_put_image(stored->context.store, &image, NULL), 0);
        assert_int_equal(store_put_kernel(stored->context.store, &kernel, NULL), 0);
        *state = stored;
        return 0;
}

static int stored_teardown(void **state) {
        Stored *stored = *state;

        vms_free(stored->context.vms);
        store_free(stored->context.store);
        remove_tree(stored->directory);
        free(stored);
        return 0;
}

static void put_vm(const Stored *stored, const char *id, const char *name) {
        char copy[64];
        VmRecord vm = {
                .name = copy,
                .image = {"1111111111"},
                .kernel = {"2222222222"},
                .vcpus = 1,
                .memory_mib = 256,
        };

        (void) snprintf(copy, sizeof(copy), "%s", name);
        assert_int_equal(vm_id_parse(id, &vm.id), 0);
        assert_int_equal(store_put_vm(stored->context.store, &vm, NULL), 0);
}

static void a_made_name_that_is_taken_gets_more_digits(void **state) {
        Stored *stored = *state;
        const VmId id = {"0123456789"};
        _cleanup_free_ char *name = NULL, *other = NULL;

        put_vm(stored, "aaaaaaaaaa", "debian-0123");
        put_vm(stored, "bbbbbbbbbb", "debian-01234");
        assert_int_equal(vms_new(&stored->context, &stored->context.vms, NULL), 0);
        name = vms_make_name(stored->context.vms, "debian", &id);
        assert_string_equal(name, "debian-012345");
        other = vms_make_name(stored->context.vms, "alpine", &id);
        assert_string_equal(other, "alpine-0123");
}

static void a_name_of_all_digits_is_fit_too(_unused_ void **state) {
        const VmId id = {"0123456789"};
        _cleanup_free_ char *name = vm_make_name("a-very-long-name-of-an-image-that-goes-on", &id,
                                                 VM_ID_LENGTH);

        assert_string_equal(name, "a-very-long-name-of-an-image--0123456789");
        assert_int_equal(vm_name_check(name, NULL), 0);
}

static void the_vms_of_an_image_are_named_from_memory(void **state) {
        Stored *stored = *state;
        const NameRef *names;
        Objects users;

        put_vm(stored, "aaaaaaaaaa", "web");
        put_vm(stored, "bbbbbbbbbb", "db");
        assert_int_equal(vms_new(&stored->context, &stored->context.vms, NULL), 0);
        stored->context.store = store_free(stored->context.store); /* it is not asked */
        assert_int_equal(vms_name_image_users(stored->context.vms, "1111111111", &users), 0);
        names = users.items;
        assert_int_equal(users.n_items, 2);
        assert_string_equal(names[0].name, "db");
        assert_string_equal(names[1].name, "web");
        free(names[0].name);
        free(names[1].name);
        free(users.items);
        assert_int_equal(vms_name_image_users(stored->context.vms, "3333333333", &users), 0);
        assert_int_equal(users.n_items, 0);
        free(users.items);
}

static void upstream_servers_are_taken_and_loopback_is_not(_unused_ void **state) {
        _cleanup_strv_ char **dns = NULL;

        assert_int_equal(vm_config_add_dns("# nameserver 9.9.9.9\n"
                                           "nameserver 127.0.0.53\n"
                                           "search example\n"
                                           "nameserver 192.0.2.1 # comment\n"
                                           "nameserver\t192.0.2.2\r\n"
                                           "nameserver fe80::1%eth0\n"
                                           "nameserver 192.0.2.3\nnameserver 192.0.2.4",
                                           &dns),
                         0);
        assert_int_equal(strv_length(dns), 3);
        assert_string_equal(dns[0], "192.0.2.1");
        assert_string_equal(dns[1], "192.0.2.2");
        assert_string_equal(dns[2], "192.0.2.3");
}

static void kept_descriptors_are_known_by_name(_unused_ void **state) {
        KeepRole role;
        VmId id;

        assert_true(vm_keep_parse("vm-0123456789-pty", &id, &role));
        assert_string_equal(id.text, "0123456789");
        assert_int_equal(role, KEEP_PTY);
        assert_false(vm_keep_parse("vm-0123456789-other", &id, &role));
        assert_false(vm_keep_parse("vm-0123456789", &id, &role));
        assert_false(vm_keep_parse("vm-012345678Z-pty", &id, &role));
        assert_false(vm_keep_parse("varlink", &id, &role));
}

static int setup(void **state) {
        VmSignal *signal = NULL;

        assert_int_equal(vm_signal_new(&signal), 0);
        *state = signal;
        return 0;
}

static int teardown(void **state) {
        vm_signal_free(*state);
        return 0;
}

static uint64_t soon(void) {
        return clock_monotonic_usec() + 20 * USEC_PER_SEC;
}

static void a_wait_ends_with_what_came_before(void **state) {
        vm_signal_set(*state, VM_SIGNAL_AGENT, NULL);
        assert_int_equal(vm_signal_wait(*state, VM_SIGNAL_AGENT | VM_SIGNAL_ENDED, -1, soon()),
                         VM_SIGNAL_AGENT);
}

static void a_wait_ends_early_when_the_vmm_ends(void **state) {
        vm_signal_set(*state, VM_SIGNAL_ENDED, NULL);
        assert_int_equal(vm_signal_wait(*state, VM_SIGNAL_AGENT | VM_SIGNAL_ENDED, -1, soon()),
                         VM_SIGNAL_ENDED);
}

static void the_first_message_of_a_guest_that_gave_up_stays(void **state) {
        _cleanup_free_ char *message = NULL;

        vm_signal_set(*state, VM_SIGNAL_FAILED, "no root");
        vm_signal_set(*state, VM_SIGNAL_FAILED, "another");
        message = vm_signal_message(*state);
        assert_string_equal(message, "no root");
}

static void a_wait_has_a_deadline_and_ignores_other_bits(void **state) {
        vm_signal_set(*state, VM_SIGNAL_AGENT, NULL);
        assert_int_equal(vm_signal_wait(*state, VM_SIGNAL_ENDED, -1,
                                        clock_monotonic_usec() + 10 * USEC_PER_MSEC),
                         -ETIMEDOUT);
}

static void a_cancel_ends_a_wait(void **state) {
        int cancel_fd = eventfd(1, EFD_CLOEXEC);

        assert_int_equal(vm_signal_wait(*state, VM_SIGNAL_ENDED, cancel_fd, soon()), -ECANCELED);
        close_fd(cancel_fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_last_slot_is_preferred),
                cmocka_unit_test(the_lowest_free_slot_is_next),
                cmocka_unit_test(with_all_slots_taken_there_is_none),
                cmocka_unit_test(a_slot_of_another_range_is_not_preferred),
                cmocka_unit_test(a_name_is_made_from_the_image_and_the_id),
                cmocka_unit_test_setup_teardown(a_made_name_that_is_taken_gets_more_digits,
                                                stored_setup, stored_teardown),
                cmocka_unit_test(a_name_of_all_digits_is_fit_too),
                cmocka_unit_test_setup_teardown(the_vms_of_an_image_are_named_from_memory,
                                                stored_setup, stored_teardown),
                cmocka_unit_test(upstream_servers_are_taken_and_loopback_is_not),
                cmocka_unit_test(kept_descriptors_are_known_by_name),
                cmocka_unit_test_setup_teardown(a_wait_ends_with_what_came_before, setup, teardown),
                cmocka_unit_test_setup_teardown(a_wait_ends_early_when_the_vmm_ends, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(the_first_message_of_a_guest_that_gave_up_stays,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(a_wait_has_a_deadline_and_ignores_other_bits, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_cancel_ends_a_wait, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
