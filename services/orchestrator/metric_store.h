/*
 * The history of metrics: the last hour every five seconds, the last month every
 * five minutes.
 *
 * A file of fixed size in the state folder, two rings of records whose place
 * follows from their time; nothing is kept in memory. A record that is not of
 * the time asked for counts as missing, so neither a gap nor a clock that was
 * set shows what never was. Losing it loses figures only: a file that cannot be
 * used is begun anew, and where that fails the history stays empty.
 *
 * Any thread; calls are atomic towards each other by an inner lock.
 */
#ifndef VU_ORCHESTRATOR_METRIC_STORE_H
#define VU_ORCHESTRATOR_METRIC_STORE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum vu_metric_id {
	VU_METRIC_MEMORY_SYSTEM_PERCENT,
	VU_METRIC_MEMORY_ML_MB,
	VU_METRIC_MEMORY_CACHE_MB,
	VU_METRIC_CPU_PERCENT,
	VU_METRIC_MODEL_LOAD_TIME_MS,
	VU_METRIC_INFERENCE_TIME_MS,
	VU_METRIC_FEATURE_TIME_MS,
	VU_METRIC_ANTISPOOF_TIME_MS,
	VU_METRIC_AUTH_TIME_MS,
	VU_METRIC_CACHE_HIT_PERCENT,
	VU_METRIC_AUTH_SUCCESS_RATE,
	VU_METRIC_DISK_READ_BYTES,
	VU_METRIC_DISK_WRITE_BYTES,
	/* Of each other process; that of the model server is VU_METRIC_MEMORY_ML_MB. */
	VU_METRIC_MEMORY_CAPTURE_MB,
	VU_METRIC_MEMORY_FEATURES_MB,
	VU_METRIC_MEMORY_ANTISPOOF_MB,
	VU_METRIC_MEMORY_ORCHESTRATOR_MB,
	VU_METRIC_MEMORY_SUPERVISOR_MB,
	/* Of each cache of the model server. */
	VU_METRIC_MEMORY_CACHE_MODELS_MB,
	VU_METRIC_MEMORY_CACHE_SCALERS_MB,
	VU_METRIC_MEMORY_CACHE_PCA_MB,
	VU_METRIC_COUNT,
} vu_metric_id;

/* "memory_ml_mb", … */
const char *vu_metric_name(vu_metric_id id);
/* VU_METRIC_COUNT when there is none of that name. */
vu_metric_id vu_metric_by_name(const char *name);

#define VU_METRIC_FINE_S     5
#define VU_METRIC_FINE_SLOTS 720 /* an hour */
#define VU_METRIC_LONG_S     300
#define VU_METRIC_LONG_SLOTS 8928 /* 31 days */

typedef struct vu_metric_store vu_metric_store;

/* Opens nothing yet. `folder` is the state folder. NULL when out of memory. */
vu_metric_store *vu_metric_store_create(const char *folder);
void vu_metric_store_destroy(vu_metric_store *store);

/*
 * Values of now, by vu_metric_id; NaN where there is none. The mean over five
 * seconds is kept for the hour, that over five minutes for the month.
 */
vu_status vu_metric_store_add(vu_metric_store *store, int64_t time_s, const float values[VU_METRIC_COUNT],
                              vu_error *error);

typedef struct vu_metric_point {
	int64_t time_s;
	double value;
} vu_metric_point;

/*
 * The points of one metric over the last `since_s` seconds up to `now_s`, oldest
 * first; *step_out tells their distance. *points_out is freed by the caller.
 */
vu_status vu_metric_store_read(vu_metric_store *store, vu_metric_id id, int64_t now_s, int64_t since_s,
                               vu_metric_point **points_out, size_t *count_out, uint32_t *step_out, vu_error *error);

/* NaN where nothing was measured. */
typedef struct vu_metric_summary {
	double last;
	double p50;
	double p90;
	double p99;
} vu_metric_summary;

/* All metrics over the last hour. */
vu_status vu_metric_store_summarize(vu_metric_store *store, int64_t now_s,
                                    vu_metric_summary summaries[VU_METRIC_COUNT], vu_error *error);

/* The value below which `share` (0 to 1) of `count` values lie, NaN without any. Sorts `values`. */
double vu_metric_quantile(double *values, size_t count, double share);

#endif
