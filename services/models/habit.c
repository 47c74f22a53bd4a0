/* The estimate of habit.h. */
#include "habit.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define MINUTES_PER_QUARTER 15
#define MINUTES_PER_DAY     1440
#define HALF_LIFE_DAYS      14.0
/* 2^(-1/14) and 2^(-1/4): of a day. */
#define DECAY        0.951694
#define RECENT_DECAY 0.840896
/* How much the recent days say beside all of them. */
#define RECENT_SHARE 0.25
/* Weight of a day of the same kind (working or not), and of the other kind, beside one of the same name. */
#define SAME_KIND  0.35
#define OTHER_KIND 0.02
/* Weight of a day on which the hour before was unlike today's. */
#define UNLIKE 0.2
/* Days without a visit that are imagined for everybody. */
#define DOUBT_DAYS 0.4

habit_moment habit_moment_of(int64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm local;
	habit_moment moment = {0, 0};
	int year;

	if (!localtime_r(&seconds, &local))
		return moment;
	/* Days from the civil date (Howard Hinnant's algorithm, from March on): a local day, whatever its length. */
	year = local.tm_year + 1900 - (local.tm_mon < 2);
	{
		int era = year / 400;
		int of_era = year - era * 400;
		int month = (local.tm_mon + 10) % 12;
		int of_year = (153 * month + 2) / 5 + local.tm_mday - 1;
		int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
		moment.day = era * 146097 + day_of_era - 719468;
	}
	moment.minute = local.tm_hour * 60 + local.tm_min;
	return moment;
}

int habit_weekday(int32_t day)
{
	return (int)(((day + 3) % 7 + 7) % 7);
}

static bool is_weekend(int32_t day)
{
	return habit_weekday(day) >= 5;
}

void habit_slot_mark(habit_slot *slot, int32_t day)
{
	int32_t ahead = day - slot->base;

	if (ahead > 0) {
		if (ahead >= 128) {
			slot->days[0] = slot->days[1] = 0;
		} else if (ahead >= 64) {
			slot->days[1] = slot->days[0] << (ahead - 64);
			slot->days[0] = 0;
		} else {
			slot->days[1] = slot->days[1] << ahead | slot->days[0] >> (64 - ahead);
			slot->days[0] <<= ahead;
		}
		slot->base = day;
		ahead = 0;
	}
	if (-ahead < 128)
		slot->days[-ahead / 64] |= UINT64_C(1) << (-ahead % 64);
}

bool habit_slot_came(const habit_slot *slot, int32_t day)
{
	int32_t ago = slot->base - day;

	return ago >= 0 && ago < 128 && (slot->days[ago / 64] >> (ago % 64) & 1) != 0;
}

static int32_t minutes_between(habit_moment from, habit_moment to)
{
	int32_t days = to.day - from.day;

	if (days > HABIT_DAYS)
		days = HABIT_DAYS;
	return days * MINUTES_PER_DAY + to.minute - from.minute;
}

void habit_visit(habit *h, habit_moment at)
{
	bool is_first = h->visits <= 0;
	int32_t since = minutes_between(h->last, at);

	if (is_first) {
		h->first_day = at.day;
	} else if (since >= 0) {
		double decay = exp2(-(at.day - h->last.day) / HALF_LIFE_DAYS);
		h->visits *= decay;
		h->returns *= decay;
		h->returns += since <= HABIT_SESSION_MIN;
	} else {
		/* The clock was set back: what was learned under the other time stays where it is. */
		if (at.day < h->first_day)
			h->first_day = at.day;
	}
	h->visits += 1;
	h->last = at;
	habit_slot_mark(&h->slots[at.minute / MINUTES_PER_QUARTER], at.day);
}

/* Came in this quarter, counted from the beginning of `day`; it may lie on the day before or after. */
static bool came(const habit *h, int32_t day, int quarter)
{
	if (quarter < 0) {
		quarter += HABIT_QUARTERS;
		day--;
	} else if (quarter >= HABIT_QUARTERS) {
		quarter -= HABIT_QUARTERS;
		day++;
	}
	return habit_slot_came(&h->slots[quarter], day);
}

static int quarters_between(const habit *h, int32_t day, int first, int last)
{
	int count = 0;

	for (int quarter = first; quarter <= last; quarter++)
		count += came(h, day, quarter);
	return count;
}

