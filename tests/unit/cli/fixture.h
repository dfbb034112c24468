#pragma once
/* A host's root in a temporary directory, and a systemd that follows a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/layout.h"
#include "cli/remove.h"
#include "cli/setup.h"
#include "common/io.h"
#include "common/strings.h"

typedef struct TempRoot {
        char path[64];
        int fd;
        char install_conf[128], bangerd_socket[128], helper_socket[128];
        Host host;
} TempRoot;

static inline void temp_root_mkdir(const TempRoot *root, const char *path) {
        char *copy = strdup(path + 1);

        assert_non_null(copy);
        for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void) mkdirat(root->fd, copy, 0755);
                *slash = '/';
        }
        assert_true(mkdirat(root->fd, copy, 0755) == 0 || errno == EEXIST);
        free(copy);
}

static inline void temp_root_write(const TempRoot *root, const char *path, const char *content) {
        assert_int_equal(io_write_file_atomic(root->fd, path + 1, content, strlen(content), 0644),
                         0);
}

static inline bool temp_root_has(const TempRoot *root, const char *path) {
        return faccessat(root->fd, path + 1, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline int temp_root_setup(void **state) {
        TempRoot *root = calloc(1, sizeof(*root));

        assert_non_null(root);
        (void) snprintf(root->path, sizeof(root->path), "/tmp/banger-cli-XXXXXX");
        assert_non_null(mkdtemp(root->path));
        root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(root->fd >= 0);
        temp_root_mkdir(root, "/etc/systemd/system");
        temp_root_mkdir(root, "/var/lib");
        temp_root_mkdir(root, "/run");
        (void) snprintf(root->install_conf, sizeof(root->install_conf), "%s%s", root->path,
                        BANGER_INSTALL_CONF);
        (void) snprintf(root->bangerd_socket, sizeof(root->bangerd_socket), "%s%s", root->path,
                        BANGERD_SOCKET);
        (void) snprintf(root->helper_socket, sizeof(root->helper_socket), "%s%s", root->path,
                        BANGERD_ROOT_SOCKET);
        root->host = (Host) {
                .root_fd = root->fd,
                .install_conf = root->install_conf,
                .bangerd_socket = root->bangerd_socket,
                .helper_socket = root->helper_socket,
                .root_uid = geteuid(),
                .root_gid = getegid(),
        };
        *state = root;
        return 0;
}

static inline int temp_root_teardown(void **state) {
        TempRoot *root = *state;

        close_fd(root->fd);
        root->fd = open("/", O_PATH | O_CLOEXEC);
        assert_int_equal(remove_tree(root->fd, root->path, NULL), 0);
        close_fd(root->fd);
        free(root);
        return 0;
}

static inline struct CMUnitTest in_root(const char *name, CMUnitTestFunction function) {
        return (struct CMUnitTest) {.name = name,
                                    .test_func = function,
                                    .setup_func = temp_root_setup,
                                    .teardown_func = temp_root_teardown};
}

/* Chown to others is root's alone. */
static inline uid_t temp_root_other_uid(void) {
        return geteuid() == 0 ? 12345 : geteuid();
}

static inline int fixture_compare(const FTSENT **a, const FTSENT **b) {
        return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Every file with its mode, owner and size; to be freed. */
static inline char *temp_root_describe(const TempRoot *root) {
        char path[64];
        char *const paths[] = {path, NULL};
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        FTS *walk;
        FTSENT *entry;

        assert_non_null(out);
        (void) snprintf(path, sizeof(path), "%s", root->path);
        walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, fixture_compare);
        assert_non_null(walk);
        while ((entry = fts_read(walk)))
                if (entry->fts_info != FTS_DP)
                        fprintf(out, "%s %o %u %u %lld\n", entry->fts_path,
                                entry->fts_statp->st_mode, entry->fts_statp->st_uid,
                                entry->fts_statp->st_gid,
                                S_ISREG(entry->fts_statp->st_mode)
                                        ? (long long) entry->fts_statp->st_size
                                        : 0LL);
        fts_close(walk);
        assert_int_equal(fclose(out), 0);
        return text;
}

/* ---- systemd by a script: every call must be the next one, and all must be made ---- */

typedef struct UnitCall {
        const char *call; /* "start bangerd.socket" */
        int result;
        UnitState state; /* what get_state says */
        const char *listed;
} UnitCall;

