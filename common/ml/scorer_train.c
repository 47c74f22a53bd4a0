/*
 * Training gathers the vectors of all samples (bounded, shared out fairly),
 * trains all scorers on them, asks the cohort what strangers score, and writes
 * the sections of template.h.
 */
#include "ml/scorer_voices.h"

#include "dsp/statistics.h"
#include "ml/float16.h"
#include "ml/frames.h"
#include "ml/ocsvm.h"
#include "ml/pca.h"
#include "ml/utterance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS

/* Raw vectors of an enrolment and the sample each is of; the frames of each sample. */
typedef struct gathered {
	float rows[VU_TEMPLATE_KEPT_MAX * D];
	uint8_t sample[VU_TEMPLATE_KEPT_MAX];
	size_t count;
	size_t samples;
	const uint8_t *statistics[VU_SCORER_SAMPLES_MAX]; /* borrowed */
	size_t statistics_bytes[VU_SCORER_SAMPLES_MAX];
	float voices[VU_SCORER_SAMPLES_MAX][VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX];
} gathered;

static void gather_one(gathered *all, const float *row, size_t sample)
{
	memcpy(all->rows + all->count * D, row, D * sizeof *row);
	all->sample[all->count++] = (uint8_t)sample;
}

/* Every sample whole, then crops in turn, so that no long sample crowds out the others. */
static void gather(const vu_scorer_sample *samples, size_t count, gathered *all)
{
	bool more = true;

	all->count = 0;
	all->samples = count;
	for (size_t s = 0; s < count; s++) {
		gather_one(all, samples[s].whole.vector, s);
		all->statistics[s] = samples[s].whole.statistics;
		all->statistics_bytes[s] = samples[s].whole.statistics_bytes;
	}
	for (size_t crop = 0; more; crop++) {
		more = false;
		for (size_t s = 0; s < count; s++) {
			if (crop >= samples[s].crop_count || all->count == VU_TEMPLATE_KEPT_MAX)
				continue;
			gather_one(all, samples[s].crops + crop * D, s);
			more = true;
		}
	}
}

/*
 * The mean of the samples' unit vectors, at unit length. Crops are left out:
 * they say nothing that the whole does not, with more noise.
 */
static void mean_voice(const vu_voice_space *space, const gathered *all, size_t which, size_t leave_out, float *voice)
{
	memset(voice, 0, space->discriminants * sizeof *voice);
	for (size_t s = 0; s < all->samples; s++)
		for (uint32_t k = 0; k < space->discriminants && s != leave_out; k++)
			voice[k] += all->voices[s][which][k];
	vu_normalize_length(voice, space->discriminants);
}

static vu_status find_voices(const vu_scorer *scorer, gathered *all, vu_error *error)
{
	vu_status status = VU_OK;

	/* The first row of every sample is the whole of it. */
	for (size_t i = all->count; i-- > 0 && status == VU_OK;) {
		size_t s = all->sample[i];
		bool whole = true;
		for (size_t j = 0; j < i && whole; j++)
			whole = all->sample[j] != s;
		if (whole)
			status = vu_scorer_voices_of(scorer, all->rows + i * D, all->statistics[s],
			                             all->statistics_bytes[s], all->voices[s], NULL, error);
	}
	return status;
}

/* The second scorer's value of two unit vectors: in the main space. */
static float second_of(const vu_background *background, float a[][VU_BACKGROUND_DISCRIMINANTS_MAX],
                       float b[][VU_BACKGROUND_DISCRIMINANTS_MAX])
{
	uint32_t main = vu_background_main_space(background);
	const vu_voice_space *space = &background->spaces[main];

	return vu_cohort_normalize_both(vu_dot(a[main], b[main], space->discriminants),
	                                vu_scorer_strangers_of(space, a[main]),
	                                vu_scorer_strangers_of(space, b[main]), background->audio_share);
}

/* How sample `one` agrees with the others. */
static void agreement_of(const vu_background *background, const gathered *all, size_t one, float *agreement_out,
                         bool *agrees_out)
{
	float others[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX];
	float voices[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX];
	float ratio;

	for (uint32_t i = 0; i < background->space_count; i++)
		mean_voice(&background->spaces[i], all, i, one, others[i]);
	memcpy(voices, all->voices[one], sizeof voices);
	ratio = background->agreement_constant + background->agreement_weight * second_of(background, others, voices);
	*agreement_out = 1.0f / (1.0f + expf(-ratio));
	*agrees_out = ratio >= background->agreement_lowest;
}

static vu_model_element element_of(const vu_scorer_options *options)
{
	return options->element ? options->element : options->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
}

