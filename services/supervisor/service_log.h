/*
 * Where the lines of one service go: to our own standard error while we are in
 * the foreground, or to <folder>/<service>.log once detached.
 *
 * A log file is mode 0600 and never grows beyond VU_LOG_FILE_BYTES_MAX: it is
 * then renamed to <service>.log.1, replacing the one before. A line is written
 * whole; one longer than VU_LOG_LINE_BYTES_MAX is cut into several. What cannot
 * be written (disk full) is dropped and counted, and the service goes on.
 *
 * Not for use from several threads.
 */
#ifndef VU_SUPERVISOR_SERVICE_LOG_H
#define VU_SUPERVISOR_SERVICE_LOG_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_LOG_FILE_BYTES_MAX (1024 * 1024)
#define VU_LOG_LINE_BYTES_MAX 4096

typedef struct vu_service_log vu_service_log;

/*
 * `folder` NULL: standard error. Otherwise the folder exists; FAILED_PRECONDITION
 * or PERMISSION_DENIED when the file cannot be used (a symbolic link, another user's).
 */
vu_status vu_service_log_create(const char *folder, const char *service, vu_service_log **log_out, vu_error *error);

/* Takes what came from the service, cut anywhere; writes the lines that are complete. */
void vu_service_log_feed(vu_service_log *log, const char *bytes, size_t count);

/* Writes what is left without a newline, with one. */
void vu_service_log_flush(vu_service_log *log);

/*
 * The message of the last line that was an error, or no structured line at all
 * (a library's complaint, an assertion). False when there was none since the
 * log was created or told to forget.
 */
bool vu_service_log_complaint(const vu_service_log *log, char *text, size_t size);
void vu_service_log_forget_complaint(vu_service_log *log);

/* Bytes that could not be written. */
uint64_t vu_service_log_dropped(const vu_service_log *log);

void vu_service_log_destroy(vu_service_log *log);

/*
 * The supervisor's own log once detached: standard error becomes the file.
 * Called again now and then, it rotates the file when that has grown.
 */
vu_status vu_service_log_redirect_stderr(const char *folder, const char *service, vu_error *error);

#endif
