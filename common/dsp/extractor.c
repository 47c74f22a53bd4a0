/*
 * The extractor "mfcc-stats/1". Every hop of 10 ms is analysed as it arrives
 * and kept as one record (some 220 bytes); finish chooses the speech frames and
 * takes statistics. After a failed push (no memory, too long) what came before
 * is intact and finish works.
 */
#include "dsp/extractor.h"

#include "base/sort.h"
#include "dsp/delta.h"
#include "dsp/dsp.h"
#include "dsp/frame.h"
#include "dsp/mfcc.h"
#include "dsp/quality.h"
#include "dsp/spectral.h"
#include "dsp/statistics.h"
#include "dsp/vad.h"
#include "dsp/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOPS_MAX   VU_STATISTICS_FRAMES_MAX
#define HOPS_FIRST 512
#define MS_PER_HOP (1000 * VU_HOP_SAMPLES / VU_SAMPLE_RATE)
#define BINS       (VU_FFT_SIZE / 2 + 1)
/* Speech frames this far under the loud ones are pauses and tails of rooms. */
#define UNDER_LOUD_DB 32.0f
#define CHOSEN_LEAST  20
/* Crops by length in speech frames, half overlapping; never more of a length than this. */
static const size_t CROP_FRAMES[] = {150, 225, 300};
static const size_t CROPS_OF_LENGTH[] = {12, 10, 10};
#define CROP_LENGTHS 3

struct vu_extractor {
	vu_extractor_config config;
	vu_vad *vad;
	vu_cepstrum *mfcc;
	vu_framer *framer;
	float hop[VU_HOP_SAMPLES];
	size_t hop_filled;
	vu_frame_record *frames;
	float *level_dbfs;
	uint8_t *clipped; /* samples at full scale in the hop */
	size_t hops;
	size_t room;
	uint64_t samples;
	bool finished;
	uint8_t *statistics;
};

/* What finish works with; all of it freed at its end. */
typedef struct workspace {
	uint8_t *speech;
	uint8_t *follows;
	uint32_t *chosen;
	size_t chosen_count;
	float *scratch;
	float *gathered;
} workspace;

const char *vu_extractor_name(void)
{
	return "mfcc-stats/1";
}

vu_status vu_extractor_create(const vu_extractor_config *config, vu_extractor **extractor_out)
{
	const vu_vad_config vad_config = {0};
	vu_status status;
	vu_extractor *e = calloc(1, sizeof *e);

	if (!e)
		return VU_RESOURCE_EXHAUSTED;
	e->config = *config;
	status = vu_vad_create(&vad_config, &e->vad);
	if (status == VU_OK)
		status = vu_mfcc_create(&e->mfcc);
	/* A lead of zeros: frame h ends with hop h, as in the VAD. */
	if (status == VU_OK)
		status =
		    vu_framer_create(VU_FRAME_SAMPLES, VU_HOP_SAMPLES, VU_FRAME_SAMPLES - VU_HOP_SAMPLES, &e->framer);
	if (status != VU_OK) {
		vu_extractor_destroy(e);
		return status;
	}
	*extractor_out = e;
	return VU_OK;
}

void vu_extractor_destroy(vu_extractor *extractor)
{
	if (!extractor)
		return;
	free(extractor->statistics);
	free(extractor->clipped);
	free(extractor->level_dbfs);
	free(extractor->frames);
	vu_framer_destroy(extractor->framer);
	vu_cepstrum_destroy(extractor->mfcc);
	vu_vad_destroy(extractor->vad);
	free(extractor);
}

/* Room for one more hop. */
static vu_status make_room(vu_extractor *e)
{
	size_t room = e->room ? 2 * e->room : HOPS_FIRST;
	vu_frame_record *frames;
	float *levels;
	uint8_t *clipped;

	if (e->hops < e->room)
		return VU_OK;
	if (room > HOPS_MAX)
		room = HOPS_MAX;
	if (e->hops >= room)
		return VU_RESOURCE_EXHAUSTED;
	frames = realloc(e->frames, room * sizeof *frames);
	if (!frames)
		return VU_RESOURCE_EXHAUSTED;
	e->frames = frames;
	levels = realloc(e->level_dbfs, room * sizeof *levels);
	if (!levels)
		return VU_RESOURCE_EXHAUSTED;
	e->level_dbfs = levels;
	clipped = realloc(e->clipped, room);
	if (!clipped)
		return VU_RESOURCE_EXHAUSTED;
	e->clipped = clipped;
	e->room = room;
	return VU_OK;
}

