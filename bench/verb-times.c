/* Every verb of the helper as its client sees it, beside the same work by the bare library in a
 * process of its own, round by round on one host. Usage: verb-times IMAGE-ID KERNEL-ID ROUNDS, as
 * root on a throwaway host where bangerd does not run: bench/verbs does all that. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bare.h"
#include "common/cleanup.h"

#define HELPER_SOCKET "/run/banger-root/bangerd-root.sock"
#define ECHO_SOCKET "/run/bench-echo.sock"
#define STATE "/var/lib/banger"
#define SLOT "200"
#define GUESTS 200
#define OWNER 1000
#define COW_MIB 64
#define WORK_MIB 16
#define ROUNDS_MAX 200
#define REQUEST_MAX (64 << 10)

const VmId bare_vm = {.text = "be0c000002"};
static const char our_vm[] = "be0c000001";

typedef struct Row {
        const char *verb, *note;
        const char *parameters; /* V: the VM, I: the image, K: the kernel, C: MiB of its COW file */
        void (*bare)(Bench *bench); /* NULL: the echoing process is asked instead */
} Row;

void bare_inventory(_unused_ Bench *bench) {
        bare_inventory_links();
        bare_inventory_disks();
        bare_inventory_units();
}

/* In this order, which is the life of a VM. */
static const Row rows[] = {
        {"Ping", "", "{}", NULL},
        {"BridgeEnsure", "makes all", "{}", bare_bridge_ensure},
        {"ResolverSet", "", "{}", bare_resolver_set},
        {"NetworkSet", "200 guests", NULL, bare_network_set},
        {"TapCreate", "", "{\"vm\":\"$V\",\"slot\":" SLOT "}", bare_tap_create},
        {"DiskAttach", "", "{\"vm\":\"$V\",\"image\":\"$I\",\"work\":true}", bare_disk_attach},
        {"JailMake", "", "{\"vm\":\"$V\",\"slot\":" SLOT ",\"kernel\":\"$K\"}", bare_jail_make},
        {"Launch", "", "{\"vm\":\"$V\",\"slot\":" SLOT ",\"vcpus\":1,\"memory_mib\":128}",
         bare_launch},
        {"Sockets", "waits for it",
         "{\"vm\":\"$V\",\"slot\":" SLOT ",\"socket\":\"api\",\"timeout_ms\":20000}", bare_sockets},
        {"Sockets", "is there",
         "{\"vm\":\"$V\",\"slot\":" SLOT ",\"socket\":\"api\",\"timeout_ms\":20000}",
         bare_sockets_there},
        {"Inventory", "", "{}", bare_inventory},
        {"Stop", "kill, waits", "{\"vm\":\"$V\",\"signal\":\"kill\",\"timeout_ms\":10000}",
         bare_stop},
        {"Reap", "", "{\"vm\":\"$V\"}", bare_reap},
        {"JailRemove", "", "{\"vm\":\"$V\"}", bare_jail_remove},
        {"DiskDetach", "", "{\"vm\":\"$V\"}", bare_disk_detach},
        {"DiskGrow", "", "{\"vm\":\"$V\",\"cow_mib\":$C}", bare_disk_grow},
        {"DiskOpen", "", "{\"vm\":\"$V\",\"image\":\"$I\"}", bare_disk_open},
        {"TapDelete", "", "{\"vm\":\"$V\"}", bare_tap_delete},
        {"NetworkSet", "none left", "{\"guests\":[],\"forwards\":[]}", bare_network_clear},
        {"ResolverClear", "", "{}", bare_resolver_clear},
        {"BridgeRemove", "", "{}", bare_bridge_remove},
};
#define ROWS ELEMENTSOF(rows)

typedef struct Times {
        /* The last row: connecting. */
        uint64_t ours_ns[ROWS + 1][ROUNDS_MAX], bare_ns[ROWS + 1][ROUNDS_MAX];
        unsigned anonymous_kib[ROWS]; /* the most of any round */
} Times;

void bench_fail(const char *what, int error) {
        (void) fprintf(stderr, "verb-times: %s: %s\n", what, strerror(error));
        exit(EXIT_FAILURE);
}

void bench_check(int r, const char *what) {
        if (r < 0)
                bench_fail(what, -r);
}

int bench_check_errno(int r, const char *what) {
        if (r < 0)
                bench_fail(what, errno);
        return r;
}

