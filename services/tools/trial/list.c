/* Every file is read and described once, however many trials it is in. */
#include "list.h"

#include "audio/load.h"
#include "base/file.h"
#include "dsp/extractor.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX (64u * 1024 * 1024)
#define ENROL_SECONDS  30.0

typedef struct row {
	char *user;
	char *path;
	char *label; /* NULL in an enrolment list */
} row;

typedef struct list {
	char *text;
	char *folder;
	row *rows;
	size_t count;
} list;

typedef struct user {
	const char *name;
	vu_template *voice_template;
	void *data;
} user;

typedef struct work {
	const trial_settings *settings;
	vu_background *background;
	vu_background_scaler *scaler;
	vu_background_projection *projection;
	vu_scorer scorer;
	user *users;
	size_t user_count;
} work;

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to run the trials: out of memory");
}

static vu_status read_list(const char *path, size_t columns, list *out, vu_error *error)
{
	size_t bytes;
	size_t line_number = 0;
	const char *slash = strrchr(path, '/');
	vu_status status = vu_file_read(path, LIST_BYTES_MAX, &out->text, &bytes, error);

	if (status != VU_OK)
		return status;
	out->folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	if (!out->folder)
		return out_of_memory(error);
	for (char *line = out->text, *next; line && *line; line = next) {
		char *fields[3] = {line, NULL, NULL};
		row *rows;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line_number++;
		line[strcspn(line, "\r")] = '\0';
		if (!*line)
			continue;
		for (size_t f = 1; f < columns; f++) {
			fields[f] = fields[f - 1] ? strchr(fields[f - 1], '\t') : NULL;
			if (fields[f])
				*fields[f]++ = '\0';
		}
		if (!fields[columns - 1])
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to read %s: line %zu has fewer than %zu columns", path, line_number,
			               columns);
		rows = realloc(out->rows, (out->count + 1) * sizeof *rows);
		if (!rows)
			return out_of_memory(error);
		out->rows = rows;
		rows[out->count++] = (row){fields[0], fields[1], fields[2]};
	}
	return VU_OK;
}

static void free_list(list *l)
{
	free(l->rows);
	free(l->folder);
	free(l->text);
}

/* False when the file cannot be used; says so. The caller frees out->statistics. */
static bool describe(const list *l, const char *path, double seconds, bool crops, vu_features *out)
{
	vu_extractor_config config = {.crops = crops, .limits = {1.0, 10.0}};
	vu_extractor *extractor;
	char full[PATH_MAX];
	float *samples;
	size_t count;
	bool good;
	vu_error error;

	if ((size_t)snprintf(full, sizeof full, "%s%s%s", path[0] == '/' ? "" : l->folder, path[0] == '/' ? "" : "/",
	                     path) >= sizeof full)
		return false;
	if (vu_audio_load(full, seconds, &samples, &count, &error) != VU_OK) {
		fprintf(stderr, "vu-trial: leaving out: %s\n", error.message);
		return false;
	}
	if (vu_extractor_create(&config, &extractor) != VU_OK) {
		free(samples);
		return false;
	}
	good = vu_extractor_push(extractor, samples, count) == VU_OK && vu_extractor_finish(extractor, out) == VU_OK;
	/* The statistics go with the extractor: keep a copy. */
	if (good) {
		uint8_t *copy = malloc(out->statistics_bytes + 1);
		if (copy)
			memcpy(copy, out->statistics, out->statistics_bytes);
		out->statistics = copy;
		good = copy != NULL;
	} else {
		out->statistics = NULL;
	}
	vu_extractor_destroy(extractor);
	free(samples);
	if (good && !out->has_vector)
		fprintf(stderr, "vu-trial: leaving out: there is no speech in %s\n", full);
	return good && out->has_vector;
}