static vu_status train_svm(const vu_scorer *scorer, const gathered *all, const vu_scorer_options *options,
                           vu_model_writer *writer, vu_scorer_trained *out, vu_error *error)
{
	const vu_background *background = scorer->background;
	uint32_t components = scorer->projection->components;
	vu_model_element element = element_of(options);
	vu_ocsvm_trained trained = {0};
	vu_ocsvm stored;
	uint8_t *packed = NULL;
	float *cohort = NULL;
	float *rows = malloc(all->count * components * sizeof *rows);
	float scores[VU_COHORT_MAX];
	float parameters[4];
	vu_cohort_statistics strangers;
	vu_status status;

	cohort = malloc((size_t)background->spaces[VU_SPACE_VECTOR].cohort_count * D * sizeof *cohort);
	if (!rows || !cohort) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
		goto out;
	}
	for (size_t i = 0; i < all->count; i++) {
		float scaled[D];
		vu_scorer_scale(scorer, all->rows + i * D, scaled);
		vu_background_project(scorer->projection, scaled, rows + i * components);
	}
	status = vu_ocsvm_train(rows, all->count, components, background->svm_nu, background->svm_gamma / components,
	                        options->prune, &trained, error);
	if (status == VU_OK)
		status = vu_background_load_cohort(background, cohort, error);
	if (status != VU_OK)
		goto out;
	stored = trained.machine;
	if (element != VU_ELEMENT_F32) {
		/* Strangers are scored with the vectors as they will be stored. */
		size_t row_bytes = vu_model_row_bytes(element, components);
		packed = malloc(stored.count * row_bytes);
		if (!packed) {
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
			goto out;
		}
		for (uint32_t i = 0; i < stored.count; i++) {
			const float *row = trained.vectors + (size_t)i * components;
			if (element == VU_ELEMENT_I8)
				vu_model_row_pack_i8(row, components, packed + i * row_bytes);
			else
				vu_float16_pack(row, (vu_float16 *)(void *)(packed + i * row_bytes), components);
		}
		stored.element = element;
		stored.vectors = packed;
	}
	for (uint32_t i = 0; i < background->spaces[VU_SPACE_VECTOR].cohort_count; i++) {
		float projected[VU_BACKGROUND_COMPONENTS_MAX];
		vu_background_project(scorer->projection, cohort + (size_t)i * D, projected);
		scores[i] = vu_ocsvm_log_ratio(&stored, projected);
	}
	strangers = vu_cohort_compute(scores, background->spaces[VU_SPACE_VECTOR].cohort_count, background->svm_top);
	parameters[0] = stored.gamma;
	parameters[1] = stored.rho;
	parameters[2] = strangers.mean;
	parameters[3] = strangers.deviation;
	vu_model_writer_add_floats(writer, "svm.vectors", element, stored.count, components, trained.vectors);
	vu_model_writer_add_floats(writer, "svm.alpha", VU_ELEMENT_F32, 1, stored.count, trained.coefficients);
	vu_model_writer_add_floats(writer, "svm.param", VU_ELEMENT_F32, 1, 4, parameters);
	out->support_vectors = stored.count;
out:
	free(packed);
	vu_ocsvm_trained_free(&trained);
	free(cohort);
	free(rows);
	return status;
}

static void train_voices(const vu_scorer *scorer, const gathered *all, const vu_scorer_options *options,
                         vu_model_writer *writer, vu_scorer_trained *out)
{
	const vu_background *background = scorer->background;

	for (uint32_t i = 0; i < background->space_count; i++) {
		const vu_voice_space *space = &background->spaces[i];
		float voice[VU_BACKGROUND_DISCRIMINANTS_MAX];
		float norm[2];
		vu_cohort_statistics strangers;
		mean_voice(space, all, i, SIZE_MAX, voice);
		strangers = vu_scorer_strangers_of(space, voice);
		norm[0] = strangers.mean;
		norm[1] = strangers.deviation;
		vu_model_writer_add_floats(writer, vu_template_voices[i][0], element_of(options), 1,
		                           space->discriminants, voice);
		vu_model_writer_add_floats(writer, vu_template_voices[i][1], VU_ELEMENT_F32, 1, 2, norm);
	}
	out->samples = (uint32_t)all->samples;
	for (size_t s = 0; s < all->samples; s++) {
		out->agreement[s] = 1;
		out->agrees[s] = true;
		if (all->samples > 1)
			agreement_of(background, all, s, &out->agreement[s], &out->agrees[s]);
	}
}

/* The frames of a sample; there are always some to a sample of an enrolment. */
static vu_status frames_of(const gathered *all, size_t sample, const uint8_t **frames_out, size_t *bytes_out,
                           vu_error *error)
{
	vu_status status =
	    vu_utterance_frames(all->statistics[sample], all->statistics_bytes[sample], frames_out, bytes_out, error);

	if (status == VU_OK && *bytes_out == 0)
		status = vu_fail(error, VU_INVALID_ARGUMENT,
		                 "unable to train a template: the frames of sample %zu are missing; extract "
		                 "it as a sample of an enrolment",
		                 sample + 1);
	return status;
}

