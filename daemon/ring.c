#include "daemon/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SERIAL_SIZE (UINT64_C(72) * 1024)
#define LOG_SIZE (UINT64_C(24) * 1024)
#define SCRATCH 4096

/* The memfd. Its layout has the number in its name: a version that changes one changes the other. */
#define MAGIC "banger-rings-1"

typedef struct RingsMemory {
        char magic[16];
        uint64_t serial_written, log_written;
        char serial[SERIAL_SIZE];
        char log[LOG_SIZE];
} RingsMemory;

static void ring_zero(Ring *ring, uint64_t from, size_t n) {
        for (size_t i = 0; i < n; i++)
                ring->bytes[(from + i) % ring->size] = '\0';
}

/* The next scratch is clean before the bytes count: whoever comes after a kill in between sees
 * either those bytes uncounted, or all of it. */
static void ring_commit(Ring *ring, size_t n) {
        uint64_t written = *ring->written;

        ring_zero(ring, written + ring->scratch, n);
        __atomic_store_n(ring->written, written + n, __ATOMIC_RELEASE);
}

void ring_attach(Ring *ring, char *bytes, size_t size, size_t scratch, uint64_t *written) {
        size_t landed = scratch;

        *ring = (Ring) {.bytes = bytes, .size = size, .scratch = scratch, .written = written};
        while (landed > 0 && bytes[(*written + landed - 1) % size] == '\0')
                landed--;
        ring_commit(ring, landed);
}

ssize_t ring_read(Ring *ring, int fd) {
        size_t at = *ring->written % ring->size;
        size_t first = ring->size - at < ring->scratch ? ring->size - at : ring->scratch;
        const struct iovec parts[] = {
                {.iov_base = ring->bytes + at, .iov_len = first},
                {.iov_base = ring->bytes, .iov_len = ring->scratch - first},
        };
        ssize_t n = readv(fd, parts, first < ring->scratch ? 2 : 1);

        if (n < 0)
                return -errno;
        ring_commit(ring, (size_t) n);
        return n;
}

size_t ring_used(const Ring *ring) {
        size_t room = ring->size - 2 * ring->scratch;

        return *ring->written < room ? (size_t) *ring->written : room;
}

/* Of the bytes that are held, the oldest is 0. */
static char ring_at(const Ring *ring, size_t i) {
        return ring->bytes[(*ring->written - ring_used(ring) + i) % ring->size];
}

size_t ring_copy_last(const Ring *ring, char *buffer, size_t max) {
        size_t used = ring_used(ring), n = used < max ? used : max;

        for (size_t i = 0; i < n; i++)
                buffer[i] = ring_at(ring, used - n + i);
        return n;
}

/* Where the last n_lines begin; white space at the end does not count. */
static size_t tail_begin(const Ring *ring, size_t n_lines, size_t end) {
        size_t i = end;

        while (i > 0) {
                if (ring_at(ring, i - 1) == '\n' && --n_lines == 0)
                        break;
                i--;
        }
        return i;
}

char *ring_tail(const Ring *ring, size_t n_lines, size_t max) {
        size_t end = ring_used(ring), length = 0;
        char *text = malloc(end * 3 + 1);

        if (!text)
                return NULL;
        while (end > 0 && strchr("\r\n ", ring_at(ring, end - 1)))
                end--;
        for (size_t i = tail_begin(ring, n_lines, end); i < end; i++) {
                char c = ring_at(ring, i);

                if (c == '\n') {
                        memcpy(text + length, " | ", 3);
                        length += 3;
                } else if (c >= ' ' && c < 0x7f)
                        text[length++] = c;
        }
        text[length] = '\0';
        if (length > max)
                memmove(text, text + (length - max), max + 1);
        return text;
}

static int rings_map(Rings *rings) {
        RingsMemory *memory = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED,
                                   rings->fd, 0);

        if (memory == MAP_FAILED)
                return errno > 0 ? -errno : -EIO;
        rings->memory = memory;
        return 0;
}

static void rings_attach(Rings *rings) {
        RingsMemory *memory = rings->memory;

        ring_attach(&rings->serial, memory->serial, SERIAL_SIZE, SCRATCH, &memory->serial_written);
        ring_attach(&rings->log, memory->log, LOG_SIZE, SCRATCH, &memory->log_written);
}

int rings_new(Rings *ret) {
        Rings rings = RINGS_INIT;
        int r = 0;

        rings.fd = memfd_create("banger-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        /* Sealed: what is mapped cannot be cut off under us (SIGBUS). */
        if (rings.fd < 0 || ftruncate(rings.fd, sizeof(RingsMemory)) < 0 ||
            fcntl(rings.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
                r = -errno;
        if (r >= 0)
                r = rings_map(&rings);
        if (r < 0 || !rings.memory) {
                rings_close(&rings);
                return r;
        }
        memcpy(rings.memory, MAGIC, sizeof(MAGIC));
        rings_attach(&rings);
        *ret = rings;
        return 0;
}

int rings_open(int fd, Rings *ret) {
        Rings rings = {.fd = fd};
        struct stat st;
        int r;

        r = fstat(fd, &st) < 0 ? -errno : 0;
        if (r >= 0 && (!S_ISREG(st.st_mode) || st.st_size != sizeof(RingsMemory)))
                r = -EUCLEAN;
        if (r >= 0)
                r = rings_map(&rings);
        if (r >= 0 && rings.memory && memcmp(rings.memory, MAGIC, sizeof(MAGIC)) != 0)
                r = -EUCLEAN;
        if (r < 0 || !rings.memory) {
                rings_close(&rings);
                return r;
        }
        rings_attach(&rings);
        *ret = rings;
        return 0;
}

void rings_close(Rings *rings) {
        if (rings->memory)
                (void) munmap(rings->memory, sizeof(RingsMemory));
        close_fd(rings->fd);
        *rings = RINGS_INIT;
}
