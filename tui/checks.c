#include "tui/checks.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "tui/shell.h"

#define OUTPUT_MAX ((size_t) 256 * 1024)
#define CHUNK 4096

int checks_start(Checks *checks, const char *banger, Error *reterr) {
        char *path, *argv[5];
        char system[] = "system", status[] = "status", json[] = "--json";
        int r;

        if (checks->pid > 0)
                return 0;
        path = strdup(banger);
        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot check the installation");
        argv[0] = path;
        argv[1] = system;
        argv[2] = status;
        argv[3] = json;
        argv[4] = NULL;
        r = shell_start(argv, &checks->pid, &checks->fd, reterr);
        free(path);
        return r < 0 ? error_prepend(reterr, r, "cannot check the installation") : 0;
}

void checks_stop(Checks *checks) {
        close_fd(checks->fd);
        if (checks->pid > 0) {
                (void) kill(checks->pid, SIGKILL);
                while (waitpid(checks->pid, NULL, 0) < 0 && errno == EINTR)
                        continue;
        }
        free(checks->output);
        *checks = CHECKS_NONE;
}

static int decode(const Checks *checks, SystemReport *ret, Error *reterr) {
        _cleanup_json_ struct json_object *object = NULL;
        size_t size = checks->size;
        int r;

        while (size > 0 && checks->output[size - 1] == '\n')
                size--;
        r = json_parse_object(checks->output ? checks->output : "", size, &object, reterr);
        if (r >= 0)
                r = schema_decode(&system_report_schema, object, ret, reterr);
        return r < 0 ? error_prepend(reterr, r, "cannot read what banger system status says") : 0;
}

int checks_read(Checks *checks, SystemReport *ret, Error *reterr) {
        for (;;) {
                char *grown = realloc(checks->output, checks->size + CHUNK);
                ssize_t n;
                int r;

                if (!grown || checks->size > OUTPUT_MAX) {
                        checks->output = grown ? grown : checks->output;
                        checks_stop(checks);
                        return error_set_errno(reterr, grown ? EFBIG : ENOMEM,
                                               "cannot read what banger system status says");
                }
                checks->output = grown;
                n = read(checks->fd, grown + checks->size, CHUNK);
                if (n > 0) {
                        checks->size += (size_t) n;
                        continue;
                }
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 0;
                /* It has said all: what is left of it is quick. */
                r = decode(checks, ret, reterr);
                checks_stop(checks);
                return r < 0 ? r : 1;
        }
}
