/* Report, Metric and WatchAlerts: how the suite does. */
#include "handlers.h"
#include "history.h"
#include "orchestrator.h"
#include "suite.h"

#include "base/clock.h"
#include "base/text.h"
#include "platform/platform.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEGABYTE           (1024.0 * 1024.0)
#define ATTEMPTS_MAX       1000
#define RECOMMENDATION_MAX 5
#define WAIT_MS_MAX        30000
#define WATCHERS_MAX       16
#define MARGIN_US          20000

/* ---- Report ---- */

static void describe_auth(vu_orchestrator *orchestrator, Vu__ReportAuth *auth)
{
	Vu__HistoryResponse history = VU__HISTORY_RESPONSE__INIT;
	double times[ATTEMPTS_MAX];
	size_t count = 0;
	size_t judged = 0;
	size_t accepted = 0;
	vu_store *store;
	vu_error error;
	vu_status status = vu_ledger_begin(orchestrator->ledger, &store, &error);

	auth->success_rate = auth->p50_ms = auth->p90_ms = auth->p99_ms = (double)NAN;
	if (status != VU_OK)
		return;
	status = vu_history_list(store, "", ATTEMPTS_MAX, &history, &error);
	vu_ledger_rollback(orchestrator->ledger, status);
	for (size_t i = 0; status == VU_OK && i < history.n_attempts && count < ATTEMPTS_MAX; i++) {
		const Vu__Attempt *attempt = history.attempts[i];
		bool accept = strcmp(attempt->verdict, "accept") == 0;
		if (strcmp(attempt->kind, "authenticate") != 0)
			continue;
		if (!isnan(attempt->total_ms))
			times[count++] = attempt->total_ms;
		accepted += accept;
		judged += accept || strcmp(attempt->verdict, "reject") == 0 || strcmp(attempt->verdict, "spoof") == 0;
	}
	if (status == VU_OK)
		vu_history_free(&history);
	auth->count = count;
	if (judged > 0)
		auth->success_rate = 100.0 * (double)accepted / (double)judged;
	auth->p50_ms = vu_metric_quantile(times, count, 0.5);
	auth->p90_ms = vu_metric_quantile(times, count, 0.9);
	auth->p99_ms = vu_metric_quantile(times, count, 0.99);
}

static void describe_models(const Vu__StatsResponse *stats, Vu__ReportModels *models, Vu__ReportCache *cache,
                            Vu__ReportMemory *memory)
{
	double hits = 0;
	double accesses = 0;
	double bytes = 0;

	cache->hit_rate = (double)NAN;
	for (size_t i = 0; stats && i < stats->n_caches; i++) {
		hits += (double)stats->caches[i]->hits;
		accesses += (double)(stats->caches[i]->hits + stats->caches[i]->misses);
		bytes += (double)stats->caches[i]->bytes;
		cache->items += stats->caches[i]->items;
		if (strcmp(stats->caches[i]->name, "models") == 0)
			models->loaded = stats->caches[i]->items;
	}
	if (accesses > 0)
		cache->hit_rate = 100.0 * hits / accesses;
	cache->size_mb = memory->cache_mb = bytes / MEGABYTE;
	if (stats) {
		models->total_loaded = stats->total_loaded;
		models->total_unloaded = stats->total_unloaded;
		models->avg_load_time_ms = stats->avg_load_ms;
	}
}

static char *words(const char *constant)
{
	union {
		const char *constant;
		char *text;
	} either = {constant};
	return either.text;
}

static size_t recommend(const Vu__ReportResponse *report, const Vu__SuiteStatusResponse *suite,
                        const vu_policy *policy, char **out)
{
	const Vu__ReportMl *ml = report->ml_performance;
	size_t count = 0;

	if (suite && !suite->ready)
		out[count++] = words("not every service serves: see jarvis-voice-unlock status");
	if (ml->memory->max_mb > 0 && ml->memory->model_server_mb > ml->memory->max_mb * 0.8)
		out[count++] = words("the model server is near its ceiling: raise performance.max_memory_mb or lower "
		                     "performance.cache_size_mb");
	if (ml->cache->hit_rate < policy->alert_cache_hit_percent)
		out[count++] =
		    words("many models are loaded when they are needed: raise performance.cache_size_mb, or "
		          "lower ml.preload_threshold");
	if (report->auth->success_rate < 80)
		out[count++] =
		    words("many attempts fail: see jarvis-voice-unlock history, and enrol again where it is "
		          "the same user");
	if (!policy->monitoring)
		out[count++] = words("monitoring is off, so there is no history and no alert: set "
		                     "performance.background_monitoring");
	return count;
}

