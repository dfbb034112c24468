/* The fstab of an image: what the filter leaves are lines of the file, in their order, and a second
 * pass finds nothing more to drop. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "guest/fstab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool probe(const char *device, void *userdata) {
        (void) userdata;
        return strlen(device) % 2 == 0;
}

/* Each line of `part` is one of `whole`, further on than the last. */
static bool lines_are_of(const char *part, const char *whole) {
        while (*part) {
                size_t n = strcspn(part, "\n");

                n += part[n] == '\n';
                while (*whole && strncmp(part, whole, n) != 0) {
                        size_t skipped = strcspn(whole, "\n");

                        whole += skipped + (whole[skipped] == '\n');
                }
                if (!*whole)
                        return false;
                whole += n;
                part += n;
        }
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size), *once = NULL,
                            *twice = NULL;

        if (!text || fstab_filter(text, probe, NULL, &once) < 0)
                abort();
        if (!once)
                return 0;
        if (!lines_are_of(once, text) || fstab_filter(once, probe, NULL, &twice) < 0 || twice)
                abort();
        return 0;
}
