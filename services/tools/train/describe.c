/* Extraction. One bad file costs a line of text, never the training. */
#include "describe.h"

#include "audio/load.h"
#include "dsp/dsp.h"
#include "dsp/extractor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to describe the corpus: out of memory");
}

/* Copies what the extractor says into an utterance with arrays of its own. */
static vu_status keep(const vu_features *features, const corpus_file *file, bool augmented, described *out)
{
	size_t crops = features->crop_count;
	float *values = malloc((crops + 1) * VU_VECTOR_DIMENSIONS * sizeof *values);
	uint32_t *crop_ms = malloc((crops + 1) * sizeof *crop_ms);
	uint8_t *statistics = malloc(features->statistics_bytes + 1);
	vu_training_utterance *utterances = realloc(out->utterances, (out->count + 1) * sizeof *utterances);

	if (utterances)
		out->utterances = utterances;
	if (!values || !crop_ms || !statistics || !utterances) {
		free(statistics);
		free(values);
		free(crop_ms);
		return VU_RESOURCE_EXHAUSTED;
	}
	memcpy(statistics, features->statistics, features->statistics_bytes);
	memcpy(values, features->vector.values, sizeof features->vector.values);
	for (size_t c = 0; c < crops; c++) {
		memcpy(values + (c + 1) * VU_VECTOR_DIMENSIONS, features->crops[c].values,
		       sizeof features->crops[c].values);
		crop_ms[c] = features->crops[c].end_ms - features->crops[c].start_ms;
	}
	utterances[out->count++] = (vu_training_utterance){
	    .person = file->person,
	    .corpus = file->corpus,
	    .augmented = augmented,
	    .whole = values,
	    .speech_ms = features->quality.speech_ms,
	    .snr_db = features->quality.snr_db,
	    .crops = values + VU_VECTOR_DIMENSIONS,
	    .crop_ms = crop_ms,
	    .crop_count = crops,
	    .statistics = statistics,
	    .statistics_bytes = features->statistics_bytes,
	};
	return VU_OK;
}

/* Half a recording shorter than this has too few words in it. */
#define HALF_SAMPLES_MIN (2 * VU_SAMPLE_RATE)

static uint64_t copy_seed(uint64_t seed, size_t index, unsigned copy)
{
	return seed ^ (index * 1000003u + copy + 1) * 0x9E3779B97F4A7C15u;
}

/* *kept_out is false when there is no speech to describe. */
static vu_status describe_samples(const float *samples, size_t count, const corpus_file *file, bool augmented,
                                  bool *kept_out, described *out)
{
	vu_extractor_config config = {.crops = true, .limits = {1.0, 10.0}};
	vu_extractor *extractor;
	vu_features *features = malloc(sizeof *features);
	vu_status status = features ? vu_extractor_create(&config, &extractor) : VU_RESOURCE_EXHAUSTED;

	*kept_out = false;
	if (status != VU_OK) {
		free(features);
		return status;
	}
	status = vu_extractor_push(extractor, samples, count);
	if (status == VU_OK)
		status = vu_extractor_finish(extractor, features);
	if (status == VU_OK && features->has_vector) {
		status = keep(features, file, augmented, out);
		*kept_out = status == VU_OK;
	}
	vu_extractor_destroy(extractor);
	free(features);
	return status;
}

/* True when there is nothing else of this person. */
static bool is_only_one(const corpus *files, size_t index)
{
	uint32_t person = files->files[index].person;

	return (index == 0 || files->files[index - 1].person != person) &&
	       (index + 1 == files->file_count || files->files[index + 1].person != person);
}

/* Halves that are long enough say how a voice varies with what is said. They go where copies go. */
static vu_status describe_halves(const float *samples, size_t count, const corpus_file *file, described *out)
{
	size_t half = count / 2;
	bool ignored;
	vu_status status;

	if (half < HALF_SAMPLES_MIN)
		return VU_OK;
	status = describe_samples(samples, half, file, true, &ignored, out);
	return status == VU_OK ? describe_samples(samples + half, count - half, file, true, &ignored, out) : status;
}

static vu_status describe_file(const corpus *files, size_t index, const augmenter *corrupt, unsigned copies,
                               uint64_t seed, described *out)
{
	const corpus_file *file = &files->files[index];
	bool halve = corrupt && copies > 0 && is_only_one(files, index);
	float *samples;
	float *copy;
	size_t count;
	bool kept;
	vu_error reason;
	vu_status status = vu_audio_load(file->path, DESCRIBE_SECONDS_MAX, &samples, &count, &reason);

	if (status != VU_OK) {
		fprintf(stderr, "vu-train: skipping a file: %s\n", reason.message);
		out->skipped++;
		return VU_OK;
	}
	status = describe_samples(samples, count, file, false, &kept, out);
	if (status == VU_OK && !kept) {
		fprintf(stderr, "vu-train: skipping a file: there is no speech in %s\n", file->path);
		out->skipped++;
	}
	copy = malloc((count + 1) * sizeof *copy);
	if (!copy)
		status = VU_RESOURCE_EXHAUSTED;
	for (unsigned c = 0; c < copies && corrupt && status == VU_OK && kept; c++) {
		bool ignored;
		memcpy(copy, samples, count * sizeof *copy);
		status = augmenter_apply(corrupt, copy_seed(seed, index, c), copy, count);
		if (status == VU_OK)
			status = describe_samples(copy, count, file, true, &ignored, out);
	}
	/* After a copy, since what follows the original directly is taken for one. */
	if (status == VU_OK && kept && halve)
		status = describe_halves(samples, count, file, out);
	for (unsigned c = 0; c < copies && status == VU_OK && kept && halve; c++) {
		memcpy(copy, samples, count * sizeof *copy);
		status = augmenter_apply(corrupt, copy_seed(seed, index, c), copy, count);
		if (status == VU_OK)
			status = describe_halves(copy, count, file, out);
	}
	free(copy);
	free(samples);
	return status;
}

vu_status describe_corpus(const corpus *files, const augmenter *corrupt, unsigned copies, uint64_t seed,
                          void (*progress)(void *context, const char *step, double done), void *context,
                          described *out, vu_error *error)
{
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < files->file_count; i++) {
		if (progress)
			progress(context, "features", (double)i / (double)files->file_count);
		if (describe_file(files, i, corrupt, copies, seed, out) != VU_OK)
			return out_of_memory(error);
	}
	for (size_t i = 0; i < out->count; i++) {
		if (!out->utterances[i].augmented)
			out->speech_s += out->utterances[i].speech_ms / 1000.0;
		out->people += i == 0 || out->utterances[i].person != out->utterances[i - 1].person;
	}
	return VU_OK;
}

void described_free(described *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free((void *)(uintptr_t)d->utterances[i].whole);
		free((void *)(uintptr_t)d->utterances[i].crop_ms);
		free((void *)(uintptr_t)d->utterances[i].statistics);
	}
	free(d->utterances);
}
