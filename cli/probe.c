#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/probe.h"
#include "common/clock.h"
#include "common/config.h"
#include "common/install.h"
#include "common/io.h"
#include "common/strings.h"

#define VERSION_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define CONF_MAX (64u << 10)
/* The oldest with ACPI, which guest kernels find their devices by. */
#define FIRECRACKER_MAJOR 1
#define FIRECRACKER_MINOR 8

static const char firecracker_remedy[] =
        "install Firecracker 1.8 or newer with its jailer, owned by root, in /usr/local/bin";

int check_make(SystemCheck *ret, const char *name, CheckState state, const char *remedy,
               const char *evidence, ...) {
        SystemCheck check = {.state = (int) state};
        va_list arguments;

        check.name = strdup(name);
        check.remedy = remedy ? strdup(remedy) : NULL;
        va_start(arguments, evidence);
        if (vasprintf(&check.evidence, evidence, arguments) < 0)
                check.evidence = NULL;
        va_end(arguments);
        if (!check.name || !check.evidence || (remedy && !check.remedy)) {
                schema_clear(&system_check_schema, &check);
                return -ENOMEM;
        }
        *ret = check;
        return 0;
}

int probe_kvm(int root_fd, SystemCheck *ret) {
        static const char remedy[] = "enable virtualisation in the firmware; run: modprobe "
                                     "kvm_intel or kvm_amd";
        _cleanup_close_ int fd = -1;
        struct stat st;
        int version;

        if (fstatat(root_fd, "dev/kvm", &st, 0) < 0)
                return check_make(ret, "/dev/kvm", CHECK_FAILED, remedy, "%s",
                                  strerrordesc_np(errno));
        if (!S_ISCHR(st.st_mode))
                return check_make(ret, "/dev/kvm", CHECK_FAILED, remedy, "is not a device");
        fd = openat(root_fd, "dev/kvm", O_RDWR | O_CLOEXEC);
        /* Only the VMs' units open it. */
        if (fd < 0 && (errno == EACCES || errno == EPERM))
                return check_make(ret, "/dev/kvm", CHECK_OK, NULL,
                                  "present (only root can try it)");
        if (fd < 0)
                return check_make(ret, "/dev/kvm", CHECK_FAILED, remedy, "does not open: %s",
                                  strerrordesc_np(errno));
        version = ioctl(fd, KVM_GET_API_VERSION, 0);
        if (version != KVM_API_VERSION)
                return check_make(ret, "/dev/kvm", CHECK_FAILED, remedy, "is no KVM");
        return check_make(ret, "/dev/kvm", CHECK_OK, NULL, "usable");
}

