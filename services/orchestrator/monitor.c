/*
 * From counters to metrics: most are what has changed since the measurement
 * before, divided by what it is counted in. A service that was restarted counts
 * from 0 again; its new count is then what has changed.
 */
#include "monitor.h"

#include "expire.h"
#include "record.h"

#include "suite.h"

#include "base/clock.h"
#include "base/log.h"
#include "platform/platform.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES     (256 * 1024)
#define COMMAND_US      (2 * 1000000LL) /* for the supervisor to begin with it */
#define HIT_ACCESSES    20              /* a hit rate over fewer says nothing */
#define STATUS_US       (2 * 1000000LL)
#define MEGABYTE        (1024.0 * 1024.0)
#define INTERVAL_MS_MIN 100

/* Counts at one moment. */
typedef struct counts {
	int64_t time_us; /* monotonic */
	double cpu_s[VU_SERVICE_COUNT];
	double disk_read[VU_SERVICE_COUNT];
	double disk_written[VU_SERVICE_COUNT];
	double loads;
	double load_ms;
	double hits;
	double accesses;
	double spoken;
	double features_us;
	double antispoof_us;
	double score_us;
	double attempts;
	double total_us;
	double accepted;
	double judged;
	double unlocked_secrets; /* bytes, of all processes now */
} counts;

struct vu_monitor {
	vu_orchestrator *orchestrator;
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t wake;
	bool stopping;
	bool measured; /* `before` is of an earlier measurement */
	bool complained;
	counts before;
	double hits_base; /* of the cache alert, which waits for enough accesses */
	double accesses_base;
	bool knows_restarts;
	uint32_t restarts[VU_SERVICE_COUNT];
};

static double increase(double before, double now)
{
	return now >= before ? now - before : now;
}

static double mean_increase(double sum_before, double sum, double count_before, double count)
{
	double more = increase(count_before, count);
	return more > 0 ? increase(sum_before, sum) / more : (double)NAN;
}

/* ---- counting ---- */

static void take_counters(const Vu__CountersResponse *answer, unsigned id, counts *now)
{
	for (size_t i = 0; answer && i < answer->n_counters; i++) {
		const Vu__Counter *counter = answer->counters[i];
		if (strcmp(counter->name, "voice_unlock_process_cpu_seconds_total") == 0)
			now->cpu_s[id] = counter->value;
		else if (strcmp(counter->name, "voice_unlock_process_disk_read_bytes_total") == 0)
			now->disk_read[id] = counter->value;
		else if (strcmp(counter->name, "voice_unlock_process_disk_written_bytes_total") == 0)
			now->disk_written[id] = counter->value;
		else if (strcmp(counter->name, "voice_unlock_process_unlocked_secret_bytes") == 0)
			now->unlocked_secrets += counter->value;
	}
}

static void count_tally(vu_tally *tally, counts *now)
{
	now->spoken = (double)atomic_load(&tally->spoken);
	now->features_us = (double)atomic_load(&tally->features_us);
	now->antispoof_us = (double)atomic_load(&tally->antispoof_us);
	now->score_us = (double)atomic_load(&tally->score_us);
	now->attempts = (double)atomic_load(&tally->attempts);
	now->total_us = (double)atomic_load(&tally->total_us);
	now->accepted = (double)atomic_load(&tally->verdicts[VU__VERDICT__VERDICT_ACCEPT]);
	now->judged = now->accepted + (double)atomic_load(&tally->verdicts[VU__VERDICT__VERDICT_REJECT]) +
	              (double)atomic_load(&tally->verdicts[VU__VERDICT__VERDICT_SPOOF]);
}

