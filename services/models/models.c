/* Creation, settings and the table of methods of the model-server. Nothing is loaded here. */
#include "models.h"

#include "internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was used within so long is not evicted for somebody new; and the unload buffer's share of the cache. */
#define MIN_AGE_US    (5 * INT64_C(1000000))
#define LEAVING_SHARE 16

/* Handlers that open templates leave pieces of them where a thread that lives on worked. */
#define WIPING(name)                                                                                                 \
	static void name##_and_wipe(void *context, vu_rpc_call *call, const ProtobufCMessage *request)               \
	{                                                                                                            \
		handle_##name(context, call, request);                                                               \
		vu_secret_forget_work(WORK_STACK_BYTES);                                                             \
	}
WIPING(enroll)
WIPING(agreement)
WIPING(score)
WIPING(score_many)
WIPING(identify)
WIPING(list_users)
WIPING(adapt)
WIPING(revert)
WIPING(preload)
WIPING(phrases)
WIPING(check_phrases)

static const vu_rpc_method METHODS[] = {
    {"Enroll", enroll_and_wipe, VU_RPC_IDEMPOTENT},
    {"Agreement", agreement_and_wipe, VU_RPC_IDEMPOTENT},
    {"Score", score_and_wipe, VU_RPC_IDEMPOTENT},
    {"ScoreMany", score_many_and_wipe, VU_RPC_IDEMPOTENT},
    {"Identify", identify_and_wipe, VU_RPC_IDEMPOTENT},
    {"ListUsers", list_users_and_wipe, VU_RPC_IDEMPOTENT},
    {"Adapt", adapt_and_wipe, VU_RPC_IDEMPOTENT},
    {"Revert", revert_and_wipe, VU_RPC_IDEMPOTENT},
    {"Remove", handle_remove, VU_RPC_IDEMPOTENT},
    {"RemoveNamespace", handle_remove_namespace, VU_RPC_IDEMPOTENT},
    {"Preload", preload_and_wipe, VU_RPC_IDEMPOTENT},
    {"Stats", handle_stats, VU_RPC_IDEMPOTENT},
    {"States", handle_states, VU_RPC_IDEMPOTENT},
    {"SetPressure", handle_set_pressure, VU_RPC_IDEMPOTENT},
    {"Hot", handle_hot, VU_RPC_IDEMPOTENT},
    {"Observe", handle_observe, VU_RPC_IDEMPOTENT},
    {"Activate", handle_activate, VU_RPC_IDEMPOTENT},
    {"RotateKey", handle_rotate_key, VU_RPC_IDEMPOTENT},
    {"Expire", handle_expire, VU_RPC_IDEMPOTENT},
    {"Phrases", phrases_and_wipe, VU_RPC_IDEMPOTENT},
    {"CheckPhrases", check_phrases_and_wipe, VU_RPC_IDEMPOTENT},
    {"CountGuess", handle_count_guess, VU_RPC_IDEMPOTENT},
    {"ForgetGuesses", handle_forget_guesses, VU_RPC_IDEMPOTENT},
};

static vu_status take_settings(models *m, const models_settings *given, vu_error *error)
{
	if (strlen(given->background_path) >= sizeof m->settings.background_path)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use ml.background_model: its path is too long");
	strcpy(m->settings.background_path, given->background_path);
	m->settings.map = given->map;
	m->settings.quantize = given->quantize;
	m->settings.prune = given->prune;
	m->settings.components = given->components;
	m->settings.load_timeout_ms = given->load_timeout_ms;
	m->settings.level = given->level;
	m->settings.adaptive = given->adaptive;
	m->settings.cache_bytes = given->cache_bytes;
	m->settings.max_memory_bytes = given->max_memory_bytes;
	m->settings.aggressive_unload_us = (int64_t)given->aggressive_unload_timeout_s * 1000000;
	m->settings.predict = given->predict;
	m->settings.preload_threshold = given->preload_threshold;
	m->settings.preload_queue = given->preload_queue;
	m->settings.cpu_percent = given->cpu_percent;
	m->settings.max_attempts = given->max_attempts;
	m->settings.lockout_s = given->lockout_s;
	set_loaders(m, given->loaders, given->loader_count);
	return VU_OK;
}

