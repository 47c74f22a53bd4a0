/*
 * The log. Each line is formatted in a buffer of the caller's stack and handed
 * to the kernel by one write(2), so lines of several threads never mix and no
 * lock is taken. A line that cannot be written is lost silently: there is
 * nowhere left to say so.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *service_name = "voice-unlock";
static vu_log_level minimum_level = VU_LOG_INFO;
static bool on_terminal;

static const char *const LEVEL_NAMES[] = {"debug", "info", "warn", "error", "fatal", "panic"};
enum { LEVEL_FATAL = 4, LEVEL_PANIC = 5 };

void vu_log_init(const char *service)
{
	const char *wanted = getenv("VOICE_UNLOCK_LOG_LEVEL");
	service_name = service;
	on_terminal = isatty(STDERR_FILENO) == 1;
	if (wanted) {
		for (int level = VU_LOG_DEBUG; level <= VU_LOG_ERROR; level++) {
			if (strcmp(wanted, LEVEL_NAMES[level]) == 0)
				minimum_level = (vu_log_level)level;
		}
	}
}

void vu_log_set_level(vu_log_level level)
{
	minimum_level = level;
}

/* Copies `text` as the inside of a JSON string; returns the bytes written, never more than `size`. */
static size_t json_escape(char *out, size_t size, const char *text)
{
	size_t used = 0;
	for (const unsigned char *c = (const unsigned char *)text; *c && used + 7 < size; c++) {
		if (*c == '"' || *c == '\\') {
			out[used++] = '\\';
			out[used++] = (char)*c;
		} else if (*c == '\n') {
			out[used++] = '\\';
			out[used++] = 'n';
		} else if (*c < 0x20 || *c == 0x7f) {
			used += (size_t)snprintf(out + used, size - used, "\\u%04x", *c);
		} else {
			out[used++] = (char)*c;
		}
	}
	return used;
}

static void write_line(int level, const char *format, va_list arguments)
{
	char message[VU_LOG_LINE_MAX];
	char line[VU_LOG_LINE_MAX * 2 + 256];
	struct timespec now;
	struct tm utc;
	char stamp[32];
	size_t used;
	ssize_t written;

	vsnprintf(message, sizeof message, format, arguments);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	if (on_terminal) {
		used = (size_t)snprintf(line, sizeof line, "%s.%03ldZ %-5s %s: %s\n", stamp, now.tv_nsec / 1000000,
		                        LEVEL_NAMES[level], service_name, message);
		if (used >= sizeof line)
			used = sizeof line - 1;
	} else {
		used =
		    (size_t)snprintf(line, sizeof line,
		                     "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"service\":\"%s\","
		                     "\"pid\":%ld,\"message\":\"",
		                     stamp, now.tv_nsec / 1000000, LEVEL_NAMES[level], service_name, (long)getpid());
		used += json_escape(line + used, sizeof line - used - 4, message);
		line[used++] = '"';
		line[used++] = '}';
		line[used++] = '\n';
	}
	written = write(STDERR_FILENO, line, used);
	(void)written;
}

#define LOG_AT(level)                                                                                                \
	do {                                                                                                         \
		va_list arguments;                                                                                   \
		va_start(arguments, format);                                                                         \
		write_line((level), format, arguments);                                                              \
		va_end(arguments);                                                                                   \
	} while (0)

void vu_log_debug(const char *format, ...)
{
	if (minimum_level <= VU_LOG_DEBUG)
		LOG_AT(VU_LOG_DEBUG);
}

void vu_log_info(const char *format, ...)
{
	if (minimum_level <= VU_LOG_INFO)
		LOG_AT(VU_LOG_INFO);
}

void vu_log_warn(const char *format, ...)
{
	if (minimum_level <= VU_LOG_WARN)
		LOG_AT(VU_LOG_WARN);
}

void vu_log_error(const char *format, ...)
{
	LOG_AT(VU_LOG_ERROR);
}

void vu_log_fatal(const char *format, ...)
{
	LOG_AT(LEVEL_FATAL);
	exit(1);
}

void vu_log_panic(const char *format, ...)
{
	LOG_AT(LEVEL_PANIC);
	abort();
}
