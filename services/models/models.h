/*
 * The model-server apart from its process: what main.c and the tests use.
 */
#ifndef VU_MODELS_MODELS_H
#define VU_MODELS_MODELS_H

#include "base/config.h"
#include "base/status.h"
#include "rpc/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct models models;

/* What the configuration says about models; strings are copied. */
typedef struct models_settings {
	const char *state_folder; /* for habits and what loaders made, at creation only; NULL: `home` */
	const char *key_path;     /* master key, at creation only; NULL: templates are plain files */
	bool encrypt;             /* security.encrypt, at creation only: without it new templates are plain */
	const char *background_path;
	size_t cache_bytes;
	bool map;            /* ml.enable_mmap, for the background: templates are small and personal, they are read */
	bool quantize;       /* ml.enable_quantization */
	double prune;        /* ml.prune */
	uint32_t components; /* ml.pca_components */
	uint32_t load_timeout_ms;
	vu_level level;                       /* when a request names none */
	bool adaptive;                        /* authentication.adaptive; off: templates score as enrolled */
	uint64_t max_memory_bytes;            /* performance.max_memory_mb; 0: unknown */
	uint32_t aggressive_unload_timeout_s; /* ml.aggressive_unload_timeout_s */
	bool predict;                         /* ml.enable_predictive_loading */
	double preload_threshold;             /* ml.preload_threshold */
	uint32_t preload_queue;               /* ml.max_preload_queue */
	uint32_t cpu_percent;                 /* performance.max_cpu_percent; 0: any */
	const vu_loader_config *loaders;      /* ml.loaders */
	unsigned loader_count;
	uint32_t
	    max_attempts;   /* authentication.max_attempts, for failures at all computers that use these templates */
	uint32_t lockout_s; /* authentication.lockout_duration_s */
} models_settings;

/*
 * INVALID_ARGUMENT when max_memory_bytes does not suffice to serve with this
 * background; the message names the least value that does.
 */
vu_status models_check_ceiling(const models_settings *settings, vu_error *error);

/* Loads nothing. `home` is the state folder. */
vu_status models_create(const char *home, const models_settings *settings, models **models_out, vu_error *error);
/* No request may be running any more. */
void models_destroy(models *models);

/* The RPC service voiceunlock.v1.Models, for vu_rpc_server_add; lives as long as `models`. */
const vu_rpc_service *models_rpc_service(models *models);

/* New settings for requests from now on; what is loaded and not in use is dropped, so changed files are seen. */
vu_status models_configure(models *models, const models_settings *settings, vu_error *error);

/*
 * Begins to preload, on a thread of its own and in idle time, who is expected,
 * and to give memory back when it is short. Stopped by models_destroy.
 */
vu_status models_start_preloading(models *models, vu_error *error);
void models_stop_preloading(models *models);

/* Loads the background now, for those who do not want it lazily. */
vu_status models_load_background(models *models, vu_error *error);

/*
 * Gives memory back: what was not used for the aggressive timeout and is not
 * expected, and the pages of mapped files; aggressively, then, what is least
 * worth keeping as well, until half of what there was is gone. What is in use
 * stays. Returns the bytes freed by the cache's account.
 */
uint64_t models_cleanup(models *models, bool aggressive);
/* The same when the supervisor is asked for memory: whoever is using the server goes on unhindered. */
uint64_t models_relieve(models *models);

#endif
