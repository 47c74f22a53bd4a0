/*
 * Restarting the supervisor itself, where no systemd or launchd does.
 *
 * The guardian is a process without threads, sockets or files that waits for
 * the supervisor to end. One that exits with 0, or before the suite was ever up,
 * is left alone; one that dies after that is started again, which finds and
 * replaces the services that were left. After VU_GUARDIAN_DEATHS_MAX deaths
 * within VU_GUARDIAN_WINDOW_S seconds it gives up. SIGTERM and SIGINT to the
 * guardian are passed on.
 */
#ifndef VU_SUPERVISOR_GUARDIAN_H
#define VU_SUPERVISOR_GUARDIAN_H

#include "base/status.h"

#include <stdbool.h>

#define VU_GUARDIAN_DEATHS_MAX 10
#define VU_GUARDIAN_WINDOW_S   60

/*
 * Returns in each process that is to be the supervisor: *again_out is false in
 * the first and true in those that follow a death. The guardian itself never
 * returns. `report_fd` belongs to the first alone. Before any thread exists. On
 * failure there is no guardian, and the caller goes on as the supervisor.
 */
vu_status vu_guardian_stay(int *report_fd, bool *again_out, vu_error *error);

/* The suite is up: from here on a death of this process is followed by a new one. Harmless without a guardian. */
void vu_guardian_note_up(void);

#endif
