/* What the guest is set up with: texts, lists and messages, without a guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "guest/files.h"
#include "guest/fstab.h"
#include "guest/identity.h"
#include "guest/init.h"
#include "guest/modules.h"
#include "guest/network.h"
#include "guest/ready.h"

static char hostname[] = "web", address[] = "172.30.0.2", mac[] = "02:00:00:00:00:01",
            dns_one[] = "9.9.9.9", dns_two[] = "1.1.1.1";
static char *dns[] = {dns_one, dns_two, NULL};
static const GuestConfig config = {
        .hostname = hostname,
        .address = address,
        .prefix = 24,
        .mac = mac,
        .dns = dns,
};

static void expect_text(char *text_taken, const char *wanted) {
        _cleanup_free_ char *text = text_taken;

        assert_non_null(text);
        assert_string_equal(text, wanted);
}

static void resolv_conf_has_each_resolver(_unused_ void **state) {
        expect_text(identity_resolv_conf(&config),
                    "# written by banger\nnameserver 9.9.9.9\nnameserver 1.1.1.1\n");
}

static void resolv_conf_without_resolvers_has_none(_unused_ void **state) {
        expect_text(identity_resolv_conf(&(GuestConfig) {.hostname = hostname}),
                    "# written by banger\n");
}

static void hosts_names_the_guest_by_its_address(_unused_ void **state) {
        expect_text(identity_hosts(&config),
                    "# written by banger\n127.0.0.1 localhost\n"
                    "::1 localhost ip6-localhost ip6-loopback\n172.30.0.2 web\n");
}

static void hosts_names_a_guest_without_network_by_loopback(_unused_ void **state) {
        _cleanup_free_ char *text = identity_hosts(&(GuestConfig) {.hostname = hostname});

        assert_non_null(text);
        assert_non_null(strstr(text, "127.0.1.1 web\n"));
}

static void networkd_and_networkmanager_leave_the_link_alone(_unused_ void **state) {
        expect_text(identity_networkd(&config),
                    "[Match]\nMACAddress=02:00:00:00:00:01\n\n[Link]\nUnmanaged=yes\n");
        expect_text(identity_network_manager(&config),
                    "[device-banger]\nmatch-device=mac:02:00:00:00:00:01\nmanaged=0\n");
}

static void resolved_is_given_the_resolvers(_unused_ void **state) {
        expect_text(identity_resolved(&config), "[Resolve]\nDNS=9.9.9.9 1.1.1.1\n");
}

/* userdata: the only device that is there. */
static bool probe(const char *device, void *userdata) {
        return strcmp(device, userdata) == 0;
}

static void expect_fstab(const char *text, const char *wanted) {
        char present[] = "/dev/vda";
        char *filtered = NULL;

        assert_int_equal(fstab_filter(text, probe, present, &filtered), 0);
        if (!wanted)
                assert_null(filtered);
        else
                expect_text(filtered, wanted);
}

static void an_fstab_whose_devices_are_there_stays(_unused_ void **state) {
        expect_fstab("# comment\n/dev/vda / ext4 defaults 0 1\n", NULL);
        expect_fstab("", NULL);
}

static void entries_of_absent_devices_go_and_all_else_stays(_unused_ void **state) {
        expect_fstab("# UUID=1 is gone\n"
                     "/dev/vda / ext4 defaults 0 1\n"
                     "UUID=1 /boot ext4 defaults 0 2\n"
                     "\tLABEL=swap\tnone swap sw 0 0\n"
                     "\n"
                     "PARTUUID=2 /efi vfat ro 0 0\n"
                     "/dev/disk/by-id/x /x ext4 ro 0 0\n"
                     "tmpfs /tmp tmpfs defaults 0 0\n"
                     "server:/home /home nfs defaults 0 0\n",
                     "# UUID=1 is gone\n"
                     "/dev/vda / ext4 defaults 0 1\n"
                     "\n"
                     "tmpfs /tmp tmpfs defaults 0 0\n"
                     "server:/home /home nfs defaults 0 0\n");
}