/* How all samples together shift the mixture. */
static vu_status train_shift(const vu_scorer *scorer, const gathered *all, vu_model_writer *writer, vu_error *error)
{
	const vu_shift_model *shift = &scorer->background->shift;
	const vu_frames_model *model = &scorer->background->models[0];
	float *zeroth = calloc(2 * (size_t)shift->components, sizeof *zeroth);
	float *first = calloc(2 * (size_t)shift->length, sizeof *first);
	float *voice = malloc(shift->length * sizeof *voice);
	float norm[2];
	vu_cohort_statistics strangers;
	vu_status status = VU_OK;

	if (!zeroth || !first || !voice) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
		goto out;
	}
	for (size_t s = 0; s < all->samples; s++) {
		const uint8_t *statistics;
		size_t bytes;
		float *frames;
		size_t count;
		float spread[VU_FRAMES_DIMENSIONS];
		status = frames_of(all, s, &statistics, &bytes, error);
		if (status == VU_OK)
			status = vu_frames_describe(statistics, bytes, model->kind, &frames, &count, spread, error);
		if (status != VU_OK)
			goto out;
		vu_gmm_statistics(model->ubm, frames, count, zeroth + shift->components, first + shift->length);
		free(frames);
		for (uint32_t m = 0; m < shift->components; m++)
			zeroth[m] += zeroth[shift->components + m];
		for (uint32_t i = 0; i < shift->length; i++)
			first[i] += first[shift->length + i];
	}
	vu_shift_voice(shift, zeroth, first, voice);
	strangers = vu_shift_strangers(shift, voice);
	norm[0] = strangers.mean;
	norm[1] = strangers.deviation;
	vu_model_writer_add_floats(writer, "shift.voice", VU_ELEMENT_I8, 1, shift->length, voice);
	vu_model_writer_add_floats(writer, "shift.norm", VU_ELEMENT_F32, 1, 2, norm);
out:
	free(voice);
	free(first);
	free(zeroth);
	return status;
}

/* What is kept of the frames: as many of each sample as its share allows. */
static vu_status keep_frames(const gathered *all, const vu_scorer_options *options, vu_model_writer *writer,
                             vu_error *error)
{
	/* float32 support vectors take the room of frames. */
	size_t room =
	    element_of(options) != VU_ELEMENT_F32 ? VU_TEMPLATE_KEPT_FRAMES_MAX : VU_TEMPLATE_KEPT_FRAMES_MAX / 2;
	size_t share = room / all->samples;
	size_t frames_max;
	uint64_t lengths[VU_SCORER_SAMPLES_MAX];
	uint8_t *kept;
	size_t used = 0;
	vu_status status = VU_OK;

	for (frames_max = 0; vu_statistics_bytes(frames_max + 1) <= share; frames_max++)
		;
	if (frames_max < VU_FRAMES_MIN)
		return VU_OK;
	kept = malloc(VU_TEMPLATE_KEPT_FRAMES_MAX);
	if (!kept)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
	for (size_t s = 0; s < all->samples && status == VU_OK; s++) {
		const uint8_t *frames;
		size_t frames_bytes;
		size_t bytes = 0;
		status = frames_of(all, s, &frames, &frames_bytes, error);
		if (status == VU_OK)
			status = vu_frames_shorten(frames, frames_bytes, frames_max, kept + used, &bytes, error);
		lengths[s] = bytes;
		used += bytes;
	}
	if (status == VU_OK) {
		vu_model_writer_add(writer, "kept.frames", VU_ELEMENT_BYTES, 1, (uint32_t)used, kept);
		vu_model_writer_add(writer, "kept.lengths", VU_ELEMENT_U64, 1, (uint32_t)all->samples, lengths);
	}
	free(kept);
	return status;
}

/* Last of all, since values that half precision cannot hold are limited in place. */
static void keep(gathered *all, vu_model_writer *writer)
{
	for (size_t i = 0; i < all->count * D; i++)
		all->rows[i] = fminf(fmaxf(all->rows[i], -VU_FLOAT16_MAX), VU_FLOAT16_MAX);
	vu_model_writer_add_floats(writer, "kept", VU_ELEMENT_F16, (uint32_t)all->count, D, all->rows);
	vu_model_writer_add(writer, "kept.sample", VU_ELEMENT_BYTES, 1, (uint32_t)all->count, all->sample);
}

