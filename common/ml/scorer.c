/*
 * One-class SVM and cosine, fused. Training gathers the vectors of all samples
 * (bounded, shared out fairly), trains both scorers on them, asks the cohort
 * what strangers score, and writes the sections of template.h.
 */
#include "ml/scorer.h"

#include "ml/calibration.h"
#include "dsp/statistics.h"
#include "ml/float16.h"
#include "ml/frames.h"
#include "ml/ocsvm.h"
#include "ml/pca.h"
#include "ml/scaler.h"
#include "ml/utterance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define D VU_BACKGROUND_DIMENSIONS
/* Above the first noise does not matter any more; the second is what is taken when it is not known. */
#define SNR_MOST_DB  30.0f
#define SNR_USUAL_DB 20.0f
/* Between these the scorers' weights change from those of quiet to those of noise. */
#define SNR_QUIET_DB 25.0f
#define SNR_NOISY_DB 10.0f

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

vu_status vu_scorer_check_vector(const float *values, size_t count, vu_error *error)
{
	if (count != D)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the speaker vector has %zu values: give %d", count, D);
	for (size_t i = 0; i < count; i++)
		if (!(fabsf(values[i]) <= VU_SCORER_VALUE_MAX))
			return vu_fail(
			    error, VU_INVALID_ARGUMENT,
			    "value %zu of the speaker vector is not a number within +-%g: extract it again", i,
			    (double)VU_SCORER_VALUE_MAX);
	return VU_OK;
}

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

static void scale(const vu_scorer *scorer, const float *raw, float *scaled)
{
	vu_scaler_apply(scorer->scaler->mean, scorer->scaler->inverse, D, raw, scaled);
}

/* Where a voice lies in every space, and, unless `heard` is NULL, how it shifts. */
static vu_status voices_of(const vu_scorer *scorer, const float *raw, const uint8_t *statistics,
                           size_t statistics_bytes, float voices[VU_SPACES_MAX][VU_BACKGROUND_DISCRIMINANTS_MAX],
                           float *heard, vu_error *error)
{
	const vu_background *background = scorer->background;
	float scaled[D];
	float place[VU_BACKGROUND_PLACE_MAX];
	float joint[VU_BACKGROUND_DISCRIMINANTS_MAX];
	vu_status status;

	scale(scorer, raw, scaled);
	vu_background_discriminate(&background->spaces[VU_SPACE_VECTOR], scaled, voices[VU_SPACE_VECTOR]);
	if (background->model_count == 0)
		return VU_OK;
	if (!statistics || statistics_bytes == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "the speech statistics are missing: extract them with the vector");
	/* Features has done the work already, unless these are frames that a template kept. */
	status = vu_utterance_is_placed(statistics, statistics_bytes)
	             ? vu_utterance_place(background, statistics, statistics_bytes, place, error)
	             : vu_background_embed(background, statistics, statistics_bytes, place, error);
	for (uint32_t i = 0; i < background->model_count && status == VU_OK; i++) {
		const float *one = vu_background_place_of(background, i, place);
		uint32_t frames = VU_SPACE_FRAMES_OF(i);
		uint32_t both = VU_SPACE_JOINT_OF(i);
		vu_background_discriminate(&background->spaces[frames], one, voices[frames]);
		vu_background_join(&background->models[i], scaled, one, joint);
		vu_background_discriminate(&background->spaces[both], joint, voices[both]);
	}
	if (status == VU_OK && heard && background->shift.length)
		memcpy(heard, vu_background_heard_of(background, place),
		       (background->shift.length + 2) * sizeof *heard);
	/* A version of statistics that this program does not know is the caller's to change, not ours to build. */
	return status == VU_UNIMPLEMENTED ? VU_INVALID_ARGUMENT : status;
}

static vu_cohort_statistics strangers_of(const vu_voice_space *space, const float *voice)
{
	float scores[VU_COHORT_MAX];

	vu_background_ask_cohort(space, voice, scores);
	return vu_cohort_compute(scores, space->cohort_count, space->top);
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
			status = voices_of(scorer, all->rows + i * D, all->statistics[s], all->statistics_bytes[s],
			                   all->voices[s], NULL, error);
	}
	return status;
}

