#pragma once
#include "worker/input.h"

/* The input into an empty regular file; blocks of zeros become holes. The file gets the input's
 * length. Blocks; -ECANCELED. */
int copy_input(Input *input, int target_fd, Error *reterr);
