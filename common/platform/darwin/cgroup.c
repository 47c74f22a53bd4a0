/* There are no control groups here. */
#include "platform/cgroup.h"

#include <stddef.h>

vu_status vu_cgroup_adopt(vu_cgroup **out, vu_error *error)
{
	*out = NULL;
	return vu_fail(error, VU_UNIMPLEMENTED, "this system has no control groups");
}

vu_status vu_cgroup_adopt_at(const char *root, const char *membership, pid_t self, vu_cgroup **out, vu_error *error)
{
	(void)root;
	(void)membership;
	(void)self;
	return vu_cgroup_adopt(out, error);
}

vu_status vu_cgroup_place(vu_cgroup *group, const char *service, pid_t pid, uint64_t bytes, vu_error *error)
{
	(void)group;
	(void)service;
	(void)pid;
	(void)bytes;
	return vu_fail(error, VU_UNIMPLEMENTED, "this system has no control groups");
}

vu_status vu_cgroup_bound(vu_cgroup *group, const char *service, uint64_t bytes, vu_error *error)
{
	(void)group;
	(void)service;
	(void)bytes;
	return vu_fail(error, VU_UNIMPLEMENTED, "this system has no control groups");
}

uint64_t vu_cgroup_kills(const vu_cgroup *group, const char *service)
{
	(void)group;
	(void)service;
	return 0;
}

void vu_cgroup_release(vu_cgroup *group)
{
	(void)group;
}
