/*
 * Going into the background, and telling the one who started us how it went.
 *
 * In the background nobody else restarts a supervisor that dies, so a small
 * process, the guardian, stays above it for that (guardian.h).
 *
 * `vu-supervisor --detach` returns only when the suite serves or has failed to:
 * the launching process waits for one report from the process that stays.
 */
#ifndef VU_SUPERVISOR_DETACH_H
#define VU_SUPERVISOR_DETACH_H

#include "base/status.h"

/*
 * Before any thread exists and before NNG is touched. Returns in the process
 * that stays: own session, /dev/null as standard input and output, standard
 * error still the launcher's until the log is opened. The launching process
 * never returns from here: it prints the report and exits with its code.
 */
vu_status vu_detach(int *report_fd_out, vu_error *error);

/*
 * Sends the report, once. After success the launching process goes on at once;
 * after a failure only when we have ended, so that whatever it does next does
 * not meet us on our way out. In the foreground (*report_fd is -1) failures are
 * printed and success is not.
 */
void vu_detach_report(int *report_fd, int exit_code, const char *message);

#endif
