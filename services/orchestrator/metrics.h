/* Figures in the text format of Prometheus (version 0.0.4). Pure. */
#ifndef VU_ORCHESTRATOR_METRICS_H
#define VU_ORCHESTRATOR_METRICS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct vu_metric {
	const char *name;
	const char *help;
	const char *service;    /* becomes the label "service" */
	const char *label_name; /* one more, or "" */
	const char *label_value;
	double value;
	bool is_gauge;
} vu_metric;

/*
 * The text, which the caller frees; NULL when out of memory. Sorts `metrics` by
 * name, as the format wants each family in one piece. What has no valid name is
 * left out.
 */
char *vu_metrics_format(vu_metric *metrics, size_t count, size_t *bytes_out);

#endif
