/* Configuration to policy. Only parsing a caller's words can fail. */
#include "policy.h"

#include "rpc/endpoint.h"

#include <stdio.h>

/* With an address of the network it is somebody else's, or others are to come to ours. */
static bool shares_models(const vu_config *config)
{
	const vu_endpoints *endpoints = &config->endpoints[VU_SERVICE_MODELS];

	for (unsigned i = 0; i < endpoints->count; i++) {
		vu_endpoint endpoint;
		vu_error error;
		if (vu_endpoint_parse(endpoints->uris[i], &endpoint, &error) == VU_OK &&
		    endpoint.transport != VU_TRANSPORT_IPC)
			return true;
	}
	return false;
}

void vu_policy_from_config(const vu_config *config, vu_policy *policy)
{
	policy->level = config->authentication.level;
	policy->anti_spoofing = config->security.anti_spoofing;
	policy->max_attempts = config->authentication.max_attempts;
	policy->lockout_s = config->authentication.lockout_s;
	policy->speech_timeout_ms = (uint32_t)(config->authentication.timeout_s * 1000);
	policy->max_duration_ms = (uint32_t)(config->audio.max_duration_s * 1000);
	policy->min_samples = config->enrollment.min_samples;
	policy->max_samples = config->enrollment.max_samples;
	policy->retention_days = config->security.audit_retention_days;
	policy->adaptive = config->authentication.adaptive;
	policy->audit = config->security.audit;
	policy->anonymize = config->security.anonymize_logs;
	policy->max_memory_bytes = (uint64_t)config->performance.max_memory_mb * 1024 * 1024;
	policy->http_port = config->http.port;
	policy->http_port_is_default = config->http.port_is_default;
	policy->monitoring = config->performance.background_monitoring;
	policy->monitor_interval_ms = (uint32_t)(config->monitoring.interval_s * 1000);
	policy->alert_memory_percent = config->alerts.memory_percent;
	policy->alert_cpu_percent = config->alerts.cpu_percent;
	policy->alert_inference_ms = config->alerts.inference_ms;
	policy->alert_cache_hit_percent = config->alerts.cache_hit_percent;
	policy->shares_models = shares_models(config);
	policy->has_alert_command = config->alerts.command && *config->alerts.command;
}

vu_status vu_policy_choose_levels(const vu_policy *policy, const char *level_text, const char *antispoof_text,
                                  vu_level *level, vu_antispoof_level *antispoof, vu_error *error)
{
	vu_status status = VU_OK;

	*level = policy->level;
	*antispoof = policy->anti_spoofing;
	if (level_text && *level_text)
		status = vu_level_parse(level_text, level, error);
	if (status == VU_OK && antispoof_text && *antispoof_text)
		status = vu_antispoof_level_parse(antispoof_text, antispoof, error);
	return status;
}

bool vu_policy_levels_suffice(const vu_policy *policy, vu_level level, vu_antispoof_level antispoof)
{
	return level >= policy->level && antispoof >= policy->anti_spoofing;
}

uint32_t vu_policy_speech_timeout_ms(const vu_policy *policy, uint32_t asked_ms)
{
	if (asked_ms == 0)
		return policy->speech_timeout_ms;
	return asked_ms < VU_SPEECH_TIMEOUT_MS_MAX ? asked_ms : VU_SPEECH_TIMEOUT_MS_MAX;
}
