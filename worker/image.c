#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/archive.h"
#include "worker/build.h"
#include "worker/copy.h"
#include "worker/ext4.h"
#include "worker/image.h"

/* A tar is read twice, for a file system must know its size when it is made. What comes through a
 * pipe is kept in the target itself, far behind the file system (plan.c), and given back piece by
 * piece as it is unpacked: so it needs no second place, and next to no space twice. */
#define KEEP_AT (INT64_C(1) << 41)
#define FREE_BYTES (INT64_C(256) * 1024 * 1024)

static void archive_cleanup(Archive **archive) {
        archive_close(*archive);
}

/* What is wrong with the tar itself. */
static int hint_tar(int r, Error *reterr) {
        switch (-r) {
        case EBADMSG:
        case ENAMETOOLONG:
        case EMLINK:
                if (reterr && !reterr->hint)
                        return error_set_hint(reterr, r, "check it with: tar -tvf FILE");
                return r;
        case EFBIG:
        case E2BIG:
                return error_set_hint(reterr, r, "leave out what the image does not need");
        default:
                return r;
        }
}

static int measure_tar(Input *input, BuildPlan *ret, Error *reterr) {
        _cleanup_(archive_cleanup) Archive *archive = NULL;
        BuildSize size;
        EntrySource source;
        int r;

        r = archive_tar_open(input, &archive, reterr);
        if (r < 0)
                return r;
        source = archive_source(archive);
        r = build_measure(&source, &size, reterr);
        if (r < 0)
                return r;
        if (size.n_entries == 0)
                return error_set(reterr, ERROR_FAILED, EBADMSG, "the tar has no files");
        return build_plan(&size, FREE_BYTES, ret, reterr);
}

static int unpack_tar(Input *input, int target_fd, const BuildPlan *plan, Error *reterr) {
        _cleanup_(archive_cleanup) Archive *archive = NULL;
        EntrySource source;
        int r;

        r = archive_tar_open(input, &archive, reterr);
        if (r < 0)
                return r;
        source = archive_source(archive);
        return build_write(&source, target_fd, plan, reterr);
}

static int import_tar(Input *input, int64_t source_bytes, int target_fd, Error *reterr) {
        Input again = *input;
        BuildPlan plan;
        int r;

        if (input->is_stream) {
                input->keep_fd = target_fd;
                input->keep_at = KEEP_AT;
        } else
                input->told_shift = 1; /* each of the two passes is half of it */
        r = measure_tar(input, &plan, reterr);
        if (r < 0)
                return hint_tar(r, reterr);
        if (input->is_stream)
                again = (Input) {
                        .job = input->job,
                        .fd = target_fd,
                        .start = KEEP_AT,
                        .end = input->keep_at,
                        .keep_fd = -1,
                        .punch = true,
                        .told_base = input->position,
                        .told_shift = 63,
                };
        else {
                again.told_base = source_bytes / 2;
                again.told_shift = 1;
        }
        r = unpack_tar(&again, target_fd, &plan, reterr);
        if (r >= 0 && ftruncate(target_fd, plan.size_bytes) < 0)
                r = error_set_errno(reterr, errno, "cannot size the image");
        return hint_tar(r, reterr);
}

/* A regular file is looked at before it is copied, what a pipe sends only after. */
static int import_ext4(Input *input, int64_t source_bytes, int target_fd, Error *reterr) {
        Ext4Facts facts;
        int r;

        if (input->is_stream)
                return copy_input(input, target_fd, reterr);
        r = ext4_inspect(input->fd, source_bytes, &facts, reterr);
        if (r < 0)
                return r;
        input->end = facts.size_bytes;
        return copy_input(input, target_fd, reterr);
}

static int check_target(int fd, Error *reterr) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set_errno(reterr, errno, "cannot look at the target");
        if (!S_ISREG(st.st_mode) || st.st_size != 0)
                return error_set(reterr, ERROR_INVALID_PARAMETER, EINVAL,
                                 "the target is not an empty regular file");
        return 0;
}

int image_import(int source_fd, int target_fd, ImageFormat format, Job *job,
                 WorkerImageProgress *ret, Error *reterr) {
        int64_t source_bytes = 0;
        Ext4Facts facts;
        struct stat st;
        Input input;
        int r;

        r = check_target(target_fd, reterr);
        if (r >= 0)
                r = input_open(&input, source_fd, job, &source_bytes, reterr);
        if (r < 0)
                return r;
        job->total_bytes = source_bytes > 0 ? source_bytes : 0;
        r = format == IMAGE_TAR ? import_tar(&input, source_bytes, target_fd, reterr)
                                : import_ext4(&input, source_bytes, target_fd, reterr);
        if (r >= 0 && fstat(target_fd, &st) < 0)
                r = error_set_errno(reterr, errno, "cannot look at the image");
        if (r >= 0)
                r = ext4_inspect(target_fd, st.st_size, &facts, reterr);
        /* What a pipe sent behind it. */
        if (r >= 0 && st.st_size > facts.size_bytes && ftruncate(target_fd, facts.size_bytes) < 0)
                r = error_set_errno(reterr, errno, "cannot size the image");
        if (r < 0) {
                /* The space at least; whoever made the file takes it away. */
                if (ftruncate(target_fd, 0) < 0)
                        return error_prepend(reterr, r, "with the target not emptied");
                return r;
        }
        *ret = (WorkerImageProgress) {
                .done_bytes = source_bytes >= 0 ? source_bytes : input.position,
                .total_bytes = source_bytes >= 0 ? source_bytes : 0,
                .size_bytes = facts.size_bytes,
                .has_init = facts.has_init,
        };
        return 0;
}
