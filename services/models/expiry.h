/*
 * When the template of somebody who does not come any more goes.
 *
 * A template that was neither used nor written for twelve months has expired:
 * nobody is let in by it. That can be taken back, by a clock that is set right,
 * so erasing waits: for thirty days more, and until the suite itself has run
 * for seven days with the template expired. A clock that jumped ahead erases
 * nothing before somebody had a week to see what `list`, `doctor` and the log
 * say from thirty days before on. A clock that is set ahead while the suite runs
 * does not even refuse anybody until it has stayed so for a day (expiry_clock).
 * Pure; wall clock, in microseconds.
 */
#ifndef VU_MODELS_EXPIRY_H
#define VU_MODELS_EXPIRY_H

#include <stdbool.h>
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

/*
 * What time it is, by a clock of the wall that somebody may set: a step ahead
 * counts when it has lasted for a day, one back at once. Zeroed before the
 * first use; the caller keeps threads apart.
 */
#define EXPIRY_STEP_US (60 * INT64_C(1000000))

typedef struct expiry_clock {
	bool begun;
	bool doubted;       /* the last two hold */
	int64_t offset_us;  /* wall - steady, as believed */
	int64_t claimed_us; /* wall - steady, as it would be after the step */
	int64_t since_us;   /* steady, when it was first seen so */
} expiry_clock;

/* `steady_us` as of vu_platform_steady_us. */
int64_t expiry_clock_now_us(expiry_clock *clock, int64_t wall_us, int64_t steady_us);

/* When a template expires that was last used at `last_us`. */
int64_t expiry_time_us(int64_t last_us);

/* FRESH when `last_us` is 0 (not known) or in the future. */
expiry_state expiry_judge(int64_t last_us, int64_t now_us);

#endif
