#pragma once

/* As /init of the initrd: sets the guest up, leaves the agent behind and becomes the image's init,
 * or serves as one. Never returns. */
_Noreturn void boot_run(void);