static uint64_t now_ns(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

/* ---- the client ---- */

static int connect_to(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = bench_check_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

        memcpy(address.sun_path, path, strlen(path) + 1);
        bench_check_errno(connect(fd, (struct sockaddr *) &address, sizeof(address)), path);
        return fd;
}

static void send_request(int fd, const char *request, const int *fds, size_t n_fds) {
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
        struct iovec iovec = {.iov_len = strlen(request) + 1};
        struct msghdr message = {.msg_iov = &iovec, .msg_iovlen = 1};
        struct cmsghdr *header;

        memcpy(&iovec.iov_base, &request, sizeof(request));
        if (n_fds > 0) {
                message.msg_control = control;
                message.msg_controllen = sizeof(control);
                header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
        }
        while (iovec.iov_len > 0) {
                ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

                if (n < 0)
                        bench_fail("sendmsg", errno);
                iovec.iov_base = (char *) iovec.iov_base + n;
                iovec.iov_len -= (size_t) n;
                message.msg_control = NULL;
                message.msg_controllen = 0;
        }
}

/* A descriptor that came goes when the time is taken. */
static int receive_reply(int fd) {
        static char reply[1 << 20];
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        size_t size = 0;
        int received = -1;

        do {
                struct iovec iovec = {.iov_base = reply + size, .iov_len = sizeof(reply) - size};
                struct msghdr message = {.msg_iov = &iovec, .msg_iovlen = 1,
                                         .msg_control = control, .msg_controllen = sizeof(control)};
                ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
                struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

                if (n <= 0)
                        bench_fail("the helper hung up", n < 0 ? errno : ECONNRESET);
                if (header)
                        memcpy(&received, CMSG_DATA(header), sizeof(received));
                size += (size_t) n;
        } while (reply[size - 1] != '\0');
        if (strncmp(reply, "{\"error\"", 8) == 0 || strstr(reply, "\"error\":\"")) {
                (void) fprintf(stderr, "verb-times: %s\n", reply);
                exit(EXIT_FAILURE);
        }
        return received;
}

static uint64_t call(int fd, const char *request, const int *fds, size_t n_fds) {
        uint64_t began = now_ns(), ended;
        int received;

        send_request(fd, request, fds, n_fds);
        received = receive_reply(fd);
        ended = now_ns();
        close_fd(received);
        return ended - began;
}

/* ---- requests ---- */

static void put_network(FILE *out) {
        (void) fputs("{\"guests\":[", out);
        for (unsigned slot = 1; slot <= GUESTS; slot++)
                (void) fprintf(out, "%s{\"vm\":\"%010x\",\"slot\":%u,\"nat\":true}",
                               slot > 1 ? "," : "", slot, slot);
        (void) fputs("],\"forwards\":[]}", out);
}

static void put_parameters(FILE *out, const Bench *bench, const Row *row, size_t round) {
        for (const char *c = row->parameters; *c; c++) {
                if (*c != '$') {
                        (void) fputc(*c, out);
                        continue;
                }
                switch (*++c) {
                case 'V':
                        (void) fputs(our_vm, out);
                        break;
                case 'I':
                        (void) fputs(bench->image, out);
                        break;
                case 'K':
                        (void) fputs(bench->kernel, out);
                        break;
                default:
                        (void) fprintf(out, "%zu", COW_MIB + 1 + round);
                }
        }
}

static char *make_request(const Bench *bench, const Row *row, size_t round) {
        char *request = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&request, &size);

        (void) fprintf(out, "{\"method\":\"io.banger.Root.%s\",\"parameters\":", row->verb);
        if (row->parameters)
                put_parameters(out, bench, row, round);
        else
                put_network(out);
        (void) fputc('}', out);
        if (fclose(out) != 0 || size > REQUEST_MAX)
                bench_fail(row->verb, E2BIG);
        return request;
}

/* ---- what the helper looks like from outside ---- */

static char *output_of(const char *command) {
        static char text[1 << 20];
        FILE *pipe = popen(command, "re");
        size_t size = fread(text, 1, sizeof(text) - 1, pipe);

        (void) pclose(pipe);
        text[size] = '\0';
        return text;
}

static int helper_pid(void) {
        return (int) strtol(output_of("systemctl show --value -p MainPID bangerd-root.service"),
                            NULL, 10);
}

static unsigned anonymous_kib(int pid) {
        char path[64], line[256];
        unsigned kib = 0;
        FILE *file;

        (void) snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
        file = fopen(path, "re");
        if (!file)
                return 0;
        while (fgets(line, sizeof(line), file))
                if (strncmp(line, "Anonymous:", 10) == 0)
                        kib = (unsigned) strtoul(line + 10, NULL, 10);
        (void) fclose(file);
        return kib;
}

