/*
 * Memory and CPU of a process by proc_pid_rusage. phys_footprint is what
 * Activity Monitor shows and what the kernel's own limits count: it leaves out
 * clean file pages, which cost nothing under pressure.
 */
#include "platform/platform.h"

#include <errno.h>
#include <libproc.h>
#include <mach/mach.h>
#include <mach/mach_time.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <unistd.h>

static vu_status process_usage(pid_t pid, struct rusage_info_v2 *usage)
{
	if (pid <= 0)
		return VU_NOT_FOUND;
	if (proc_pid_rusage(pid, RUSAGE_INFO_V2, (rusage_info_t *)usage) != 0)
		return errno == ESRCH ? VU_NOT_FOUND : vu_status_from_errno(errno);
	return VU_OK;
}

vu_status vu_platform_process_memory(pid_t pid, vu_process_memory *out)
{
	struct rusage_info_v2 usage;
	struct proc_taskinfo task;
	vu_status status = process_usage(pid, &usage);

	if (status != VU_OK)
		return status;
	out->rss_bytes = usage.ri_phys_footprint;
	out->virtual_bytes = 0;
	if (proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &task, (int)sizeof task) == (int)sizeof task)
		out->virtual_bytes = task.pti_virtual_size;
	return VU_OK;
}

vu_status vu_platform_process_disk(pid_t pid, uint64_t *read_bytes, uint64_t *written_bytes)
{
	struct rusage_info_v2 usage;
	vu_status status = process_usage(pid, &usage);

	if (status == VU_OK) {
		*read_bytes = usage.ri_diskio_bytesread;
		*written_bytes = usage.ri_diskio_byteswritten;
	}
	return status;
}

/* The system has a limit on data and does not enforce it. */
vu_status vu_platform_process_data(pid_t pid, uint64_t *bytes)
{
	(void)pid;
	(void)bytes;
	return VU_UNIMPLEMENTED;
}

vu_status vu_platform_limit_data(uint64_t bytes)
{
	(void)bytes;
	return VU_UNIMPLEMENTED;
}

vu_status vu_platform_process_pss(pid_t pid, uint64_t *pss_bytes)
{
	struct rusage_info_v2 usage;
	vu_status status = process_usage(pid, &usage);

	if (status == VU_OK)
		*pss_bytes = usage.ri_phys_footprint;
	return status;
}

vu_status vu_platform_process_cpu(pid_t pid, uint64_t *cpu_us)
{
	struct rusage_info_v2 usage;
	mach_timebase_info_data_t timebase;
	uint64_t ticks;
	vu_status status = process_usage(pid, &usage);

	if (status != VU_OK)
		return status;
	if (mach_timebase_info(&timebase) != KERN_SUCCESS || timebase.denom == 0)
		return VU_INTERNAL;
	/* Mach ticks: nanoseconds on Intel, 125/3 ns on Apple silicon. */
	ticks = usage.ri_user_time + usage.ri_system_time;
	*cpu_us = (uint64_t)((double)ticks * timebase.numer / timebase.denom / 1000.0);
	return VU_OK;
}

vu_status vu_platform_machine_memory(uint64_t *total_bytes, uint64_t *available_bytes)
{
	size_t size = sizeof *total_bytes;
	vm_statistics64_data_t pages = {0};
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
	mach_port_t host;
	kern_return_t result;

	if (sysctlbyname("hw.memsize", total_bytes, &size, NULL, 0) != 0)
		return vu_status_from_errno(errno);
	host = mach_host_self();
	result = host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&pages, &count);
	mach_port_deallocate(mach_task_self(), host);
	if (result != KERN_SUCCESS)
		return VU_INTERNAL;
	/* Free pages, and those the kernel can drop without writing them anywhere. */
	*available_bytes = ((uint64_t)pages.free_count + pages.inactive_count + pages.purgeable_count) *
	                   (uint64_t)sysconf(_SC_PAGESIZE);
	return VU_OK;
}
