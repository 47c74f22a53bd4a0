/* Parent death and life of other processes. */
#include "platform/linux/proc.h"
#include "platform/platform.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/*
 * The kernel sends the signal when the *thread* that forked us ends, so a
 * supervisor starts its children from its main thread.
 */
vu_status vu_platform_die_with_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
		return vu_status_from_errno(errno);
	/* The parent may have died before the line above took effect; then somebody else has adopted us. */
	if (getppid() != parent && kill(getpid(), SIGTERM) != 0)
		return vu_status_from_errno(errno);
	return VU_OK;
}

bool vu_platform_process_alive(pid_t pid)
{
	char text[1024];
	const char *fields;

	if (vu_proc_read_stat(pid, text, sizeof text, &fields) != VU_OK)
		return false;
	return fields[0] != 'Z' && fields[0] != 'X';
}

bool vu_platform_process_stopped(pid_t pid)
{
	char text[1024];
	const char *fields;

	if (vu_proc_read_stat(pid, text, sizeof text, &fields) != VU_OK)
		return false;
	return fields[0] == 'T' || fields[0] == 't';
}
