/*
 * Measures the suite at the configured interval: history of metrics, alerts in
 * the log, to those who wait, and by the configured command.
 *
 * A thread of its own with little to do. With performance.background_monitoring
 * off it measures nothing. What cannot be had is missing from the history; no
 * failure in here disturbs an attempt.
 */
#ifndef VU_ORCHESTRATOR_MONITOR_H
#define VU_ORCHESTRATOR_MONITOR_H

#include "orchestrator.h"

typedef struct vu_monitor vu_monitor;

/* RESOURCE_EXHAUSTED: no memory or no thread. Stop with vu_monitor_stop. */
vu_status vu_monitor_start(vu_orchestrator *orchestrator, vu_monitor **monitor_out, vu_error *error);
/* Waits for a measurement that is under way. NULL is allowed. */
void vu_monitor_stop(vu_monitor *monitor);

#endif
