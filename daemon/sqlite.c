#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>

#include "common/strings.h"
#include "daemon/sqlite.h"

#define CHECKPOINT_PAGES 200   /* after which the log begins anew */
#define LOG_BYTES ((off_t) 1 << 20) /* those and a transaction more, of 4 KiB and 24 bytes each */
#define CHUNK_BYTES (256 * 1024)
#define PAGE_BYTES 4096 /* SQLite's default */

struct Database {
        sqlite3 *handle;
        char *path;
};

struct DatabaseRow {
        sqlite3_stmt *statement;
};

typedef struct Meaning {
        int code; /* of SQLite, extended or primary */
        ErrorKind kind;
        int errnum;
        const char *text; /* NULL: SQLite's own */
} Meaning;

/* Extended codes come before their primary ones. */
static const Meaning meanings[] = {
        {SQLITE_CONSTRAINT_UNIQUE, ERROR_ALREADY_EXISTS, EEXIST, "it exists already"},
        {SQLITE_CONSTRAINT_PRIMARYKEY, ERROR_ALREADY_EXISTS, EEXIST, "it exists already"},
        {SQLITE_CONSTRAINT_FOREIGNKEY, ERROR_BUSY, EBUSY, "something else refers to it"},
        {SQLITE_FULL, ERROR_NO_SPACE, ENOSPC, "the disk is full"},
        {SQLITE_CORRUPT, ERROR_FAILED, EUCLEAN, "the file is damaged"},
        {SQLITE_NOTADB, ERROR_FAILED, EUCLEAN, "the file is damaged or no database"},
        {SQLITE_BUSY, ERROR_BUSY, EAGAIN, "another process has it open"},
        {SQLITE_LOCKED, ERROR_BUSY, EAGAIN, "it is locked"},
        {SQLITE_READONLY, ERROR_FAILED, EROFS, "it cannot be written"},
        {SQLITE_NOMEM, ERROR_FAILED, ENOMEM, "out of memory"},
};

static const Meaning *find_meaning(int code) {
        for (size_t i = 0; i < ELEMENTSOF(meanings); i++)
                if (meanings[i].code == code || meanings[i].code == (code & 0xff))
                        return &meanings[i];
        return NULL;
}

/* The file may be full or gone where the system call said so. */
static int fail(const Database *database, int code, Error *reterr) {
        const Meaning *meaning = find_meaning(code);
        int errnum = database->handle ? sqlite3_system_errno(database->handle) : 0;

        if (meaning)
                return error_set(reterr, meaning->kind, meaning->errnum, "%s: %s", database->path,
                                 meaning->text);
        if ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN)
                return error_set_errno(reterr, errnum > 0 ? errnum : EIO, "%s", database->path);
        return error_set(reterr, ERROR_FAILED, EIO, "%s: %s", database->path,
                         database->handle ? sqlite3_errmsg(database->handle)
                                          : sqlite3_errstr(code));
}

static void statement_cleanup(sqlite3_stmt **statement) {
        (void) sqlite3_finalize(*statement);
}

static void database_cleanup(Database **database) {
        database_free(*database);
}

static int check_answer(const DatabaseRow *row, void *userdata) {
        const char *text = database_row_text(row, 0);
        bool *ret_ok = userdata;

        *ret_ok = text && strcmp(text, "ok") == 0;
        return 0;
}

/* A page that is broken is found now, not in the middle of somebody's request. */
static int check_pages(Database *database, Error *reterr) {
        bool ok = false;
        int r = database_run(database, "PRAGMA quick_check(1)", NULL, 0, check_answer, &ok, reterr);

        return r >= 0 && !ok ? fail(database, SQLITE_CORRUPT, reterr) : r;
}

/* So that what makes room on a full disk can still be written down. The log has the blocks that it will
 * need from the start, and keeps them when the database is closed; the file has some beyond its last page,
 * without which the log could not begin anew. Where the file system reserves nothing, it does without. */
