/*
 * When one person comes: the quarter-hours of the day in which they came, for
 * each of the last sixteen weeks of days, and from that the probability that
 * they come within the next hours. Pure: time is given as local day and
 * quarter, so that tests and simulations move it as they like.
 *
 * The estimate is a decayed histogram over the quarter-hours of the week: the
 * share of past days on which they came in this window. Days count less the
 * longer ago they are (half-life two weeks), less when it was another day of
 * the week, least when a weekday is compared with a weekend, and less when they
 * differed from today in whether the person had come in the hour before: who
 * has come already does not come again unless they usually do. A window that
 * ends just before a visit counts half (neighbours). Three things are mixed in:
 * a doubt of a fraction of a day, so that one visit is no habit; the same with
 * a half-life of four days, so that somebody on leave is soon not expected
 * (recency); and within two hours of a visit, how often a visit was followed by
 * another within that time (session).
 */
#ifndef VU_MODELS_HABIT_H
#define VU_MODELS_HABIT_H

#include <stdbool.h>
#include <stdint.h>

#define HABIT_QUARTERS 96
#define HABIT_DAYS     112 /* what is remembered, eight half-lives */
/* The window: a model preloaded now would stay for about as long. */
#define HABIT_HORIZON_QUARTERS 8
/* How far before now is looked at to see whether they have come already. */
#define HABIT_BEFORE_QUARTERS 4
#define HABIT_SESSION_MIN     120

/* A moment of local time. Day 0 is a Thursday, 1970-01-01. */
typedef struct habit_moment {
	int32_t day;
	int32_t minute; /* of the day, 0 to 1439 */
} habit_moment;

/* Bit k of `days`: came in this quarter on day base - k. */
typedef struct habit_slot {
	int32_t base;
	uint64_t days[2];
} habit_slot;

typedef struct habit {
	int32_t first_day; /* of the first visit ever; nothing is known about days before */
	habit_moment last; /* visit */
	double visits;     /* decayed counts, as of the day of the last visit */
	double returns;    /* of these, within two hours of the one before */
	habit_slot slots[HABIT_QUARTERS];
} habit;

typedef enum habit_reason { HABIT_NONE, HABIT_WEEKDAY, HABIT_DAILY, HABIT_SESSION } habit_reason;

typedef struct habit_forecast {
	double p;
	habit_reason reason; /* what spoke for it most */
	unsigned
	    days_came; /* in this window, of days_seen on the same day of the week (or of days alike, HABIT_DAILY) */
	unsigned days_seen;
} habit_forecast;

/* The local moment of a wall clock time. */
habit_moment habit_moment_of(int64_t wall_us);

/* Monday is 0. */
int habit_weekday(int32_t day);

/* A zeroed habit is that of somebody who never came; visits come in order of time (an earlier one counts as now). */
void habit_visit(habit *h, habit_moment at);

/* Sets and asks bits; days out of reach are ignored and false. */
void habit_slot_mark(habit_slot *slot, int32_t day);
bool habit_slot_came(const habit_slot *slot, int32_t day);

/* The probability of a visit from now on within the horizon. Only the slots of the window and the hour before are
 * looked at. */
void habit_predict(const habit *h, habit_moment now, habit_forecast *out);

/* "came on 4 of 5 Mondays between 08:45 and 10:45"; never longer than 96 bytes. */
void habit_explain(const habit_forecast *forecast, habit_moment now, char text[96]);

#endif
