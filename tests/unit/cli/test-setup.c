#include "cli/layout.h"
#include "tests/unit/cli/fixture.h"

/* ---- systemd as a model, for "whatever fails, nothing remains" ---- */

typedef struct Model {
        const TempRoot *root;
        bool enabled[8], active[8], known[8];
        size_t n_calls, fail_at; /* the fail_at-th changing call fails, from 1; 0: none */
        bool modules_asked, no_modules;
} Model;

static size_t model_unit(const char *name) {
        for (size_t i = 0; i < layout_n_units; i++)
                if (string_equal(layout_units[i].name, name))
                        return i;
        fail_msg("unknown unit %s", name);
        return 0;
}

static int model_count(Model *model, Error *reterr) {
        if (++model->n_calls == model->fail_at)
                return error_set(reterr, ERROR_FAILED, EIO, "the model fails");
        return 0;
}

static int model_get_state(void *manager, const char *unit, UnitState *ret, Error *reterr) {
        const Model *model = manager;
        size_t i = model_unit(unit);

        (void) reterr;
        *ret = (UnitState) {.known = model->known[i],
                            .enabled = model->enabled[i],
                            .active = model->active[i]};
        return 0;
}

static int model_list(void *manager, const char *pattern, char ***ret, Error *reterr) {
        (void) manager;
        (void) pattern;
        (void) ret;
        (void) reterr;
        return 0;
}

static int model_reload(void *manager, Error *reterr) {
        return model_count(manager, reterr);
}

static int model_enable(void *manager, const char *unit, Error *reterr) {
        Model *model = manager;

        model->enabled[model_unit(unit)] = true; /* even when it then fails half-way */
        return model_count(model, reterr);
}

static int model_disable(void *manager, const char *unit, Error *reterr) {
        Model *model = manager;

        (void) reterr;
        model->enabled[model_unit(unit)] = false;
        return 0;
}

static int model_run_job(void *manager, UnitJob job, const char *unit, Error *reterr) {
        Model *model = manager;
        size_t i;

        if (string_equal(unit, UNIT_MODULES_LOAD)) {
                model->modules_asked = true;
                return model->no_modules ? error_set(reterr, ERROR_FAILED, EIO, "no modules") : 0;
        }
        i = model_unit(unit);
        if (job == UNIT_STOP) {
                model->active[i] = false;
                return 0;
        }
        if (job == UNIT_START || job == UNIT_RESTART) {
                model->active[i] = true;
                temp_root_mkdir(model->root, "/run/banger");
                temp_root_mkdir(model->root, "/run/banger-root");
        }
        return model_count(model, reterr);
}

static int model_reset_failed(void *manager, const char *unit, Error *reterr) {
        (void) manager;
        (void) unit;
        (void) reterr;
        return 0;
}

static const UnitOps model_ops = {
        .get_state = model_get_state,
        .list = model_list,
        .reload = model_reload,
        .enable = model_enable,
        .disable = model_disable,
        .run_job = model_run_job,
        .reset_failed = model_reset_failed,
};

static Model model_new(const TempRoot *root) {
        return (Model) {.root = root, .known = {true, true, true, true, true, true, true}};
}

static int daemons_answer(const Host *host, Error *reterr) {
        (void) host;
        (void) reterr;
        return 0;
}

static int daemons_do_not_answer(const Host *host, Error *reterr) {
        (void) host;
        return error_set(reterr, ERROR_TIMED_OUT, ETIMEDOUT, "bangerd does not answer");
}

static SetupEnv model_env(const TempRoot *root, Model *model) {
        return (SetupEnv) {
                .host = &root->host,
                .units = {&model_ops, model},
                .booted = true,
                .check_daemons = daemons_answer,
        };
}

static int run(const SetupEnv *env, Error *reterr) {
        InstallConf conf = fixture_conf();
        Progress progress = {.out = NULL};
        Capture capture;
        int r;

        capture_open(&capture);
        assert_int_equal(progress_init(&progress, capture.out, false), 0);
        r = setup_run(env, &conf, &progress, reterr);
        progress_clear(&progress);
        capture_close(&capture);
        return r;
}

