/*
 * vu-models: the only owner of templates.
 *
 *   models.c         creation, settings, the table of methods
 *   request.c        everything that comes from outside, checked
 *   enroll.c         Enroll, Agreement
 *   score.c          Score, ScoreMany, Identify
 *   users.c          ListUsers, Remove, RemoveNamespace, Preload, Stats
 *   loading.c        background and templates through the cache, verified
 *   cache.c          byte-counted LRU under one ceiling
 *   template_store.c where templates lie
 *   name_code.c      user names as file names
 *
 * The scorers themselves are common/ml/scorer.h.
 */
#include "ml/background_path.h"
#include "models.h"
#include "runtime/runtime.h"

#include <limits.h>

static vu_status make_settings(const vu_config *config, char path[PATH_MAX], models_settings *out, vu_error *error)
{
	*out = (models_settings){
	    .background_path = path,
	    .cache_bytes = (size_t)config->performance.cache_size_mb * 1024 * 1024,
	    .map = config->ml.enable_mmap,
	    .quantize = config->ml.enable_quantization,
	    .prune = config->ml.prune,
	    .components = config->ml.pca_components,
	    .load_timeout_ms = config->ml.load_timeout_ms,
	    .level = config->authentication.level,
	};
	return vu_background_find(config, path, error);
}

static vu_status start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	const vu_config *config = vu_runtime_config(runtime);
	models_settings settings;
	models *state;
	char path[PATH_MAX];
	vu_status status = make_settings(config, path, &settings, error);

	if (status == VU_OK)
		status = models_create(vu_runtime_home(runtime), &settings, &state, error);
	if (status == VU_OK)
		status = vu_rpc_server_add(vu_runtime_server(runtime), models_rpc_service(state), error);
	if (status == VU_OK && !config->ml.enable_lazy_loading)
		status = models_load_background(state, error);
	if (status == VU_OK)
		*state_out = state;
	return status;
}

static vu_status reload(void *state, const vu_config *config, vu_error *error)
{
	models_settings settings;
	char path[PATH_MAX];
	vu_status status = make_settings(config, path, &settings, error);

	return status == VU_OK ? models_configure(state, &settings, error) : status;
}

static uint64_t cleanup(void *state, bool aggressive)
{
	return models_cleanup(state, aggressive);
}

int main(int argc, char **argv)
{
	static const vu_service_definition definition = {
	    .id = VU_SERVICE_MODELS,
	    .start = start,
	    .reload = reload,
	    .cleanup = cleanup,
	};
	return vu_runtime_main(&definition, argc, argv);
}
