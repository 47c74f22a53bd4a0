/*
 * Bringing up to date is a merge of two sorted lists, the index and the folder:
 * rows of files that are what they were move over, the others are read. What
 * was last seen of folder and files is compared by inode, size and time; a
 * folder that changed in the second in which it was looked at may change again
 * without showing, so it is looked at again a little later. That is for hands
 * other than ours: what this process writes it tells the index.
 */
#include "voice_index.h"

#include "base/clock.h"
#include "base/secret.h"
#include "ml/float16.h"
#include "ml/kernel.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One call reads templates for so long at most; others wait for the lock meanwhile. */
#define BUILD_US 2000000
/* Times of files count in seconds. */
#define UNSETTLED_US 2000000

typedef struct edition {
	uint64_t inode;
	uint64_t size;
	int64_t time_s;
} edition;

typedef enum voice_state { VOICE_UNREAD, VOICE_USABLE, VOICE_UNUSABLE } voice_state;

typedef struct voice {
	char *user;
	edition edition;
	voice_state state;
	vu_cohort_statistics strangers;
} voice;

struct voice_index {
	pthread_mutex_t lock;
	char background[VU_MODEL_HASH_HEX_SIZE];
	char namespace[VU_USER_NAME_MAX + 1];
	float audio_share;
	uint32_t space;  /* the background's main one */
	uint32_t spaces; /* how many it has */
	size_t width;    /* of a row: its discriminants */
	voice *voices;
	vu_float16 *rows; /* secret memory: they are voices */
	size_t rows_bytes;
	size_t count;
	bool complete;   /* nothing changed and nothing was left unread when last looked */
	edition folder;  /* as it was then */
	int64_t seen_us; /* wall clock */
};

static void wipe(void *data, size_t bytes)
{
	volatile unsigned char *byte = data;
	while (bytes-- > 0)
		*byte++ = 0;
}

vu_status voice_index_create(voice_index **index_out, vu_error *error)
{
	voice_index *index = calloc(1, sizeof *index);

	if (!index)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to index voices: out of memory");
	pthread_mutex_init(&index->lock, NULL);
	*index_out = index;
	return VU_OK;
}

static uint64_t clear(voice_index *index)
{
	uint64_t bytes = index->count * (sizeof *index->voices + index->width * sizeof *index->rows);

	for (size_t i = 0; i < index->count; i++)
		free(index->voices[i].user);
	free(index->voices);
	vu_secret_free(index->rows, index->rows_bytes);
	index->voices = NULL;
	index->rows = NULL;
	index->count = 0;
	index->complete = false;
	return bytes;
}

void voice_index_destroy(voice_index *index)
{
	if (!index)
		return;
	clear(index);
	pthread_mutex_destroy(&index->lock);
	free(index);
}

uint64_t voice_index_drop(voice_index *index)
{
	uint64_t bytes;

	pthread_mutex_lock(&index->lock);
	bytes = clear(index);
	pthread_mutex_unlock(&index->lock);
	return bytes;
}