static bool came_between(const habit *h, int32_t day, int first, int last)
{
	return quarters_between(h, day, first, last) > 0;
}

/* Sums over past days with one half-life. */
typedef struct tally {
	double came;
	double all;
} tally;

static void count(tally *t, double weight, double visit)
{
	t->came += weight * visit;
	t->all += weight;
}

static double share(const tally *t)
{
	return t->came / (t->all + DOUBT_DAYS);
}

static double session(const habit *h, habit_moment now)
{
	int32_t since = minutes_between(h->last, now);

	if (h->visits <= 0 || since < 0 || since >= HABIT_SESSION_MIN)
		return 0;
	return h->returns / (h->visits + 1) * (1 - (double)since / HABIT_SESSION_MIN);
}

void habit_predict(const habit *h, habit_moment now, habit_forecast *out)
{
	int quarter = now.minute / MINUTES_PER_QUARTER;
	bool before = came_between(h, now.day, quarter - HABIT_BEFORE_QUARTERS, quarter);
	tally all = {0, 0};
	tally recent = {0, 0};
	double old = 1;
	double older = 1;
	unsigned came_alike = 0;
	unsigned seen_alike = 0;
	double in_session;

	*out = (habit_forecast){0};
	if (h->visits <= 0)
		return;
	for (int32_t ago = 1; ago < HABIT_DAYS && now.day - ago >= h->first_day; ago++) {
		int32_t day = now.day - ago;
		bool same_name = ago % 7 == 0;
		bool same_kind = is_weekend(day) == is_weekend(now.day);
		double weight = same_name ? 1 : same_kind ? SAME_KIND : OTHER_KIND;
		bool alike = came_between(h, day, quarter - HABIT_BEFORE_QUARTERS, quarter - 1) == before;
		int visits = quarters_between(h, day, quarter, quarter + HABIT_HORIZON_QUARTERS - 1);
		/* Came early today: the first visit that was due is this one. */
		bool inside = visits > (before && !alike);
		double visit = inside ? 1 : visits == 0 && came(h, day, quarter + HABIT_HORIZON_QUARTERS) ? 0.5 : 0;
		if (!alike)
			weight *= UNLIKE;
		old *= DECAY;
		older *= RECENT_DECAY;
		count(&all, weight * old, visit);
		count(&recent, weight * older, visit);
		out->days_seen += same_name;
		out->days_came += same_name && inside;
		seen_alike += same_kind;
		came_alike += same_kind && inside;
	}
	out->p = (1 - RECENT_SHARE) * share(&all) + RECENT_SHARE * share(&recent);
	out->reason = out->days_came >= 2 ? HABIT_WEEKDAY : came_alike > 0 ? HABIT_DAILY : HABIT_NONE;
	if (out->reason == HABIT_DAILY) {
		out->days_came = came_alike;
		out->days_seen = seen_alike;
	}
	in_session = session(h, now);
	if (in_session > out->p) {
		out->p = in_session;
		out->reason = HABIT_SESSION;
	}
	if (out->p > 1)
		out->p = 1;
}

void habit_explain(const habit_forecast *forecast, habit_moment now, char text[96])
{
	static const char *const NAMES[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
	                                    "Friday", "Saturday", "Sunday"};
	int from = now.minute / MINUTES_PER_QUARTER * MINUTES_PER_QUARTER;
	int to = (from + HABIT_HORIZON_QUARTERS * MINUTES_PER_QUARTER) % MINUTES_PER_DAY;
	char what[24];

	if (forecast->reason == HABIT_NONE) {
		snprintf(text, 96, "no habit is known");
		return;
	}
	if (forecast->reason == HABIT_SESSION) {
		snprintf(text, 96, "came within the last two hours and usually comes again");
		return;
	}
	if (forecast->reason == HABIT_WEEKDAY)
		snprintf(what, sizeof what, "%ss", NAMES[habit_weekday(now.day)]);
	else
		snprintf(what, sizeof what, "%s", is_weekend(now.day) ? "weekend days" : "working days");
	snprintf(text, 96, "came on %u of %u %s between %02d:%02d and %02d:%02d", forecast->days_came,
	         forecast->days_seen, what, from / 60, from % 60, to / 60, to % 60);
}