static vu_status enrol(work *w, const list *enrolment, const char *name, trial_set *set, vu_error *error)
{
	vu_scorer_sample samples[VU_SCORER_SAMPLES_MAX];
	vu_features *features = calloc(VU_SCORER_SAMPLES_MAX, sizeof *features);
	float *crops = calloc((size_t)VU_SCORER_SAMPLES_MAX * VU_CROPS_MAX * VU_VECTOR_DIMENSIONS, sizeof *crops);
	size_t count = 0;
	vu_scorer_options options = {
	    .quantize = w->settings->quantize, .prune = w->settings->prune, .element = w->settings->element};
	vu_scorer_trained trained;
	vu_model_writer *writer = NULL;
	vu_model_file *file;
	size_t bytes = 0;
	user *one = &w->users[w->user_count];
	vu_status status = features && crops ? VU_OK : out_of_memory(error);

	for (size_t i = 0; i < enrolment->count && status == VU_OK && count < VU_SCORER_SAMPLES_MAX; i++) {
		float *rows = crops + count * VU_CROPS_MAX * VU_VECTOR_DIMENSIONS;
		vu_features *f = &features[count];
		if (strcmp(enrolment->rows[i].user, name) != 0)
			continue;
		if (!describe(enrolment, enrolment->rows[i].path, ENROL_SECONDS, true, f)) {
			set->unreadable++;
			continue;
		}
		for (size_t c = 0; c < f->crop_count; c++)
			memcpy(rows + c * VU_VECTOR_DIMENSIONS, f->crops[c].values, sizeof f->crops[c].values);
		samples[count++] = (vu_scorer_sample){
		    .whole = {.vector = f->vector.values,
		              .statistics = f->statistics,
		              .statistics_bytes = f->statistics_bytes,
		              .speech_ms = f->quality.speech_ms,
		              .snr_db = f->quality.snr_db},
		    .crops = rows,
		    .crop_count = f->crop_count,
		};
	}
	if (status == VU_OK)
		status = vu_model_writer_create(VU_MODEL_TEMPLATE, &writer);
	if (status == VU_OK)
		status = vu_scorer_train(&w->scorer, samples, count, &options, writer, &trained, error);
	if (status == VU_OK)
		status = vu_model_writer_finish(writer, &one->data, &bytes, error);
	if (status == VU_OK)
		status = vu_model_file_from_memory(one->data, bytes, name, VU_MODEL_TEMPLATE, &file, error);
	if (status == VU_OK)
		status = vu_template_create(file, &one->voice_template, error);
	set->template_bytes += bytes;
	set->support_vectors += trained.support_vectors;
	one->name = name;
	w->user_count++;
	vu_model_writer_destroy(writer);
	for (size_t i = 0; features && i < VU_SCORER_SAMPLES_MAX; i++)
		free(features[i].statistics);
	free(crops);
	free(features);
	return status;
}

static user *find_user(const work *w, const char *name)
{
	for (size_t i = 0; i < w->user_count; i++)
		if (strcmp(w->users[i].name, name) == 0)
			return &w->users[i];
	return NULL;
}

static vu_status enrol_all(work *w, const list *enrolment, trial_set *set, vu_error *error)
{
	vu_status status = VU_OK;

	w->users = calloc(enrolment->count + 1, sizeof *w->users);
	if (!w->users)
		return out_of_memory(error);
	for (size_t i = 0; i < enrolment->count && status == VU_OK; i++)
		if (!find_user(w, enrolment->rows[i].user))
			status = enrol(w, enrolment, enrolment->rows[i].user, set, error);
	set->users = w->user_count;
	return status;
}

/* Who speaks in a file: the user of its target trial, if the list has one. */
static uint32_t speaker_of(const work *w, const list *trials, const char *path)
{
	for (size_t i = 0; i < trials->count; i++) {
		if (strcmp(trials->rows[i].path, path) == 0 && strcmp(trials->rows[i].label, "target") == 0) {
			const user *u = find_user(w, trials->rows[i].user);
			return (uint32_t)(u ? (size_t)(u - w->users) : w->user_count);
		}
	}
	return (uint32_t)w->user_count;
}

static vu_status add_trial(const work *w, const user *u, const vu_probe *probe, const char *path, const char *label,
                           uint32_t speaking, bool added, trial_set *set)
{
	trial *all = realloc(set->trials, (set->count + 1) * sizeof *all);
	trial *one;

	if (!all)
		return VU_RESOURCE_EXHAUSTED;
	set->trials = all;
	one = &all[set->count++];
	*one = (trial){.user = strdup(u->name), .path = strdup(path), .label = strdup(label), .added = added};
	one->claimed = (uint32_t)(u - w->users);
	one->speaking = speaking;
	if (probe) {
		for (int level = 0; level < VU_BACKGROUND_LEVELS; level++) {
			vu_scorer_compare(&w->scorer, u->voice_template, probe, (vu_level)level, &one->score);
			one->thresholds[level] = one->score.threshold;
		}
		one->scored = true;
	}
	return one->user && one->path && one->label ? VU_OK : VU_RESOURCE_EXHAUSTED;
}