typedef struct UnitScript {
        const UnitCall *calls;
        size_t n_calls, next;
} UnitScript;

static inline const UnitCall *script_next(void *manager, const char *verb, const char *object) {
        UnitScript *script = manager;
        char call[128];

        (void) snprintf(call, sizeof(call), "%s%s%s", verb, *object ? " " : "", object);
        if (script->next >= script->n_calls)
                fail_msg("unexpected call: %s", call);
        assert_string_equal(call, script->calls[script->next].call);
        return &script->calls[script->next++];
}

static inline int script_result(const UnitCall *call, Error *reterr) {
        if (call->result < 0)
                return error_set(reterr, ERROR_FAILED, -call->result, "scripted: %s", call->call);
        return 0;
}

static inline int script_get_state(void *manager, const char *unit, UnitState *ret, Error *reterr) {
        const UnitCall *call = script_next(manager, "get_state", unit);

        *ret = call->state;
        return script_result(call, reterr);
}

static inline int script_list(void *manager, const char *pattern, char ***ret, Error *reterr) {
        const UnitCall *call = script_next(manager, "list", pattern);

        if (call->listed)
                assert_int_equal(strv_append(ret, call->listed), 0);
        return script_result(call, reterr);
}

static inline int script_reload(void *manager, Error *reterr) {
        return script_result(script_next(manager, "reload", ""), reterr);
}

static inline int script_enable(void *manager, const char *unit, Error *reterr) {
        return script_result(script_next(manager, "enable", unit), reterr);
}

static inline int script_disable(void *manager, const char *unit, Error *reterr) {
        return script_result(script_next(manager, "disable", unit), reterr);
}

static inline int script_run_job(void *manager, UnitJob job, const char *unit, Error *reterr) {
        static const char *const verbs[] = {
                [UNIT_START] = "start",
                [UNIT_RESTART] = "restart",
                [UNIT_TRY_RESTART] = "try-restart",
                [UNIT_STOP] = "stop",
        };

        return script_result(script_next(manager, verbs[job], unit), reterr);
}

static inline int script_reset_failed(void *manager, const char *unit, Error *reterr) {
        return script_result(script_next(manager, "reset", unit), reterr);
}

static const UnitOps script_ops = {
        .get_state = script_get_state,
        .list = script_list,
        .reload = script_reload,
        .enable = script_enable,
        .disable = script_disable,
        .run_job = script_run_job,
        .reset_failed = script_reset_failed,
};

static inline void script_assert_done(const UnitScript *script) {
        assert_int_equal(script->next, script->n_calls);
}

static inline InstallConf fixture_conf(void) {
        static char owner[] = "alice", home[] = "/home/alice", version[] = "1", commit[] = "abc",
                    built[] = "2024-01-01", installed[] = "2024-01-02T00:00:00Z";

        return (InstallConf) {
                .owner = owner,
                .uid = temp_root_other_uid(),
                .gid = getegid(),
                .home = home,
                .version = version,
                .commit = commit,
                .built = built,
                .installed = installed,
        };
}

/* A socket that a daemon would listen on. */
static inline int fixture_listen(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_true(strlen(path) < sizeof(address.sun_path));
        (void) stpcpy(address.sun_path, path);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 16), 0);
        return fd;
}

/* What an install makes. */
static inline void fixture_install(const TempRoot *root) {
        InstallConf conf = fixture_conf();

        for (size_t i = 0; i < layout_n_directories; i++)
                temp_root_mkdir(root, layout_directories[i].path);
        for (size_t i = 0; i < layout_n_files; i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(layout_files[i].format(&conf, &text), 0);
                temp_root_write(root, layout_files[i].path, text);
        }
        for (size_t i = 0; i < layout_n_runtime_directories; i++)
                temp_root_mkdir(root, layout_runtime_directories[i]);
}

/* What a FILE * was given; for open_memstream. */
typedef struct Capture {
        char *text;
        size_t size;
        FILE *out;
} Capture;

static inline void capture_open(Capture *capture) {
        *capture = (Capture) {.text = NULL};
        capture->out = open_memstream(&capture->text, &capture->size);
        assert_non_null(capture->out);
}

static inline const char *capture_text(Capture *capture) {
        assert_int_equal(fflush(capture->out), 0);
        return capture->text;
}

static inline void capture_close(Capture *capture) {
        fclose(capture->out);
        free(capture->text);
}