/* Where a name is, or would be. */
static size_t place_of(const voice_index *index, const char *user)
{
	size_t low = 0;
	size_t high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(index->voices[middle].user, user) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void voice_index_forget(voice_index *index, const char *user)
{
	size_t at;

	pthread_mutex_lock(&index->lock);
	index->complete = false;
	at = place_of(index, user);
	if (at < index->count && strcmp(index->voices[at].user, user) == 0) {
		index->voices[at].state = VOICE_UNREAD;
		wipe(index->rows + at * index->width, index->width * sizeof *index->rows);
	}
	pthread_mutex_unlock(&index->lock);
}

/* ---- bringing up to date ---- */

static bool look_at(const char *path, edition *out)
{
	struct stat info;

	if (lstat(path, &info) != 0)
		return false;
	*out = (edition){(uint64_t)info.st_ino, (uint64_t)info.st_size, (int64_t)info.st_mtime};
	return true;
}

static bool is_same(const edition *a, const edition *b)
{
	return a->inode == b->inode && a->size == b->size && a->time_s == b->time_s;
}

/* Rows of another shape or of other users are none. */
static void fit(voice_index *index, const voice_source *source, const vu_background *background)
{
	if (strcmp(index->background, background->id) == 0 && strcmp(index->namespace, source->namespace) == 0)
		return;
	clear(index);
	strcpy(index->background, background->id);
	strcpy(index->namespace, source->namespace);
	index->audio_share = background->audio_share;
	index->space = vu_background_main_space(background);
	index->spaces = background->space_count;
	index->width = background->spaces[index->space].discriminants;
}

typedef struct listing {
	voice *voices;
	size_t count;
	size_t room;
	bool failed;
	const voice_source *source;
} listing;

static bool list_one(void *context, const char *user)
{
	listing *list = context;
	char path[PATH_MAX];
	voice one = {.state = VOICE_UNREAD};

	if (template_store_path(list->source->store, list->source->namespace, user, path, NULL) != VU_OK ||
	    !look_at(path, &one.edition))
		return true; /* gone meanwhile */
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		voice *voices = realloc(list->voices, room * sizeof *voices);
		if (!voices)
			goto fail;
		list->voices = voices;
		list->room = room;
	}
	one.user = strdup(user);
	if (!one.user)
		goto fail;
	list->voices[list->count++] = one;
	return true;
fail:
	list->failed = true;
	return false;
}

static int by_user(const void *a, const void *b)
{
	return strcmp(((const voice *)a)->user, ((const voice *)b)->user);
}

/* Takes the listing over; rows of unchanged files move. */
static vu_status merge(voice_index *index, listing *list, vu_error *error)
{
	size_t rows_bytes = (list->count * index->width + 1) * sizeof(vu_float16);
	vu_float16 *rows = vu_secret_alloc_bulk(rows_bytes);
	size_t old = 0;

	if (!rows)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to index voices: out of memory");
	for (size_t i = 0; i < list->count; i++) {
		voice *to = &list->voices[i];
		while (old < index->count && strcmp(index->voices[old].user, to->user) < 0)
			old++;
		if (old == index->count || strcmp(index->voices[old].user, to->user) != 0 ||
		    !is_same(&index->voices[old].edition, &to->edition))
			continue;
		to->state = index->voices[old].state;
		to->strangers = index->voices[old].strangers;
		memcpy(rows + i * index->width, index->rows + old * index->width, index->width * sizeof *rows);
	}
	clear(index);
	index->voices = list->voices;
	index->count = list->count;
	index->rows = rows;
	index->rows_bytes = rows_bytes;
	list->voices = NULL;
	list->count = 0;
	return VU_OK;
}

static vu_status relist(voice_index *index, const voice_source *source, vu_error *error)
{
	listing list = {.source = source};
	vu_status status = template_store_list(source->store, source->namespace, list_one, &list, error);

	if (status == VU_OK && list.failed)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to index voices: out of memory");
	if (status == VU_OK) {
		if (list.count > 1)
			qsort(list.voices, list.count, sizeof *list.voices, by_user);
		status = merge(index, &list, error);
	}
	for (size_t i = 0; i < list.count; i++)
		free(list.voices[i].user);
	free(list.voices);
	return status;
}

static void read_one(voice_index *index, const voice_source *source, size_t at)
{
	voice *one = &index->voices[at];
	vu_float16 *row = index->rows + at * index->width;
	char path[PATH_MAX];
	vu_template *t;

	one->state = VOICE_UNUSABLE;
	if (source->read(source->context, one->user, &t, NULL) != VU_OK)
		return;
	if (t->space_count == index->spaces && t->spaces[index->space].discriminants == index->width) {
		vu_float16_pack(t->spaces[index->space].voice, row, index->width);
		one->strangers = t->spaces[index->space].strangers;
		one->state = VOICE_USABLE;
	}
	vu_template_destroy(t);
	/* Reading may have trained the template again. */
	if (template_store_path(source->store, source->namespace, one->user, path, NULL) == VU_OK)
		look_at(path, &one->edition);
}