/* The process that serves our connection: the newest, and the only one. */
static int session_pid(int helper) {
        char path[64], text[256] = "", *end = text;
        long pid = 0, next;
        FILE *file;

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", helper, helper);
        file = fopen(path, "re");
        if (file && fgets(text, sizeof(text), file))
                while ((next = strtol(end, &end, 10)) > 0)
                        pid = next;
        if (file)
                (void) fclose(file);
        return (int) pid;
}

/* ---- rounds ---- */

static void keep_rules(Bench *bench, const Row *row) {
        static const char instead[] = "delete table bridge banger\ndelete table ip banger\n";

        if (strcmp(row->verb, "BridgeEnsure") == 0)
                bench->tables = strdup(output_of("nft list ruleset"));
        if (row->bare == bare_network_set &&
            asprintf(&bench->network, "%s%s", instead, output_of("nft list ruleset")) < 0)
                bench_fail("rules", ENOMEM);
}

static void ours(Bench *bench, Times *times, size_t round) {
        const int fds[] = {bench->pty_far_fd, bench->log_far_fd};
        uint64_t began = now_ns();
        int fd = connect_to(HELPER_SOCKET), pid;

        (void) call(fd, "{\"method\":\"io.banger.Root.Ping\"}", NULL, 0);
        times->ours_ns[ROWS][round] = now_ns() - began;
        pid = session_pid(helper_pid());
        for (size_t i = 0; i < ROWS; i++) {
                _cleanup_free_ char *request = make_request(bench, &rows[i], round);
                bool launch = strcmp(rows[i].verb, "Launch") == 0;
                unsigned kib;

                times->ours_ns[i][round] = call(fd, request, fds, launch ? 2 : 0);
                kib = anonymous_kib(pid);
                if (kib > times->anonymous_kib[i])
                        times->anonymous_kib[i] = kib;
                if (round == 0)
                        keep_rules(bench, &rows[i]);
        }
        close(fd);
}

/* As the helper does it, in a process that is as young. */
static void bare(Bench *bench, Times *times, size_t round) {
        uint64_t taken[ROWS] = {0}, began = now_ns();
        int fd = connect_to(ECHO_SOCKET), pipe_fds[2];
        pid_t pid;

        (void) call(fd, "{\"method\":\"io.banger.Root.Ping\"}", NULL, 0);
        times->bare_ns[ROWS][round] = now_ns() - began;
        bench_check_errno(pipe(pipe_fds), "pipe");
        pid = bench_check_errno(fork(), "fork");
        if (pid == 0) {
                for (size_t i = 0; i < ROWS; i++) {
                        _cleanup_free_ char *request = make_request(bench, &rows[i], round);

                        began = now_ns();
                        if (rows[i].bare)
                                rows[i].bare(bench);
                        else
                                (void) call(fd, request, NULL, 0);
                        taken[i] = now_ns() - began;
                }
                _exit(write(pipe_fds[1], taken, sizeof(taken)) == sizeof(taken) ? 0 : 1);
        }
        close(pipe_fds[1]);
        if (read(pipe_fds[0], taken, sizeof(taken)) != sizeof(taken))
                bench_fail("the bare side", EIO);
        (void) waitpid(pid, NULL, 0);
        close(pipe_fds[0]);
        close(fd);
        for (size_t i = 0; i < ROWS; i++)
                times->bare_ns[i][round] = taken[i];
}

/* A server of our shape that does nothing: a process for each connection, an answer as Ping's. */
static void echo_connection(int fd) {
        static const char reply[] = "{\"parameters\":{\"version\":\"0.1.0\",\"owner_uid\":1000}}";
        char text[4096];
        ssize_t n;

        while ((n = read(fd, text, sizeof(text))) > 0)
                if (text[n - 1] == '\0' && write(fd, reply, sizeof(reply)) < 0)
                        break;
        _exit(0);
}

static pid_t echo_start(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ECHO_SOCKET};
        int fd = bench_check_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        pid_t pid;

        (void) unlink(ECHO_SOCKET);
        bench_check_errno(bind(fd, (struct sockaddr *) &address, sizeof(address)), ECHO_SOCKET);
        bench_check_errno(listen(fd, 16), ECHO_SOCKET);
        pid = bench_check_errno(fork(), "fork");
        while (pid == 0) {
                int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                if (connection < 0)
                        _exit(1);
                if (fork() == 0)
                        echo_connection(connection);
                close(connection);
        }
        close(fd);
        return pid;
}

/* ---- files ---- */

static void make_file(const char *vm, const char *name, off_t size) {
        char path[96];
        int fd;

        (void) snprintf(path, sizeof(path), STATE "/vms/%s/%s", vm, name);
        fd = bench_check_errno(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), path);
        bench_check_errno(ftruncate(fd, size), path);
        bench_check_errno(fchown(fd, OWNER, OWNER), path);
        close(fd);
}

