/* banger-tui: bangerd's objects on a terminal, live. */
#include <fcntl.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/install.h"
#include "common/strings.h"
#include "common/version.h"
#include "tui/console.h"

#define EXIT_USAGE 2

static const char usage[] = "Usage: banger-tui [--plain]\n"
                            "Shows the VMs and images of this host, live, and acts on them; ? in "
                            "it shows the keys.\n"
                            "  --plain    print what there is as lines, and end\n"
                            "  --help     print this, and end\n"
                            "  --version  print the version, and end\n";

static int64_t now_s(void) {
        return (int64_t) (clock_realtime_usec() / USEC_PER_SEC);
}

/* The command of the same build: beside this program, else by PATH. */
static char *find_banger(void) {
        char path[4096];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        char *slash;

        if (n > 0) {
                path[n] = '\0';
                slash = strrchr(path, '/');
                if (slash && (size_t) (slash - path) + sizeof("/banger") <= sizeof(path)) {
                        memcpy(slash, "/banger", sizeof("/banger"));
                        if (access(path, X_OK) == 0)
                                return strdup(path);
                }
        }
        return strdup("banger");
}

/* Whom an installation is for: who runs this, also through sudo. */
static const char *find_user(void) {
        const char *sudo_user = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
        const struct passwd *entry = sudo_user ? NULL : getpwuid(getuid());

        return sudo_user ? sudo_user : entry ? entry->pw_name : "USER";
}

static int run(const Host *host, bool plain) {
        _cleanup_free_ char *banger = find_banger();
        _cleanup_free_ char *user = strdup(find_user());
        const ConsoleEnv env = {
                .host = host,
                .banger = banger ? banger : "banger",
                .sudo = geteuid() == 0 ? NULL : "sudo",
                .user = user ? user : "USER",
                .version = banger_version,
                .now_s = now_s,
                .sample = sample_read,
        };

        if (plain || !isatty(STDOUT_FILENO))
                return console_plain(&env);
        if (!isatty(STDIN_FILENO)) {
                fputs("banger-tui: standard input is not a terminal; for lines, run: banger-tui "
                      "--plain\n",
                      stderr);
                return EXIT_USAGE;
        }
        return console_run(&env);
}

int main(int argc, char **argv) {
        Host host = {
                .root_fd = -1,
                .install_conf = BANGER_INSTALL_CONF,
                .bangerd_socket = BANGERD_SOCKET,
                .helper_socket = BANGERD_ROOT_SOCKET,
        };
        bool plain = false;
        int status;

        setlocale(LC_CTYPE, "");
        for (int i = 1; i < argc; i++) {
                if (string_equal(argv[i], "--plain"))
                        plain = true;
                else if (string_equal(argv[i], "--help") || string_equal(argv[i], "-h")) {
                        fputs(usage, stdout);
                        return 0;
                } else if (string_equal(argv[i], "--version")) {
                        printf("banger-tui %s\n", banger_version);
                        return 0;
                } else {
                        fprintf(stderr, "banger-tui: unknown argument %s\n%s", argv[i], usage);
                        return EXIT_USAGE;
                }
        }
        host.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (host.root_fd < 0) {
                perror("banger-tui: /");
                return 1;
        }
        status = run(&host, plain);
        close_fd(host.root_fd);
        return status;
}