/* For the audit log, also while nothing is measured: what the supervisor has started again since the last look. */
static void note_restarts(vu_monitor *monitor)
{
	Vu__Empty empty = VU__EMPTY__INIT;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + STATUS_US};
	vu_error error = {.status = VU_OK};
	Vu__SupervisorStatusResponse *answer =
	    (void *)vu_peer_call(&monitor->orchestrator->peers, VU_SERVICE_SUPERVISOR, &vu__supervisor__descriptor,
	                         "Status", &empty.base, &plan, &error);

	for (size_t i = 0; answer && i < answer->n_services; i++) {
		const Vu__ServiceStatus *service = answer->services[i];
		vu_service_id id = vu_service_by_name(service->name);
		char reason[160];
		if (id >= VU_SERVICE_COUNT)
			continue;
		/* A supervisor that was itself started anew counts from 0. */
		if (monitor->knows_restarts && service->restarts > monitor->restarts[id]) {
			snprintf(reason, sizeof reason, "%s was restarted%s%s", vu_service_name(id),
			         service->reason[0] ? ": " : "", service->reason);
			(void)vu_record_note(monitor->orchestrator, "", "", "restart", reason);
		}
		monitor->restarts[id] = service->restarts;
	}
	monitor->knows_restarts = monitor->knows_restarts || answer;
	vu_peer_free((ProtobufCMessage *)answer);
}

static const vu_metric_id MEMORY_OF[VU_SERVICE_COUNT] = {
    [VU_SERVICE_CAPTURE] = VU_METRIC_MEMORY_CAPTURE_MB,
    [VU_SERVICE_FEATURES] = VU_METRIC_MEMORY_FEATURES_MB,
    [VU_SERVICE_MODELS] = VU_METRIC_MEMORY_ML_MB,
    [VU_SERVICE_ANTISPOOF] = VU_METRIC_MEMORY_ANTISPOOF_MB,
    [VU_SERVICE_ORCHESTRATOR] = VU_METRIC_MEMORY_ORCHESTRATOR_MB,
    [VU_SERVICE_SUPERVISOR] = VU_METRIC_MEMORY_SUPERVISOR_MB,
};

static vu_metric_id metric_of_cache(const char *cache)
{
	char name[64];

	snprintf(name, sizeof name, "memory_cache_%s_mb", cache);
	return vu_metric_by_name(name);
}

/* Counts of everybody, and the metrics that are no changes. */
static void count_all(vu_monitor *monitor, counts *now, float values[VU_METRIC_COUNT])
{
	vu_orchestrator *orchestrator = monitor->orchestrator;
	Vu__CountersResponse *answers[VU_SERVICE_COUNT];
	Vu__StatsResponse *stats = vu_suite_stats(orchestrator);
	uint64_t total = 0;
	uint64_t available = 0;

	vu_suite_counters(orchestrator, answers);
	*now = monitor->before; /* who does not answer has done nothing */
	now->time_us = vu_clock_monotonic_us();
	now->unlocked_secrets = 0;
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		take_counters(answers[id], id, now);
		for (size_t i = 0; answers[id] && i < answers[id]->n_counters; i++) {
			if (strcmp(answers[id]->counters[i]->name, "voice_unlock_process_resident_bytes") == 0)
				values[MEMORY_OF[id]] = (float)(answers[id]->counters[i]->value / MEGABYTE);
		}
		if (answers[id])
			vu__counters_response__free_unpacked(answers[id], NULL);
	}
	if (stats) {
		double bytes = 0;
		now->hits = now->accesses = 0;
		for (size_t i = 0; i < stats->n_caches; i++) {
			vu_metric_id of_cache = metric_of_cache(stats->caches[i]->name);
			if (of_cache != VU_METRIC_COUNT)
				values[of_cache] = (float)((double)stats->caches[i]->bytes / MEGABYTE);
			bytes += (double)stats->caches[i]->bytes;
			now->hits += (double)stats->caches[i]->hits;
			now->accesses += (double)(stats->caches[i]->hits + stats->caches[i]->misses);
		}
		now->loads = (double)stats->total_loaded;
		now->load_ms = stats->avg_load_ms * now->loads;
		values[VU_METRIC_MEMORY_CACHE_MB] = (float)(bytes / MEGABYTE);
		vu__stats_response__free_unpacked(stats, NULL);
	}
	count_tally(&orchestrator->tally, now);
	if (vu_platform_machine_memory(&total, &available) == VU_OK && total > 0)
		values[VU_METRIC_MEMORY_SYSTEM_PERCENT] = (float)(100.0 - 100.0 * (double)available / (double)total);
}

