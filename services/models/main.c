/*
 * vu-models: the only owner of templates.
 *
 *   models.c         creation, settings, the table of methods
 *   request.c        everything that comes from outside, checked
 *   enroll.c         Enroll, Agreement
 *   score.c          Score, ScoreMany
 *   identify.c       Identify
 *   adapt.c          Adapt, Revert
 *   users.c          ListUsers, Remove, RemoveNamespace, Preload, Stats
 *   loading.c        background and templates through the cache, verified
 *   activate.c       Activate: uses what a custom loader loads
 *   loader.c         runs custom loaders in vu-loader-host
 *   habit.c          when somebody comes: the estimate, pure
 *   habit_store.c    habits in SQLite
 *   prediction.c     Observe, and who is expected
 *   preloader.c      loads them in idle time
 *   key.c            RotateKey
 *   guesses.c        CountGuess, ForgetGuesses: failures at all computers
 *   expire.c         Expire: templates that nobody uses; expiry.c: when
 *   ceiling.c        whether the memory ceiling leaves room to serve
 *   memory.c         cleanup, States, SetPressure, Hot
 *   cache.c          byte-counted, in parts under one ceiling; loads once for many
 *   cache_evict.c    what goes first
 *   cache_failure.c  what failed to load, and for how long it is left alone
 *   cache_report.c   pins, expectations, figures, states
 *   voice_index.c    all voices in one matrix, for finding the few that matter
 *   template_store.c where templates lie
 *   name_code.c      user names as file names
 *
 * The scorers themselves are common/ml/scorer.h.
 */
#include "ml/background_path.h"
#include "models.h"
#include "runtime/runtime.h"
#include "store/master_key.h"

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
	    .encrypt = config->security.encrypt,
	    .level = config->authentication.level,
	    .adaptive = config->authentication.adaptive,
	    .max_memory_bytes = (uint64_t)config->performance.max_memory_mb * 1024 * 1024,
	    .aggressive_unload_timeout_s = config->ml.aggressive_unload_timeout_s,
	    .predict = config->ml.enable_predictive_loading,
	    .preload_threshold = config->ml.preload_threshold,
	    .preload_queue = config->ml.max_preload_queue,
	    .cpu_percent = config->performance.max_cpu_percent,
	    .loaders = config->ml.loaders,
	    .loader_count = config->ml.loader_count,
	    .max_attempts = config->authentication.max_attempts,
	    .lockout_s = config->authentication.lockout_s,
	};
	vu_status status = vu_background_find(config, path, error);
	return status == VU_OK ? models_check_ceiling(out, error) : status;
}

static vu_status start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	const vu_config *config = vu_runtime_config(runtime);
	models_settings settings;
	models *state;
	char path[PATH_MAX];
	char key_path[PATH_MAX];
	vu_status status = make_settings(config, path, &settings, error);

	settings.key_path = key_path;
	settings.state_folder = vu_runtime_state_folder(runtime);
	if (status == VU_OK)
		status = vu_master_key_path(vu_runtime_home(runtime), key_path, error);
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

static vu_status listening(void *state, vu_error *error)
{
	return models_start_preloading(state, error);
}

static void stop(void *state)
{
	models_stop_preloading(state);
}

static uint64_t cleanup(void *state, bool aggressive)
{
	return models_cleanup(state, aggressive);
}

static uint64_t relieve(void *state)
{
	return models_relieve(state);
}

int main(int argc, char **argv)
{
	static const vu_service_definition definition = {
	    .id = VU_SERVICE_MODELS,
	    .start = start,
	    .reload = reload,
	    .cleanup = cleanup,
	    .relieve = relieve,
	    .listening = listening,
	    .stop = stop,
	};
	return vu_runtime_main(&definition, argc, argv);
}
