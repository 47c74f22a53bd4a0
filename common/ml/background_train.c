/*
 * Cross-validation over people. For every fold a model of the other people is
 * fitted, the fold's people enrol with some of their utterances and are tried
 * with the rest and with everybody else of the fold, through the very functions
 * that score in service. All folds' scores together give calibration and
 * thresholds; the model that ships is then fitted to everybody.
 */
#include "ml/background_train.h"

#include "base/random.h"
#include "ml/background_calibrate.h"
#include "ml/background_fit.h"
#include "ml/scorer.h"
#include "ml/utterance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

const uint32_t vu_training_components[VU_TRAINING_CALIBRATIONS] = {10, 20, 30, 40, 50, 80, 100};

typedef struct training {
	const vu_training_config *config;
	const vu_training_utterance *utterances;
	size_t count;
	uint32_t people;
	uint32_t *fold_of;       /* by person */
	uint32_t *utterances_of; /* by person, uncorrupted */
	uint32_t *corpus_of;     /* by person */
	bool *use;               /* by person, of the fold at hand */
	vu_training_trials of_components[VU_TRAINING_CALIBRATIONS];
	vu_training_trials agreement; /* one utterance against the mean of others */
} training;

vu_training_config vu_training_config_default(void)
{
	return (vu_training_config){
	    .extractor = "",
	    .corpora = "",
	    .seed = 1,
	    .folds = 5,
	    .enrol_samples = 5,
	    .discriminants = 100,
	    .mixture = 0,
	    .frames_models = 2,
	    .frames_kinds = {VU_FRAMES_BANDS, VU_FRAMES_QUARTERS},
	    .iterations = 4,
	    .rank = 240,
	    .relevance = 4,
	    .frames_discriminants = 240,
	    .frames_shrinkage = 0.3,
	    .frames_top = 45,
	    .joint_weight = 0.15,
	    .joint_shrinkage = 0.2,
	    .joint_top = 45,
	    .joint_discriminants = VU_BACKGROUND_DISCRIMINANTS_MAX,
	    .shift_cohort = 118,
	    .shift_relevance = 4,
	    .shift_top = 40,
	    .shift_audio_share = 0.5,
	    .shift_frames = 1000,
	    .shift_trust = 0.5,
	    .shrinkage = 0.1,
	    .weight_power = 0.5,
	    .share_power = 1.0,
	    .prior = 0.01,
	    .caution = 0.5,
	    .svm_nu = 0.1,
	    .svm_gamma = 0.5,
	    .svm_top = 100,
	    .second_top = 45,
	    .audio_share = 0.7,
	    .quantize = true,
	};
}

static void tell(const training *t, const char *step, double done)
{
	if (t->config->progress)
		t->config->progress(t->config->context, step, done);
}

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a background model: out of memory");
}

/* Deals people into folds: those who can enrol and the others separately, so that every fold has its share. */
static vu_status deal_folds(training *t, unsigned folds)
{
	uint64_t state = t->config->seed;
	uint32_t *order = malloc((t->people + 1) * sizeof *order);
	unsigned dealt[2] = {0, 0};

	if (!order)
		return VU_RESOURCE_EXHAUSTED;
	for (uint32_t p = 0; p < t->people; p++)
		order[p] = p;
	for (uint32_t i = t->people; i > 1; i--) {
		uint32_t j = (uint32_t)(vu_random_next(&state) % i);
		uint32_t swap = order[i - 1];
		order[i - 1] = order[j];
		order[j] = swap;
	}
	for (uint32_t i = 0; i < t->people; i++) {
		unsigned *counter = &dealt[t->utterances_of[order[i]] > 1];
		t->fold_of[order[i]] = (*counter)++ % folds;
	}
	free(order);
	return VU_OK;
}

/* Splits a person's utterances: the first `enrol` of them, rotated, enrol; returns how many there are. */
static size_t split_person(const training *t, uint32_t person, unsigned rotation, vu_scorer_sample *samples,
                           bool *enrols)
{
	size_t total = t->utterances_of[person];
	size_t wanted = total - 1 < t->config->enrol_samples ? total - 1 : t->config->enrol_samples;
	size_t index = 0;
	size_t made = 0;

	if (wanted > VU_SCORER_SAMPLES_MAX)
		wanted = VU_SCORER_SAMPLES_MAX;
	for (size_t i = 0; i < t->count; i++) {
		const vu_training_utterance *u = &t->utterances[i];
		enrols[i] = false;
		if (u->person != person || u->augmented)
			continue;
		if ((index++ + rotation) % total < wanted) {
			enrols[i] = true;
			samples[made++] = (vu_scorer_sample){
			    .whole = {.vector = u->whole,
			              .statistics = u->statistics,
			              .statistics_bytes = u->statistics_bytes,
			              .speech_ms = u->speech_ms,
			              .snr_db = u->snr_db},
			    .crops = u->crops,
			    .crop_count = u->crop_count,
			};
		}
	}
	return made;
}