static void reserve_space(Database *database) {
        _cleanup_free_ char *path = string_format("%s-wal", database->path);
        _cleanup_close_ int fd = -1;
        int persist = 1, chunk = CHUNK_BYTES;
        int64_t pages = 0, hint;

        (void) sqlite3_wal_autocheckpoint(database->handle, CHECKPOINT_PAGES);
        (void) sqlite3_file_control(database->handle, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
        (void) sqlite3_file_control(database->handle, NULL, SQLITE_FCNTL_CHUNK_SIZE, &chunk);
        /* Of what it has in use: what an earlier one has set aside serves this one. */
        (void) database_run_integer(database, "PRAGMA page_count", &pages, NULL);
        hint = pages * PAGE_BYTES + CHUNK_BYTES / 2;
        (void) sqlite3_file_control(database->handle, NULL, SQLITE_FCNTL_SIZE_HINT, &hint);
        if (path)
                fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
                (void) fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOG_BYTES);
}

int database_open(const char *path, Database **ret, Error *reterr) {
        _cleanup_(database_cleanup) Database *database = calloc(1, sizeof(*database));
        int code, r;

        if (!database || !(database->path = strdup(path)))
                return error_set_errno(reterr, ENOMEM, "cannot open %s", path);
        code = sqlite3_open_v2(path, &database->handle,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                       SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
                               NULL);
        if (code != SQLITE_OK)
                return fail(database, code, reterr);
        /* Locked for the process's life: nobody else's, and no shared memory file. */
        r = database_run_script(database,
                                "PRAGMA locking_mode = EXCLUSIVE;"
                                "PRAGMA journal_mode = WAL;"
                                "PRAGMA synchronous = FULL;"
                                "PRAGMA foreign_keys = ON;"
                                "PRAGMA trusted_schema = OFF;",
                                reterr);
        if (r >= 0)
                r = check_pages(database, reterr);
        if (r < 0)
                return r;
        reserve_space(database);
        *ret = steal_ptr(database);
        return 0;
}

Database *database_free(Database *database) {
        if (!database)
                return NULL;
        /* Every statement is finalised by then: it cannot be busy. */
        (void) sqlite3_close(database->handle);
        free(database->path);
        free(database);
        return NULL;
}

static int bind(sqlite3_stmt *statement, const DatabaseValue *values, size_t n_values) {
        int code = SQLITE_OK;

        for (size_t i = 0; i < n_values && code == SQLITE_OK; i++) {
                int index = (int) i + 1;

                if (!values[i].is_text)
                        code = sqlite3_bind_int64(statement, index, values[i].integer);
                else if (values[i].text)
                        code = sqlite3_bind_text(statement, index, values[i].text, -1,
                                                 SQLITE_STATIC);
                else
                        code = sqlite3_bind_null(statement, index);
        }
        return code;
}

int database_run(Database *database, const char *sql, const DatabaseValue *values, size_t n_values,
                 DatabaseOnRow on_row, void *userdata, Error *reterr) {
        _cleanup_(statement_cleanup) sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
        int r;

        if (code == SQLITE_OK)
                code = bind(statement, values, n_values);
        if (code != SQLITE_OK)
                return fail(database, code, reterr);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                const DatabaseRow row = {.statement = statement};

                r = on_row ? on_row(&row, userdata) : 0;
                if (r < 0)
                        return r;
        }
        return code == SQLITE_DONE ? 0 : fail(database, code, reterr);
}

static int take_integer(const DatabaseRow *row, void *userdata) {
        *(int64_t *) userdata = database_row_integer(row, 0);
        return 0;
}

int database_run_integer(Database *database, const char *sql, int64_t *ret, Error *reterr) {
        return database_run(database, sql, NULL, 0, take_integer, ret, reterr);
}

int database_run_script(Database *database, const char *sql, Error *reterr) {
        int code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);

        return code == SQLITE_OK ? 0 : fail(database, code, reterr);
}

int database_begin(Database *database, Error *reterr) {
        return database_run_script(database, "BEGIN IMMEDIATE", reterr);
}

int database_end(Database *database, int r, Error *reterr) {
        if (r >= 0)
                r = database_run_script(database, "COMMIT", reterr);
        /* A full disk has rolled it back already. */
        if (r < 0 && !sqlite3_get_autocommit(database->handle))
                (void) database_run_script(database, "ROLLBACK", NULL);
        return r;
}

int64_t database_row_integer(const DatabaseRow *row, int column) {
        return sqlite3_column_int64(row->statement, column);
}

const char *database_row_text(const DatabaseRow *row, int column) {
        return (const char *) sqlite3_column_text(row->statement, column);
}
