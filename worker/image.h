#pragma once
/* Images of root file systems. */
#include "common/api-image.h"
#include "common/api-worker.h"
#include "worker/job.h"

/* From a readable descriptor into an empty regular file, both borrowed. Blocks; -ECANCELED. What a
 * failure leaves in the target is nothing. */
int image_import(int source_fd, int target_fd, ImageFormat format, Job *job,
                 WorkerImageProgress *ret, Error *reterr);
