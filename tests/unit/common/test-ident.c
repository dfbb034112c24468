#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/ident.h"

static const char *const wrong_ids[] = {"", "012345678", "0123456789a", "012345678A", "012345678g",
                                        " 123456789"};

static void an_id_is_ten_lowercase_hex_digits(void **state _unused_) {
        VmId id;

        assert_int_equal(vm_id_parse("0123abcdef", &id), 0);
        assert_string_equal(id.text, "0123abcdef");
        assert_int_equal(vm_id_check("0123abcdef", NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong_ids); i++) {
                assert_false(vm_id_valid(wrong_ids[i]));
                assert_int_equal(vm_id_parse(wrong_ids[i], &id), -EINVAL);
                assert_int_equal(vm_id_check(wrong_ids[i], NULL), -EINVAL);
        }
        assert_string_equal(id.text, "0123abcdef");
}

static void generated_ids_are_valid_and_differ(void **state _unused_) {
        VmId a, b;

        assert_int_equal(vm_id_generate(&a), 0);
        assert_int_equal(vm_id_generate(&b), 0);
        assert_true(vm_id_valid(a.text));
        assert_true(vm_id_valid(b.text));
        assert_string_not_equal(a.text, b.text);
}

static void names_are_dns_labels(void **state _unused_) {
        static const char *const right[] = {"a", "web", "web-1", "a--b",
                                            "abcdefghijabcdefghijabcdefghijabcdefghij"};
        static const char *const wrong[] = {"", "1web", "-web", "web-", "Web", "web_1", "web.vm",
                                            "w\xc3\xa4", "a b", "a/b",
                                            "abcdefghijabcdefghijabcdefghijabcdefghijk"};

        for (size_t i = 0; i < ELEMENTSOF(right); i++)
                assert_int_equal(vm_name_check(right[i], NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_int_equal(vm_name_check(wrong[i], NULL), -EINVAL);
}

static void every_name_derives_from_the_id(void **state _unused_) {
        VmId id;
        VmNames names;

        assert_int_equal(vm_id_parse("01ab23cd9f", &id), 0);
        vm_names(&id, &names);
        assert_string_equal(names.tap, "bgr-01ab23cd9f");
        assert_string_equal(names.dm, "banger-01ab23cd9f");
        assert_string_equal(names.dm_uuid, "BANGER-01ab23cd9f");
        assert_string_equal(names.dm_work, "banger-01ab23cd9f-work");
        assert_string_equal(names.dm_work_uuid, "BANGER-01ab23cd9f-work");
        assert_string_equal(names.unit, "banger-vm-01ab23cd9f.service");
        assert_string_equal(names.jail, "firecracker/01ab23cd9f");
        assert_string_equal(names.mac_text, "02:01:ab:23:cd:9f");
}

static void the_mac_is_local_and_unicast(void **state _unused_) {
        static const uint8_t expected[] = {0x02, 0xff, 0x00, 0xa9, 0x0a, 0xfe};
        VmId id;
        VmNames names;

        assert_int_equal(vm_id_parse("ff00a90afe", &id), 0);
        vm_names(&id, &names);
        assert_memory_equal(names.mac.ether_addr_octet, expected, sizeof(expected));
}

static void names_read_back_as_the_id(void **state _unused_) {
        const char *role;
        VmId id, back;
        VmNames names;

        assert_int_equal(vm_id_generate(&id), 0);
        vm_names(&id, &names);
        assert_true(vm_id_from_tap(names.tap, &back));
        assert_string_equal(back.text, id.text);
        assert_true(vm_id_from_dm_uuid(names.dm_uuid, &back));
        assert_string_equal(back.text, id.text);
        back = (VmId) {};
        assert_true(vm_id_from_dm_uuid(names.dm_work_uuid, &back));
        assert_string_equal(back.text, id.text);
        assert_true(vm_id_from_unit(names.unit, &back));
        assert_string_equal(back.text, id.text);
        assert_true(vm_id_from_loop("banger:0123456789:cow", &back, &role));
        assert_string_equal(back.text, "0123456789");
        assert_string_equal(role, "cow");
}

static void foreign_names_are_not_ours(void **state _unused_) {
        VmId id = {.text = "untouched"};
        const char *role = "untouched";

        assert_false(vm_id_from_tap("bgr-carrier", &id));
        assert_false(vm_id_from_tap("bgr-0123456789a", &id));
        assert_false(vm_id_from_tap("bgr-012345678", &id));
        assert_false(vm_id_from_tap("xbgr-0123456789", &id));
        assert_false(vm_id_from_dm_uuid("banger-0123456789", &id));
        assert_false(vm_id_from_dm_uuid("BANGER-0123456789-x", &id));
        assert_false(vm_id_from_dm_uuid("BANGER-0123456789-work-x", &id));
        assert_false(vm_id_from_unit("banger-vm-0123456789.scope", &id));
        assert_false(vm_id_from_unit("banger-vm-0123456789.service.bak", &id));
        assert_false(vm_id_from_unit("banger-vm-0123456789", &id));
        assert_false(vm_id_from_loop("banger:0123456789", &id, &role));
        assert_false(vm_id_from_loop("banger:0123456789:", &id, &role));
        assert_false(vm_id_from_loop("banger:012345678:cow", &id, &role));
        assert_string_equal(id.text, "untouched");
        assert_string_equal(role, "untouched");
}

static void every_slot_has_a_uid_and_a_cid_of_its_own(void **state _unused_) {
        assert_int_equal(vm_slot_uid(VM_SLOT_MIN), VM_UID_FIRST);
        assert_int_equal(vm_slot_uid(VM_SLOT_MAX), VM_UID_FIRST + VM_SLOT_MAX - VM_SLOT_MIN);
        assert_true(vm_slot_uid(VM_SLOT_MAX) <= VM_UID_LAST);
        assert_int_equal(vm_slot_cid(VM_SLOT_MIN), VM_CID_FIRST);
        assert_int_equal(vm_slot_cid(2), VM_CID_FIRST + 1);
}

static void what_is_no_slot_gets_nothing(void **state _unused_) {
        static const unsigned wrong[] = {0, VM_SLOT_MAX + 1, UINT32_MAX};

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                assert_true(vm_slot_uid(wrong[i]) == (uid_t) -1);
                assert_int_equal(vm_slot_cid(wrong[i]), 0);
                assert_int_equal(vm_slot_address(wrong[i], 0xac1e0000, 24), 0);
        }
}

static void addresses_follow_the_bridge(void **state _unused_) {
        assert_int_equal(vm_slot_address(1, 0xac1e0000, 24), 0xac1e0002);
        assert_int_equal(vm_slot_address(253, 0xac1e0000, 24), 0xac1e00fe);
        assert_int_equal(vm_slot_address(1, 0xac1e0001, 24), 0xac1e0002);
        assert_int_equal(vm_slot_address(253, 0x0a000000, 8), 0x0a0000fe);
        assert_int_equal(vm_slot_address(1, 0xac1e0010, 28), 0xac1e0012);
}

static void a_network_without_room_gives_no_address(void **state _unused_) {
        assert_int_equal(vm_slot_address(13, 0xac1e0000, 28), 0xac1e000e);
        assert_int_equal(vm_slot_address(14, 0xac1e0000, 28), 0);
        assert_int_equal(vm_slot_address(1, 0xac1e0000, 30), 0xac1e0002);
        assert_int_equal(vm_slot_address(2, 0xac1e0000, 30), 0);
        assert_int_equal(vm_slot_address(1, 0xac1e0000, 31), 0);
        assert_int_equal(vm_slot_address(1, 0xac1e0000, 32), 0);
        assert_int_equal(vm_slot_address(1, 0xac1e0000, 33), 0);
        assert_int_equal(vm_slot_address(1, 0xac1e0000, 0), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_id_is_ten_lowercase_hex_digits),
                cmocka_unit_test(generated_ids_are_valid_and_differ),
                cmocka_unit_test(names_are_dns_labels),
                cmocka_unit_test(every_name_derives_from_the_id),
                cmocka_unit_test(the_mac_is_local_and_unicast),
                cmocka_unit_test(names_read_back_as_the_id),
                cmocka_unit_test(foreign_names_are_not_ours),
                cmocka_unit_test(every_slot_has_a_uid_and_a_cid_of_its_own),
                cmocka_unit_test(what_is_no_slot_gets_nothing),
                cmocka_unit_test(addresses_follow_the_bridge),
                cmocka_unit_test(a_network_without_room_gives_no_address),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
