/* Metrics, caches and alerts as figures for the pages. A history that cannot be read is one without values. */
#include "exposition.h"

#include <math.h>
#include <string.h>

/* In order of vu_metric_id; what a value is multiplied by to be in base units. */
static const struct {
	const char *name;
	const char *help;
	double factor;
} FAMILIES[VU_METRIC_COUNT] = {
    {"voice_unlock_memory_system_ratio", "Share of the machine's memory in use", 0.01},
    {"voice_unlock_memory_ml_bytes", "Memory of the model server", 1048576},
    {"voice_unlock_memory_cache_bytes", "Bytes in the model server's caches", 1048576},
    {"voice_unlock_cpu_ratio", "Processor time of all processes, as a share of one core", 0.01},
    {"voice_unlock_model_load_time_seconds", "Time for loading a model", 0.001},
    {"voice_unlock_inference_time_seconds", "Time for scoring an utterance", 0.001},
    {"voice_unlock_feature_time_seconds", "Time for extracting features", 0.001},
    {"voice_unlock_antispoof_time_seconds", "Time for the anti-spoofing verdict", 0.001},
    {"voice_unlock_auth_time_seconds", "Time of an authentication, listening included", 0.001},
    {"voice_unlock_cache_hit_ratio", "Share of accesses that found what they wanted loaded", 0.01},
    {"voice_unlock_auth_success_ratio", "Share of judged authentications that were accepted", 0.01},
    {"voice_unlock_disk_read_bytes", "Bytes that all processes read from disks in one interval", 1},
    {"voice_unlock_disk_write_bytes", "Bytes that all processes wrote to disks in one interval", 1},
    {"voice_unlock_memory_capture_bytes", "Memory of the capture service", 1048576},
    {"voice_unlock_memory_features_bytes", "Memory of the features service", 1048576},
    {"voice_unlock_memory_antispoof_bytes", "Memory of the antispoof service", 1048576},
    {"voice_unlock_memory_orchestrator_bytes", "Memory of the orchestrator", 1048576},
    {"voice_unlock_memory_supervisor_bytes", "Memory of the supervisor", 1048576},
    {"voice_unlock_memory_cache_models_bytes", "Bytes in the cache of models", 1048576},
    {"voice_unlock_memory_cache_scalers_bytes", "Bytes in the cache of scalers", 1048576},
    {"voice_unlock_memory_cache_pca_bytes", "Bytes in the cache of PCA components", 1048576},
};

#define QUANTILES   3
#define PER_CACHE   4
#define OF_ALL      5
#define MODELS_NAME (vu_service_name(VU_SERVICE_MODELS))
#define OWN_NAME    (vu_service_name(VU_SERVICE_ORCHESTRATOR))

static const char *const QUANTILE_LABELS[QUANTILES] = {"0.5", "0.9", "0.99"};

size_t vu_exposition_count(const Vu__StatsResponse *stats)
{
	return QUANTILES * VU_METRIC_COUNT + VU_ALERT_KINDS + (stats ? stats->n_caches * PER_CACHE + OF_ALL : 0);
}

static void summarize(vu_orchestrator *orchestrator, vu_metric_summary summaries[VU_METRIC_COUNT])
{
	vu_error error;

	if (vu_metric_store_summarize(orchestrator->metrics, vu_ledger_wall_us(orchestrator->ledger) / 1000000,
	                              summaries, &error) == VU_OK)
		return;
	for (unsigned id = 0; id < VU_METRIC_COUNT; id++)
		summaries[id] = (vu_metric_summary){(double)NAN, (double)NAN, (double)NAN, (double)NAN};
}

void vu_exposition_add_history(vu_orchestrator *orchestrator, vu_metric *metrics, size_t *count)
{
	vu_metric_summary summaries[VU_METRIC_COUNT];

	summarize(orchestrator, summaries);
	for (unsigned id = 0; id < VU_METRIC_COUNT; id++) {
		const double values[QUANTILES] = {summaries[id].p50, summaries[id].p90, summaries[id].p99};
		for (unsigned q = 0; q < QUANTILES; q++)
			metrics[(*count)++] = (vu_metric){.name = FAMILIES[id].name,
			                                  .help = FAMILIES[id].help,
			                                  .service = OWN_NAME,
			                                  .label_name = "quantile",
			                                  .label_value = QUANTILE_LABELS[q],
			                                  .value = values[q] * FAMILIES[id].factor,
			                                  .is_gauge = true};
	}
}