void vu_handle_report(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	Vu__ReportResponse response = VU__REPORT_RESPONSE__INIT;
	Vu__ReportMl ml = VU__REPORT_ML__INIT;
	Vu__ReportMemory memory = VU__REPORT_MEMORY__INIT;
	Vu__ReportModels models = VU__REPORT_MODELS__INIT;
	Vu__ReportCache cache = VU__REPORT_CACHE__INIT;
	Vu__ReportAuth auth = VU__REPORT_AUTH__INIT;
	char *recommendations[RECOMMENDATION_MAX];
	vu_policy policy = vu_orchestrator_policy(orchestrator);
	Vu__SuiteStatusResponse *suite = vu_suite_status(orchestrator);
	Vu__StatsResponse *stats = vu_suite_stats(orchestrator);
	uint64_t total = 0;
	uint64_t available = 0;

	(void)message;
	ml.memory = &memory;
	ml.models = &models;
	ml.cache = &cache;
	response.ml_performance = &ml;
	response.auth = &auth;
	for (size_t i = 0; suite && i < suite->n_services; i++)
		memory.suite_mb += (double)suite->services[i]->rss_bytes / MEGABYTE;
	if (suite)
		memory.model_server_mb = (double)suite->model_server_rss_bytes / MEGABYTE;
	memory.max_mb = (double)policy.max_memory_bytes / MEGABYTE;
	if (vu_platform_machine_memory(&total, &available) == VU_OK && total > 0)
		memory.system_percent = 100.0 - 100.0 * (double)available / (double)total;
	describe_models(stats, &models, &cache, &memory);
	describe_auth(orchestrator, &auth);
	response.n_recommendations = recommend(&response, suite, &policy, recommendations);
	response.recommendations = recommendations;
	vu_rpc_reply(call, &response.base);
	if (suite)
		vu__suite_status_response__free_unpacked(suite, NULL);
	if (stats)
		vu__stats_response__free_unpacked(stats, NULL);
}

/* ---- Metric ---- */

static void refuse_metric(vu_rpc_call *call, const char *name)
{
	const char *names[VU_METRIC_COUNT];
	char list[512] = "";
	size_t used = 0;
	const char *nearest;

	for (unsigned id = 0; id < VU_METRIC_COUNT; id++) {
		names[id] = vu_metric_name((vu_metric_id)id);
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", id ? " " : "", names[id]);
	}
	nearest = vu_text_nearest(name, names, VU_METRIC_COUNT);
	if (nearest)
		vu_rpc_fail(call, VU_NOT_FOUND, "there is no metric '%.60s'; did you mean %s?", name, nearest);
	else
		vu_rpc_fail(call, VU_NOT_FOUND, "there is no metric '%.60s'; there are %s", name, list);
}

void vu_handle_metric(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__MetricRequest *request = (const Vu__MetricRequest *)message;
	Vu__MetricResponse response = VU__METRIC_RESPONSE__INIT;
	vu_metric_id id = vu_metric_by_name(request->name);
	int64_t since_s = request->since_s ? request->since_s : 3600;
	vu_metric_point *points = NULL;
	Vu__MetricPoint *messages = NULL;
	double *values = NULL;
	size_t count = 0;
	vu_error error;

	if (id == VU_METRIC_COUNT) {
		refuse_metric(call, request->name);
		return;
	}
	if (vu_metric_store_read(orchestrator->metrics, id, vu_ledger_wall_us(orchestrator->ledger) / 1000000,
	                         since_s, &points, &count, &response.step_s, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	messages = calloc(count + 1, sizeof *messages);
	values = calloc(count + 1, sizeof *values);
	response.points = calloc(count + 1, sizeof *response.points);
	if (!messages || !values || !response.points) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to read metrics: out of memory");
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		vu__metric_point__init(&messages[i]);
		messages[i].time_us = (uint64_t)points[i].time_s * 1000000;
		messages[i].value = points[i].value;
		response.points[i] = &messages[i];
		values[i] = points[i].value;
	}
	response.n_points = count;
	response.name = request->name;
	response.p50 = vu_metric_quantile(values, count, 0.5);
	response.p90 = vu_metric_quantile(values, count, 0.9);
	response.p99 = vu_metric_quantile(values, count, 0.99);
	vu_rpc_reply(call, &response.base);
out:
	free(response.points);
	free(messages);
	free(values);
	free(points);
}

/* ---- WatchAlerts ---- */

void vu_handle_watch_alerts(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__WatchAlertsRequest *request = (const Vu__WatchAlertsRequest *)message;
	Vu__WatchAlertsResponse response = VU__WATCH_ALERTS_RESPONSE__INIT;
	vu_alert_event events[VU_ALERT_EVENTS_MAX];
	Vu__Alert messages[VU_ALERT_EVENTS_MAX];
	Vu__Alert *pointers[VU_ALERT_EVENTS_MAX];
	int64_t left_ms = (vu_rpc_deadline_us(call) - MARGIN_US - vu_clock_monotonic_us()) / 1000;
	int64_t wait_ms = request->wait_ms < WAIT_MS_MAX ? request->wait_ms : WAIT_MS_MAX;

	if (wait_ms > left_ms)
		wait_ms = left_ms > 0 ? left_ms : 0;
	if (atomic_fetch_add(&orchestrator->watchers, 1) >= WATCHERS_MAX) {
		atomic_fetch_sub(&orchestrator->watchers, 1);
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "%d callers watch, the most allowed; try again shortly",
		            WATCHERS_MAX);
		return;
	}
	response.n_alerts =
	    vu_alerts_wait(orchestrator->alerts, request->after, (uint32_t)wait_ms, events, &response.last);
	atomic_fetch_sub(&orchestrator->watchers, 1);
	for (size_t i = 0; i < response.n_alerts; i++) {
		vu__alert__init(&messages[i]);
		messages[i].sequence = events[i].sequence;
		messages[i].metric = words(vu_alert_name(events[i].kind));
		messages[i].value = events[i].value;
		messages[i].threshold = events[i].threshold;
		messages[i].severity = words(events[i].critical ? "critical" : "warning");
		messages[i].since_us = (uint64_t)events[i].since_us;
		messages[i].active = events[i].active;
		pointers[i] = &messages[i];
	}
	response.alerts = pointers;
	vu_rpc_reply(call, &response.base);
}