static void a_last_line_without_its_end_counts(_unused_ void **state) {
        expect_fstab("proc /proc proc defaults 0 0\n/dev/sdb1", "proc /proc proc defaults 0 0\n");
}

static void a_root_is_known_by_its_ext4_uuid_and_label(_unused_ void **state) {
        char path[] = "/tmp/banger-test-XXXXXX";
        uint8_t head[2048] = {[1024 + 0x38] = 0x53, [1024 + 0x39] = 0xef};
        _cleanup_close_ int fd = mkstemp(path);

        assert_true(fd >= 0);
        head[1024 + 0x68] = 0xab;
        memcpy(head + 1024 + 0x78, "rootfs", 6);
        assert_int_equal(io_write_full(fd, head, sizeof(head)), 0);
        assert_true(fstab_device_exists("UUID=AB000000-0000-0000-0000-000000000000", path));
        assert_false(fstab_device_exists("UUID=ac000000-0000-0000-0000-000000000000", path));
        assert_true(fstab_device_exists("LABEL=rootfs", path));
        assert_false(fstab_device_exists("LABEL=root", path));
        assert_false(fstab_device_exists("LABEL=", path));
        assert_false(fstab_device_exists("PARTUUID=1", path));
        assert_true(fstab_device_exists("/dev/null", path));
        assert_false(fstab_device_exists("/dev/no-such-device", path));
        assert_int_equal(unlink(path), 0);
}

typedef struct ScriptedLoad {
        const char *path;
        int result;
} ScriptedLoad;

static int scripted_loader(const char *path, void *userdata) {
        const ScriptedLoad **next = userdata;

        assert_non_null((*next)->path);
        assert_string_equal(path, (*next)->path);
        return (*next)++->result;
}

static int load(const char *list, const ScriptedLoad *script, Error *reterr) {
        const ScriptedLoad *next = script;
        int r = modules_load_list(list, scripted_loader, &next, reterr);

        assert_null(next->path);
        return r;
}

static void modules_are_loaded_in_the_order_of_the_list(_unused_ void **state) {
        assert_int_equal(load("/modules/a.ko\n\n/modules/b.ko",
                              (ScriptedLoad[]) {{"/modules/a.ko", 0}, {"/modules/b.ko", 0}, {}},
                              NULL), 0);
}

static void a_module_that_is_there_already_is_fine(_unused_ void **state) {
        assert_int_equal(load("/a\n", (ScriptedLoad[]) {{"/a", -EEXIST}, {}}, NULL), 0);
}

static void a_module_that_fails_is_said_and_the_rest_is_loaded(_unused_ void **state) {
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(load("/a\n/b\n", (ScriptedLoad[]) {{"/a", -ENOEXEC}, {"/b", 0}, {}},
                              &error), -ENOEXEC);
        assert_non_null(strstr(error.message, "cannot load /a"));
}

static void no_list_of_modules_is_fine(_unused_ void **state) {
        assert_int_equal(modules_load("/no/such/list", NULL), 0);
}

static void bringing_a_link_up_is_one_flag(_unused_ void **state) {
        static const uint8_t wanted[] = {
                32, 0, 0, 0, RTM_NEWLINK, 0, NLM_F_REQUEST | NLM_F_ACK, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
        };
        NetworkMessage message;

        network_link_up(&message, 2);
        assert_int_equal(message.size, sizeof(wanted));
        assert_memory_equal(message.bytes, wanted, sizeof(wanted));
}

static void an_address_comes_with_its_broadcast(_unused_ void **state) {
        static const uint8_t wanted[] = {
                /* flags 0x505: request, ack, replace, create */
                48, 0, 0, 0, RTM_NEWADDR, 0, 0x05, 0x05, 0, 0, 0, 0, 0, 0, 0, 0,
                AF_INET, 24, 0, 0, 2, 0, 0, 0,
                8, 0, IFA_LOCAL, 0, 172, 30, 0, 2,
                8, 0, IFA_ADDRESS, 0, 172, 30, 0, 2,
                8, 0, IFA_BROADCAST, 0, 172, 30, 0, 255,
        };
        NetworkMessage message;

        assert_int_equal(network_address(&message, 2, "172.30.0.2", 24), 0);
        assert_int_equal(message.size, sizeof(wanted));
        assert_memory_equal(message.bytes, wanted, sizeof(wanted));
}