static void add(vu_metric *metrics, size_t *count, const char *name, const char *cache, double value, bool is_gauge,
                const char *help)
{
	metrics[(*count)++] = (vu_metric){.name = name,
	                                  .help = help,
	                                  .service = MODELS_NAME,
	                                  .label_name = cache ? "cache" : "",
	                                  .label_value = cache ? cache : "",
	                                  .value = value,
	                                  .is_gauge = is_gauge};
}

void vu_exposition_add_caches(const Vu__StatsResponse *stats, vu_metric *metrics, size_t *count)
{
	for (size_t i = 0; stats && i < stats->n_caches; i++) {
		const Vu__CacheStats *cache = stats->caches[i];
		add(metrics, count, "voice_unlock_cache_bytes", cache->name, (double)cache->bytes, true,
		    "Bytes in a cache");
		add(metrics, count, "voice_unlock_cache_items", cache->name, (double)cache->items, true,
		    "Things in a cache");
		add(metrics, count, "voice_unlock_cache_hits_total", cache->name, (double)cache->hits, false,
		    "Accesses that found what they wanted loaded");
		add(metrics, count, "voice_unlock_cache_misses_total", cache->name, (double)cache->misses, false,
		    "Accesses that had to load");
	}
	if (!stats)
		return;
	add(metrics, count, "voice_unlock_models_loaded_total", NULL, (double)stats->total_loaded, false,
	    "Things loaded into caches");
	add(metrics, count, "voice_unlock_models_unloaded_total", NULL, (double)stats->total_unloaded, false,
	    "Things freed from caches");
	add(metrics, count, "voice_unlock_models_preloaded_total", NULL, (double)stats->preloaded, false,
	    "Loads before anybody asked");
	add(metrics, count, "voice_unlock_models_preloaded_used_total", NULL, (double)stats->preloaded_used, false,
	    "Of these, used before they were freed");
	add(metrics, count, "voice_unlock_models_refusing_loads", NULL, stats->refusing_loads ? 1 : 0, true,
	    "1 while memory is so short that nothing new is loaded");
}

void vu_exposition_add_alerts(vu_orchestrator *orchestrator, vu_metric *metrics, size_t *count)
{
	vu_alert_event events[VU_ALERT_EVENTS_MAX];
	bool active[VU_ALERT_KINDS] = {false};
	uint64_t last;
	size_t raised = vu_alerts_wait(orchestrator->alerts, 0, 0, events, &last);

	for (size_t i = 0; i < raised; i++)
		active[events[i].kind] = true;
	for (unsigned kind = 0; kind < VU_ALERT_KINDS; kind++)
		metrics[(*count)++] = (vu_metric){.name = "voice_unlock_alert_active",
		                                  .help = "1 while this alert is raised",
		                                  .service = OWN_NAME,
		                                  .label_name = "alert",
		                                  .label_value = vu_alert_name((vu_alert_kind)kind),
		                                  .value = active[kind] ? 1 : 0,
		                                  .is_gauge = true};
}

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *vu_exposition_describe_history(vu_orchestrator *orchestrator)
{
	vu_metric_summary summaries[VU_METRIC_COUNT];
	json_t *all = json_object();

	summarize(orchestrator, summaries);
	for (unsigned id = 0; all && id < VU_METRIC_COUNT; id++)
		json_object_set_new(all, vu_metric_name((vu_metric_id)id),
		                    json_pack("{s:o,s:o,s:o,s:o}", "last", number(summaries[id].last), "p50",
		                              number(summaries[id].p50), "p90", number(summaries[id].p90), "p99",
		                              number(summaries[id].p99)));
	return all;
}
