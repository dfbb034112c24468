#pragma once
/* Users of this host: who may own an installation, and whether the VMs' uids are free. */
#include <sys/types.h>

#include "common/error.h"

typedef struct Account {
        char *name;
        uid_t uid;
        gid_t gid;
        char *home;
} Account;

#define _cleanup_account_ _cleanup_(account_clear)

/* ERROR_NOT_FOUND when there is no such user. */
int account_find(const char *name, Account *ret, Error *reterr);
void account_clear(Account *account);

/* UID_MIN of a login.defs text; 1000 where it says nothing. */
uid_t account_parse_uid_min(const char *login_defs);
/* An ordinary user whose name can stand in a unit file? */
int account_check_owner(const Account *account, uid_t uid_min, Error *reterr);
/* Does a range of a subuid(5) text reach into VM_UID_FIRST..VM_UID_LAST? -EADDRINUSE names it. */
int account_check_subids(const char *text, const char *path, Error *reterr);
/* Both of the above with the files below root_fd, and the users and groups of this host. */
int account_check_host(int root_fd, const Account *owner, Error *reterr);