vu_status models_create(const char *home, const models_settings *given, models **models_out, vu_error *error)
{
	models *m = calloc(1, sizeof *m);
	vu_status status;
	unsigned swept;

	if (!m)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the model-server: out of memory");
	pthread_rwlock_init(&m->settings_lock, NULL);
	pthread_mutex_init(&m->removal_lock, NULL);
	for (size_t i = 0; i < USER_LOCKS; i++)
		pthread_mutex_init(&m->user_locks[i], NULL);
	pthread_mutex_init(&m->prediction_lock, NULL);
	pthread_mutex_init(&m->loader_lock, NULL);
	pthread_mutex_init(&m->guess_lock, NULL);
	atomic_init(&m->users, -1);
	atomic_init(&m->enrolments, 0);
	atomic_init(&m->asked_us, 0);
	atomic_init(&m->looked_us, 0);
	m->clock = vu_clock_system();
	/* Without it lockouts still hold: their time then starts again whenever it looks too long. */
	if (vu_platform_boot_id(m->boot_id, NULL) != VU_OK)
		snprintf(m->boot_id, sizeof m->boot_id, "unknown");
	pthread_mutex_init(&m->expiry_lock, NULL);
	(void)expiry_now_us(m);
	m->service = (vu_rpc_service){
	    .descriptor = &vu__models__descriptor,
	    .methods = METHODS,
	    .method_count = sizeof METHODS / sizeof *METHODS,
	    .context = m,
	};
	status = template_store_init(&m->store, home, error);
	if (status == VU_OK && snprintf(m->state_folder, sizeof m->state_folder, "%s",
	                                given->state_folder ? given->state_folder : home) >= PATH_MAX)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to keep habits in %s: the path is too long", home);
	if (status == VU_OK && (size_t)snprintf(m->prediction_path, sizeof m->prediction_path, "%s/prediction.db",
	                                        m->state_folder) >= sizeof m->prediction_path)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to keep habits in %s: the path is too long", home);
	if (status == VU_OK && (size_t)snprintf(m->guesses_path, sizeof m->guesses_path, "%s/guesses.db",
	                                        m->state_folder) >= sizeof m->guesses_path)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to count guesses in %s: the path is too long", home);
	if (status == VU_OK && vu_dedup_create(NULL, &m->dedup) != VU_OK)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the model-server: out of memory");
	if (status == VU_OK && given->key_path)
		status = vu_vault_create(given->key_path, &m->vault, error);
	if (status == VU_OK && given->key_path)
		status = template_store_use_vault(&m->store, m->vault, given->encrypt, error);
	if (status == VU_OK)
		status = take_settings(m, given, error);
	if (status == VU_OK)
		status = voice_index_create(&m->index, error);
	if (status == VU_OK &&
	    cache_create(&(cache_options){given->cache_bytes, LEAVING_SHARE, MIN_AGE_US, vu_clock_system()},
	                 &m->cache) != VU_OK)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start the model-server: out of memory");
	if (status != VU_OK) {
		models_destroy(m);
		return status;
	}
	swept = template_store_sweep(&m->store, vu_clock_wall_us());
	if (swept > 0)
		vu_log_info("removed the templates of %u evaluations that were cut off", swept);
	*models_out = m;
	return VU_OK;
}

void models_destroy(models *m)
{
	if (!m)
		return;
	models_stop_preloading(m);
	close_habits(m);
	close_guesses(m);
	vu_dedup_destroy(m->dedup);
	cache_destroy(m->cache);
	vu_vault_destroy(m->vault);
	voice_index_destroy(m->index);
	pthread_mutex_destroy(&m->prediction_lock);
	set_loaders(m, NULL, 0);
	pthread_mutex_destroy(&m->loader_lock);
	pthread_mutex_destroy(&m->guess_lock);
	pthread_mutex_destroy(&m->expiry_lock);
	for (size_t i = 0; i < USER_LOCKS; i++)
		pthread_mutex_destroy(&m->user_locks[i]);
	pthread_mutex_destroy(&m->removal_lock);
	pthread_rwlock_destroy(&m->settings_lock);
	free(m);
}

const vu_rpc_service *models_rpc_service(models *m)
{
	return &m->service;
}

void copy_settings(models *m, settings *out)
{
	pthread_rwlock_rdlock(&m->settings_lock);
	*out = m->settings;
	pthread_rwlock_unlock(&m->settings_lock);
}

vu_status models_configure(models *m, const models_settings *given, vu_error *error)
{
	vu_status status;

	pthread_rwlock_wrlock(&m->settings_lock);
	status = take_settings(m, given, error);
	pthread_rwlock_unlock(&m->settings_lock);
	if (status != VU_OK)
		return status;
	for (int part = 0; part < CACHE_PARTS; part++)
		cache_forget(m->cache, (cache_part)part, "", true);
	voice_index_drop(m->index);
	cache_set_ceiling(m->cache, given->cache_bytes);
	return VU_OK;
}