/* All probes of the fold: wholes and crops of utterances. */
typedef struct prepared {
	vu_probe probe;
	size_t utterance;
} prepared;

static vu_status prepare_fold(const training *t, const vu_scorer *scorer, unsigned fold, prepared **probes_out,
                              size_t *count_out, vu_error *error)
{
	size_t room = 0;
	size_t made = 0;
	prepared *probes;

	for (size_t i = 0; i < t->count; i++)
		room += 1 + t->utterances[i].crop_count;
	probes = malloc(room * sizeof *probes);
	if (!probes)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t i = 0; i < t->count; i++) {
		const vu_training_utterance *u = &t->utterances[i];
		/* Of the copies, which lie after their original, the first. */
		if (t->fold_of[u->person] != fold || (u->augmented && (i == 0 || t->utterances[i - 1].augmented)))
			continue;
		/* Frames are known of whole utterances only. */
		for (size_t row = 0; row <= (t->config->mixture || u->augmented ? 0 : u->crop_count); row++) {
			vu_scorer_input input = {
			    .vector = row ? u->crops + (row - 1) * D : u->whole,
			    .speech_ms = row ? u->crop_ms[row - 1] : u->speech_ms,
			    .snr_db = u->snr_db,
			    .statistics = u->statistics,
			    .statistics_bytes = u->statistics_bytes,
			};
			vu_status status = vu_scorer_prepare(scorer, &input, &probes[made].probe, error);
			if (status == VU_INVALID_ARGUMENT) /* too little speech for the mixture */
				continue;
			if (status != VU_OK) {
				free(probes);
				return status;
			}
			probes[made++].utterance = i;
		}
	}
	*probes_out = probes;
	*count_out = made;
	return VU_OK;
}

/* Enrols one person and compares with every probe of the fold. */
static vu_status try_person(training *t, const vu_scorer *scorer, size_t calibration, uint32_t person,
                            unsigned rotation, const prepared *probes, size_t probe_count, bool *enrols,
                            vu_error *error)
{
	vu_scorer_sample samples[VU_SCORER_SAMPLES_MAX];
	size_t sample_count = split_person(t, person, rotation, samples, enrols);
	vu_scorer_options options = {.quantize = t->config->quantize};
	vu_scorer_trained trained;
	vu_model_writer *writer = NULL;
	vu_model_file *file = NULL;
	vu_template *voice_template = NULL;
	void *data = NULL;
	size_t bytes;
	vu_status status = vu_model_writer_create(VU_MODEL_TEMPLATE, &writer);

	if (status == VU_OK)
		status = vu_scorer_train(scorer, samples, sample_count, &options, writer, &trained, error);
	if (status == VU_INVALID_ARGUMENT) { /* one short utterance: nothing to learn from this person */
		status = VU_OK;
		goto out;
	}
	if (status == VU_OK)
		status = vu_model_writer_finish(writer, &data, &bytes, error);
	if (status == VU_OK)
		status = vu_model_file_from_memory(data, bytes, "trial", VU_MODEL_TEMPLATE, &file, error);
	if (status == VU_OK)
		status = vu_template_create(file, &voice_template, error);
	for (size_t i = 0; i < probe_count && status == VU_OK; i++) {
		const vu_training_utterance *u = &t->utterances[probes[i].utterance];
		vu_score score;
		vu_training_trial one;
		/* Nor a copy of what enrolled. */
		if (enrols[probes[i].utterance - u->augmented])
			continue;
		vu_scorer_compare(scorer, voice_template, &probes[i].probe, VU_LEVEL_STANDARD, &score);
		memcpy(one.inputs, score.inputs, sizeof one.inputs);
		one.second = score.second;
		one.target = u->person == person;
		one.fold = (uint8_t)t->fold_of[person];
		one.augmented = u->augmented;
		one.alike = u->corpus == t->corpus_of[person];
		status = vu_training_add_trial(&t->of_components[calibration], &one);
		if (status == VU_OK && !u->augmented && vu_training_components[calibration] == 50)
			status = vu_training_add_trial(&t->agreement, &one);
	}
out:
	vu_template_destroy(voice_template);
	free(data);
	vu_model_writer_destroy(writer);
	return status;
}

