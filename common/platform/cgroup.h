/*
 * Control groups, version 2: a bound on memory that the system itself holds,
 * for each service, behind the others. Linux with a subtree that is ours alone
 * (a unit with Delegate=); elsewhere nothing, and that is no failure.
 *
 * Our processes move one level down, since a group with subgroups may hold
 * none itself: <own>/supervisor, and <own>/<service> with its memory.max.
 */
#ifndef VU_PLATFORM_CGROUP_H
#define VU_PLATFORM_CGROUP_H

#include "base/status.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct vu_cgroup vu_cgroup;

/*
 * Takes over the group that this process is in. UNIMPLEMENTED where the system
 * has none with memory; PERMISSION_DENIED where it is not ours to divide: not
 * writable, or others are in it. NULL in *out with either.
 */
vu_status vu_cgroup_adopt(vu_cgroup **out, vu_error *error);

/* The same for the tree below `root` and the path that `membership` (as /proc/self/cgroup) tells, as process `self`.
 */
vu_status vu_cgroup_adopt_at(const char *root, const char *membership, pid_t self, vu_cgroup **out, vu_error *error);

/* Puts a process into the group of its service, made when missing, bounded to so many bytes (0: no bound). */
vu_status vu_cgroup_place(vu_cgroup *group, const char *service, pid_t pid, uint64_t bytes, vu_error *error);

/* Another bound for a service that runs. */
vu_status vu_cgroup_bound(vu_cgroup *group, const char *service, uint64_t bytes, vu_error *error);

/* How many processes of the service the system has killed for their memory so far. */
uint64_t vu_cgroup_kills(const vu_cgroup *group, const char *service);

/* Removes the groups of services that are empty, and frees. NULL is fine. */
void vu_cgroup_release(vu_cgroup *group);

#endif