static vu_status train(const vu_scorer *scorer, gathered *all, const char *extractor,
                       const vu_scorer_options *options, vu_model_writer *writer, vu_scorer_trained *out,
                       vu_error *error)
{
	vu_status status;

	memset(out, 0, sizeof *out);
	vu_model_writer_add_text(writer, "scorer", VU_TEMPLATE_SCORER);
	vu_model_writer_add_text(writer, "extractor", extractor);
	vu_model_writer_add_text(writer, "background", scorer->background->id);
	status = find_voices(scorer, all, error);
	if (status == VU_OK)
		status = train_svm(scorer, all, options, writer, out, error);
	if (status == VU_OK && scorer->background->model_count > 0)
		status = keep_frames(all, options, writer, error);
	if (status == VU_OK && scorer->background->shift.length > 0)
		status = train_shift(scorer, all, writer, error);
	if (status != VU_OK)
		return status;
	train_voices(scorer, all, options, writer, out);
	keep(all, writer);
	return VU_OK;
}

vu_status vu_scorer_train(const vu_scorer *scorer, const vu_scorer_sample *samples, size_t count,
                          const vu_scorer_options *options, vu_model_writer *writer, vu_scorer_trained *out,
                          vu_error *error)
{
	gathered *all;
	vu_status status;

	if (count == 0 || count > VU_SCORER_SAMPLES_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to train a template from %zu samples: give 1 to %d", count,
		               VU_SCORER_SAMPLES_MAX);
	all = calloc(1, sizeof *all);
	if (!all)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
	gather(samples, count, all);
	if (all->count < 2)
		status = vu_fail(error, VU_INVALID_ARGUMENT,
		                 "unable to train a template from one stretch of speech: record more samples");
	else
		status = train(scorer, all, scorer->background->extractor, options, writer, out, error);
	free(all);
	return status;
}

vu_status vu_scorer_retrain(const vu_scorer *scorer, const vu_template *from, const vu_scorer_options *options,
                            vu_model_writer *writer, vu_scorer_trained *out, vu_error *error)
{
	gathered *all = calloc(1, sizeof *all);
	vu_status status;

	if (!all)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train a template: out of memory");
	status = vu_template_load_kept(from, all->rows, error);
	if (status != VU_OK)
		goto out;
	all->count = from->kept_count;
	all->samples = 0;
	for (size_t i = 0; i < all->count; i++) {
		all->sample[i] = from->kept_sample[i];
		if (all->sample[i] >= VU_SCORER_SAMPLES_MAX) {
			status = vu_fail(error, VU_DATA_LOSS,
			                 "unable to use template %s: it keeps more samples than it can",
			                 vu_model_file_name(from->file));
			goto out;
		}
		if (all->sample[i] >= all->samples)
			all->samples = (size_t)all->sample[i] + 1;
		status = vu_scorer_check_vector(all->rows + i * D, D, error);
		if (status != VU_OK)
			goto out;
	}
	if (all->count < 2) {
		status = vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to train template %s again: nothing was kept of enrolment; enrol again with --replace",
		    vu_model_file_name(from->file));
		goto out;
	}
	if (from->kept_frames_count > 0 && from->kept_frames_count != all->samples) {
		status = vu_fail(error, VU_DATA_LOSS, "unable to use template %s: it keeps frames of other samples",
		                 vu_model_file_name(from->file));
		goto out;
	}
	if (scorer->background->model_count > 0 && from->kept_frames_count == 0) {
		status = vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to train template %s again: no frames were kept of enrolment; enrol again with --replace",
		    vu_model_file_name(from->file));
		goto out;
	}
	for (uint32_t s = 0; s < from->kept_frames_count; s++) {
		all->statistics[s] =
		    from->kept_frames +
		    (s ? all->statistics[s - 1] - from->kept_frames + all->statistics_bytes[s - 1] : 0);
		all->statistics_bytes[s] = (size_t)from->kept_lengths[s];
	}
	status = train(scorer, all, from->extractor, options, writer, out, error);
out:
	free(all);
	return status;
}

vu_status vu_scorer_agreement(const vu_scorer *scorer, const vu_scorer_sample *others, size_t count,
                              const vu_scorer_sample *sample, float *agreement_out, bool *agrees_out, vu_error *error)
{
	gathered *all;
	vu_status status = VU_OK;

	*agreement_out = 1;
	*agrees_out = true;
	if (count == 0)
		return VU_OK;
	if (count >= VU_SCORER_SAMPLES_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to compare with %zu samples: give at most %d",
		               count, VU_SCORER_SAMPLES_MAX - 1);
	all = calloc(1, sizeof *all);
	if (!all)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to compare samples: out of memory");
	all->samples = count + 1;
	for (size_t s = 0; s <= count && status == VU_OK; s++) {
		const vu_scorer_input *whole = s < count ? &others[s].whole : &sample->whole;
		status = vu_scorer_voices_of(scorer, whole->vector, whole->statistics, whole->statistics_bytes,
		                             all->voices[s], NULL, error);
	}
	if (status == VU_OK)
		agreement_of(scorer->background, all, count, agreement_out, agrees_out);
	free(all);
	return status;
}
