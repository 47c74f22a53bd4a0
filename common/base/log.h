/*
 * Structured log on standard error: readable text on a terminal, one JSON
 * object a line otherwise ({"time","level","service","pid","message"}).
 *
 * Severities: debug, info, warn, error; fatal ends the process with exit 1
 * after logging (the user or the machine must change something); panic aborts
 * (our own bug). Messages say "unable to <verb> <object>: <reason>" and carry
 * no secret and no audio. Every function may be called from any thread.
 */
#ifndef VU_BASE_LOG_H
#define VU_BASE_LOG_H

#include <stdbool.h>

typedef enum vu_log_level {
	VU_LOG_DEBUG = 0,
	VU_LOG_INFO = 1,
	VU_LOG_WARN = 2,
	VU_LOG_ERROR = 3,
} vu_log_level;

/* One line is at most this long, the rest is cut. */
#define VU_LOG_LINE_MAX 2048

/*
 * Names the process in every line. `service` is kept, not copied. The level is
 * taken from VOICE_UNLOCK_LOG_LEVEL (debug info warn error; default info).
 */
void vu_log_init(const char *service);

void vu_log_set_level(vu_log_level level);

void vu_log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vu_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vu_log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vu_log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void vu_log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void vu_log_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
