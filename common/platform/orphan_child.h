/* What is the same on all systems of what the child of vu_platform_start_orphan does. */
#ifndef VU_PLATFORM_ORPHAN_CHILD_H
#define VU_PLATFORM_ORPHAN_CHILD_H

/* Closes all descriptors from `first` on. Async-signal-safe. */
void vu_orphan_close_from(int first);

/* Sets the descriptors and executes; never returns. Calls only what is async-signal-safe. */
_Noreturn void vu_orphan_become(const char *path, char *const arguments[], int in, int out);

#endif