static void assert_content(const TempRoot *root, const char *path, const char *content) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(io_read_file(root->fd, path + 1, 4096, &text, NULL), 0);
        assert_string_equal(text, content);
}

static void install_makes_everything_with_owner_and_mode(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        InstallConf conf;
        _cleanup_free_ char *service = NULL, *socket = NULL;

        assert_int_equal(run(&env, NULL), 0);
        for (size_t i = 0; i < layout_n_directories; i++) {
                struct stat st;

                assert_int_equal(fstatat(root->fd, layout_directories[i].path + 1, &st, 0), 0);
                assert_int_equal(st.st_mode & 07777, layout_directories[i].mode);
                assert_int_equal(st.st_uid, layout_directories[i].owner == LAYOUT_USER
                                                    ? temp_root_other_uid()
                                                    : geteuid());
        }
        service = string_format("# Written by: banger system install\n"
                                "[Service]\nUser=alice\nGroup=%u\n", (unsigned) getegid());
        socket = string_format("# Written by: banger system install\n"
                               "[Socket]\nSocketUser=alice\nSocketGroup=%u\n",
                               (unsigned) getegid());
        assert_content(root, "/etc/systemd/system/bangerd.service.d/50-owner.conf", service);
        assert_content(root, "/etc/systemd/system/bangerd.socket.d/50-owner.conf", socket);
        assert_content(root, "/etc/systemd/system/bangerd-root.socket.d/50-owner.conf", socket);
        assert_content(root, "/etc/systemd/system/banger-worker.socket.d/50-owner.conf", socket);
        assert_content(root, "/etc/systemd/system/banger-worker@.service.d/50-owner.conf", service);
        assert_int_equal(install_conf_read(root->install_conf, geteuid(), &conf, NULL), 0);
        assert_string_equal(conf.owner, "alice");
        assert_int_equal(conf.uid, temp_root_other_uid());
        install_conf_clear(&conf);
        for (size_t i = 0; i < layout_n_units; i++)
                assert_true(model.enabled[i] == layout_units[i].enabled);
}

static void a_host_without_a_module_is_installed_on(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);

        model.no_modules = true;
        assert_int_equal(run(&env, NULL), 0);
        assert_true(model.modules_asked);
}

static void a_second_install_changes_nothing(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        _cleanup_free_ char *before = NULL, *after = NULL;

        assert_int_equal(run(&env, NULL), 0);
        before = temp_root_describe(root);
        assert_int_equal(run(&env, NULL), 0);
        after = temp_root_describe(root);
        assert_string_equal(before, after);
}

static void settings_of_the_administrator_are_not_overwritten(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);

        temp_root_mkdir(root, "/etc/banger");
        temp_root_write(root, BANGER_CONF, "mine\n");
        assert_int_equal(run(&env, NULL), 0);
        assert_content(root, BANGER_CONF, "mine\n");
}

static void assert_nothing_remains(const TempRoot *root, const Model *model, const char *before) {
        _cleanup_free_ char *after = temp_root_describe(root);

        assert_string_equal(after, before);
        for (size_t i = 0; i < layout_n_units; i++) {
                assert_false(model->enabled[i]);
                assert_false(model->active[i]);
        }
}

static void whichever_call_to_systemd_fails_nothing_remains(void **state) {
        TempRoot *root = *state;
        _cleanup_free_ char *before = temp_root_describe(root);
        size_t n_failures = 0;

        for (size_t fail_at = 1;; fail_at++) {
                Model model = model_new(root);
                SetupEnv env = model_env(root, &model);
                _cleanup_error_ Error error = ERROR_INIT;

                model.fail_at = fail_at;
                if (run(&env, &error) >= 0)
                        break;
                assert_string_equal(error.message, "the model fails");
                assert_nothing_remains(root, &model, before);
                n_failures++;
        }
        /* reload, five times enable, reload, five jobs */
        assert_int_equal(n_failures, 12);
}

