#include "common/version.h"

#include <config.h> /* of the build; common/config.h is another */

const char banger_version[] = BANGER_VERSION;
const char banger_commit[] = BANGER_COMMIT;
const char banger_built[] = BANGER_BUILT;
