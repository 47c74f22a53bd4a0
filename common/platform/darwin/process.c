/*
 * Parent death by kqueue: macOS has no signal for it. A small thread waits for
 * NOTE_EXIT of the parent and then sends SIGTERM to this process.
 */
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/event.h>
#include <sys/sysctl.h>
#include <unistd.h>

static void *wait_for_exit(void *argument)
{
	int queue = (int)(intptr_t)argument;
	struct kevent event;

	while (kevent(queue, NULL, 0, &event, 1, NULL) < 0 && errno == EINTR)
		;
	kill(getpid(), SIGTERM);
	close(queue);
	return NULL;
}

static vu_status start_waiting(int queue)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	int failure;

	failure = pthread_attr_init(&attributes);
	if (failure != 0)
		return vu_status_from_errno(failure);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN > 65536 ? PTHREAD_STACK_MIN : 65536);
	/* Signals are the main thread's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failure = pthread_create(&thread, &attributes, wait_for_exit, (void *)(intptr_t)queue);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return failure == 0 ? VU_OK : vu_status_from_errno(failure);
}

vu_status vu_platform_die_with_parent(pid_t parent)
{
	struct kevent change;
	vu_status status;
	int queue = kqueue();

	if (queue < 0)
		return vu_status_from_errno(errno);
	fcntl(queue, F_SETFD, FD_CLOEXEC);
	EV_SET(&change, (uintptr_t)parent, EVFILT_PROC, EV_ADD | EV_ENABLE | EV_ONESHOT, NOTE_EXIT, 0, NULL);
	if (kevent(queue, &change, 1, NULL, 0, NULL) != 0) {
		int saved_errno = errno;
		close(queue);
		if (saved_errno != ESRCH)
			return vu_status_from_errno(saved_errno);
		return kill(getpid(), SIGTERM) == 0 ? VU_OK : vu_status_from_errno(errno);
	}
	/* It may have died, and its number been taken by another, before we watched it. */
	if (getppid() != parent) {
		close(queue);
		return kill(getpid(), SIGTERM) == 0 ? VU_OK : vu_status_from_errno(errno);
	}
	status = start_waiting(queue);
	if (status != VU_OK)
		close(queue);
	return status;
}

bool vu_platform_process_alive(pid_t pid)
{
	int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid};
	struct kinfo_proc info;
	size_t size = sizeof info;

	if (pid <= 0)
		return false;
	if (sysctl(name, 4, &info, &size, NULL, 0) != 0 || size == 0)
		return false;
	return info.kp_proc.p_stat != SZOMB;
}

bool vu_platform_process_stopped(pid_t pid)
{
	int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid};
	struct kinfo_proc info;
	size_t size = sizeof info;

	return pid > 0 && sysctl(name, 4, &info, &size, NULL, 0) == 0 && size != 0 && info.kp_proc.p_stat == SSTOP;
}