static void whichever_directory_cannot_be_made_nothing_remains(void **state) {
        TempRoot *root = *state;

        for (size_t i = 0; i < layout_n_directories; i++) {
                const char *path = layout_directories[i].path;
                Model model = model_new(root);
                SetupEnv env = model_env(root, &model);
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *before = NULL;
                bool below_state = string_after_prefix(path, BANGER_STATE_DIR "/") != NULL;

                if (below_state)
                        temp_root_mkdir(root, BANGER_STATE_DIR);
                temp_root_write(root, path, "in the way");
                before = temp_root_describe(root);
                assert_true(run(&env, &error) < 0);
                assert_non_null(strstr(error.message, path));
                assert_nothing_remains(root, &model, before);
                assert_int_equal(remove_file(root->fd, path, NULL), 0);
                if (below_state)
                        assert_int_equal(remove_tree(root->fd, BANGER_STATE_DIR, NULL), 0);
        }
}

static void whichever_file_cannot_be_written_nothing_remains(void **state) {
        TempRoot *root = *state;

        for (size_t i = 0; i < layout_n_files; i++) {
                const char *path = layout_files[i].path;
                Model model = model_new(root);
                SetupEnv env = model_env(root, &model);
                _cleanup_error_ Error error = ERROR_INIT;
                _cleanup_free_ char *before = NULL;

                if (layout_files[i].settings)
                        continue; /* whatever is there is the administrator's */
                temp_root_mkdir(root, path);
                before = temp_root_describe(root);
                assert_true(run(&env, &error) < 0);
                assert_non_null(strstr(error.message, path));
                assert_nothing_remains(root, &model, before);
                assert_int_equal(remove_tree(root->fd, path, NULL), 0);
        }
}

static void daemons_that_do_not_answer_undo_the_install(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        _cleanup_free_ char *before = temp_root_describe(root);
        _cleanup_error_ Error error = ERROR_INIT;

        env.check_daemons = daemons_do_not_answer;
        assert_int_equal(run(&env, &error), -ETIMEDOUT);
        assert_string_equal(error.message, "bangerd does not answer");
        assert_nothing_remains(root, &model, before);
}

static void a_failed_second_install_leaves_the_first(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        _cleanup_free_ char *before = NULL, *after = NULL;

        assert_int_equal(run(&env, NULL), 0);
        before = temp_root_describe(root);
        env.check_daemons = daemons_do_not_answer;
        assert_true(run(&env, NULL) < 0);
        after = temp_root_describe(root);
        assert_string_equal(before, after);
        assert_true(model.enabled[model_unit(UNIT_BANGERD_SOCKET)]);
        assert_true(model.active[model_unit(UNIT_BANGERD_SOCKET)]);
}

/* ---- systemd by a script: the order, there and back ---- */

static void units_are_worked_in_order_and_undone_sockets_first(void **state) {
        static const UnitCall calls[] = {
                {.call = "reload"},
                {.call = "get_state bangerd-dns.socket"},
                {.call = "enable bangerd-dns.socket"},
                {.call = "get_state bangerd.socket"},
                {.call = "enable bangerd.socket"},
                {.call = "get_state banger-worker.socket"},
                {.call = "enable banger-worker.socket"},
                {.call = "get_state bangerd.service"},
                {.call = "enable bangerd.service"},
                {.call = "get_state bangerd-root.socket"},
                {.call = "enable bangerd-root.socket"},
                {.call = "reload"},
                {.call = "get_state banger.slice"},
                {.call = "get_state bangerd-root.service"},
                {.call = "get_state bangerd-root.socket"},
                {.call = "get_state bangerd.service"},
                {.call = "get_state banger-worker.socket"},
                {.call = "get_state bangerd.socket"},
                {.call = "get_state bangerd-dns.socket"},
                {.call = "restart systemd-modules-load.service"},
                {.call = "start bangerd.socket"},
                {.call = "start bangerd-root.socket"},
                {.call = "start banger-worker.socket"},
                {.call = "try-restart bangerd-root.service"},
                {.call = "restart bangerd.service", .result = -EIO},
                {.call = "stop bangerd-dns.socket"},
                {.call = "reset bangerd-dns.socket"},
                {.call = "stop bangerd.socket"},
                {.call = "reset bangerd.socket"},
                {.call = "stop banger-worker.socket"},
                {.call = "reset banger-worker.socket"},
                {.call = "stop bangerd.service", .result = -EPERM},
                {.call = "reset bangerd.service"},
                {.call = "stop bangerd-root.socket"},
                {.call = "reset bangerd-root.socket"},
                {.call = "stop bangerd-root.service"},
                {.call = "reset bangerd-root.service"},
                {.call = "stop banger.slice"},
                {.call = "reset banger.slice"},
                {.call = "disable bangerd-root.socket"},
                {.call = "disable bangerd.service"},
                {.call = "disable banger-worker.socket"},
                {.call = "disable bangerd.socket"},
                {.call = "disable bangerd-dns.socket"},
                {.call = "reload"},
        };
        TempRoot *root = *state;
        UnitScript script = {calls, ELEMENTSOF(calls), 0};
        SetupEnv env = {.host = &root->host,
                        .units = {&script_ops, &script},
                        .booted = true,
                        .check_daemons = daemons_answer};
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(run(&env, &error), -EIO);
        assert_string_equal(error.message,
                            "scripted: restart bangerd.service; scripted: stop bangerd.service");
        script_assert_done(&script);
        assert_false(temp_root_has(root, "/etc/banger"));
}

