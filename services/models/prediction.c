/*
 * Observe, and who is expected. The file of habits is opened when somebody is
 * first observed, or when it is there and somebody is to be foretold; until
 * then it costs nothing. Whatever fails here costs speed, never an answer.
 */
#include "base/log.h"
#include "base/user_name.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* *habits_out is NULL when there is no file and none is to be made. */
static vu_status open_habits(models *m, bool create, habit_store **habits_out, vu_error *error)
{
	vu_status status = VU_OK;

	pthread_mutex_lock(&m->prediction_lock);
	if (!m->habits && (create || access(m->prediction_path, F_OK) == 0))
		status = habit_store_open(m->prediction_path, &m->habits, error);
	*habits_out = m->habits;
	pthread_mutex_unlock(&m->prediction_lock);
	return status;
}

void close_habits(models *m)
{
	habit_store_close(m->habits);
	m->habits = NULL;
}

static int64_t wall_us(models *m)
{
	return m->clock.wall_us(m->clock.context);
}

void handle_observe(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ObserveRequest *request = (const Vu__ObserveRequest *)(const void *)message;
	Vu__Empty response = VU__EMPTY__INIT;
	settings with;
	habit_store *habits;
	int64_t now_us = wall_us(m);
	vu_error error = {VU_OK, ""};
	vu_status status = vu_user_name_check(request->user, &error);

	copy_settings(m, &with);
	if (status == VU_OK && with.predict) {
		status = open_habits(m, true, &habits, &error);
		if (status == VU_OK)
			status = habit_store_visit(habits, request->user, habit_moment_of(now_us), now_us, &error);
	}
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail_error(call, &error);
}

void forget_habit(models *m, const char *user)
{
	habit_store *habits;
	vu_error error = {VU_OK, ""};
	vu_status status = open_habits(m, false, &habits, &error);

	if (status == VU_OK && habits)
		status = habit_store_forget(habits, user, &error);
	if (status != VU_OK)
		vu_log_warn("unable to forget when a removed user came: %s", error.message);
	pthread_mutex_lock(&m->prediction_lock);
	for (size_t i = 0; i < m->expected_count; i++) {
		if (strcmp(m->expected[i].user, user) != 0)
			continue;
		memmove(&m->expected[i], &m->expected[i + 1], (m->expected_count - i - 1) * sizeof *m->expected);
		m->expected_count--;
	}
	pthread_mutex_unlock(&m->prediction_lock);
}

/* ---- the likeliest ---- */

typedef struct likeliest {
	habit_moment now;
	double threshold;
	expected_user *items;
	size_t count;
	size_t room;
} likeliest;

static bool consider(void *context, const char *user, const habit *h)
{
	likeliest *best = context;
	habit_forecast forecast;
	size_t at;

	habit_predict(h, best->now, &forecast);
	if (forecast.p <= 0 || forecast.p < best->threshold || strlen(user) > VU_USER_NAME_MAX)
		return true;
	at = best->count;
	if (at == best->room) {
		if (best->items[at - 1].p >= forecast.p)
			return true;
		at--;
	} else {
		best->count++;
	}
	for (; at > 0 && best->items[at - 1].p < forecast.p; at--)
		best->items[at] = best->items[at - 1];
	strcpy(best->items[at].user, user);
	best->items[at].p = forecast.p;
	habit_explain(&forecast, best->now, best->items[at].reason);
	return true;
}

static void remember_expected(models *m, const likeliest *best)
{
	pthread_mutex_lock(&m->prediction_lock);
	m->expected_count = best->count < EXPECTED_MAX ? best->count : EXPECTED_MAX;
	memcpy(m->expected, best->items, m->expected_count * sizeof *m->expected);
	pthread_mutex_unlock(&m->prediction_lock);
}

vu_status expect_users(models *m, const settings *with, expected_user *items, size_t room, size_t *count_out,
                       vu_error *error)
{
	likeliest best = {habit_moment_of(wall_us(m)), with->preload_threshold, items, 0, room};
	habit_store *habits = NULL;
	vu_status status = VU_OK;

	*count_out = 0;
	if (with->predict && room > 0) {
		status = open_habits(m, false, &habits, error);
		if (status == VU_OK && habits)
			status = habit_store_scan(habits, best.now, consider, &best, error);
	}
	if (status != VU_OK)
		return status;
	remember_expected(m, &best);
	*count_out = best.count;
	return VU_OK;
}
