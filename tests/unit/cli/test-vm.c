#include "tests/unit/cli/scripted-daemon.h"

#define WORDS_MAX 16

typedef struct Ran {
        int status;
        char *out, *err;
} Ran;

/* Runs one command against a script, which must be used up. */
static Ran run(TempRoot *root, const ScriptStep *steps, const char *const *words) {
        Ran ran = {.out = NULL};
        size_t out_size, err_size, n = 0;
        CommandContext context = {
                .host = &root->host,
                .in = stdin,
                .out = open_memstream(&ran.out, &out_size),
                .err = open_memstream(&ran.err, &err_size),
        };
        char *copies[WORDS_MAX];
        pid_t pid = scripted_start(root, steps);

        for (; words[n]; n++)
                copies[n] = strdup(words[n]);
        ran.status = command_main(&context, copies, n);
        while (n > 0)
                free(copies[--n]);
        assert_int_equal(fclose(context.out), 0);
        assert_int_equal(fclose(context.err), 0);
        scripted_end(pid);
        return ran;
}

static void ran_clear(Ran *ran) {
        free(ran->out);
        free(ran->err);
}

static void run_passes_the_status_of_the_command_through(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start"},
                {.method = "VM.Connect", .exit_status = 7},
                {.method = "VM.Stop"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "-i", "debian", "--", "false", NULL});

        assert_int_equal(ran.status, 7);
        assert_string_equal(ran.out, "");
        assert_string_equal(ran.err, "");
        ran_clear(&ran);
}

static void run_with_rm_deletes_the_vm_afterwards(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start"},
                {.method = "VM.Connect"},
                {.method = "VM.Delete"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "--rm", "-i", "debian", "true", NULL});

        assert_int_equal(ran.status, 0);
        ran_clear(&ran);
}

static void a_failed_start_is_125_and_rm_still_deletes(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start", .error = "no /dev/kvm"},
                {.method = "VM.Delete"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "--rm", "-i", "debian", "true", NULL});

        assert_int_equal(ran.status, 125);
        assert_string_equal(ran.err, "tap 3 ms\nbanger: no /dev/kvm\n");
        ran_clear(&ran);
}

static void a_failed_start_without_rm_keeps_the_vm(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start", .error = "no /dev/kvm"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "-i", "debian", "true", NULL});

        assert_int_equal(ran.status, 125);
        ran_clear(&ran);
}

static void the_commands_status_wins_over_a_failed_cleanup(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start"},
                {.method = "VM.Connect", .exit_status = 3},
                {.method = "VM.Delete", .error = "the disk is stuck"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "--rm", "-i", "debian", "x", NULL});

        assert_int_equal(ran.status, 3);
        assert_non_null(strstr(ran.err, "the disk is stuck"));
        ran_clear(&ran);
}

static void an_interrupt_before_the_start_starts_nothing(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create", .raise = SIGINT},
                {.method = "VM.Delete"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "--rm", "-i", "debian", "true", NULL});

        assert_int_equal(ran.status, 128 + SIGINT);
        assert_string_equal(ran.err, "banger: interrupted\n");
        ran_clear(&ran);
}

static void an_interrupt_cancels_a_start_whose_id_was_still_to_come(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start", .raise = SIGTERM, .waits_for_cancel = true},
                {.method = "Operation.Cancel"},
                {.method = "VM.Delete"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "--rm", "-i", "debian", "true", NULL});

        assert_int_equal(ran.status, 128 + SIGTERM);
        assert_string_equal(ran.err, "banger: it was cancelled\n");
        ran_clear(&ran);
}

static void an_interrupt_while_the_guest_is_waited_for_cleans_up(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start"},
                {.method = "VM.Connect", .raise = SIGINT, .hangs = true},
                {.method = "VM.Stop"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "-i", "debian", "true", NULL});

        assert_int_equal(ran.status, 128 + SIGINT);
        assert_non_null(strstr(ran.err, "interrupted"));
        ran_clear(&ran);
}

/* As nohup has it. */
static void a_signal_that_was_ignored_stays_so(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create", .raise = SIGHUP},
                {.method = "VM.Start"},
                {},
        };
        Ran ran;

        assert_ptr_not_equal(signal(SIGHUP, SIG_IGN), SIG_ERR);
        ran = run(*state, steps, (const char *const[]) {"vm", "run", "-i", "debian", NULL});
        (void) signal(SIGHUP, SIG_DFL);
        assert_int_equal(ran.status, 0);
        ran_clear(&ran);
}