static vu_status read_all(voice_index *index, const voice_source *source, vu_error *error)
{
	int64_t until_us = vu_clock_monotonic_us() + BUILD_US;

	if (source->deadline_us < until_us)
		until_us = source->deadline_us;
	for (size_t i = 0; i < index->count; i++) {
		if (index->voices[i].state != VOICE_UNREAD)
			continue;
		if (source->gone && source->gone(source->context))
			return vu_fail(error, VU_CANCELLED, "the caller no longer waits");
		if (vu_clock_monotonic_us() >= until_us)
			return vu_fail(error, VU_UNAVAILABLE,
			               "unable to search all voices yet: %zu of %zu are read; try again", i,
			               index->count);
		read_one(index, source, i);
	}
	return VU_OK;
}

static vu_status update(voice_index *index, const voice_source *source, const vu_background *background,
                        vu_error *error)
{
	char path[PATH_MAX];
	edition folder = {0};
	int64_t now_us = vu_clock_wall_us();
	vu_status status = template_store_path(source->store, source->namespace, "x", path, error);

	if (status != VU_OK)
		return status;
	fit(index, source, background);
	*strrchr(path, '/') = '\0';
	look_at(path, &folder);
	if (index->complete && is_same(&folder, &index->folder) &&
	    (index->seen_us - folder.time_s * 1000000 > UNSETTLED_US ||
	     (now_us >= index->seen_us && now_us - index->seen_us < UNSETTLED_US)))
		return VU_OK;
	index->complete = false;
	status = relist(index, source, error);
	if (status == VU_OK)
		status = read_all(index, source, error);
	if (status != VU_OK)
		return status;
	index->folder = folder;
	index->seen_us = now_us;
	index->complete = true;
	return VU_OK;
}

/* ---- searching ---- */

/* As the second scorer does it. */
static float score_of(const voice_index *index, size_t at, const vu_probe *probe)
{
	float cosine = vu_kernel_dot_half(index->rows + at * index->width, probe->voices[index->space], index->width);

	return vu_cohort_normalize_both(cosine, index->voices[at].strangers, probe->strangers[index->space],
	                                index->audio_share);
}

/* Keeps the best `room` in descending order; by position, names are copied in the end. */
static void rank(size_t *best, float *scores, size_t *count, size_t room, size_t at, float score)
{
	size_t i;

	if (*count == room && scores[room - 1] >= score)
		return;
	i = *count < room ? (*count)++ : room - 1;
	for (; i > 0 && scores[i - 1] < score; i--) {
		best[i] = best[i - 1];
		scores[i] = scores[i - 1];
	}
	best[i] = at;
	scores[i] = score;
}

vu_status voice_index_search(voice_index *index, const voice_source *source, const vu_scorer *scorer,
                             const vu_probe *probe, size_t room, voice_found *found, vu_error *error)
{
	size_t best[VOICE_FOUND_MAX] = {0};
	vu_status status;

	found->count = 0;
	found->searched = 0;
	if (room > VOICE_FOUND_MAX)
		room = VOICE_FOUND_MAX;
	pthread_mutex_lock(&index->lock);
	status = update(index, source, scorer->background, error);
	for (size_t i = 0; status == VU_OK && i < index->count; i++) {
		float score;
		if (index->voices[i].state != VOICE_USABLE)
			continue;
		found->searched++;
		score = score_of(index, i, probe);
		if (room > 0 && isfinite(score))
			rank(best, found->scores, &found->count, room, i, score);
	}
	for (size_t i = 0; i < found->count; i++)
		strcpy(found->users[i], index->voices[best[i]].user);
	pthread_mutex_unlock(&index->lock);
	return status;
}