static float level_of(const float *frame)
{
	float sum = 0.0f;
	float square = 0.0f;
	float variance;

	for (int n = 0; n < VU_FRAME_SAMPLES; n++) {
		sum += frame[n];
		square += frame[n] * frame[n];
	}
	sum /= VU_FRAME_SAMPLES;
	variance = square / VU_FRAME_SAMPLES - sum * sum;
	return 10.0f * log10f(variance > 1e-12f ? variance : 1e-12f);
}

static void take_frame(void *context, const float *frame, uint64_t index)
{
	vu_extractor *e = context;
	vu_frame_record *record = &e->frames[index];
	const float *energies;
	vu_spectral spectral;

	vu_cepstrum_compute(e->mfcc, frame, record->mfcc);
	energies = vu_cepstrum_log_energies(e->mfcc);
	for (size_t i = 0; i < VU_VECTOR_BANDS; i++)
		record->band[i] = 0.5f * (energies[2 * i] + energies[2 * i + 1]);
	vu_spectral_analyze(vu_cepstrum_power(e->mfcc), NULL, BINS, &spectral);
	record->shape[0] = spectral.centroid_hz / 1000.0f;
	record->shape[1] = spectral.spread_hz / 1000.0f;
	record->shape[2] = spectral.rolloff_hz / 1000.0f;
	record->shape[3] = logf(spectral.flatness + 1e-6f);
	e->level_dbfs[index] = level_of(frame);
}

/* Analyses the hop that has just been filled. There is room for it. */
static void take_hop(vu_extractor *e)
{
	vu_vad_state state;
	uint8_t clipped = 0;

	for (int n = 0; n < VU_HOP_SAMPLES; n++) {
		if (fabsf(e->hop[n]) >= VU_QUALITY_FULL_SCALE)
			clipped++;
	}
	vu_vad_push(e->vad, e->hop, VU_HOP_SAMPLES);
	vu_vad_get_state(e->vad, &state);
	vu_framer_push(e->framer, e->hop, VU_HOP_SAMPLES, take_frame, e);
	e->frames[e->hops].pitch_hz = state.pitch_hz;
	e->frames[e->hops].voicing = state.voicing;
	e->clipped[e->hops] = clipped;
	e->hops++;
}

vu_status vu_extractor_push(vu_extractor *extractor, const float *samples, size_t count)
{
	if (extractor->finished)
		return VU_FAILED_PRECONDITION;
	while (count > 0) {
		size_t room = VU_HOP_SAMPLES - extractor->hop_filled;
		size_t take = count < room ? count : room;
		vu_status status = make_room(extractor);

		if (status != VU_OK)
			return status;
		for (size_t i = 0; i < take; i++)
			extractor->hop[extractor->hop_filled + i] = vu_sample_sanitize(samples[i]);
		extractor->hop_filled += take;
		extractor->samples += take;
		samples += take;
		count -= take;
		if (extractor->hop_filled == VU_HOP_SAMPLES) {
			take_hop(extractor);
			extractor->hop_filled = 0;
		}
	}
	return VU_OK;
}

/* Fills chosen and follows: speech frames near enough to the loud ones. */
static void choose_frames(const vu_extractor *e, workspace *w)
{
	size_t speech = 0;
	float gate;

	w->chosen_count = 0;
	for (size_t h = 0; h < e->hops; h++) {
		if (w->speech[h])
			w->scratch[speech++] = e->level_dbfs[h];
	}
	if (speech == 0)
		return;
	vu_sort_floats(w->scratch, speech);
	gate = w->scratch[speech * 95 / 100] - UNDER_LOUD_DB;
	for (size_t h = 0; h < e->hops; h++) {
		size_t n = w->chosen_count;
		if (!w->speech[h] || e->level_dbfs[h] < gate)
			continue;
		w->follows[n] = n > 0 && w->chosen[n - 1] + 1 == h;
		w->chosen[n] = (uint32_t)h;
		w->chosen_count++;
	}
}

static void fill_deltas(vu_extractor *e, workspace *w)
{
	float *in = w->gathered;
	float *out = w->gathered + e->hops * VU_VECTOR_DELTAS;

	for (size_t h = 0; h < e->hops; h++)
		memcpy(in + h * VU_VECTOR_DELTAS, e->frames[h].mfcc, VU_VECTOR_DELTAS * sizeof(float));
	vu_delta_compute(in, e->hops, VU_VECTOR_DELTAS, 2, out);
	for (size_t h = 0; h < e->hops; h++)
		memcpy(e->frames[h].delta, out + h * VU_VECTOR_DELTAS, VU_VECTOR_DELTAS * sizeof(float));
}

