#include "common/program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/version.h"

static void help(const Program *program, FILE *out) {
        fprintf(out, "Usage: %s [--help] [--version]\n\n%s", program->name, program->about);
}

bool program_parse(const Program *program, int argc, char **argv, int *ret_status) {
        static const struct option options[] = {
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, 'v'},
                {},
        };
        int option = getopt_long(argc, argv, "h", options, NULL);

        if (option < 0 && optind == argc)
                return true;
        *ret_status = EXIT_SUCCESS;
        if (option == 'h')
                help(program, stdout);
        else if (option == 'v')
                printf("%s %s\n", program->name, banger_version);
        else {
                help(program, stderr);
                *ret_status = PROGRAM_STATUS_USAGE;
        }
        return false;
}