/* ---- checks ---- */

static Account alice(void) {
        static char name[] = "alice", home[] = "/home/alice";

        return (Account) {.name = name, .uid = 1234, .gid = 1234, .home = home};
}

static void all_reasons_against_are_told_and_nothing_changes(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        Account owner = alice();
        _cleanup_free_ char *before = NULL, *after = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        temp_root_write(root, "/etc/subuid", "bob:60000:65536\n");
        model.known[model_unit("bangerd.service")] = false;
        before = temp_root_describe(root);
        assert_true(setup_check(&env, &owner, &error) < 0);
        assert_non_null(strstr(error.message, "bob:60000:65536"));
        assert_non_null(strstr(error.message, "bangerd.service"));
        after = temp_root_describe(root);
        assert_string_equal(before, after);
}

static void a_good_host_passes(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        Account owner = alice();

        temp_root_write(root, "/etc/login.defs", "UID_MIN 1000\n");
        temp_root_write(root, "/etc/subuid", "alice:100000:65536\n");
        assert_int_equal(setup_check(&env, &owner, NULL), 0);
}

static void a_host_without_systemd_is_refused(void **state) {
        TempRoot *root = *state;
        SetupEnv env = {.host = &root->host, .booted = false};
        Account owner = alice();
        _cleanup_error_ Error error = ERROR_INIT;

        assert_int_equal(setup_check(&env, &owner, &error), -ENODEV);
        assert_int_equal(error.kind, ERROR_UNAVAILABLE);
}

static void another_owner_must_uninstall_first(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        Account owner = alice();
        _cleanup_error_ Error error = ERROR_INIT;
        _cleanup_free_ char *text = NULL;
        InstallConf conf = fixture_conf();

        conf.uid = 1235;
        assert_int_equal(install_conf_format(&conf, &text), 0);
        temp_root_mkdir(root, "/etc/banger");
        temp_root_write(root, BANGER_INSTALL_CONF, text);
        assert_int_equal(setup_check(&env, &owner, &error), -EEXIST);
        assert_int_equal(error.kind, ERROR_ALREADY_EXISTS);
        assert_string_equal(error.hint, "run: sudo banger system uninstall");
        owner.uid = 1235;
        assert_int_equal(setup_check(&env, &owner, NULL), 0);
}

static void what_an_earlier_owner_left_is_not_given_to_another(void **state) {
        static const char *const tops[] = {"images", "kernels", "vms", "db"};
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        Account owner = alice();

        /* Whoever runs this can give files to nobody, but can be "another" himself. */
        for (size_t i = 0; i < ELEMENTSOF(tops); i++) {
                _cleanup_free_ char *top = string_format(BANGER_STATE_DIR "/%s", tops[i]);
                _cleanup_free_ char *entry = string_format("%s/.earlier", top);
                _cleanup_error_ Error error = ERROR_INIT;

                temp_root_mkdir(root, top);
                temp_root_mkdir(root, entry);
                assert_int_equal(setup_check(&env, &owner, NULL), 0);
                root->host.root_uid = geteuid() + 1;
                assert_int_equal(setup_check(&env, &owner, &error), -EEXIST);
                assert_int_equal(error.kind, ERROR_ALREADY_EXISTS);
                assert_non_null(strstr(error.message, entry));
                assert_non_null(strstr(error.hint, "uninstall --purge"));
                root->host.root_uid = geteuid();
                assert_int_equal(remove_tree(root->fd, top, NULL), 0);
        }
}

