#include "guest/init.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "common/clock.h"
#include "common/io.h"
#include "common/strings.h"
#include "guest/console.h"
#include "guest/work-disk.h"

#define TERM_USEC (2 * USEC_PER_SEC) /* from SIGTERM to SIGKILL */
#define KILL_USEC (2 * USEC_PER_SEC) /* for the killed to be gone */
#define LOOK_AGAIN_NSEC 10000000

const char *const init_kind_names[] = {
        [INIT_SELF] = "self",
        [INIT_SYSTEMD] = "systemd",
        [INIT_OTHER] = "other",
        NULL,
};

InitKind init_kind_from_name(const char *name) {
        for (int i = 0; init_kind_names[i]; i++)
                if (string_equal(init_kind_names[i], name))
                        return (InitKind) i;
        return INIT_OTHER;
}

static bool is_program(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

static bool is_systemd(const char *path) {
        _cleanup_free_ char *resolved = realpath(path, NULL);
        const char *slash = resolved ? strrchr(resolved, '/') : NULL;

        return slash && string_equal(slash + 1, "systemd");
}

/* The kernel's own list (init/main.c) and the initrd's; a shell, its last resort, is no init. */
InitKind init_find(const char *root, const char **ret_path) {
        static const char *const paths[] = {"/sbin/init", "/etc/init", "/bin/init", "/init"};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                char full[PATH_MAX];

                (void) snprintf(full, sizeof(full), "%s%s", root, paths[i]);
                if (!is_program(full))
                        continue;
                *ret_path = paths[i];
                return is_systemd(full) ? INIT_SYSTEMD : INIT_OTHER;
        }
        *ret_path = NULL;
        return INIT_SELF;
}

static void pause_shortly(void) {
        const struct timespec pause_time = {.tv_nsec = LOOK_AGAIN_NSEC};

        (void) nanosleep(&pause_time, NULL);
}

/* Reaps whatever has ended. True when the process `watched` was among it. */
static bool reap(pid_t watched) {
        bool seen = false;
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                seen |= pid == watched;
        return seen;
}

/* Kernel threads have no command line; ours begins with "@", the mark that systemd knows too. */
static bool is_ordinary(const char *pid) {
        _cleanup_free_ char *path = string_format("/proc/%s/cmdline", pid);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        char first;

        return fd >= 0 && read(fd, &first, 1) == 1 && first != '@';
}

static bool others_run(void) {
        DIR *stream = opendir("/proc");
        const struct dirent *entry;
        bool found = false;

        while (stream && !found && (entry = readdir(stream)))
                found = isdigit((unsigned char) entry->d_name[0]) &&
                        !string_equal(entry->d_name, "1") && is_ordinary(entry->d_name);
        if (stream)
                (void) closedir(stream);
        return found;
}

static void end_processes(void) {
        uint64_t deadline = clock_monotonic_usec() + TERM_USEC;

        (void) kill(-1, SIGTERM);
        (void) kill(-1, SIGCONT);
        while (others_run() && clock_monotonic_usec() < deadline) {
                (void) reap(0);
                pause_shortly();
        }
        (void) kill(-1, SIGKILL);
        deadline = clock_monotonic_usec() + KILL_USEC;
        while (clock_monotonic_usec() < deadline) {
                if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
                        return;
                pause_shortly();
        }
}

static int freeze_root(void) {
        _cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || ioctl(fd, FIFREEZE, 0) < 0)
                return -errno;
        return 0;
}

static _Noreturn void reboot_now(void) {
        /* With reboot=k on the kernel's command line this ends the VMM. */
        (void) reboot(RB_AUTOBOOT);
        for (;;)
                (void) pause();
}

_Noreturn void init_freeze_and_reboot(void) {
        int r = work_disk_freeze(), root_r = freeze_root();

        if (r < 0) {
                console_print("cannot freeze the work disk: %s", strerror(-r));
                sync();
        }
        r = root_r;
        if (r < 0) {
                console_print("cannot freeze the root: %s", strerror(-r));
                sync();
        }
        reboot_now();
}

/* By busybox's halt and poweroff. A kernel that cannot power off halts, and its VMM would stay: the
 * guest ends by a reboot instead, and the host reads here what was meant. */
static void say_end(int number) {
        if (number == SIGUSR1)
                console_print("reboot: System halted");
        else if (number == SIGUSR2)
                console_print("reboot: Power down");
}

_Noreturn void init_serve(pid_t agent) {
        static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
        bool ends = false;
        int number = 0;
        sigset_t set;

        (void) sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&set, signals[i]);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        /* A child may have ended before the signals were blocked. */
        ends = reap(agent);
        while (!ends) {
                number = sigwaitinfo(&set, NULL);
                ends = number == SIGCHLD ? reap(agent) : number > 0;
        }
        end_processes();
        sync();
        say_end(number);
        work_disk_end();
        if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
                init_freeze_and_reboot();
        reboot_now();
}