static vu_status try_components(training *t, const vu_background *background, const vu_background_scaler *scaler,
                                size_t calibration, unsigned fold, bool *enrols, vu_error *error)
{
	vu_background_projection *projection = NULL;
	prepared *probes = NULL;
	size_t probe_count = 0;
	vu_scorer scorer = {background, scaler, NULL};
	vu_status status =
	    vu_background_load_projection(background, vu_training_components[calibration], &projection, error);

	if (status != VU_OK)
		return status;
	scorer.projection = projection;
	status = prepare_fold(t, &scorer, fold, &probes, &probe_count, error);
	for (uint32_t p = 0; p < t->people && status == VU_OK; p++) {
		if (t->fold_of[p] != fold || t->utterances_of[p] < 2)
			continue;
		/* Every utterance is a trial once in so many rotations. */
		for (unsigned rotation = 0; rotation < t->utterances_of[p] && status == VU_OK;
		     rotation += t->utterances_of[p] > 3 ? 3 : 1)
			status = try_person(t, &scorer, calibration, p, rotation, probes, probe_count, enrols, error);
	}
	free(probes);
	free(projection);
	return status;
}

/*
 * All utterances, those of the fold with their places found once rather than
 * for every number of components. The caller frees with free_placed.
 */
static vu_status place_fold(const training *t, const vu_background *background, unsigned fold,
                            vu_training_utterance **out, vu_error *error)
{
	vu_training_utterance *all = malloc((t->count + 1) * sizeof *all);
	vu_status status = VU_OK;

	if (!all)
		return VU_RESOURCE_EXHAUSTED;
	*out = all;
	memcpy(all, t->utterances, t->count * sizeof *all);
	for (size_t i = 0; i < t->count && status == VU_OK && background->model_count > 0; i++) {
		uint8_t *blob;
		if (t->fold_of[all[i].person] != fold || !all[i].statistics)
			continue;
		status = vu_utterance_describe(background, all[i].statistics, all[i].statistics_bytes, true, &blob,
		                               &all[i].statistics_bytes, error);
		if (status == VU_OK)
			all[i].statistics = blob;
		else if (status == VU_INVALID_ARGUMENT) /* too little speech for the mixture: found out again below */
			status = VU_OK;
	}
	return status;
}

static void free_placed(const training *t, vu_training_utterance *all)
{
	for (size_t i = 0; all && i < t->count; i++)
		if (all[i].statistics != t->utterances[i].statistics)
			free((void *)(uintptr_t)all[i].statistics);
	free(all);
}

static vu_status try_fold(training *t, unsigned fold, unsigned folds, vu_error *error)
{
	static const vu_background_tail NO_TAIL;
	vu_model_writer *writer = NULL;
	vu_model_file *file;
	vu_background *background = NULL;
	vu_background_scaler *scaler = NULL;
	void *data = NULL;
	size_t bytes;
	training placed = *t;
	vu_training_utterance *all = NULL;
	bool *enrols = malloc((t->count + 1) * sizeof *enrols);
	vu_status status = enrols ? vu_model_writer_create(VU_MODEL_BACKGROUND, &writer) : VU_RESOURCE_EXHAUSTED;

	for (uint32_t p = 0; p < t->people; p++)
		t->use[p] = t->fold_of[p] != fold;
	if (status == VU_OK)
		status = vu_background_fit(t->config, t->utterances, t->count, t->use, &NO_TAIL, writer, error);
	if (status == VU_OK)
		status = vu_model_writer_finish(writer, &data, &bytes, error);
	if (status == VU_OK)
		status = vu_model_file_from_memory(data, bytes, "fold", VU_MODEL_BACKGROUND, &file, error);
	if (status == VU_OK)
		status = vu_background_create(file, &background, error);
	if (status == VU_OK)
		status = vu_background_load_scaler(background, &scaler, error);
	if (status == VU_OK)
		status = place_fold(t, background, fold, &all, error);
	placed.utterances = all;
	for (size_t c = 0; c < VU_TRAINING_CALIBRATIONS && status == VU_OK; c++) {
		tell(t, "cross-validation", ((double)fold + (double)c / VU_TRAINING_CALIBRATIONS) / (double)folds);
		status = try_components(&placed, background, scaler, c, fold, enrols, error);
	}
	memcpy(t->of_components, placed.of_components, sizeof t->of_components);
	t->agreement = placed.agreement;
	free_placed(t, all);
	free(scaler);
	vu_background_destroy(background);
	free(data);
	vu_model_writer_destroy(writer);
	free(enrols);
	return status;
}

