/*
 * Activate: runs a custom loader and uses what it loads. Three failures and it
 * is left alone for a while, as any load is. What was loaded is verified and
 * lies in the state folder, from where it is used as any background model is:
 * mapped, cached, counted.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "internal.h"
#include "loader.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOADED_NAME "loaded-background.vum"

typedef struct activation {
	models *models;
	vu_loader_config loader; /* copies */
	loader_limits limits;
	char path[PATH_MAX]; /* where it goes */
	size_t bytes;
} activation;

void set_loaders(models *m, const vu_loader_config *loaders, unsigned count)
{
	pthread_mutex_lock(&m->loader_lock);
	for (unsigned i = 0; i < m->loader_count; i++) {
		free(m->loaders[i].kind);
		free(m->loaders[i].object);
		free(m->loaders[i].path);
		free(m->loaders[i].sha256);
	}
	m->loader_count = 0;
	for (unsigned i = 0; i < count && i < VU_CONFIG_LOADERS_MAX; i++)
		m->loaders[m->loader_count++] = (vu_loader_config){
		    .kind = strdup(loaders[i].kind),
		    .object = loaders[i].object ? strdup(loaders[i].object) : NULL,
		    .path = loaders[i].path ? strdup(loaders[i].path) : NULL,
		    .sha256 = strdup(loaders[i].sha256),
		};
	pthread_mutex_unlock(&m->loader_lock);
}

static vu_status find_loader(models *m, const char *kind, vu_loader_config *out, vu_error *error)
{
	vu_status status = VU_NOT_FOUND;

	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&m->loader_lock);
	for (unsigned i = 0; i < m->loader_count && status == VU_NOT_FOUND; i++) {
		const vu_loader_config *loader = &m->loaders[i];
		if (!loader->kind || !loader->sha256 || strcmp(loader->kind, kind) != 0)
			continue;
		out->kind = strdup(loader->kind);
		out->object = loader->object ? strdup(loader->object) : NULL;
		out->path = loader->path ? strdup(loader->path) : NULL;
		out->sha256 = strdup(loader->sha256);
		status = out->kind && out->sha256 && (out->object || out->path) ? VU_OK : VU_RESOURCE_EXHAUSTED;
	}
	pthread_mutex_unlock(&m->loader_lock);
	if (status == VU_NOT_FOUND)
		return vu_fail(error, status, "there is no loader of kind '%s': list one in ml.loaders", kind);
	if (status != VU_OK)
		return vu_fail(error, status, "unable to activate a loader: out of memory");
	return VU_OK;
}

/* vu-loader-host, which lies beside this program. */
static vu_status find_host(char path[PATH_MAX], vu_error *error)
{
	char *own = vu_platform_executable_path();
	char *slash = own ? strrchr(own, '/') : NULL;
	int length = -1;

	if (slash)
		length = snprintf(path, PATH_MAX, "%.*s/vu-loader-host", (int)(slash - own), own);
	free(own);
	return length > 0 && length < PATH_MAX
	           ? VU_OK
	           : vu_fail(error, VU_INTERNAL,
	                     "unable to find vu-loader-host: the path of this program is unknown");
}

static vu_status run(void *context, void **object_out, size_t *bytes_out, vu_error *error)
{
	activation *a = context;
	char program[PATH_MAX];
	void *data = NULL;
	vu_model_file *file;
	vu_background *background;
	vu_status status = find_host(program, error);

	if (status == VU_OK)
		status = loader_run(&a->loader, program, &a->limits, &data, &a->bytes, error);
	if (status != VU_OK)
		return status;
	/* Whole, before it is anywhere to be found. */
	status = vu_model_file_from_memory(data, a->bytes, "what the loader made", VU_MODEL_BACKGROUND, &file, error);
	if (status == VU_OK)
		status = vu_background_create(file, &background, error);
	if (status == VU_OK) {
		vu_background_destroy(background);
		status = vu_file_write_atomically(a->path, data, a->bytes, error);
	}
	free(data);
	*object_out = NULL;
	*bytes_out = 0;
	return status;
}

static void end_nothing(void *object)
{
	(void)object;
}

/* Through the cache, for one activation at a time and the pause after failures. */
static vu_status activate(activation *a, int64_t deadline_us, vu_error *error)
{
	cache_request request = {
	    .part = CACHE_MODELS,
	    .key = "loader:background",
	    .load = run,
	    .context = a,
	    .destroy = end_nothing,
	    .deadline_us = deadline_us,
	    .ahead = true,
	};
	cache_entry *entry;
	bool hit;
	vu_status status = cache_acquire(a->models->cache, &request, &entry, &hit, error);

	if (status != VU_OK)
		return status;
	cache_release(a->models->cache, entry);
	cache_forget(a->models->cache, CACHE_MODELS, request.key, false);
	pthread_rwlock_wrlock(&a->models->settings_lock);
	strcpy(a->models->settings.background_path, a->path);
	pthread_rwlock_unlock(&a->models->settings_lock);
	vu_log_info("a custom loader loaded the background model, %zu bytes", a->bytes);
	return VU_OK;
}

void handle_activate(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__ActivateRequest *request = (const Vu__ActivateRequest *)(const void *)message;
	Vu__ActivateResponse response = VU__ACTIVATE_RESPONSE__INIT;
	activation a = {.models = m};
	settings with;
	vu_error error = {VU_OK, ""};
	vu_status status;

	copy_settings(m, &with);
	a.limits.bytes_max = with.cache_bytes < VU_MODEL_FILE_BYTES_MAX ? with.cache_bytes : VU_MODEL_FILE_BYTES_MAX;
	a.limits.timeout_ms = (int)with.load_timeout_ms;
	status = find_loader(m, request->kind, &a.loader, &error);
	if (status == VU_OK && strcmp(request->kind, "background") != 0)
		status = vu_fail(&error, VU_UNIMPLEMENTED,
		                 "unable to activate a loader of kind '%s': what can be loaded so is background",
		                 request->kind);
	if (status == VU_OK &&
	    snprintf(a.path, sizeof a.path, "%s/" LOADED_NAME, m->state_folder) >= (int)sizeof a.path)
		status = vu_fail(&error, VU_OUT_OF_RANGE, "unable to activate a loader: the path is too long");
	if (status == VU_OK)
		status = vu_file_make_folder(m->state_folder, &error);
	if (status == VU_OK)
		status = activate(&a, vu_rpc_deadline_us(call), &error);
	if (status == VU_OK) {
		response.bytes = a.bytes;
		response.path = a.path;
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail_error(call, &error);
	}
	free(a.loader.kind);
	free(a.loader.object);
	free(a.loader.path);
	free(a.loader.sha256);
}
