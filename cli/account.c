#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>

#include "cli/account.h"
#include "common/ident.h"
#include "common/io.h"
#include "common/strings.h"

#define UID_MIN_DEFAULT 1000 /* shadow's and systemd's own default */
#define TEXT_MAX ((size_t) 1024 * 1024)
#define PASSWD_BUFFER_SIZE ((size_t) 64 * 1024)

void account_clear(Account *account) {
        free(account->name);
        free(account->home);
        *account = (Account) {.name = NULL};
}

int account_find(const char *name, Account *ret, Error *reterr) {
        _cleanup_free_ char *found_name = NULL, *home = NULL;
        _cleanup_free_ char *buffer = malloc(PASSWD_BUFFER_SIZE);
        struct passwd entry, *found = NULL;
        int errnum;

        if (!buffer)
                return error_set_errno(reterr, ENOMEM, "cannot look up the user %s", name);
        errnum = getpwnam_r(name, &entry, buffer, PASSWD_BUFFER_SIZE, &found);
        if (errnum != 0)
                return error_set_errno(reterr, errnum, "cannot look up the user %s", name);
        if (!found)
                return error_set(reterr, ERROR_NOT_FOUND, ENOENT, "there is no user %s", name);

        found_name = strdup(entry.pw_name);
        home = strdup(entry.pw_dir);
        if (!found_name || !home)
                return error_set_errno(reterr, ENOMEM, "cannot look up the user %s", name);
        *ret = (Account) {
                .name = steal_ptr(found_name),
                .uid = entry.pw_uid,
                .gid = entry.pw_gid,
                .home = steal_ptr(home),
        };
        return 0;
}

/* Calls with each line of the text, without its end, until one answers negative. */
static int for_each_line(const char *text, int (*visit)(const char *line, void *userdata),
                         void *userdata) {
        while (*text) {
                size_t length = strcspn(text, "\n");
                _cleanup_free_ char *line = strndup(text, length);
                int r;

                if (!line)
                        return -ENOMEM;
                r = visit(line, userdata);
                if (r < 0)
                        return r;
                text += length + (text[length] == '\n' ? 1 : 0);
        }
        return 0;
}

#define BLANKS " \t\r"

static int visit_login_def(const char *line, void *userdata) {
        uid_t *uid_min = userdata;
        const char *key = line + strspn(line, BLANKS);
        const char *value = string_after_prefix(key, "UID_MIN");
        _cleanup_free_ char *digits = NULL;
        uint64_t number;

        if (!value || strspn(value, BLANKS) == 0)
                return 0;
        value += strspn(value, BLANKS);
        digits = strndup(value, strcspn(value, BLANKS));
        if (!digits)
                return -ENOMEM;
        if (string_parse_u64(digits, UINT32_MAX, &number) >= 0)
                *uid_min = (uid_t) number;
        return 0;
}

uid_t account_parse_uid_min(const char *login_defs) {
        uid_t uid_min = UID_MIN_DEFAULT;

        (void) for_each_line(login_defs, visit_login_def, &uid_min);
        return uid_min;
}

/* systemd's strict rule for names (its doc/USER_NAMES.md), dots as Debian's adduser takes them. */
static bool name_is_plain(const char *name) {
        if (!isalpha((unsigned char) *name) && *name != '_')
                return false;
        for (; *name; name++)
                if (!isalnum((unsigned char) *name) && !strchr("_-.", *name))
                        return false;
        return true;
}

int account_check_owner(const Account *account, uid_t uid_min, Error *reterr) {
        if (account->uid == 0)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "root cannot own the VMs: name an ordinary user");
        if (account->uid < uid_min)
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "%s is a system account (uid %u is below %u): name an ordinary "
                                 "user",
                                 account->name, (unsigned) account->uid, (unsigned) uid_min);
        if (!name_is_plain(account->name))
                return error_set(reterr, ERROR_NOT_PERMITTED, EPERM,
                                 "systemd takes no user of the name \"%s\"", account->name);
        return 0;
}

static bool in_vm_range(uint64_t id) {
        return id >= VM_UID_FIRST && id <= VM_UID_LAST;
}

static int range_is_taken(Error *reterr, const char *what, const char *name) {
        return error_set(reterr, ERROR_NOT_PERMITTED, EADDRINUSE,
                         "the uids %d to %d, which VMs run with, are not free: %s %s", VM_UID_FIRST,
                         VM_UID_LAST, what, name);
}

typedef struct SubidVisit {
        const char *path;
        Error *reterr;
} SubidVisit;

/* name:first:count. -EINVAL for what is no such line and gives nobody a range (subuid(5)). */
static int parse_subid(const char *line, uint64_t *ret_first, uint64_t *ret_count) {
        const char *first = strchr(line, ':');
        const char *count = first ? strchr(first + 1, ':') : NULL;
        _cleanup_free_ char *digits = NULL;
        int r;

        if (!count)
                return -EINVAL;
        digits = strndup(first + 1, (size_t) (count - first - 1));
        if (!digits)
                return -ENOMEM;
        r = string_parse_u64(digits, UINT32_MAX, ret_first);
        return r < 0 ? r : string_parse_u64(count + 1, UINT32_MAX, ret_count);
}

static int visit_subid(const char *line, void *userdata) {
        const SubidVisit *visit = userdata;
        uint64_t first = 0, count = 0;
        int r = parse_subid(line, &first, &count);

        if (r == -ENOMEM)
                return error_set_errno(visit->reterr, ENOMEM, "cannot read %s", visit->path);
        /* Numbers past all uids reach over ours. */
        if (r != -ERANGE &&
            (r < 0 || count == 0 || first > VM_UID_LAST || first + count <= VM_UID_FIRST))
                return 0;
        return range_is_taken(visit->reterr, visit->path, line);
}

int account_check_subids(const char *text, const char *path, Error *reterr) {
        SubidVisit visit = {path, reterr};

        return for_each_line(text, visit_subid, &visit);
}

static int check_subid_file(int root_fd, const char *path, Error *reterr) {
        _cleanup_free_ char *text = NULL;
        int r = io_read_file(root_fd, path + 1, TEXT_MAX, &text, NULL);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read %s", path);
        return account_check_subids(text, path, reterr);
}

static int check_users_and_groups(Error *reterr) {
        const struct passwd *user;
        const struct group *group;
        int r = 0;

        setpwent();
        while (r >= 0 && (user = getpwent()))
                if (in_vm_range(user->pw_uid))
                        r = range_is_taken(reterr, "user", user->pw_name);
        endpwent();
        setgrent();
        while (r >= 0 && (group = getgrent()))
                if (in_vm_range(group->gr_gid))
                        r = range_is_taken(reterr, "group", group->gr_name);
        endgrent();
        return r;
}

int account_check_host(int root_fd, const Account *owner, Error *reterr) {
        _cleanup_free_ char *login_defs = NULL;
        int r;

        r = io_read_file(root_fd, "etc/login.defs", TEXT_MAX, &login_defs, NULL);
        if (r < 0 && r != -ENOENT)
                return error_set_errno(reterr, -r, "cannot read /etc/login.defs");
        r = account_check_owner(owner, account_parse_uid_min(login_defs ? login_defs : ""), reterr);
        if (r >= 0)
                r = check_users_and_groups(reterr);
        if (r >= 0)
                r = check_subid_file(root_fd, "/etc/subuid", reterr);
        if (r >= 0)
                r = check_subid_file(root_fd, "/etc/subgid", reterr);
        return r;
}