static vu_status check_people(training *t, vu_error *error)
{
	uint32_t able = 0;
	uint32_t present = 0;

	for (uint32_t p = 0; p < t->people; p++) {
		able += t->utterances_of[p] > 1;
		present += t->utterances_of[p] > 0;
	}
	if (present < 2)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to train a background model: there is %s person; give recordings of many "
		               "people, one folder each",
		               present ? "only one" : "no");
	if (able < 4)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to train a background model: only %u of %u people have two or more "
		               "recordings; give several recordings of at least 4 people",
		               able, present);
	return VU_OK;
}

static vu_status begin(training *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->utterances[i].person >= t->people)
			t->people = t->utterances[i].person + 1;
	t->fold_of = calloc(t->people + 1, sizeof *t->fold_of);
	t->utterances_of = calloc(t->people + 1, sizeof *t->utterances_of);
	t->corpus_of = calloc(t->people + 1, sizeof *t->corpus_of);
	t->use = calloc(t->people + 1, sizeof *t->use);
	if (!t->fold_of || !t->utterances_of || !t->corpus_of || !t->use)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t i = 0; i < t->count; i++) {
		t->utterances_of[t->utterances[i].person] += !t->utterances[i].augmented;
		t->corpus_of[t->utterances[i].person] = t->utterances[i].corpus;
	}
	return VU_OK;
}

vu_status vu_background_train(const vu_training_config *config, const vu_training_utterance *utterances, size_t count,
                              vu_model_writer *writer, vu_training_figures *figures, vu_error *error)
{
	training t = {.config = config, .utterances = utterances, .count = count};
	vu_background_tail tail = {{0}, {0}};
	unsigned able = 0;
	unsigned folds;
	vu_status status = begin(&t);

	if (error)
		*error = (vu_error){0};
	memset(figures, 0, VU_TRAINING_CALIBRATIONS * sizeof *figures);
	if (status != VU_OK) {
		out_of_memory(error);
		goto out;
	}
	status = check_people(&t, error);
	if (status != VU_OK)
		goto out;
	for (uint32_t p = 0; p < t.people; p++)
		able += t.utterances_of[p] > 1;
	/* Every fold needs two people who enrol, and as many must remain to fit to. */
	folds = config->folds < able / 2 ? config->folds : able / 2;
	if (folds < 2)
		folds = 2;
	status = deal_folds(&t, folds);
	for (unsigned fold = 0; fold < folds && status == VU_OK; fold++)
		status = try_fold(&t, fold, folds, error);
	tell(&t, "calibration", 0);
	for (size_t c = 0; c < VU_TRAINING_CALIBRATIONS && status == VU_OK; c++) {
		vu_training_keep_alike(&t.of_components[c]);
		status = vu_training_calibrate(config, folds, &t.of_components[c], vu_training_components[c],
		                               tail.calibration + c * VU_CALIBRATION_COLUMNS, &figures[c]);
	}
	if (status == VU_OK)
		status = vu_training_calibrate_agreement(&t.agreement, tail.agreement);
	if (status == VU_OK) {
		tell(&t, "fit to everybody", 0);
		for (uint32_t p = 0; p < t.people; p++)
			t.use[p] = true;
		status = vu_background_fit(config, utterances, count, t.use, &tail, writer, error);
	}
	if (status == VU_RESOURCE_EXHAUSTED)
		out_of_memory(error);
	else if (status != VU_OK && error && error->status == VU_OK)
		vu_fail(error, status,
		        "unable to train a background model: its scores cannot be calibrated; give more people");
out:
	for (size_t c = 0; c < VU_TRAINING_CALIBRATIONS; c++)
		free(t.of_components[c].all);
	free(t.agreement.all);
	free(t.use);
	free(t.corpus_of);
	free(t.utterances_of);
	free(t.fold_of);
	return status;
}
