/*
 * The roster's memory: a number to know it by, and for each service a pid and
 * since when. There is one writer. The pid is stored last and cleared first, so
 * that a reader never takes it with another's time.
 */
#include "rpc/roster.h"

#include "base/clock.h"
#include "platform/platform.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x726f7375u /* "usor" */

typedef struct vu_roster_memory {
	uint32_t magic;
	uint32_t services;
	struct {
		_Atomic int64_t entered_us;
		_Atomic int64_t pid;
	} entries[VU_SERVICE_COUNT];
} vu_roster_memory;

struct vu_roster {
	vu_roster_memory *writable; /* NULL for readers */
	const vu_roster_memory *memory;
};

vu_status vu_roster_create(vu_roster **roster_out, int *fd_out, vu_error *error)
{
	vu_roster *roster = calloc(1, sizeof *roster);
	void *base;
	vu_status status;

	if (!roster)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to make the roster: out of memory");
	status = vu_platform_shared_notice("voice-unlock-roster", sizeof(vu_roster_memory), &base, fd_out, error);
	if (status != VU_OK) {
		free(roster);
		return status;
	}
	roster->writable = base;
	roster->memory = base;
	roster->writable->magic = MAGIC;
	roster->writable->services = VU_SERVICE_COUNT;
	*roster_out = roster;
	return VU_OK;
}

vu_status vu_roster_open(int fd, vu_roster **roster_out, vu_error *error)
{
	vu_roster *roster = NULL;
	struct stat info;
	void *base = MAP_FAILED;

	if (fstat(fd, &info) == 0 && info.st_size >= (off_t)sizeof(vu_roster_memory))
		base = mmap(NULL, sizeof(vu_roster_memory), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (base == MAP_FAILED)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read the roster: it is none");
	roster = calloc(1, sizeof *roster);
	if (!roster) {
		munmap(base, sizeof(vu_roster_memory));
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the roster: out of memory");
	}
	roster->memory = base;
	if (roster->memory->magic != MAGIC || roster->memory->services != VU_SERVICE_COUNT) {
		munmap(base, sizeof(vu_roster_memory));
		free(roster);
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to read the roster: the supervisor is of another version; restart the suite");
	}
	*roster_out = roster;
	return VU_OK;
}

void vu_roster_destroy(vu_roster *roster)
{
	union {
		const vu_roster_memory *constant;
		void *base;
	} memory;

	if (!roster)
		return;
	memory.constant = roster->memory;
	munmap(memory.base, sizeof(vu_roster_memory));
	free(roster);
}

void vu_roster_enter(vu_roster *roster, vu_service_id id, pid_t pid)
{
	atomic_store(&roster->writable->entries[id].pid, 0);
	if (pid <= 0)
		return;
	atomic_store(&roster->writable->entries[id].entered_us, vu_clock_monotonic_us());
	atomic_store(&roster->writable->entries[id].pid, pid);
}

vu_status vu_roster_wait(const vu_roster *roster, vu_service_id id, int timeout_ms, vu_error *error)
{
	const struct timespec pause = {.tv_nsec = 200000};
	int64_t until_us = vu_clock_monotonic_us() + (int64_t)timeout_ms * 1000;

	while (atomic_load(&roster->memory->entries[id].pid) != getpid()) {
		if (vu_clock_monotonic_us() >= until_us)
			return vu_fail(error, VU_DEADLINE_EXCEEDED,
			               "unable to serve as %s: the supervisor does not know this process",
			               vu_service_name(id));
		nanosleep(&pause, NULL);
	}
	return VU_OK;
}

vu_caller vu_roster_caller(const vu_roster *roster, pid_t pid, int64_t connected_us)
{
	for (unsigned id = 0; pid > 0 && id < VU_SERVICE_COUNT; id++) {
		if (atomic_load(&roster->memory->entries[id].pid) == pid &&
		    atomic_load(&roster->memory->entries[id].entered_us) <= connected_us)
			return (vu_caller)id;
	}
	return VU_CALLER_CLIENT;
}
