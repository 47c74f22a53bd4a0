/*
 * What the HTTP pages tell besides counters: the metrics of the last hour, each
 * by its 50, 90 and 99 % quantile, the caches of the model server, and which
 * alerts are raised. Names are by Prometheus' convention: base units, so
 * auth_time_ms becomes voice_unlock_auth_time_seconds.
 */
#ifndef VU_ORCHESTRATOR_EXPOSITION_H
#define VU_ORCHESTRATOR_EXPOSITION_H

#include "metrics.h"
#include "orchestrator.h"

#include "voiceunlock/v1/models.pb-c.h"

#include <jansson.h>

/* Room that the functions below need together, for `stats` (may be NULL). */
size_t vu_exposition_count(const Vu__StatsResponse *stats);

/* Each appends to `metrics` at *count. What has no value is NaN. The metrics borrow from `stats`. */
void vu_exposition_add_history(vu_orchestrator *orchestrator, vu_metric *metrics, size_t *count);
void vu_exposition_add_caches(const Vu__StatsResponse *stats, vu_metric *metrics, size_t *count);
void vu_exposition_add_alerts(vu_orchestrator *orchestrator, vu_metric *metrics, size_t *count);

/* {"auth_time_ms": {"last": …, "p50": …, "p90": …, "p99": …}, …}, null where nothing was measured. */
json_t *vu_exposition_describe_history(vu_orchestrator *orchestrator);

#endif
