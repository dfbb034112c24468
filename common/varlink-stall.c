#include "common/varlink-stall.h"

uint64_t varlink_stall_update(VarlinkStall *stall, const VarlinkWire *wire, bool reading,
                              uint64_t now_usec, uint64_t timeout_usec) {
        VarlinkProgress progress = varlink_wire_progress(wire);

        if (!(reading && varlink_wire_midway(wire)) && varlink_wire_queued(wire) == 0) {
                stall->deadline_usec = 0;
                return UINT64_MAX;
        }
        if (stall->deadline_usec > 0 && progress.messages_in == stall->progress.messages_in &&
            progress.bytes_out == stall->progress.bytes_out)
                return stall->deadline_usec;
        stall->progress = progress;
        stall->deadline_usec =
                timeout_usec < UINT64_MAX - now_usec ? now_usec + timeout_usec : UINT64_MAX;
        return stall->deadline_usec;
}
