#include <stdio.h>

#include "common/strings.h"
#include "common/version.h"
#include "guest/agent.h"
#include "guest/boot.h"

static int help(FILE *out, int status) {
        fputs("Usage: banger-guest --version | --help\n\n"
              "The part of banger inside a virtual machine: /init of its initrd, and the agent\n"
              "that the host talks to. It is not meant to be run by hand.\n",
              out);
        return status;
}

int main(int argc, char **argv) {
        if (argc > 1 && string_equal(argv[1], AGENT_VERB) && string_equal(argv[0], AGENT_NAME))
                return agent_main(argc, argv);
        if (getpid() == 1)
                boot_run();
        if (argc == 2 && string_equal(argv[1], "--version"))
                return printf("banger-guest %s\n", banger_version) < 0;
        if (argc == 2 && string_equal(argv[1], "--help"))
                return help(stdout, EXIT_SUCCESS);
        return help(stderr, 2);
}
