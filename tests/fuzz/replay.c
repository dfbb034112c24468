/* Without libFuzzer: every file of the folders and every file named is one input. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "common/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(int dir_fd, const char *name) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r = io_read_file(dir_fd, name, 1 << 20, &data, &size);

        return r < 0 ? r : LLVMFuzzerTestOneInput((const uint8_t *) data, size);
}

int main(int argc, char **argv) {
        size_t n = 0;

        for (int i = 1; i < argc; i++) {
                DIR *dir;

                if (argv[i][0] == '-')
                        continue;
                dir = opendir(argv[i]);
                if (!dir)
                        return 1;
                for (struct dirent *entry; (entry = readdir(dir));) {
                        if (entry->d_name[0] == '.')
                                continue;
                        if (replay(dirfd(dir), entry->d_name) < 0) {
                                fprintf(stderr, "cannot replay %s/%s\n", argv[i], entry->d_name);
                                return 1;
                        }
                        n++;
                }
                closedir(dir);
        }
        printf("stat::number_of_executed_units: %zu\n", n);
        return 0;
}
