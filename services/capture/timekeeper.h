/*
 * A thread that does what is due when nothing else happens: it answers reads
 * whose wait is over and closes orphans. It sleeps until the next such time,
 * for ever while there is no session.
 */
#ifndef CAPTURE_TIMEKEEPER_H
#define CAPTURE_TIMEKEEPER_H

#include "sessions.h"

typedef struct timekeeper timekeeper;

vu_status timekeeper_start(capture_sessions *sessions, timekeeper **keeper_out, vu_error *error);

/* Something is due at this time of the monotonic clock; wakes the thread when it would sleep longer. Any thread. */
void timekeeper_expect(timekeeper *keeper, int64_t due_us);

/* Ends the thread and waits for it. NULL is ignored. */
void timekeeper_stop(timekeeper *keeper);

#endif
