#pragma once
/* What VMs need of this host, looked at without changing it. */
#include "common/api-system.h"

/* Each fills a check, which system_check_schema clears. Paths below root_fd. -ENOMEM. */
int probe_kvm(int root_fd, SystemCheck *ret);
int probe_firecracker(int root_fd, SystemCheck *ret);
int probe_jailer(int root_fd, SystemCheck *ret);
int probe_cgroup2(int root_fd, SystemCheck *ret);

/* remedy may be NULL. -ENOMEM. */
int check_make(SystemCheck *ret, const char *name, CheckState state, const char *remedy,
               const char *evidence, ...) _printf_(5, 6);
/* "Firecracker v1.12.1\n…" as {1, 12}; -EINVAL, -ERANGE. */
int probe_parse_version(const char *text, unsigned *ret_major, unsigned *ret_minor);