static void describe(const vu_extractor *e, const workspace *w, size_t first, size_t count, vu_vector *out)
{
	vu_vector_describe(e->frames, w->chosen + first, count, w->scratch, out->values);
	out->start_ms = w->chosen[first] * MS_PER_HOP;
	out->end_ms = (w->chosen[first + count - 1] + 1) * MS_PER_HOP;
}

/* For each length as many half-overlapping crops as fit, spread evenly from the first to the last frame. */
static void describe_crops(const vu_extractor *e, const workspace *w, vu_features *out)
{
	for (size_t i = 0; i < CROP_LENGTHS; i++) {
		size_t length = CROP_FRAMES[i];
		size_t spare, crops;

		if (w->chosen_count <= length)
			break;
		spare = w->chosen_count - length;
		crops = 1 + (spare + length / 4) / (length / 2);
		if (crops > CROPS_OF_LENGTH[i])
			crops = CROPS_OF_LENGTH[i];
		for (size_t c = 0; c < crops && out->crop_count < VU_CROPS_MAX; c++) {
			size_t first = crops > 1 ? spare * c / (crops - 1) : spare / 2;
			describe(e, w, first, length, &out->crops[out->crop_count++]);
		}
	}
}

static vu_status pack_statistics(vu_extractor *e, workspace *w, vu_features *out)
{
	vu_status status;

	for (size_t t = 0; t < w->chosen_count; t++)
		memcpy(w->gathered + t * VU_MFCC_COEFFICIENTS, e->frames[w->chosen[t]].mfcc,
		       VU_MFCC_COEFFICIENTS * sizeof(float));
	e->statistics = malloc(vu_statistics_bytes(w->chosen_count));
	if (!e->statistics)
		return VU_RESOURCE_EXHAUSTED;
	status = vu_statistics_pack(w->gathered, w->follows, w->chosen_count, e->statistics);
	if (status == VU_OK) {
		out->statistics = e->statistics;
		out->statistics_bytes = vu_statistics_bytes(w->chosen_count);
	}
	return status;
}

static void measure_quality(const vu_extractor *e, const workspace *w, vu_quality *quality)
{
	vu_vad_state state;
	size_t speech = 0;
	uint64_t clipped = 0;
	double power = 0.0;

	vu_vad_get_state(e->vad, &state);
	for (size_t h = 0; h < e->hops; h++) {
		if (!w->speech[h])
			continue;
		speech++;
		clipped += e->clipped[h];
		power += pow(10.0, 0.1 * (double)e->level_dbfs[h]);
	}
	quality->speech_ms = (uint32_t)(speech * MS_PER_HOP);
	quality->total_ms = (uint32_t)(e->samples * 1000 / VU_SAMPLE_RATE);
	quality->snr_db = vu_quality_snr_db(e->level_dbfs, w->speech, e->hops, state.noise_dbfs);
	quality->clipped_pct = speech ? 100.0f * (float)clipped / (float)(speech * VU_HOP_SAMPLES) : 0.0f;
	quality->level_dbfs = speech ? (float)(10.0 * log10(power / (double)speech)) : -120.0f;
	vu_quality_judge(&e->config.limits, quality);
}

vu_status vu_extractor_finish(vu_extractor *extractor, vu_features *out)
{
	vu_extractor *e = extractor;
	size_t hops = e->hops;
	workspace w = {0};
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (e->finished)
		return VU_FAILED_PRECONDITION;
	memset(out, 0, sizeof *out);
	/* One element more than needed, so that nothing is NULL when there is no audio. */
	w.speech = calloc(hops + 1, 1);
	w.follows = calloc(hops + 1, 1);
	w.chosen = calloc(hops + 1, sizeof *w.chosen);
	w.scratch = calloc(hops + 1, sizeof *w.scratch);
	w.gathered = calloc(hops + 1, VU_MFCC_COEFFICIENTS * sizeof *w.gathered);
	if (!w.speech || !w.follows || !w.chosen || !w.scratch || !w.gathered)
		goto out;
	e->finished = true;
	vu_vad_flush(e->vad);
	vu_vad_decisions(e->vad, 0, hops, w.speech);
	measure_quality(e, &w, &out->quality);
	choose_frames(e, &w);
	fill_deltas(e, &w);
	out->has_vector = out->quality.speech_ms >= VU_QUALITY_VECTOR_LEAST_MS && w.chosen_count >= CHOSEN_LEAST;
	if (out->has_vector) {
		describe(e, &w, 0, w.chosen_count, &out->vector);
		if (e->config.crops)
			describe_crops(e, &w, out);
	}
	status = pack_statistics(e, &w, out);
out:
	free(w.gathered);
	free(w.scratch);
	free(w.chosen);
	free(w.follows);
	free(w.speech);
	return status;
}