/* All trials of the file of row `first`. */
static vu_status score_file(const work *w, const list *trials, size_t first, trial_set *set, vu_error *error)
{
	const char *path = trials->rows[first].path;
	vu_features *features = calloc(1, sizeof *features);
	bool *claimed = calloc(w->user_count + 1, sizeof *claimed);
	uint32_t speaking = speaker_of(w, trials, path);
	vu_probe probe;
	bool usable;
	vu_status status = VU_OK;

	if (!features || !claimed) {
		status = out_of_memory(error);
		goto out;
	}
	usable = describe(trials, path, w->settings->seconds, false, features);
	set->unreadable += !usable;
	if (usable) {
		vu_scorer_input input = {.vector = features->vector.values,
		                         .statistics = features->statistics,
		                         .statistics_bytes = features->statistics_bytes,
		                         .speech_ms = features->quality.speech_ms,
		                         .snr_db = features->quality.snr_db};
		usable = vu_scorer_prepare(&w->scorer, &input, &probe, NULL) == VU_OK;
	}
	for (size_t i = first; i < trials->count && status == VU_OK; i++) {
		const user *u;
		if (strcmp(trials->rows[i].path, path) != 0)
			continue;
		u = find_user(w, trials->rows[i].user);
		if (!u)
			status = vu_fail(error, VU_INVALID_ARGUMENT,
			                 "unable to run the trials: user '%s' is not in the enrolment list",
			                 trials->rows[i].user);
		else if (add_trial(w, u, usable ? &probe : NULL, path, trials->rows[i].label, speaking, false, set) !=
		         VU_OK)
			status = out_of_memory(error);
		else
			claimed[u - w->users] = true;
	}
	for (size_t i = 0; i < w->user_count && status == VU_OK && w->settings->cross && usable; i++)
		if (!claimed[i] && speaking != i)
			if (add_trial(w, &w->users[i], &probe, path, "nontarget", speaking, true, set) != VU_OK)
				status = out_of_memory(error);
out:
	free(claimed);
	if (features)
		free(features->statistics);
	free(features);
	return status;
}

vu_status trial_set_run(const trial_settings *settings, const char *enroll_path, const char *trials_path,
                        trial_set *set, vu_error *error)
{
	work w = {.settings = settings};
	list enrolment = {0};
	list trials = {0};
	vu_status status = vu_background_open(settings->background, true, &w.background, error);

	if (status == VU_OK)
		status = vu_background_load_scaler(w.background, &w.scaler, error);
	if (status == VU_OK)
		status = vu_background_load_projection(w.background, settings->components, &w.projection, error);
	w.scorer = (vu_scorer){w.background, w.scaler, w.projection};
	if (status == VU_OK)
		set->background_bytes = vu_model_file_bytes(w.background->file);
	if (status == VU_OK && strcmp(w.background->extractor, vu_extractor_name()) != 0)
		status = vu_fail(error, VU_FAILED_PRECONDITION, "unable to use %s: it was trained for '%s', not '%s'",
		                 settings->background, w.background->extractor, vu_extractor_name());
	if (status == VU_OK)
		status = read_list(enroll_path, 2, &enrolment, error);
	if (status == VU_OK)
		status = read_list(trials_path, 3, &trials, error);
	if (status == VU_OK)
		status = enrol_all(&w, &enrolment, set, error);
	for (size_t i = 0; i < trials.count && status == VU_OK; i++) {
		bool seen = false;
		for (size_t j = i; j > 0 && !seen; j--)
			seen = strcmp(trials.rows[j - 1].path, trials.rows[i].path) == 0;
		if (!seen)
			status = score_file(&w, &trials, i, set, error);
	}
	for (size_t i = 0; i < w.user_count; i++) {
		vu_template_destroy(w.users[i].voice_template);
		free(w.users[i].data);
	}
	free(w.users);
	free_list(&enrolment);
	free_list(&trials);
	free(w.projection);
	free(w.scaler);
	vu_background_destroy(w.background);
	return status;
}

void trial_set_free(trial_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		free(set->trials[i].user);
		free(set->trials[i].path);
		free(set->trials[i].label);
	}
	free(set->trials);
}
