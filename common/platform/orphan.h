/*
 * Starting a program from within somebody else's process, leaving no trace in
 * it: no child to wait for, no SIGCHLD where the system can avoid it, no
 * descriptor, no environment handed down.
 *
 * Apart from platform.h because the PAM module links this and nothing else.
 */
#ifndef VU_PLATFORM_ORPHAN_H
#define VU_PLATFORM_ORPHAN_H

/*
 * Executes `path` as a process whose parent is not the caller, with `in` and
 * `out` as standard input and output, nothing else open but /dev/null as
 * standard error, "/" as its folder, and an empty environment. 0, or the errno
 * of why it could not be begun; that `path` could not be executed shows as the
 * end of `out`. Any thread.
 *
 * Linux: the caller never sees a SIGCHLD, and a wait for any child of its own
 * returns nothing of ours. macOS: a SIGCHLD may be seen, for a child that is
 * gone already.
 */
int vu_platform_start_orphan(const char *path, char *const arguments[], int in, int out);

#endif