static void a_network_of_two_has_no_broadcast(_unused_ void **state) {
        NetworkMessage message;

        assert_int_equal(network_address(&message, 2, "10.0.0.1", 31), 0);
        assert_int_equal(message.size, 40);
}

static void the_default_route_has_a_gateway_and_an_interface(_unused_ void **state) {
        static const uint8_t wanted[] = {
                44, 0, 0, 0, RTM_NEWROUTE, 0, 0x05, 0x05, 0, 0, 0, 0, 0, 0, 0, 0,
                AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST,
                0, 0, 0, 0,
                8, 0, RTA_GATEWAY, 0, 172, 30, 0, 1,
                8, 0, RTA_OIF, 0, 2, 0, 0, 0,
        };
        NetworkMessage message;

        assert_int_equal(network_default_route(&message, 2, "172.30.0.1"), 0);
        assert_int_equal(message.size, sizeof(wanted));
        assert_memory_equal(message.bytes, wanted, sizeof(wanted));
}

static void what_is_no_address_is_refused(_unused_ void **state) {
        NetworkMessage message;

        assert_int_equal(network_address(&message, 2, "172.30.0", 24), -EINVAL);
        assert_int_equal(network_address(&message, 2, "172.30.0.2", 33), -EINVAL);
        assert_int_equal(network_default_route(&message, 2, "gateway"), -EINVAL);
}

static void ready_is_a_line_of_its_own(_unused_ void **state) {
        static const char late[] = "STATUS=Startup finished in 3s.\nREADY=1";

        assert_true(ready_in_message("READY=1", 7));
        assert_true(ready_in_message("READY=1\nSTATUS=x\n", 17));
        assert_true(ready_in_message(late, sizeof(late) - 1));
        assert_false(ready_in_message("READY=10", 8));
        assert_false(ready_in_message("NOTREADY=1", 10));
        assert_false(ready_in_message("READY=1", 6));
        assert_false(ready_in_message("", 0));
}

static void only_process_1_can_say_ready(_unused_ void **state) {
        static const int on = 1;
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
        assert_int_equal(send(pair[1], "READY=1", 7, 0), 7);
        assert_false(ready_received_from(pair[0], getpid() + 1));
        assert_int_equal(send(pair[1], "READY=1", 7, 0), 7);
        assert_true(ready_received_from(pair[0], getpid()));
        assert_false(ready_received_from(pair[0], getpid()));
        close_fd(pair[0]);
        close_fd(pair[1]);
}

typedef struct Tree {
        char root[64];
} Tree;

static int tree_setup(void **state) {
        Tree *tree = calloc(1, sizeof(*tree));

        assert_non_null(tree);
        (void) snprintf(tree->root, sizeof(tree->root), "/tmp/banger-test-XXXXXX");
        assert_non_null(mkdtemp(tree->root));
        *state = tree;
        return 0;
}

static int tree_teardown(void **state) {
        static const char *const paths[] = {"lib/systemd/systemd", "lib/systemd", "lib",
                                            "sbin/init", "sbin", "bin/sh", "bin", "init"};
        Tree *tree = *state;
        char path[128];

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                (void) snprintf(path, sizeof(path), "%s/%s", tree->root, paths[i]);
                (void) remove(path);
        }
        (void) rmdir(tree->root);
        free(tree);
        return 0;
}

