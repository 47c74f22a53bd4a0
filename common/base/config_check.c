/* Checks across keys. Nothing is changed. */
#include "base/config_check.h"

#include "base/config_table.h"
#include "base/log.h"

#include <string.h>

#define SHA256_HEX_LENGTH 64
#define SHOWN_MAX         100

static bool was_given(const bool *given, size_t offset)
{
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);

	for (size_t i = 0; i < count; i++) {
		if (keys[i].offset == offset)
			return given[i];
	}
	return false;
}

void vu_config_settle(vu_config *config, const bool *given)
{
	if (!was_given(given, offsetof(vu_config, performance.cache_size_mb)) &&
	    config->performance.cache_size_mb > config->performance.max_memory_mb)
		config->performance.cache_size_mb = config->performance.max_memory_mb;
	if (!was_given(given, offsetof(vu_config, audio.min_duration_s)) &&
	    config->audio.min_duration_s > config->audio.max_duration_s)
		config->audio.min_duration_s = config->audio.max_duration_s;
	if (!was_given(given, offsetof(vu_config, enrollment.min_samples)) &&
	    config->enrollment.min_samples > config->enrollment.max_samples)
		config->enrollment.min_samples = config->enrollment.max_samples;
	config->http.port_is_default = !was_given(given, offsetof(vu_config, http.port));
}

static vu_status check_loaders(const vu_config *config, vu_error *error)
{
	for (unsigned i = 0; i < config->ml.loader_count; i++) {
		const vu_loader_config *loader = &config->ml.loaders[i];

		if (!loader->kind)
			return vu_fail(error, VU_INVALID_ARGUMENT, "entry %u of ml.loaders has no kind; add one",
			               i + 1);
		if (!loader->object == !loader->path)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "entry %u of ml.loaders must have either object or path", i + 1);
		if (!loader->sha256 || strlen(loader->sha256) != SHA256_HEX_LENGTH ||
		    strspn(loader->sha256, "0123456789abcdefABCDEF") != SHA256_HEX_LENGTH)
			return vu_fail(
			    error, VU_INVALID_ARGUMENT,
			    "entry %u of ml.loaders must have a sha256 of 64 hex digits; sha256sum prints it", i + 1);
	}
	return VU_OK;
}

/* The syntax in full is checked where an endpoint is used; this catches what is no endpoint at all. */
static vu_status check_endpoints(const vu_config *config, vu_service_id id, vu_error *error)
{
	for (unsigned i = 0; i < config->endpoints[id].count; i++) {
		const char *uri = config->endpoints[id].uris[i];
		if (strncmp(uri, "ipc://", 6) != 0 && strncmp(uri, "tls+tcp://", 10) != 0)
			return vu_fail(
			    error, VU_INVALID_ARGUMENT,
			    "services.%s.endpoints has \"%.*s\", but an endpoint begins with ipc:// or tls+tcp://",
			    vu_service_name(id), SHOWN_MAX, uri);
	}
	return VU_OK;
}

static const char *const ENDPOINT_KEYS[VU_SERVICE_COUNT] = {
    "services.capture.endpoints",   "services.features.endpoints",     "services.models.endpoints",
    "services.antispoof.endpoints", "services.orchestrator.endpoints", "services.supervisor.endpoints",
};

vu_status vu_config_check(const vu_config *config, const char **key_out, vu_error *error)
{
	if (config->performance.cache_size_mb > config->performance.max_memory_mb) {
		*key_out = "performance.cache_size_mb";
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "performance.cache_size_mb is %u, more than performance.max_memory_mb, which is %u; "
		               "lower the first or raise the second",
		               config->performance.cache_size_mb, config->performance.max_memory_mb);
	}
	if (config->audio.min_duration_s > config->audio.max_duration_s) {
		*key_out = "audio.min_duration_s";
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "audio.min_duration_s is %g, more than audio.max_duration_s, which is %g; "
		               "lower the first or raise the second",
		               config->audio.min_duration_s, config->audio.max_duration_s);
	}
	if (config->enrollment.min_samples > config->enrollment.max_samples) {
		*key_out = "enrollment.min_samples";
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "enrollment.min_samples is %u, more than enrollment.max_samples, which is %u; "
		               "lower the first or raise the second",
		               config->enrollment.min_samples, config->enrollment.max_samples);
	}
	if (check_loaders(config, error) != VU_OK) {
		*key_out = VU_CONFIG_LOADERS_KEY;
		return VU_INVALID_ARGUMENT;
	}
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		if (check_endpoints(config, (vu_service_id)id, error) != VU_OK) {
			*key_out = ENDPOINT_KEYS[id];
			return VU_INVALID_ARGUMENT;
		}
	}
	return VU_OK;
}

void vu_config_check_warn(const vu_config *config)
{
	if (config->performance.use_gpu)
		vu_log_warn(
		    "performance.use_gpu is true, but this build computes on the CPU: it makes no difference");
}