static void take_changes(const counts *before, const counts *now, float values[VU_METRIC_COUNT])
{
	double seconds = (double)(now->time_us - before->time_us) / 1e6;
	double cpu_s = 0;
	double read_bytes = 0;
	double written_bytes = 0;

	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		cpu_s += increase(before->cpu_s[id], now->cpu_s[id]);
		read_bytes += increase(before->disk_read[id], now->disk_read[id]);
		written_bytes += increase(before->disk_written[id], now->disk_written[id]);
	}
	if (seconds > 0)
		values[VU_METRIC_CPU_PERCENT] = (float)(100.0 * cpu_s / seconds);
	values[VU_METRIC_DISK_READ_BYTES] = (float)read_bytes;
	values[VU_METRIC_DISK_WRITE_BYTES] = (float)written_bytes;
	values[VU_METRIC_MODEL_LOAD_TIME_MS] =
	    (float)mean_increase(before->load_ms, now->load_ms, before->loads, now->loads);
	values[VU_METRIC_INFERENCE_TIME_MS] =
	    (float)(mean_increase(before->score_us, now->score_us, before->spoken, now->spoken) / 1000);
	values[VU_METRIC_FEATURE_TIME_MS] =
	    (float)(mean_increase(before->features_us, now->features_us, before->spoken, now->spoken) / 1000);
	values[VU_METRIC_ANTISPOOF_TIME_MS] =
	    (float)(mean_increase(before->antispoof_us, now->antispoof_us, before->spoken, now->spoken) / 1000);
	values[VU_METRIC_AUTH_TIME_MS] =
	    (float)(mean_increase(before->total_us, now->total_us, before->attempts, now->attempts) / 1000);
	values[VU_METRIC_CACHE_HIT_PERCENT] =
	    (float)(100 * mean_increase(before->hits, now->hits, before->accesses, now->accesses));
	values[VU_METRIC_AUTH_SUCCESS_RATE] =
	    (float)(100 * mean_increase(before->accepted, now->accepted, before->judged, now->judged));
}

/* ---- alerts ---- */

/* It is the supervisor that runs it: this process may start nothing. */
static void ask_for_command(const vu_monitor *monitor, const vu_alert_event *event)
{
	Vu__AlertCommandRequest request = VU__ALERT_COMMAND_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = vu_clock_monotonic_us() + COMMAND_US};
	char metric[64];
	vu_error error = {.status = VU_OK};
	ProtobufCMessage *response;

	snprintf(metric, sizeof metric, "%s", vu_alert_name(event->kind));
	request.sequence = event->sequence;
	request.metric = metric;
	request.value = event->value;
	request.threshold = event->threshold;
	request.critical = event->critical;
	request.since_us = (uint64_t)event->since_us;
	response = vu_peer_call(&monitor->orchestrator->peers, VU_SERVICE_SUPERVISOR, &vu__supervisor__descriptor,
	                        "RunAlertCommand", &request.base, &plan, &error);
	if (!response)
		vu_log_error("nobody is told of the alert: %s", error.message);
	vu_peer_free(response);
}

static void judge(vu_monitor *monitor, const vu_policy *policy, vu_alert_kind kind, double value, double threshold)
{
	vu_orchestrator *orchestrator = monitor->orchestrator;
	vu_alert_event event;

	if (!vu_alerts_feed(orchestrator->alerts, kind, value, threshold, vu_ledger_wall_us(orchestrator->ledger),
	                    &event))
		return;
	if (!event.active) {
		vu_log_info("alert over: %s is %.1f, the threshold is %.1f", vu_alert_name(kind), value, threshold);
		return;
	}
	vu_log_warn("alert (%s): %s is %.1f, the threshold is %.1f", event.critical ? "critical" : "warning",
	            vu_alert_name(kind), value, threshold);
	if (policy->has_alert_command)
		ask_for_command(monitor, &event);
}

/* Over at least HIT_ACCESSES accesses, else NaN. */
static double hit_percent(vu_monitor *monitor, const counts *now)
{
	double accesses = increase(monitor->accesses_base, now->accesses);
	double percent = (double)NAN;

	if (accesses >= HIT_ACCESSES) {
		percent = 100 * increase(monitor->hits_base, now->hits) / accesses;
		monitor->accesses_base = now->accesses;
		monitor->hits_base = now->hits;
	}
	return percent;
}

/* ---- the thread ---- */

