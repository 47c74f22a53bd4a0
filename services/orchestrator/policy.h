/*
 * What the configuration lets the orchestrator do, as plain values. Handlers
 * work on a copy taken at their start, so that a reload never changes the rules
 * in the middle of an attempt.
 */
#ifndef VU_ORCHESTRATOR_POLICY_H
#define VU_ORCHESTRATOR_POLICY_H

#include "base/config.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A caller may ask to wait for speech so long; the configured time may be longer. */
#define VU_SPEECH_TIMEOUT_MS_MAX 120000

typedef struct vu_policy {
	vu_level level;
	vu_antispoof_level anti_spoofing;
	uint32_t max_attempts;
	uint32_t lockout_s;
	uint32_t speech_timeout_ms;
	uint32_t max_duration_ms;
	uint32_t min_samples;
	uint32_t max_samples;
	uint32_t retention_days;
	bool audit;
	bool anonymize;
	bool adaptive; /* templates follow a voice as it changes */
	uint64_t max_memory_bytes;
	uint32_t http_port;
	bool http_port_is_default;
	bool monitoring; /* history of metrics, and alerts */
	uint32_t monitor_interval_ms;
	double alert_memory_percent;
	double alert_cpu_percent;
	double alert_inference_ms;
	double alert_cache_hit_percent;
	bool has_alert_command;
	bool shares_models; /* other computers authenticate with the same templates, or may */
} vu_policy;

void vu_policy_from_config(const vu_config *config, vu_policy *policy);

/*
 * The levels of one attempt: what the caller asks for, or the configured ones
 * where it asks for nothing. INVALID_ARGUMENT names the choices.
 */
vu_status vu_policy_choose_levels(const vu_policy *policy, const char *level_text, const char *antispoof_text,
                                  vu_level *level, vu_antispoof_level *antispoof, vu_error *error);

/* True when neither level is below the configured one: weaker ones are for trying out, not for unlocking. */
bool vu_policy_levels_suffice(const vu_policy *policy, vu_level level, vu_antispoof_level antispoof);

/* The time to wait for speech: what was asked for (0 = the configured time), bounded. */
uint32_t vu_policy_speech_timeout_ms(const vu_policy *policy, uint32_t asked_ms);

#endif
