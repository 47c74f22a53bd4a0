/*
 * Which process is which service: written by the supervisor, read by all.
 *
 * The roster lies in shared memory that only its maker can write; each service
 * inherits a descriptor for reading it. So who calls is known within
 * nanoseconds and without asking anybody.
 *
 * A pid counts for a service only on connections that were made after the
 * supervisor had entered it: a number that is used a second time gives nothing
 * to a connection that was made under it before. A service therefore waits
 * until it has been entered before it connects to anybody.
 *
 * A process without a roster (a service that was started by hand, as tests and
 * benchmarks do) knows no services, and so cannot tell callers apart: it takes
 * the calls of every process of its own user.
 */
#ifndef VU_RPC_ROSTER_H
#define VU_RPC_ROSTER_H

#include "base/config.h"
#include "base/status.h"
#include "rpc/caller.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct vu_roster vu_roster;

/* An empty roster that this process may write. *fd_out (close-on-exec) is for others to read. */
vu_status vu_roster_create(vu_roster **roster_out, int *fd_out, vu_error *error);

/* A roster to read. Takes `fd`. */
vu_status vu_roster_open(int fd, vu_roster **roster_out, vu_error *error);

/* Only for tests: a process keeps its roster. NULL is fine. */
void vu_roster_destroy(vu_roster *roster);

/* Enters a process, or with pid 0 takes it out. For the maker alone. */
void vu_roster_enter(vu_roster *roster, vu_service_id id, pid_t pid);

/* Waits until this process is entered as `id`. DEADLINE_EXCEEDED: it is not. */
vu_status vu_roster_wait(const vu_roster *roster, vu_service_id id, int timeout_ms, vu_error *error);

/* Who `pid` is on a connection made at `connected_us` (vu_clock_monotonic_us); 0: not known. Any thread. */
vu_caller vu_roster_caller(const vu_roster *roster, pid_t pid, int64_t connected_us);

#endif