int probe_cgroup2(int root_fd, SystemCheck *ret) {
        _cleanup_close_ int fd = openat(root_fd, "sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statfs fs;

        if (fd >= 0 && fstatfs(fd, &fs) >= 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                return check_make(ret, "cgroup2", CHECK_OK, NULL, "mounted on /sys/fs/cgroup");
        return check_make(ret, "cgroup2", CHECK_FAILED,
                          "boot without systemd.unified_cgroup_hierarchy=0",
                          "/sys/fs/cgroup is not of version 2");
}

/* What banger.conf names; NULL: nothing. That no daemon starts with a banger.conf that cannot be used,
 * other checks say. */
static char *configured_program(int root_fd, const char *name) {
        static const char conf[] = BANGER_CONF;
        _cleanup_(config_clear) Config config = config_default;
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        if (io_read_file(root_fd, conf + 1, CONF_MAX, &text, &size) < 0 ||
            config_parse(text, size, &config, NULL) < 0)
                return NULL;
        return string_equal(name, "jailer") ? steal_ptr(config.jailer)
                                            : steal_ptr(config.firecracker);
}

/* As the helper finds it, opened O_PATH; *ret_path is where. Or what there is instead is said by the
 * check, whose result is returned with *ret_fd -1. */
static int find_program(int root_fd, const char *name, char **ret_path, int *ret_fd,
                        SystemCheck *check) {
        static const char *const directories[] = {"/usr/local/bin", "/usr/bin"};
        char *path = configured_program(root_fd, name);

        *ret_path = path;
        if (path) {
                *ret_fd = openat(root_fd, path + 1, O_PATH | O_CLOEXEC);
                return *ret_fd >= 0 ? 0
                                    : check_make(check, name, CHECK_FAILED,
                                                 "correct it in " BANGER_CONF, "%s: %s", path,
                                                 strerrordesc_np(errno));
        }
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                path = string_format("%s/%s", directories[i], name);
                *ret_path = path;
                if (!path)
                        return -ENOMEM;
                *ret_fd = openat(root_fd, path + 1, O_PATH | O_CLOEXEC);
                if (*ret_fd >= 0)
                        return 0;
                free(path);
        }
        *ret_path = NULL;
        return check_make(check, name, CHECK_FAILED, firecracker_remedy,
                          "not found in /usr/local/bin or /usr/bin");
}

/* The helper refuses programs that others than root may change, and so do we. */
static const char *why_untrusted(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return "is not a regular file";
        if (st.st_uid != 0)
                return "does not belong to root";
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                return "is writable by others than root";
        if ((st.st_mode & S_IXUSR) == 0)
                return "is not executable";
        return NULL;
}

static int read_until_end(int fd, char *buffer, size_t size) {
        uint64_t deadline_usec = clock_monotonic_usec() + VERSION_TIMEOUT_USEC;
        size_t used = 0;

        while (used < size - 1) {
                struct pollfd pollfd = {.fd = fd, .events = POLLIN};
                int n = poll(&pollfd, 1, clock_poll_timeout(deadline_usec));
                ssize_t got;

                if (n == 0)
                        return -ETIMEDOUT;
                got = n < 0 ? -1 : read(fd, buffer + used, size - 1 - used);
                if (got < 0 && errno != EINTR)
                        return -errno;
                if (got == 0)
                        break;
                used += got > 0 ? (size_t) got : 0;
        }
        buffer[used] = '\0';
        return 0;
}

/* Runs the program at fd with --version and reads what it prints. */
static int read_version(int fd, char *buffer, size_t size) {
        static char name[] = "firecracker", option[] = "--version";
        char *const arguments[] = {name, option, NULL};
        char *const environment[] = {NULL};
        posix_spawn_file_actions_t actions;
        _cleanup_close_ int read_fd = -1, write_fd = -1;
        int pipe_fds[2], r;
        pid_t pid = -1;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd = pipe_fds[0];
        write_fd = pipe_fds[1];

        r = -posix_spawn_file_actions_init(&actions);
        if (r < 0)
                return r;
        r = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
        if (r == 0)
                r = -posix_spawn_file_actions_adddup2(&actions, write_fd, STDOUT_FILENO);
        if (r == 0)
                r = -posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
        /* By descriptor: what was checked is what runs. */
        if (r == 0)
                r = -posix_spawn_file_actions_adddup2(&actions, fd, 3);
        if (r == 0)
                r = -posix_spawn(&pid, "/proc/self/fd/3", &actions, NULL, arguments, environment);
        posix_spawn_file_actions_destroy(&actions);
        if (r < 0)
                return r;

        /* Or the end of the program's output would not be seen. */
        close_fd(steal_fd(&write_fd));
        r = read_until_end(read_fd, buffer, size);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return r;
}

int probe_parse_version(const char *text, unsigned *ret_major, unsigned *ret_minor) {
        const char *major = string_after_prefix(text, "Firecracker v");
        size_t n_major = major ? strspn(major, "0123456789") : 0;
        const char *minor;
        _cleanup_free_ char *major_text = NULL, *minor_text = NULL;
        uint64_t major_number, minor_number;
        int r;

        if (!major || major[n_major] != '.')
                return -EINVAL;
        minor = major + n_major + 1;
        major_text = strndup(major, n_major);
        minor_text = strndup(minor, strspn(minor, "0123456789"));
        if (!major_text || !minor_text)
                return -ENOMEM;
        r = string_parse_u64(major_text, UINT16_MAX, &major_number);
        if (r >= 0)
                r = string_parse_u64(minor_text, UINT16_MAX, &minor_number);
        if (r < 0)
                return r;
        *ret_major = (unsigned) major_number;
        *ret_minor = (unsigned) minor_number;
        return 0;
}

int probe_firecracker(int root_fd, SystemCheck *ret) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        const char *untrusted;
        char text[256];
        unsigned major, minor;
        int r;

        r = find_program(root_fd, "firecracker", &path, &fd, ret);
        if (fd < 0)
                return r;
        untrusted = why_untrusted(fd);
        if (untrusted)
                return check_make(ret, "firecracker", CHECK_FAILED, firecracker_remedy, "%s %s",
                                  path, untrusted);
        r = read_version(fd, text, sizeof(text));
        if (r < 0)
                return check_make(ret, "firecracker", CHECK_FAILED, firecracker_remedy,
                                  "%s does not run: %s", path, strerrordesc_np(-r));
        if (probe_parse_version(text, &major, &minor) < 0)
                return check_make(ret, "firecracker", CHECK_FAILED, firecracker_remedy,
                                  "%s says no version", path);
        text[strcspn(text, "\n")] = '\0';
        if (major < FIRECRACKER_MAJOR || (major == FIRECRACKER_MAJOR && minor < FIRECRACKER_MINOR))
                return check_make(ret, "firecracker", CHECK_FAILED, firecracker_remedy,
                                  "%s is too old: %s", path, text);
        return check_make(ret, "firecracker", CHECK_OK, NULL, "%s: %s", path, text);
}

int probe_jailer(int root_fd, SystemCheck *ret) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        const char *untrusted;
        int r;

        r = find_program(root_fd, "jailer", &path, &fd, ret);
        if (fd < 0)
                return r;
        untrusted = why_untrusted(fd);
        if (untrusted)
                return check_make(ret, "jailer", CHECK_FAILED, firecracker_remedy, "%s %s", path,
                                  untrusted);
        return check_make(ret, "jailer", CHECK_OK, NULL, "%s", path);
}