/* The second scorer's value of two unit vectors: in the main space. */
static float second_of(const vu_background *background, float a[][VU_BACKGROUND_DISCRIMINANTS_MAX],
                       float b[][VU_BACKGROUND_DISCRIMINANTS_MAX])
{
	uint32_t main = vu_background_main_space(background);
	const vu_voice_space *space = &background->spaces[main];

	return vu_cohort_normalize_both(vu_dot(a[main], b[main], space->discriminants), strangers_of(space, a[main]),
	                                strangers_of(space, b[main]), background->audio_share);
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
		scale(scorer, all->rows + i * D, scaled);
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
		strangers = strangers_of(space, voice);
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

static bool same_discriminants(const vu_background *background, const vu_template *t)
{
	for (uint32_t i = 0; i < background->space_count; i++)
		if (t->spaces[i].discriminants != background->spaces[i].discriminants)
			return false;
	return true;
}

vu_status vu_scorer_check_template(const vu_scorer *scorer, const vu_template *t, bool *retrainable_out,
                                   vu_error *error)
{
	bool ignored = false;

	retrainable_out = retrainable_out ? retrainable_out : &ignored;
	*retrainable_out = false;
	if (strcmp(t->extractor, scorer->background->extractor) != 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use template %s: it was made of vectors by '%s', the background model "
		               "needs '%s'; enrol again with --replace",
		               vu_model_file_name(t->file), t->extractor, scorer->background->extractor);
	*retrainable_out = true;
	if (strcmp(t->background, scorer->background->id) != 0)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use template %s: it was made with background model %.12s, this is %.12s; "
		               "enrol again with --replace, or set ml.background_model to the old one",
		               vu_model_file_name(t->file), t->background, scorer->background->id);
	if (t->svm.dimensions != scorer->projection->components ||
	    t->space_count != scorer->background->space_count || !same_discriminants(scorer->background, t))
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use template %s: it has %u components, ml.pca_components is %u; enrol "
		               "again with --replace",
		               vu_model_file_name(t->file), t->svm.dimensions, scorer->projection->components);
	if (t->shift_length != scorer->background->shift.length)
		return vu_fail(
		    error, VU_FAILED_PRECONDITION,
		    "unable to use template %s: it has a shift of %u values, the background model needs %u; "
		    "enrol again with --replace",
		    vu_model_file_name(t->file), t->shift_length, scorer->background->shift.length);
	*retrainable_out = false;
	return VU_OK;
}

vu_status vu_scorer_prepare(const vu_scorer *scorer, const vu_scorer_input *input, vu_probe *probe, vu_error *error)
{
	const vu_background *background = scorer->background;
	float scaled[D];
	float seconds = input->speech_ms ? (float)input->speech_ms / 1000.0f : 3.0f;
	vu_status status = voices_of(scorer, input->vector, input->statistics, input->statistics_bytes, probe->voices,
	                             probe->heard, error);

	if (status != VU_OK)
		return status;
	scale(scorer, input->vector, scaled);
	vu_background_project(scorer->projection, scaled, probe->components);
	for (uint32_t i = 0; i < background->space_count; i++)
		probe->strangers[i] = strangers_of(&background->spaces[i], probe->voices[i]);
	probe->log_duration = logf(fminf(fmaxf(seconds, 0.3f), 10.0f) / 3.0f);
	probe->snr = input->snr_db > 0 ? (fminf(input->snr_db, SNR_MOST_DB) - SNR_USUAL_DB) / 10.0f : 0;
	probe->noise = input->snr_db > 0 ? (SNR_QUIET_DB - input->snr_db) / (SNR_QUIET_DB - SNR_NOISY_DB) : 0;
	probe->noise = fminf(fmaxf(probe->noise, 0), 1);
	return VU_OK;
}

void vu_scorer_compare(const vu_scorer *scorer, const vu_template *t, const vu_probe *probe, vu_level level,
                       vu_score *out)
{
	const vu_background *background = scorer->background;
	const float *calibration = vu_background_calibration(background, scorer->projection->components);
	float cosines[VU_SPACES_MAX] = {0};

	for (uint32_t i = 0; i < background->space_count; i++) {
		float cosine = vu_dot(t->spaces[i].voice, probe->voices[i], t->spaces[i].discriminants);
		cosines[i] = vu_cohort_normalize_both(cosine, t->spaces[i].strangers, probe->strangers[i],
		                                      background->audio_share);
	}
	out->svm = vu_cohort_normalize(vu_ocsvm_log_ratio(&t->svm, probe->components), t->svm_strangers);
	out->second = cosines[vu_background_main_space(background)];
	out->inputs[0] = out->svm;
	memcpy(out->inputs + 1, cosines, sizeof cosines);
	out->inputs[1 + VU_SPACES_MAX] =
	    background->shift.length ? vu_shift_score(&background->shift, &t->shift, t->shift_strangers, probe->heard)
	                             : 0;
	out->inputs[VU_CALIBRATION_SCORERS] = probe->log_duration;
	out->inputs[VU_CALIBRATION_SCORERS + 1] = probe->snr;
	for (int k = 0; k < VU_CALIBRATION_SCORERS; k++)
		out->inputs[VU_CALIBRATION_SCORERS + 2 + k] = probe->noise * out->inputs[k];
	out->fused = vu_calibration_apply(calibration + VU_CALIBRATION_CONSTANT, out->inputs, VU_CALIBRATION_INPUTS);
	out->threshold = calibration[VU_CALIBRATION_THRESHOLDS + (int)level];
}

void vu_scorer_thresholds(const vu_scorer *scorer, const vu_probe *probe, float thresholds_out[VU_BACKGROUND_LEVELS])
{
	const float *calibration = vu_background_calibration(scorer->background, scorer->projection->components);

	(void)probe;
	for (int level = 0; level < VU_BACKGROUND_LEVELS; level++)
		thresholds_out[level] = calibration[VU_CALIBRATION_THRESHOLDS + level];
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
		status = voices_of(scorer, whole->vector, whole->statistics, whole->statistics_bytes, all->voices[s],
		                   NULL, error);
	}
	if (status == VU_OK)
		agreement_of(scorer->background, all, count, agreement_out, agrees_out);
	free(all);
	return status;
}