static void without_a_command_the_name_is_printed_and_it_runs_on(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Create"}, {.method = "VM.Start"}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "run", "-i", "debian", NULL});

        assert_int_equal(ran.status, 0);
        assert_string_equal(ran.out, "web\n");
        ran_clear(&ran);
}

static void the_only_image_need_not_be_named(void **state) {
        static const ScriptStep steps[] = {
                {.method = "Image.List", .n_images = 1},
                {.method = "VM.Create"},
                {.method = "VM.Start"},
                {},
        };
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "run", "-d", NULL});

        assert_int_equal(ran.status, 0);
        ran_clear(&ran);
}

static void without_an_image_it_is_said_how_to_get_one(void **state) {
        static const ScriptStep steps[] = {{.method = "Image.List"}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "run", NULL});

        assert_int_equal(ran.status, 125);
        assert_string_equal(ran.err, "banger: there is no image yet; run: banger image import NAME "
                                     "SOURCE\n");
        ran_clear(&ran);
}

static void several_images_want_one_to_be_named(void **state) {
        static const ScriptStep steps[] = {{.method = "Image.List", .n_images = 2}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "run", NULL});

        assert_int_equal(ran.status, 2);
        ran_clear(&ran);
}

static void exec_passes_the_status_through(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Connect", .exit_status = 127}, {}};
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "exec", "web", "-e", "A=b", "--", "nothing",
                                             NULL});

        assert_int_equal(ran.status, 127);
        ran_clear(&ran);
}

static void an_exec_that_cannot_begin_is_125(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Connect", .error = "it is stopped"}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "exec", "web", "true", NULL});

        assert_int_equal(ran.status, 125);
        assert_string_equal(ran.err,
                            "banger: cannot run a command in vm \"web\": it is stopped\n");
        ran_clear(&ran);
}

static void starting_prints_the_name_and_no_stages_to_a_pipe(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Start"}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "start", "web", NULL});

        assert_int_equal(ran.status, 0);
        assert_string_equal(ran.out, "web\n");
        assert_string_equal(ran.err, "");
        ran_clear(&ran);
}

static void a_stop_by_force_says_why(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Stop", .reason = "ended by force: the guest did not answer"},
                {},
        };
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "stop", "web", NULL});

        assert_int_equal(ran.status, 0);
        assert_string_equal(ran.out, "web\n");
        assert_string_equal(ran.err,
                            "warning: web: ended by force: the guest did not answer\n");
        ran_clear(&ran);
}

static void a_start_warns_of_what_the_guest_lacks(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Start", .reason = "work disk: it is not mounted"},
                {},
        };
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "start", "web", NULL});

        assert_int_equal(ran.status, 0);
        assert_string_equal(ran.err, "warning: web: work disk: it is not mounted\n");
        ran_clear(&ran);
}

static void a_run_warns_of_what_the_guest_lacks(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create"},
                {.method = "VM.Start", .reason = "work disk: it is not mounted"},
                {.method = "VM.Connect", .exit_status = 3},
                {.method = "VM.Delete"},
                {},
        };
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "run", "--rm", "-i", "debian", "x", NULL});

        assert_int_equal(ran.status, 3);
        assert_non_null(strstr(ran.err, "warning: web: work disk: it is not mounted\n"));
        ran_clear(&ran);
}

static void a_long_reason_is_cut_in_the_list(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.List", .reason = "undoing disk: the loop device is held by another"},
                {},
        };
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "list", NULL});

        assert_int_equal(ran.status, 0);
        assert_non_null(strstr(ran.out, "running: undoing disk: the loop devic...  debian"));
        ran_clear(&ran);
}

static void a_failed_start_shows_how_far_it_came(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Start", .error = "no kernel"}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "start", "web", NULL});

        assert_int_equal(ran.status, 4);
        assert_string_equal(ran.err, "tap 3 ms\nbanger: no kernel\n");
        ran_clear(&ran);
}

static void memory_out_of_range_is_a_usage_error(void **state) {
        static const ScriptStep steps[] = {{}};
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "create", "-i", "debian", "-m", "1", NULL});

        assert_int_equal(ran.status, 2);
        assert_non_null(strstr(ran.err, "--memory"));
        ran_clear(&ran);
}

