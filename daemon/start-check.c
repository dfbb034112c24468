/* The first step of a start: is all there that it needs? Each "no" says what to do. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/strings.h"
#include "daemon/firecracker.h"
#include "daemon/start.h"

#define VERSION_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define MEMINFO_MAX 16384

/* Where banger.conf does not say. */
static const char *const firecracker_paths[] = {"/usr/local/bin/firecracker",
                                                "/usr/bin/firecracker"};

static int check_kvm(Error *reterr) {
        int r;

        /* Not /dev/kvm: the daemon's own /dev has no devices (PrivateDevices=). */
        if (access("/sys/devices/virtual/misc/kvm", F_OK) >= 0)
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, ENODEV, "this host has no /dev/kvm");
        return error_set_hint(reterr, r,
                              "run: sudo modprobe kvm_intel (or kvm_amd), or enable "
                              "virtualization in the firmware");
}

static int find_firecracker(const Start *start, const char **ret, Error *reterr) {
        int r;

        if (start->firecracker && access(start->firecracker, X_OK) >= 0) {
                *ret = start->firecracker;
                return 0;
        }
        for (size_t i = 0; !start->firecracker && i < ELEMENTSOF(firecracker_paths); i++)
                if (access(firecracker_paths[i], X_OK) >= 0) {
                        *ret = firecracker_paths[i];
                        return 0;
                }
        r = error_set(reterr, ERROR_UNAVAILABLE, ENOENT, "there is no firecracker at %s",
                      start->firecracker ? start->firecracker : firecracker_paths[0]);
        return error_set_hint(reterr, r,
                              "install firecracker and jailer there, or name their paths in "
                              "/etc/banger/banger.conf");
}

/* What it writes until it ends; at most size - 1 bytes. */
static int read_output(int fd, char *buffer, size_t size, uint64_t deadline_usec) {
        size_t used = 0;

        while (used < size - 1) {
                struct pollfd wait = {.fd = fd, .events = POLLIN};
                int n = poll(&wait, 1, clock_poll_timeout(deadline_usec));
                ssize_t got;

                if (n == 0)
                        return -ETIMEDOUT;
                if (n < 0 && errno == EINTR)
                        continue;
                got = n < 0 ? -1 : read(fd, buffer + used, size - 1 - used);
                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                used += (size_t) got;
        }
        buffer[used] = '\0';
        return 0;
}

static int spawn_version(const char *path, int out_fd, pid_t *ret) {
        char program[] = "firecracker", option[] = "--version";
        char *arguments[] = {program, option, NULL}, *environment[] = {NULL};
        posix_spawn_file_actions_t actions;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(ret, path, &actions, NULL, arguments, environment);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int check_version(const char *path, Error *reterr) {
        _cleanup_close_ int near_fd = -1, far_fd = -1;
        char output[256];
        int fds[2], r;
        pid_t pid = 0;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(reterr, errno, "cannot run %s", path);
        near_fd = fds[0];
        far_fd = fds[1];
        r = spawn_version(path, far_fd, &pid);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot run %s", path);
        close_fd(steal_fd(&far_fd));
        r = read_output(near_fd, output, sizeof(output),
                        clock_monotonic_usec() + VERSION_TIMEOUT_USEC);
        (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot learn the version of %s", path);
        return firecracker_check_version(output, reterr);
}

static int check_firecracker(const Start *start, Error *reterr) {
        const char *path = "";
        int r = find_firecracker(start, &path, reterr);

        return r < 0 ? r : check_version(path, reterr);
}

static int check_file(const Start *start, const char *directory, const VmId *id, const char *rest,
                      Error *reterr) {
        _cleanup_free_ char *path = string_format("%s/%s/%s%s", start->state_dir, directory,
                                                  id->text, rest);
        int r;

        if (!path)
                return error_set_errno(reterr, ENOMEM, "cannot look for files");
        if (access(path, R_OK) >= 0)
                return 0;
        r = errno;
        r = error_set(reterr, ERROR_UNAVAILABLE, r, "cannot read %s: %s", path, strerrordesc_np(r));
        return error_set_hint(reterr, r, "import it again: its file was changed behind banger");
}

static int check_files(const Start *start, Error *reterr) {
        int r = check_file(start, "images", &start->image, ".ext4", reterr);

        if (r >= 0)
                r = check_file(start, "kernels", &start->kernel, "/vmlinux", reterr);
        return r < 0 ? r : check_file(start, "kernels", &start->kernel, "/initrd", reterr);
}

/* "MemAvailable:    1234 kB" in MiB; 0 when it is not there. */
static int64_t meminfo_mib(const char *text, const char *key) {
        const char *at = strstr(text, key);

        return at ? strtoll(at + strlen(key), NULL, 10) / 1024 : 0;
}

static int check_memory(const Start *start, Error *reterr) {
        _cleanup_free_ char *text = NULL;
        int64_t free_mib;
        int r;

        r = io_read_file(AT_FDCWD, "/proc/meminfo", MEMINFO_MAX, &text, NULL);
        if (r < 0)
                return error_set_errno(reterr, -r, "cannot read /proc/meminfo");
        free_mib = meminfo_mib(text, "MemAvailable:") + meminfo_mib(text, "SwapFree:");
        if (start->memory_mib <= free_mib)
                return 0;
        r = error_set(reterr, ERROR_UNAVAILABLE, ENOMEM,
                      "it needs %" PRId64 " MiB of memory, the host has %" PRId64 " MiB to give",
                      start->memory_mib, free_mib);
        return error_set_hint(reterr, r, "stop another VM, or make this one with less memory");
}

static int check_space(const Start *start, Error *reterr) {
        const StartSpace own = {
                .id = start->id,
                .cow_bytes = start->cow_bytes,
                .work_bytes = start_work_bytes(start->work_mib),
        };
        int r = start_check_space(start->state_dir, &own, start->others, start->n_others, reterr);

        if (r != -ENOSPC)
                return r;
        return error_set_hint(reterr, r,
                              "delete VMs or images, or make the file system larger; what no start "
                              "has made or grown yet can be made smaller: banger vm resize %s "
                              "--work-disk SIZE --cow SIZE", start->name);
}

int start_check(Start *start, Error *reterr) {
        int r = check_kvm(reterr);

        if (r >= 0)
                r = check_firecracker(start, reterr);
        if (r >= 0)
                r = check_files(start, reterr);
        if (r >= 0)
                r = check_memory(start, reterr);
        return r < 0 ? r : check_space(start, reterr);
}
