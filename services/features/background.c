/*
 * One model at a time is current; older ones live until the last extraction
 * that uses them is done. Loading happens under the lock: whoever comes
 * meanwhile needs it too.
 */
#include "background.h"

#include "base/log.h"
#include "dsp/extractor.h"
#include "ml/background_path.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct loaded {
	vu_background *background;
	unsigned users;
	bool current;
	struct loaded *next;
} loaded;

struct vu_features_background {
	pthread_mutex_t lock;
	char path[PATH_MAX];
	bool map;
	char edition[VU_BACKGROUND_EDITION_SIZE]; /* of the current one */
	loaded *all;
};

/* Unlinks and frees what nobody uses; with `current_too` also what the next extraction would use. */
static uint64_t sweep(vu_features_background *holder, bool current_too)
{
	uint64_t freed = 0;

	for (loaded **link = &holder->all; *link;) {
		loaded *one = *link;
		if (one->users > 0 || (one->current && !current_too)) {
			link = &one->next;
			continue;
		}
		*link = one->next;
		freed += one->background->bytes;
		vu_background_destroy(one->background);
		free(one);
	}
	return freed;
}

static void retire(vu_features_background *holder)
{
	for (loaded *one = holder->all; one; one = one->next)
		one->current = false;
	sweep(holder, false);
}

vu_status vu_features_background_configure(vu_features_background *holder, const vu_config *config, vu_error *error)
{
	char path[PATH_MAX];
	vu_status status = vu_background_find(config, path, error);

	if (status != VU_OK)
		return status;
	pthread_mutex_lock(&holder->lock);
	strcpy(holder->path, path);
	holder->map = config->ml.enable_mmap;
	retire(holder);
	pthread_mutex_unlock(&holder->lock);
	return VU_OK;
}

vu_status vu_features_background_create(const vu_config *config, vu_features_background **holder_out, vu_error *error)
{
	vu_features_background *holder = calloc(1, sizeof *holder);
	vu_status status;

	if (!holder)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to start features: out of memory");
	pthread_mutex_init(&holder->lock, NULL);
	status = vu_features_background_configure(holder, config, error);
	if (status == VU_OK)
		*holder_out = holder;
	else
		vu_features_background_destroy(holder);
	return status;
}

void vu_features_background_destroy(vu_features_background *holder)
{
	if (!holder)
		return;
	sweep(holder, true);
	pthread_mutex_destroy(&holder->lock);
	free(holder);
}

static vu_status load(vu_features_background *holder, loaded **out, vu_error *error)
{
	loaded *one = calloc(1, sizeof *one);
	vu_status status;

	if (!one)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load the background model: out of memory");
	status = vu_background_open_for_places(holder->path, holder->map, &one->background, error);
	if (status == VU_NOT_FOUND)
		status = vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to load the background model %s: no such file; build again, or set ml.background_model",
		    holder->path);
	if (status == VU_OK && strcmp(one->background->extractor, vu_extractor_name()) != 0)
		status =
		    vu_fail(error, VU_FAILED_PRECONDITION,
		            "unable to use background model %s: it was trained for vectors by '%s', these are by "
		            "'%s'; set ml.background_model to one that fits",
		            holder->path, one->background->extractor, vu_extractor_name());
	if (status != VU_OK) {
		vu_background_destroy(one->background);
		free(one);
		return status;
	}
	vu_log_info("loaded background model %.12s from %s", one->background->id, holder->path);
	one->current = true;
	one->next = holder->all;
	holder->all = one;
	*out = one;
	return VU_OK;
}

vu_status vu_features_background_hold(vu_features_background *holder, const vu_background **background_out,
                                      vu_error *error)
{
	char edition[VU_BACKGROUND_EDITION_SIZE];
	loaded *one;
	vu_status status = VU_OK;

	pthread_mutex_lock(&holder->lock);
	vu_background_edition(holder->path, edition);
	if (strcmp(edition, holder->edition) != 0) {
		retire(holder);
		strcpy(holder->edition, edition);
	}
	for (one = holder->all; one && !one->current; one = one->next)
		;
	if (!one)
		status = load(holder, &one, error);
	if (status == VU_OK) {
		one->users++;
		*background_out = one->background;
	}
	pthread_mutex_unlock(&holder->lock);
	return status;
}

void vu_features_background_release(vu_features_background *holder, const vu_background *background)
{
	if (!background)
		return;
	pthread_mutex_lock(&holder->lock);
	for (loaded *one = holder->all; one; one = one->next)
		if (one->background == background)
			one->users--;
	sweep(holder, false);
	pthread_mutex_unlock(&holder->lock);
}

uint64_t vu_features_background_drop(vu_features_background *holder)
{
	uint64_t freed;

	pthread_mutex_lock(&holder->lock);
	freed = sweep(holder, true);
	pthread_mutex_unlock(&holder->lock);
	return freed;
}