static void created_is_the_name_alone(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Create"}, {}};
        Ran ran = run(*state, steps,
                      (const char *const[]) {"vm", "create", "-i", "debian", NULL});

        assert_int_equal(ran.status, 0);
        assert_string_equal(ran.out, "web\n");
        ran_clear(&ran);
}

static void what_is_published_goes_into_the_creation(void **state) {
        static const ScriptStep steps[] = {
                {.method = "VM.Create", .publish = "0.0.0.0:8080:80/udp"}, {.method = "VM.Start"}, {},
        };
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "run", "-d", "-i", "debian",
                                                            "--nat", "-p0.0.0.0:8080:80/udp", NULL});

        assert_int_equal(ran.status, 0);
        ran_clear(&ran);
}

static void a_port_that_is_none_is_a_usage_error(void **state) {
        static const ScriptStep none[] = {{}};
        Ran ran = run(*state, none, (const char *const[]) {"vm", "run", "-i", "debian", "-p",
                                                           "80:http", NULL});

        assert_int_equal(ran.status, 2);
        assert_string_equal(ran.err, "banger: --publish: \"http\" is not a port (1..65535); "
                                     "run: banger vm run --help\n");
        ran_clear(&ran);
}

static void a_forward_without_a_guest_port_is_told_the_form(void **state) {
        static const ScriptStep none[] = {{}};
        Ran ran = run(*state, none,
                      (const char *const[]) {"forward", "add", "web", "80", NULL});

        assert_int_equal(ran.status, 2);
        assert_non_null(strstr(ran.err, "[ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]"));
        ran_clear(&ran);
}

static void forwards_are_listed_from_host_to_guest(void **state) {
        static const ScriptStep steps[] = {{.method = "Forward.List"}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"forward", "list", NULL});

        assert_int_equal(ran.status, 0);
        assert_string_equal(ran.out, "VM   HOST                GUEST   ACTIVE\n"
                                     "web  127.0.0.1:8080/udp  80/udp  yes\n");
        ran_clear(&ran);
}

static void what_a_vm_does_not_have_is_not_shown(void **state) {
        static const ScriptStep steps[] = {{.method = "VM.Show"}, {}};
        Ran ran = run(*state, steps, (const char *const[]) {"vm", "show", "web", NULL});

        assert_int_equal(ran.status, 0);
        assert_non_null(strstr(ran.out, "nat:"));
        assert_null(strstr(ran.out, "forwards:"));
        ran_clear(&ran);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(run_passes_the_status_of_the_command_through,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(run_with_rm_deletes_the_vm_afterwards,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_failed_start_is_125_and_rm_still_deletes,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_failed_start_without_rm_keeps_the_vm,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(the_commands_status_wins_over_a_failed_cleanup,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(an_interrupt_before_the_start_starts_nothing,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(
                        an_interrupt_cancels_a_start_whose_id_was_still_to_come, temp_root_setup,
                        temp_root_teardown),
                cmocka_unit_test_setup_teardown(
                        an_interrupt_while_the_guest_is_waited_for_cleans_up, temp_root_setup,
                        temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_signal_that_was_ignored_stays_so,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(
                        without_a_command_the_name_is_printed_and_it_runs_on, temp_root_setup,
                        temp_root_teardown),
                cmocka_unit_test_setup_teardown(the_only_image_need_not_be_named, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(without_an_image_it_is_said_how_to_get_one,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(several_images_want_one_to_be_named,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(exec_passes_the_status_through, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(an_exec_that_cannot_begin_is_125, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(starting_prints_the_name_and_no_stages_to_a_pipe,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_stop_by_force_says_why, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_start_warns_of_what_the_guest_lacks, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_run_warns_of_what_the_guest_lacks, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_long_reason_is_cut_in_the_list, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_failed_start_shows_how_far_it_came,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(memory_out_of_range_is_a_usage_error,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(created_is_the_name_alone, temp_root_setup,
                                                temp_root_teardown),
                cmocka_unit_test_setup_teardown(what_is_published_goes_into_the_creation,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_port_that_is_none_is_a_usage_error,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(a_forward_without_a_guest_port_is_told_the_form,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(forwards_are_listed_from_host_to_guest,
                                                temp_root_setup, temp_root_teardown),
                cmocka_unit_test_setup_teardown(what_a_vm_does_not_have_is_not_shown,
                                                temp_root_setup, temp_root_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
