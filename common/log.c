#include "common/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "common/strings.h"

#define LOG_FIELDS_MAX 24

/* The log level is one of the two pieces of global state that STYLE.md allows. */
static int log_level = LOG_INFO;
static const char *log_identifier = "banger";

void log_open(const char *identifier, int level) {
        log_identifier = identifier;
        log_level = level;
}

/* systemd sets JOURNAL_STREAM to the device and inode of the stderr that it connected to the
 * journal (systemd.exec(5)); only then are fields worth a record of their own. */
static bool journal_is_stderr(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        _cleanup_free_ char *own = NULL;
        struct stat status;

        if (!stream || fstat(STDERR_FILENO, &status) < 0)
                return false;
        own = string_format("%ju:%ju", (uintmax_t) status.st_dev, (uintmax_t) status.st_ino);
        return own && string_equal(stream, own);
}

static bool iov_add(struct iovec *iov, size_t *n, const char *name, const char *value) {
        char *text;

        if (!value || *n >= LOG_FIELDS_MAX)
                return true;
        text = string_format("%s=%s", name, value);
        if (!text)
                return false;
        iov[(*n)++] = (struct iovec) {.iov_base = text, .iov_len = strlen(text)};
        return true;
}

static bool journal_send(int level, const LogField *fields, const char *message) {
        struct iovec iov[LOG_FIELDS_MAX];
        char priority[2] = {(char) ('0' + level), '\0'};
        size_t n = 0;
        bool complete;
        int r;

        complete = iov_add(iov, &n, "MESSAGE", message) && iov_add(iov, &n, "PRIORITY", priority) &&
                   iov_add(iov, &n, "SYSLOG_IDENTIFIER", log_identifier);
        for (const LogField *f = fields; complete && f && f->name; f++)
                complete = iov_add(iov, &n, f->name, f->value);
        r = complete ? sd_journal_sendv(iov, (int) n) : -1;
        for (size_t i = 0; i < n; i++)
                free(iov[i].iov_base);
        return r >= 0;
}

void log_write(int level, const LogField *fields, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int r;

        if (level > log_level)
                return;
        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                message = NULL;
                return;
        }
        if (journal_is_stderr() && journal_send(level, fields, message))
                return;
        /* The number in brackets is systemd's level prefix, see sd-daemon(3). */
        fprintf(stderr, "<%d>%s: %s", level, log_identifier, message);
        for (const LogField *f = fields; f && f->name; f++)
                if (f->value)
                        fprintf(stderr, " %s=%s", f->name, f->value);
        fputc('\n', stderr);
}

void log_error(int level, const LogField *fields, const Error *error, const char *context) {
        LogField all[LOG_FIELDS_MAX] = {
                {"BANGER_ERROR", error_kind_name(error->kind)},
                {"BANGER_OBJECT", error->object},
                {"BANGER_FIELD", error->field},
                {"BANGER_HINT", error->hint},
        };
        size_t n = 4;

        for (const LogField *f = fields; f && f->name && n < LOG_FIELDS_MAX - 1; f++)
                all[n++] = *f;
        log_write(level, all, "%s: %s", context, error->message ? error->message : "no details");
}
