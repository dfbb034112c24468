#include <errno.h>
#include <poll.h>

#include "common/clock.h"
#include "worker/job.h"

static int job_poll(const Job *job, int fd, int timeout_ms, Error *reterr) {
        struct pollfd items[] = {
                {.fd = job->client_fd, .events = POLLRDHUP},
                {.fd = fd, .events = POLLIN},
        };
        int r;

        do {
                r = poll(items, ELEMENTSOF(items), timeout_ms);
        } while (r < 0 && errno == EINTR);
        if (r < 0)
                return error_set_errno(reterr, errno, "cannot wait");
        if (items[0].revents != 0)
                return error_set(reterr, ERROR_CANCELED, ECANCELED, "canceled");
        return 0;
}

int job_check(const Job *job, Error *reterr) {
        return job_poll(job, -1, 0, reterr);
}

int job_wait_readable(const Job *job, int fd, Error *reterr) {
        return job_poll(job, fd, -1, reterr);
}

void job_tell(Job *job, int64_t done_bytes) {
        uint64_t now = clock_monotonic_usec();

        job->done_bytes = done_bytes;
        if (!job->progress || now < job->next_usec)
                return;
        job->next_usec = now + JOB_PROGRESS_USEC;
        job->progress(job->done_bytes, job->total_bytes, job->userdata);
}