static void the_same_owner_gets_back_what_was_kept(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        Account owner = alice();
        _cleanup_error_ Error error = ERROR_INIT;

        temp_root_mkdir(root, BANGER_STATE_DIR "/vms/0123456789");
        root->host.root_uid = geteuid() + 1;
        owner.uid = geteuid();
        (void) setup_check(&env, &owner, &error); /* root is refused as an owner */
        assert_null(error.message ? strstr(error.message, BANGER_STATE_DIR) : NULL);
        root->host.root_uid = geteuid();
}

static void uid_min_of_the_host_counts(void **state) {
        TempRoot *root = *state;
        Model model = model_new(root);
        SetupEnv env = model_env(root, &model);
        Account owner = alice();

        temp_root_write(root, "/etc/login.defs", "UID_MIN 2000\n");
        assert_int_equal(setup_check(&env, &owner, NULL), -EPERM);
}

static void the_plan_names_everything(void **state) {
        InstallConf conf = fixture_conf();
        Capture capture;

        (void) state;
        capture_open(&capture);
        assert_int_equal(setup_print_plan(capture.out, &conf), 0);
        for (size_t i = 0; i < layout_n_directories; i++)
                assert_non_null(strstr(capture_text(&capture), layout_directories[i].path));
        for (size_t i = 0; i < layout_n_files; i++)
                assert_non_null(strstr(capture_text(&capture), layout_files[i].path));
        for (size_t i = 0; i < layout_n_units; i++)
                assert_non_null(strstr(capture_text(&capture), layout_units[i].name));
        assert_non_null(strstr(capture_text(&capture), "alice 0700"));
        capture_close(&capture);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                in_root("install_makes_everything_with_owner_and_mode",
                        install_makes_everything_with_owner_and_mode),
                in_root("a_host_without_a_module_is_installed_on",
                        a_host_without_a_module_is_installed_on),
                in_root("a_second_install_changes_nothing", a_second_install_changes_nothing),
                in_root("settings_of_the_administrator_are_not_overwritten",
                        settings_of_the_administrator_are_not_overwritten),
                in_root("whichever_call_to_systemd_fails_nothing_remains",
                        whichever_call_to_systemd_fails_nothing_remains),
                in_root("whichever_directory_cannot_be_made_nothing_remains",
                        whichever_directory_cannot_be_made_nothing_remains),
                in_root("whichever_file_cannot_be_written_nothing_remains",
                        whichever_file_cannot_be_written_nothing_remains),
                in_root("daemons_that_do_not_answer_undo_the_install",
                        daemons_that_do_not_answer_undo_the_install),
                in_root("a_failed_second_install_leaves_the_first",
                        a_failed_second_install_leaves_the_first),
                in_root("units_are_worked_in_order_and_undone_sockets_first",
                        units_are_worked_in_order_and_undone_sockets_first),
                in_root("all_reasons_against_are_told_and_nothing_changes",
                        all_reasons_against_are_told_and_nothing_changes),
                in_root("a_good_host_passes", a_good_host_passes),
                in_root("a_host_without_systemd_is_refused", a_host_without_systemd_is_refused),
                in_root("another_owner_must_uninstall_first", another_owner_must_uninstall_first),
                in_root("what_an_earlier_owner_left_is_not_given_to_another",
                        what_an_earlier_owner_left_is_not_given_to_another),
                in_root("the_same_owner_gets_back_what_was_kept",
                        the_same_owner_gets_back_what_was_kept),
                in_root("uid_min_of_the_host_counts", uid_min_of_the_host_counts),
                in_root("the_plan_names_everything", the_plan_names_everything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
