/* One state per kind, a ring of events, one condition for all who wait. */
#include "alerts.h"

#include <math.h>
#include <stdlib.h>
#include <uv.h>

#define BACK_WITHIN 0.9

typedef struct alert_state {
	bool active;
	unsigned in_a_row; /* measurements that speak for a change */
	vu_alert_event event;
} alert_state;

struct vu_alerts {
	uv_mutex_t lock;
	uv_cond_t changed;
	alert_state states[VU_ALERT_KINDS];
	vu_alert_event events[VU_ALERT_EVENTS_MAX];
	size_t count; /* ever */
	uint64_t next_sequence;
};

vu_alerts *vu_alerts_create(uint64_t first_sequence)
{
	vu_alerts *alerts = calloc(1, sizeof *alerts);

	if (!alerts)
		return NULL;
	if (uv_mutex_init(&alerts->lock) != 0) {
		free(alerts);
		return NULL;
	}
	if (uv_cond_init(&alerts->changed) != 0) {
		uv_mutex_destroy(&alerts->lock);
		free(alerts);
		return NULL;
	}
	alerts->next_sequence = first_sequence > 0 ? first_sequence : 1;
	return alerts;
}

void vu_alerts_destroy(vu_alerts *alerts)
{
	if (!alerts)
		return;
	uv_cond_destroy(&alerts->changed);
	uv_mutex_destroy(&alerts->lock);
	free(alerts);
}

const char *vu_alert_name(vu_alert_kind kind)
{
	static const char *const NAMES[VU_ALERT_KINDS] = {"memory_percent", "cpu_percent", "inference_time_ms",
	                                                  "cache_hit_percent", "unlocked_secret_bytes"};
	return NAMES[kind];
}

static bool is_beyond(vu_alert_kind kind, double value, double threshold)
{
	return kind == VU_ALERT_CACHE ? value < threshold : value > threshold;
}

static bool is_back(vu_alert_kind kind, double value, double threshold)
{
	/* A rate cannot rise above 100. */
	if (kind == VU_ALERT_CACHE)
		return value >= fmin(threshold / BACK_WITHIN, 100.0);
	return value <= threshold * BACK_WITHIN;
}

static bool is_critical(vu_alert_kind kind, double value, double threshold)
{
	if (kind == VU_ALERT_CACHE)
		return value < threshold / 2;
	/* They are in swap at worst, not on paper. */
	if (kind == VU_ALERT_SECRETS)
		return false;
	/* Of a share of something, the rest is what is left until it fails. */
	if (kind == VU_ALERT_MEMORY)
		return value > (threshold + 100) / 2;
	return value > threshold * VU_ALERT_CRITICAL;
}

/* With the lock held. */
static void publish(vu_alerts *alerts, const vu_alert_event *event)
{
	alerts->events[alerts->count++ % VU_ALERT_EVENTS_MAX] = *event;
	uv_cond_broadcast(&alerts->changed);
}

bool vu_alerts_feed(vu_alerts *alerts, vu_alert_kind kind, double value, double threshold, int64_t now_us,
                    vu_alert_event *event_out)
{
	alert_state *state = &alerts->states[kind];
	bool changes;

	if (isnan(value))
		return false;
	uv_mutex_lock(&alerts->lock);
	changes = state->active ? is_back(kind, value, threshold) : is_beyond(kind, value, threshold);
	state->in_a_row = changes ? state->in_a_row + 1 : 0;
	changes = state->in_a_row >= VU_ALERT_IN_A_ROW;
	if (changes) {
		state->in_a_row = 0;
		state->active = !state->active;
		state->event = (vu_alert_event){
		    .sequence = alerts->next_sequence++,
		    .kind = kind,
		    .value = value,
		    .threshold = threshold,
		    .critical = state->active && is_critical(kind, value, threshold),
		    .since_us = now_us,
		    .active = state->active,
		};
		publish(alerts, &state->event);
		*event_out = state->event;
	}
	uv_mutex_unlock(&alerts->lock);
	return changes;
}

/* With the lock held. */
static size_t collect(const vu_alerts *alerts, uint64_t after, vu_alert_event *events)
{
	size_t oldest = alerts->count > VU_ALERT_EVENTS_MAX ? alerts->count - VU_ALERT_EVENTS_MAX : 0;
	size_t used = 0;

	if (after == 0) {
		for (unsigned kind = 0; kind < VU_ALERT_KINDS; kind++) {
			if (alerts->states[kind].active)
				events[used++] = alerts->states[kind].event;
		}
		return used;
	}
	for (size_t i = oldest; i < alerts->count; i++) {
		const vu_alert_event *event = &alerts->events[i % VU_ALERT_EVENTS_MAX];
		if (event->sequence > after)
			events[used++] = *event;
	}
	return used;
}

size_t vu_alerts_wait(vu_alerts *alerts, uint64_t after, uint32_t wait_ms, vu_alert_event *events, uint64_t *last_out)
{
	uint64_t until_ns = uv_hrtime() + (uint64_t)wait_ms * 1000000;
	size_t count;

	uv_mutex_lock(&alerts->lock);
	while ((count = collect(alerts, after, events)) == 0 && after != 0) {
		uint64_t now_ns = uv_hrtime();
		if (now_ns >= until_ns || uv_cond_timedwait(&alerts->changed, &alerts->lock, until_ns - now_ns) != 0)
			break;
	}
	*last_out = alerts->next_sequence - 1;
	uv_mutex_unlock(&alerts->lock);
	return count;
}
