/* Reading small files of /proc whole. */
#ifndef VU_PLATFORM_LINUX_PROC_H
#define VU_PLATFORM_LINUX_PROC_H

#include "base/status.h"

#include <stddef.h>
#include <sys/types.h>

/* /proc/<pid>/<name> as text, cut to `size`. NOT_FOUND when there is no such process. */
vu_status vu_proc_read(pid_t pid, const char *name, char *text, size_t size);

/* The part of /proc/<pid>/stat after the program's name: field 3 (state) comes first. Points into `text`. */
vu_status vu_proc_read_stat(pid_t pid, char *text, size_t size, const char **fields_out);

/*
 * Keeps /proc/self/io open: once the process cannot be dumped, the file belongs
 * to root and could not be opened any more. vu_proc_read finds it so.
 */
void vu_proc_keep_own_io(void);

#endif
