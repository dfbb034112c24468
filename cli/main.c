/* banger: asks bangerd, and prints what it says. */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "common/install.h"

int main(int argc, char **argv) {
        Host host = {
                .root_fd = -1,
                .install_conf = BANGER_INSTALL_CONF,
                .bangerd_socket = BANGERD_SOCKET,
                .helper_socket = BANGERD_ROOT_SOCKET,
        };
        CommandContext context = {.host = &host, .in = stdin, .out = stdout, .err = stderr};
        int status;

        /* Only for the width of characters: numbers and messages stay as they are. */
        setlocale(LC_CTYPE, "");

        host.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (host.root_fd < 0) {
                perror("banger: /");
                return 1;
        }
        status = command_main(&context, argv + 1, argc > 0 ? (size_t) argc - 1 : 0);
        close_fd(host.root_fd);
        return status;
}
