/*
 * Alerts with hysteresis, and those who wait for them.
 *
 * An alert begins when a value is beyond its threshold twice in a row and ends
 * when it is back within, by a tenth of the threshold, twice in a row: a value
 * that swings about its threshold raises one alert, not many. The last
 * VU_ALERT_EVENTS_MAX beginnings and ends are kept for callers that were away.
 *
 * Any thread. Time is given by the caller.
 */
#ifndef VU_ORCHESTRATOR_ALERTS_H
#define VU_ORCHESTRATOR_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_ALERT_EVENTS_MAX 64
#define VU_ALERT_IN_A_ROW   2
/* Beyond the threshold by half of it (a rate: half as high) an alert is critical. */
#define VU_ALERT_CRITICAL 1.5

typedef enum vu_alert_kind {
	VU_ALERT_MEMORY,    /* percent of the model server's ceiling */
	VU_ALERT_CPU,       /* percent of one core */
	VU_ALERT_INFERENCE, /* milliseconds */
	VU_ALERT_CACHE,     /* hit rate in percent: too low */
	VU_ALERT_SECRETS,   /* bytes of keys and templates that could not be locked in memory: any is too many */
	VU_ALERT_KINDS,
} vu_alert_kind;

typedef struct vu_alert_event {
	uint64_t sequence;
	vu_alert_kind kind;
	double value;
	double threshold;
	bool critical;
	int64_t since_us; /* wall clock */
	bool active;      /* false: the end */
} vu_alert_event;

typedef struct vu_alerts vu_alerts;

/* Numbers of events follow each other from `first_sequence` on, above 0. NULL when out of memory. */
vu_alerts *vu_alerts_create(uint64_t first_sequence);
void vu_alerts_destroy(vu_alerts *alerts);

/* "memory_percent", "cpu_percent", "inference_time_ms", "cache_hit_percent", "unlocked_secret_bytes". */
const char *vu_alert_name(vu_alert_kind kind);

/* One measurement; NaN says nothing. True when an alert began or ended: *event_out. */
bool vu_alerts_feed(vu_alerts *alerts, vu_alert_kind kind, double value, double threshold, int64_t now_us,
                    vu_alert_event *event_out);

/*
 * Events after `after`, oldest first, into `events` (VU_ALERT_EVENTS_MAX);
 * waits up to `wait_ms` for one. With `after` 0 those that are active now, at
 * once. *last_out is to be asked for next.
 */
size_t vu_alerts_wait(vu_alerts *alerts, uint64_t after, uint32_t wait_ms, vu_alert_event *events,
                      uint64_t *last_out);

#endif
