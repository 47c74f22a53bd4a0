/*
 * Memory and CPU of a process from /proc. statm costs a microsecond and is for
 * polling; smaps_rollup walks the page tables and is for reports.
 */
#include "platform/linux/proc.h"
#include "platform/platform.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

vu_status vu_platform_process_memory(pid_t pid, vu_process_memory *out)
{
	char text[256];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t virtual_pages;
	uint64_t resident_pages;
	vu_status status = vu_proc_read(pid, "statm", text, sizeof text);

	if (status != VU_OK)
		return status;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &virtual_pages, &resident_pages) != 2)
		return VU_INTERNAL;
	if (virtual_pages == 0)
		return VU_NOT_FOUND; /* a zombie: nothing of it is left but its exit code */
	out->virtual_bytes = virtual_pages * page;
	out->rss_bytes = resident_pages * page;
	return VU_OK;
}

/* The number after "\n<name>:" in kB, as bytes. */
static vu_status field_bytes(const char *text, const char *name, uint64_t *bytes_out)
{
	size_t length = strlen(name);
	uint64_t kilobytes;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			if (sscanf(line + length + 1, "%" SCNu64, &kilobytes) != 1)
				return VU_INTERNAL;
			*bytes_out = kilobytes * 1024;
			return VU_OK;
		}
	}
	return VU_NOT_FOUND;
}

vu_status vu_platform_process_pss(pid_t pid, uint64_t *pss_bytes)
{
	char text[4096];
	vu_status status = vu_proc_read(pid, "smaps_rollup", text, sizeof text);

	return status == VU_OK ? field_bytes(text, "Pss", pss_bytes) : status;
}

vu_status vu_platform_process_cpu(pid_t pid, uint64_t *cpu_us)
{
	char text[1024];
	const char *fields;
	uint64_t user_ticks;
	uint64_t system_ticks;
	uint64_t ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);
	vu_status status = vu_proc_read_stat(pid, text, sizeof text, &fields);

	if (status != VU_OK)
		return status;
	/* Fields 3 to 13 are skipped, 14 and 15 are utime and stime. */
	if (sscanf(fields, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user_ticks,
	           &system_ticks) != 2)
		return VU_INTERNAL;
	*cpu_us = (user_ticks + system_ticks) * 1000000 / ticks_per_s;
	return VU_OK;
}

vu_status vu_platform_process_disk(pid_t pid, uint64_t *read_bytes, uint64_t *written_bytes)
{
	char text[1024];
	const char *field;
	struct rusage usage;
	vu_status status = vu_proc_read(pid, "io", text, sizeof text);

	/* A process that keeps others out of its memory may not read this of itself; the same is counted in blocks.
	 */
	if (status != VU_OK && pid == getpid() && getrusage(RUSAGE_SELF, &usage) == 0) {
		*read_bytes = (uint64_t)usage.ru_inblock * 512;
		*written_bytes = (uint64_t)usage.ru_oublock * 512;
		return VU_OK;
	}
	if (status != VU_OK)
		return status;
	field = strstr(text, "\nread_bytes: ");
	if (!field ||
	    sscanf(field, "\nread_bytes: %" SCNu64 "\nwrite_bytes: %" SCNu64, read_bytes, written_bytes) != 2)
		return VU_INTERNAL;
	return VU_OK;
}

vu_status vu_platform_process_data(pid_t pid, uint64_t *bytes)
{
	char text[4096];
	vu_status status = vu_proc_read(pid, "status", text, sizeof text);

	return status == VU_OK ? field_bytes(text, "VmData", bytes) : status;
}

/* The hard limit stays, so that another ceiling can be set later. */
vu_status vu_platform_limit_data(uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) != 0)
		return vu_status_from_errno(errno);
	limit.rlim_cur =
	    bytes == 0 || (limit.rlim_max != RLIM_INFINITY && bytes > limit.rlim_max) ? limit.rlim_max : bytes;
	return setrlimit(RLIMIT_DATA, &limit) == 0 ? VU_OK : vu_status_from_errno(errno);
}

vu_status vu_platform_machine_memory(uint64_t *total_bytes, uint64_t *available_bytes)
{
	char text[4096];
	FILE *file = fopen("/proc/meminfo", "re");
	size_t used;
	vu_status status;

	if (!file)
		return VU_UNAVAILABLE;
	used = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[used] = '\0';
	status = field_bytes(text, "MemTotal", total_bytes);
	return status == VU_OK ? field_bytes(text, "MemAvailable", available_bytes) : status;
}
