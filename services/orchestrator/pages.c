/* The pages, made anew for each request from what the services answer. */
#include "pages.h"

#include "decision.h"
#include "exposition.h"
#include "metrics.h"
#include "suite.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char JSON[] = "application/json";
static const char HEALTH_PREFIX[] = "/healthz/";

static vu_page page_of_json(unsigned status, json_t *json)
{
	vu_page page = {.status = status, .type = JSON};

	if (json)
		page.body = json_dumps(json, JSON_COMPACT);
	page.bytes = page.body ? strlen(page.body) : 0;
	json_decref(json);
	return page;
}

vu_page vu_page_error(unsigned status, const char *message)
{
	return page_of_json(status, json_pack("{s:s}", "error", message));
}

/* ---- /readyz ---- */

static const Vu__ServiceStatus *find_service(const Vu__SuiteStatusResponse *suite, const char *name)
{
	for (size_t i = 0; i < suite->n_services; i++) {
		if (strcmp(suite->services[i]->name, name) == 0)
			return suite->services[i];
	}
	return NULL;
}

static vu_page make_readyz(vu_orchestrator *orchestrator)
{
	Vu__SuiteStatusResponse *suite = vu_suite_status(orchestrator);
	json_t *missing = json_array();
	bool ready;

	if (!suite || !missing) {
		json_decref(missing);
		if (suite)
			vu__suite_status_response__free_unpacked(suite, NULL);
		return vu_page_error(503, "out of memory");
	}
	for (size_t i = 0; i < VU_SUITE_NEEDED; i++) {
		const char *name = vu_service_name(VU_SUITE_NEEDED_IDS[i]);
		const Vu__ServiceStatus *service = find_service(suite, name);
		if (service && strcmp(service->health, "SERVING") == 0)
			continue;
		json_array_append_new(
		    missing,
		    json_pack("{s:s,s:s,s:s}", "service", name, "health", service ? service->health : "UNKNOWN",
		              "reason", service && *service->reason ? service->reason : "it does not say SERVING"));
	}
	ready = json_array_size(missing) == 0;
	vu__suite_status_response__free_unpacked(suite, NULL);
	return page_of_json(ready ? 200 : 503, json_pack("{s:b,s:o}", "ready", ready, "not_ready", missing));
}

/* ---- /healthz/<service> ---- */

static vu_page make_health(vu_orchestrator *orchestrator, const char *name)
{
	vu_service_id id = vu_service_by_name(name);
	vu_error error = {.status = VU_OK, .message = ""};
	const char *health;

	if (id == VU_SERVICE_COUNT)
		return vu_page_error(404, "there is no such service");
	health = vu_suite_health(orchestrator, id, &error);
	return page_of_json(strcmp(health, "SERVING") == 0 ? 200 : 503,
	                    json_pack("{s:s,s:s,s:s}", "service", name, "health", health, "reason",
	                              error.status == VU_OK ? "" : error.message));
}

/* ---- /status.json ---- */

static json_t *describe_services(const Vu__SuiteStatusResponse *suite)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < suite->n_services; i++) {
		const Vu__ServiceStatus *service = suite->services[i];
		json_array_append_new(list, json_pack("{s:s,s:I,s:s,s:s,s:i,s:I,s:I,s:f,s:s}", "name", service->name,
		                                      "pid", (json_int_t)service->pid, "state", service->state,
		                                      "health", service->health, "restarts", (int)service->restarts,
		                                      "rss_bytes", (json_int_t)service->rss_bytes, "limit_bytes",
		                                      (json_int_t)service->limit_bytes, "uptime_s", service->uptime_s,
		                                      "reason", service->reason));
	}
	return list;
}

static json_t *describe_caches(const Vu__SuiteStatusResponse *suite)
{
	json_t *caches = json_object();

	for (size_t i = 0; caches && i < suite->n_caches; i++) {
		const Vu__CacheStats *cache = suite->caches[i];
		json_object_set_new(caches, cache->name,
		                    json_pack("{s:I,s:I,s:I,s:I}", "bytes", (json_int_t)cache->bytes, "items",
		                              (json_int_t)cache->items, "hits", (json_int_t)cache->hits, "misses",
		                              (json_int_t)cache->misses));
	}
	return caches;
}

static vu_page make_status(vu_orchestrator *orchestrator)
{
	Vu__SuiteStatusResponse *suite = vu_suite_status(orchestrator);
	json_t *json;

	if (!suite)
		return vu_page_error(503, "out of memory");
	json = json_pack("{s:b,s:f,s:o,s:{s:I,s:I,s:o},s:i,s:i,s:o}", "ready", suite->ready, "uptime_s",
	                 suite->uptime_s, "services", describe_services(suite), "memory", "model_server_rss_bytes",
	                 (json_int_t)suite->model_server_rss_bytes, "max_bytes", (json_int_t)suite->max_bytes,
	                 "cache", describe_caches(suite), "users", (int)suite->users, "lockouts",
	                 (int)suite->n_lockouts, "metrics", vu_exposition_describe_history(orchestrator));
	vu__suite_status_response__free_unpacked(suite, NULL);
	return page_of_json(200, json);
}