static void make_files(const char *vm) {
        char path[96];

        (void) snprintf(path, sizeof(path), STATE "/vms/%s", vm);
        bench_check_errno(mkdir(path, 0700), path);
        bench_check_errno(chown(path, OWNER, OWNER), path);
        make_file(vm, "root.cow", COW_MIB << 20);
        make_file(vm, "work.img", (WORK_MIB << 20) + 4096);
}

static void open_stdio(Bench *bench) {
        int fds[2];

        bench->pty_fd = bench_check_errno(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "pty");
        bench_check_errno(unlockpt(bench->pty_fd), "pty");
        bench->pty_far_fd = bench_check_errno(open(ptsname(bench->pty_fd),
                                                   O_RDWR | O_NOCTTY | O_CLOEXEC),
                                              "pty");
        bench_check_errno(pipe2(fds, O_CLOEXEC), "pipe");
        bench->log_fd = fds[0];
        bench->log_far_fd = fds[1];
}

/* ---- report ---- */

static int compare_ns(const void *a, const void *b) {
        uint64_t first = *(const uint64_t *) a, second = *(const uint64_t *) b;

        return first < second ? -1 : first > second;
}

static double median_ms(uint64_t *values, size_t n) {
        qsort(values, n, sizeof(*values), compare_ns);
        return (double) (n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2) / 1e6;
}

static void report(Times *times, size_t rounds) {
        (void) printf("median of %zu rounds         helper       bare  ratio  anonymous\n", rounds);
        for (size_t i = 0; i <= ROWS; i++) {
                double first = median_ms(times->ours_ns[i], rounds);
                double second = median_ms(times->bare_ns[i], rounds);

                (void) printf("%-13s %-12s %7.2f ms %7.2f ms %6.2f",
                              i < ROWS ? rows[i].verb : "(connection)",
                              i < ROWS ? rows[i].note : "and a Ping", first, second,
                              first / second);
                if (i < ROWS)
                        (void) printf(" %6u KiB", times->anonymous_kib[i]);
                (void) printf("\n");
        }
}

static int wait_for_exit(int pid, unsigned seconds) {
        for (unsigned i = 0; i < seconds; i++) {
                if (helper_pid() != pid)
                        return (int) i;
                (void) sleep(1);
        }
        return -1;
}

/* It looks whether there is a VM after half a minute without a call. */
static void report_idle(Bench *bench) {
        const Row *attach = &rows[5], *detach = &rows[14];
        _cleanup_free_ char *first = make_request(bench, attach, 0);
        _cleanup_free_ char *last = make_request(bench, detach, 0);
        int fd = connect_to(HELPER_SOCKET), pid, seconds;

        (void) call(fd, first, NULL, 0);
        close(fd);
        pid = helper_pid();
        seconds = wait_for_exit(pid, 40);
        (void) printf("idle with a VM:    %s, anonymous %u KiB\n",
                      seconds < 0 ? "stays" : "HAS LEFT", anonymous_kib(pid));
        fd = connect_to(HELPER_SOCKET);
        (void) call(fd, last, NULL, 0);
        close(fd);
        pid = helper_pid();
        seconds = wait_for_exit(pid, 60);
        if (seconds < 0)
                (void) printf("idle without a VM: STAYS, anonymous %u KiB\n", anonymous_kib(pid));
        else
                (void) printf("idle without a VM: leaves after %d s: nothing\n", seconds);
}

int main(int argc, char **argv) {
        static Times times;
        Bench bench = {};
        size_t rounds;
        pid_t echo;

        if (argc != 4)
                bench_fail("usage: verb-times IMAGE-ID KERNEL-ID ROUNDS", EINVAL);
        bench.image = argv[1];
        bench.kernel = argv[2];
        rounds = strtoul(argv[3], NULL, 10);
        if (rounds < 1 || rounds >= ROUNDS_MAX)
                bench_fail("ROUNDS", ERANGE);
        make_files(our_vm);
        make_files(bare_vm.text);
        open_stdio(&bench);
        echo = echo_start();
        /* The first round is for what is loaded once, and for the rules. */
        for (size_t round = 0; round <= rounds; round++) {
                ours(&bench, &times, round);
                bare(&bench, &times, round);
        }
        for (size_t i = 0; i <= ROWS; i++) {
                times.ours_ns[i][0] = times.ours_ns[i][rounds];
                times.bare_ns[i][0] = times.bare_ns[i][rounds];
        }
        report(&times, rounds);
        (void) fflush(stdout);
        report_idle(&bench);
        (void) kill(echo, 15);
        return 0;
}