static void add_program(const Tree *tree, const char *name, mode_t mode) {
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/%s", tree->root, name);
        assert_int_equal(files_write(path, "#!"), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void an_image_with_a_shell_only_has_no_init(void **state) {
        const char *path = "unset";

        add_program(*state, "bin/sh", 0755);
        assert_int_equal(init_find(((Tree *) *state)->root, &path), INIT_SELF);
        assert_null(path);
}

static void an_init_that_nobody_may_execute_is_none(void **state) {
        const char *path;

        add_program(*state, "sbin/init", 0644);
        assert_int_equal(init_find(((Tree *) *state)->root, &path), INIT_SELF);
}

static void systemd_is_known_by_what_the_link_leads_to(void **state) {
        Tree *tree = *state;
        char link[128];
        const char *path;

        add_program(tree, "lib/systemd/systemd", 0755);
        (void) snprintf(link, sizeof(link), "%s/sbin", tree->root);
        assert_int_equal(mkdir(link, 0755), 0);
        (void) snprintf(link, sizeof(link), "%s/sbin/init", tree->root);
        assert_int_equal(symlink("../lib/systemd/systemd", link), 0);
        assert_int_equal(init_find(tree->root, &path), INIT_SYSTEMD);
        assert_string_equal(path, "/sbin/init");
}

static void another_init_is_found_where_the_kernel_would_look(void **state) {
        const char *path;

        add_program(*state, "init", 0755);
        assert_int_equal(init_find(((Tree *) *state)->root, &path), INIT_OTHER);
        assert_string_equal(path, "/init");
}

static void the_interface_is_found_by_its_address(void **state) {
        Tree *tree = *state;
        unsigned index = 0;

        add_program(tree, "sbin/address", 0644);
        add_program(tree, "bin/address", 0644);
        assert_int_equal(network_find(tree->root, mac, &index), -ENODEV);
        {
                char path[128];

                (void) snprintf(path, sizeof(path), "%s/bin/address", tree->root);
                assert_int_equal(files_write(path, "02:00:00:00:00:01\n"), 0);
                (void) snprintf(path, sizeof(path), "%s/bin/ifindex", tree->root);
                assert_int_equal(files_write(path, "7\n"), 0);
                assert_int_equal(network_find(tree->root, mac, &index), 0);
                assert_int_equal(remove(path), 0);
                (void) snprintf(path, sizeof(path), "%s/bin/address", tree->root);
                assert_int_equal(remove(path), 0);
                (void) snprintf(path, sizeof(path), "%s/sbin/address", tree->root);
                assert_int_equal(remove(path), 0);
        }
        assert_int_equal(index, 7);
}

#define TEST(function) cmocka_unit_test(function)
#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, tree_setup, tree_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(resolv_conf_has_each_resolver),
                TEST(resolv_conf_without_resolvers_has_none),
                TEST(hosts_names_the_guest_by_its_address),
                TEST(hosts_names_a_guest_without_network_by_loopback),
                TEST(networkd_and_networkmanager_leave_the_link_alone),
                TEST(resolved_is_given_the_resolvers),
                TEST(an_fstab_whose_devices_are_there_stays),
                TEST(entries_of_absent_devices_go_and_all_else_stays),
                TEST(a_last_line_without_its_end_counts),
                TEST(a_root_is_known_by_its_ext4_uuid_and_label),
                TEST(modules_are_loaded_in_the_order_of_the_list),
                TEST(a_module_that_is_there_already_is_fine),
                TEST(a_module_that_fails_is_said_and_the_rest_is_loaded),
                TEST(no_list_of_modules_is_fine),
                TEST(bringing_a_link_up_is_one_flag),
                TEST(an_address_comes_with_its_broadcast),
                TEST(a_network_of_two_has_no_broadcast),
                TEST(the_default_route_has_a_gateway_and_an_interface),
                TEST(what_is_no_address_is_refused),
                TEST(ready_is_a_line_of_its_own),
                TEST(only_process_1_can_say_ready),
                TREE_TEST(an_image_with_a_shell_only_has_no_init),
                TREE_TEST(an_init_that_nobody_may_execute_is_none),
                TREE_TEST(systemd_is_known_by_what_the_link_leads_to),
                TREE_TEST(another_init_is_found_where_the_kernel_would_look),
                TREE_TEST(the_interface_is_found_by_its_address),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