/* ---- /metrics ---- */

#define OWN_METRICS (VU_SERVICE_COUNT + VU_TALLY_VERDICTS + 4)

static void add(vu_metric *metrics, size_t *count, vu_metric metric)
{
	if (!metric.label_name)
		metric.label_name = metric.label_value = "";
	metrics[(*count)++] = metric;
}

static size_t add_own(vu_orchestrator *orchestrator, Vu__CountersResponse *const *answers, vu_metric *metrics)
{
	vu_tally *tally = &orchestrator->tally;
	const char *self = vu_service_name(VU_SERVICE_ORCHESTRATOR);
	size_t count = 0;

	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++)
		add(metrics, &count,
		    (vu_metric){.name = "voice_unlock_up",
		                .help = "1 where the process answered this request for its counters",
		                .service = vu_service_name((vu_service_id)id),
		                .value = answers[id] ? 1 : 0,
		                .is_gauge = true});
	for (unsigned verdict = 1; verdict < VU_TALLY_VERDICTS; verdict++)
		add(metrics, &count,
		    (vu_metric){.name = "voice_unlock_attempts_total",
		                .help = "Authentications that ended with this verdict",
		                .service = self,
		                .label_name = "verdict",
		                .label_value = vu_verdict_name((Vu__Verdict)verdict),
		                .value = (double)atomic_load(&tally->verdicts[verdict])});
	add(metrics, &count,
	    (vu_metric){.name = "voice_unlock_attempt_seconds_total",
	                .help = "Time of all authentications together, listening included",
	                .service = self,
	                .value = (double)atomic_load(&tally->total_us) / 1e6});
	add(metrics, &count,
	    (vu_metric){.name = "voice_unlock_decision_seconds_total",
	                .help = "Time of all authentications together from the end of speech to the verdict",
	                .service = self,
	                .value = (double)atomic_load(&tally->decision_us) / 1e6});
	add(metrics, &count,
	    (vu_metric){.name = "voice_unlock_enrollments_total",
	                .help = "Enrolments that were completed",
	                .service = self,
	                .value = (double)atomic_load(&tally->enrollments)});
	add(metrics, &count,
	    (vu_metric){.name = "voice_unlock_attempts_running",
	                .help = "Attempts that run now",
	                .service = self,
	                .value = (double)vu_attempts_running(orchestrator->attempts),
	                .is_gauge = true});
	return count;
}

static vu_page make_metrics(vu_orchestrator *orchestrator)
{
	Vu__CountersResponse *answers[VU_SERVICE_COUNT];
	vu_page page = {.status = 200, .type = "text/plain; version=0.0.4; charset=utf-8"};
	vu_metric *metrics;
	size_t count = OWN_METRICS;
	Vu__StatsResponse *stats = vu_suite_stats(orchestrator);

	vu_suite_counters(orchestrator, answers);
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++)
		count += answers[id] ? answers[id]->n_counters : 0;
	count += vu_exposition_count(stats);
	metrics = calloc(count, sizeof *metrics);
	if (metrics) {
		count = add_own(orchestrator, answers, metrics);
		vu_exposition_add_history(orchestrator, metrics, &count);
		vu_exposition_add_caches(stats, metrics, &count);
		vu_exposition_add_alerts(orchestrator, metrics, &count);
		for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
			for (size_t i = 0; answers[id] && i < answers[id]->n_counters; i++) {
				const Vu__Counter *counter = answers[id]->counters[i];
				add(metrics, &count,
				    (vu_metric){.name = counter->name,
				                .help = counter->help,
				                .service = vu_service_name((vu_service_id)id),
				                .label_name = counter->label_name,
				                .label_value = counter->label_value,
				                .value = counter->value,
				                .is_gauge = counter->kind == VU__COUNTER_KIND__COUNTER_GAUGE});
			}
		}
		page.body = vu_metrics_format(metrics, count, &page.bytes);
	}
	free(metrics);
	if (stats)
		vu__stats_response__free_unpacked(stats, NULL);
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		if (answers[id])
			vu__counters_response__free_unpacked(answers[id], NULL);
	}
	return page;
}

vu_page vu_page_make(vu_orchestrator *orchestrator, const char *path)
{
	if (strcmp(path, "/healthz") == 0)
		return page_of_json(200, json_pack("{s:b}", "alive", 1));
	if (strcmp(path, "/readyz") == 0)
		return make_readyz(orchestrator);
	if (strcmp(path, "/metrics") == 0)
		return make_metrics(orchestrator);
	if (strcmp(path, "/status.json") == 0)
		return make_status(orchestrator);
	if (strncmp(path, HEALTH_PREFIX, strlen(HEALTH_PREFIX)) == 0)
		return make_health(orchestrator, path + strlen(HEALTH_PREFIX));
	return vu_page_error(404,
	                     "there is no such page; there are /healthz, /readyz, /healthz/<service>, /metrics and "
	                     "/status.json");
}
