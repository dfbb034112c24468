#include "daemon/vm-end.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "common/strings.h"

/* The kernel speaks of its reboot last, of a panic before its registers and its stack. */
#define LAST_WORDS 2048
#define PANIC_WORDS 16384
/* More than one read of the serial console. */
#define FRESH_WORDS 8192
#define OVERLAP 64 /* a line comes in any number of reads */
#define PANIC "Kernel panic - not syncing: "
#define PANIC_MAX 120

/* In order: what halts a guest that cannot be powered off may end in a reboot (guest/init.c). */
static const struct {
        const char *text;
        GuestEnd end;
} words[] = {
        {"reboot: Power down", GUEST_END_POWER_OFF},
        {"reboot: System halted", GUEST_END_HALT},
        {"reboot: Restarting system", GUEST_END_REBOOT},
};

static GuestEnd find_words(const char *text, size_t size) {
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (memmem(text, size, words[i].text, strlen(words[i].text)))
                        return words[i].end;
        return GUEST_END_NONE;
}

/* Printable, of one line. */
static char *panic_text(const char *text, size_t size) {
        size_t n = 0;

        while (n < size && n < PANIC_MAX && text[n] >= ' ' && text[n] < 0x7f)
                n++;
        return strndup(text, n);
}

GuestEnd guest_end_read(const Ring *serial, char **ret_panic) {
        char text[PANIC_WORDS];
        size_t size = ring_copy_last(serial, text, sizeof(text));
        size_t last = size < LAST_WORDS ? size : LAST_WORDS;
        GuestEnd end = find_words(text + size - last, last);
        const char *panic = memmem(text, size, PANIC, strlen(PANIC));

        *ret_panic = NULL;
        if (end != GUEST_END_NONE || !panic)
                return end;
        panic += strlen(PANIC);
        *ret_panic = panic_text(panic, (size_t) (text + size - panic));
        return GUEST_END_PANIC;
}

bool guest_end_halts(const Ring *serial, uint64_t *heard) {
        char text[FRESH_WORDS];
        uint64_t written = *serial->written, fresh = written - *heard;
        size_t max = fresh < sizeof(text) ? (size_t) fresh : sizeof(text);
        GuestEnd end = find_words(text, ring_copy_last(serial, text, max));
        bool halts = end == GUEST_END_POWER_OFF || end == GUEST_END_HALT;

        if (halts)
                *heard = written;
        else if (written > *heard + OVERLAP)
                *heard = written - OVERLAP;
        return halts;
}

static bool vmm_failed(const RootReaped *reaped) {
        return reaped->result && !string_equal(reaped->result, "success");
}

static char *describe_vmm(const RootReaped *reaped) {
        if (string_equal(reaped->result, "oom-kill"))
                return strdup("its VMM was killed: out of memory");
        if (string_equal(reaped->result, "signal") || string_equal(reaped->result, "core-dump")) {
                const char *name = sigabbrev_np((int) reaped->exit_status);

                return string_format("its VMM was killed by signal %" PRId64 "%s%s%s",
                                     reaped->exit_status, name ? " (SIG" : "", name ? name : "",
                                     name ? ")" : "");
        }
        return string_format("its VMM failed: %s, status %" PRId64, reaped->result,
                             reaped->exit_status);
}

char *vm_end_describe(GuestEnd end, const char *panic, const RootReaped *reaped) {
        if (vmm_failed(reaped))
                return describe_vmm(reaped);
        switch (end) {
        case GUEST_END_POWER_OFF:
                return strdup("the guest powered off");
        case GUEST_END_HALT:
                return strdup("the guest halted");
        case GUEST_END_REBOOT:
                return strdup("the guest rebooted");
        case GUEST_END_PANIC:
                return string_format("the guest's kernel panicked: %s", panic ? panic : "");
        case GUEST_END_NONE:
                break;
        }
        return strdup("its VMM ended without a word of the guest");
}

bool vm_end_starts_again(GuestEnd end, const RootReaped *reaped) {
        return end == GUEST_END_REBOOT && !vmm_failed(reaped);
}