static void measure(vu_monitor *monitor, const vu_policy *policy)
{
	vu_orchestrator *orchestrator = monitor->orchestrator;
	float values[VU_METRIC_COUNT];
	counts now;
	vu_error error;

	for (unsigned id = 0; id < VU_METRIC_COUNT; id++)
		values[id] = NAN;
	count_all(monitor, &now, values);
	if (monitor->measured)
		take_changes(&monitor->before, &now, values);
	monitor->before = now;
	monitor->measured = true;
	if (vu_metric_store_add(orchestrator->metrics, vu_ledger_wall_us(orchestrator->ledger) / 1000000, values,
	                        &error) == VU_OK) {
		monitor->complained = false;
	} else if (!monitor->complained) {
		/* Once, not every five seconds. */
		vu_log_warn("%s; the history of metrics has a gap until that is mended", error.message);
		monitor->complained = true;
	}
	judge(monitor, policy, VU_ALERT_MEMORY,
	      100.0 * (double)values[VU_METRIC_MEMORY_ML_MB] * MEGABYTE / (double)policy->max_memory_bytes,
	      policy->alert_memory_percent);
	judge(monitor, policy, VU_ALERT_CPU, (double)values[VU_METRIC_CPU_PERCENT], policy->alert_cpu_percent);
	judge(monitor, policy, VU_ALERT_INFERENCE, (double)values[VU_METRIC_INFERENCE_TIME_MS],
	      policy->alert_inference_ms);
	judge(monitor, policy, VU_ALERT_SECRETS, now.unlocked_secrets, 0);
	judge(monitor, policy, VU_ALERT_CACHE, hit_percent(monitor, &now), policy->alert_cache_hit_percent);
}

/* What was counted before the monitor began is nobody's change; what comes from now on is, however soon it comes. */
static void begin(vu_monitor *monitor)
{
	float values[VU_METRIC_COUNT] = {0};
	counts now;

	count_all(monitor, &now, values);
	monitor->before = now;
	monitor->measured = true;
}

static void run(void *context)
{
	vu_monitor *monitor = context;
	vu_expire unused = {0};

	note_restarts(monitor);
	begin(monitor);
	uv_mutex_lock(&monitor->lock);
	while (!monitor->stopping) {
		vu_policy policy = vu_orchestrator_policy(monitor->orchestrator);
		uint64_t wait_ms =
		    policy.monitor_interval_ms > INTERVAL_MS_MIN ? policy.monitor_interval_ms : INTERVAL_MS_MIN;
		(void)uv_cond_timedwait(&monitor->wake, &monitor->lock, wait_ms * 1000000);
		if (monitor->stopping)
			break;
		uv_mutex_unlock(&monitor->lock);
		vu_expire_look(monitor->orchestrator, &unused);
		policy = vu_orchestrator_policy(monitor->orchestrator);
		note_restarts(monitor);
		if (policy.monitoring)
			measure(monitor, &policy);
		else
			monitor->measured = false;
		uv_mutex_lock(&monitor->lock);
	}
	uv_mutex_unlock(&monitor->lock);
}

vu_status vu_monitor_start(vu_orchestrator *orchestrator, vu_monitor **monitor_out, vu_error *error)
{
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};
	vu_monitor *monitor = calloc(1, sizeof *monitor);

	if (!monitor || uv_mutex_init(&monitor->lock) != 0 || uv_cond_init(&monitor->wake) != 0) {
		free(monitor);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to monitor the suite: out of memory");
	}
	monitor->orchestrator = orchestrator;
	if (uv_thread_create_ex(&monitor->thread, &options, run, monitor) != 0) {
		free(monitor);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to monitor the suite: no thread for it");
	}
	*monitor_out = monitor;
	return VU_OK;
}

void vu_monitor_stop(vu_monitor *monitor)
{
	if (!monitor)
		return;
	uv_mutex_lock(&monitor->lock);
	monitor->stopping = true;
	uv_cond_signal(&monitor->wake);
	uv_mutex_unlock(&monitor->lock);
	uv_thread_join(&monitor->thread);
	uv_cond_destroy(&monitor->wake);
	uv_mutex_destroy(&monitor->lock);
	free(monitor);
}
