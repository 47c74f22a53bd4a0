/*
 * When the template of somebody who does not come any more goes.
 *
 * A template that was neither used nor written for twelve months has expired:
 * nobody is let in by it. That can be taken back, by a clock that is set right,
 * so erasing waits: for thirty days more, and until the suite itself has run
 * for seven days with the template expired. A clock that jumped ahead erases
 * nothing before somebody had a week to see what `list`, `doctor` and the log
 * say from thirty days before on. Pure; wall clock, in microseconds.
 */
#ifndef VU_MODELS_EXPIRY_H
#define VU_MODELS_EXPIRY_H

#include <stdint.h>

#define EXPIRY_UNUSED_DAYS  365
#define EXPIRY_WARNING_DAYS 30
#define EXPIRY_GRACE_DAYS   30
#define EXPIRY_SEEN_S       (7u * 86400)

typedef enum expiry_state {
	EXPIRY_FRESH,
	EXPIRY_SOON,    /* within EXPIRY_WARNING_DAYS */
	EXPIRY_EXPIRED, /* lets nobody in */
	EXPIRY_OVERDUE, /* and may be erased, once that was seen for EXPIRY_SEEN_S */
} expiry_state;

/* When a template expires that was last used at `last_us`. */
int64_t expiry_time_us(int64_t last_us);

/* FRESH when `last_us` is 0 (not known) or in the future. */
expiry_state expiry_judge(int64_t last_us, int64_t now_us);

#endif
