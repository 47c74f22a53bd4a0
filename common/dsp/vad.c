/*
 * The detector: per hop a raw judgement (active or not), from these a sequence
 * of speech and silence by onset and hangover, twice: once at once, for the
 * state that a listener sees, and once DELAY_HOPS later with the noise floor
 * that has been learned since, for the decisions that are kept.
 *
 * Everything happens at hop boundaries and in order, so the result cannot
 * depend on how the samples were cut. Nothing here fails after creation.
 */
#include "dsp/vad.h"

#include "dsp/dsp.h"
#include "dsp/frame.h"
#include "dsp/pitch.h"
#include "dsp/vad_bands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_HOPS 20
/* Speech begins with 60 ms of activity in 120 ms, some of it voiced, or with 180 ms in 300 of a whisper. */
#define ONSET_WINDOW_HOPS   12
#define ONSET_ACTIVE_HOPS   6
#define ONSET_VOICED_HOPS   3
#define WHISPER_WINDOW_HOPS 30
#define WHISPER_ACTIVE_HOPS 18
/* An onset reaches back over activity with gaps shorter than this. */
#define ONSET_GAP_HOPS 5
/* Weak consonants before the first clearly active hop. */
#define ONSET_PAD_HOPS   2
#define ONSET_REACH_HOPS (WHISPER_WINDOW_HOPS + ONSET_PAD_HOPS)
#define HANGOVER_HOPS    6
#define MIN_SPEECH_S     0.3
#define LEVEL_HOPS       5
#define LOWEST_DBFS      (-100.0f)

/* What a hop needs to be active; see the header for the reasoning. */
#define SLOW_EXCESS_VOICED_DB       1.0f
#define SLOW_EXCESS_UNVOICED_DB     2.0f
#define FAST_EXCESS_UNVOICED_DB     0.7f
#define BANDS_ABOVE_MIN             3
#define VOICED                      0.6f
#define UNDER_VOICE_UNVOICED_MAX_DB 32.0f
#define UNDER_VOICE_VOICED_MAX_DB   40.0f
/* The voice level follows louder voiced sound at once and is forgotten at 1 dB a second. */
#define VOICE_LEVEL_DECAY_DB 0.01f

typedef struct hop {
	vu_vad_levels levels;
	float voicing;
} hop;

/* From raw judgements to stretches of speech; one for each of the two decisions. */
typedef struct segmenter {
	bool hears_whispers;
	uint64_t next;   /* hop that comes next */
	uint32_t active; /* bit i: hop next - 1 - i was active */
	uint32_t voiced; /* and voiced */
	bool in_speech;
	bool started;
	uint64_t start;     /* first hop of the first speech */
	uint64_t run_start; /* first hop of the current speech */
	uint64_t last_active;
	uint64_t closed_end; /* one past the last hop of speech that is over */
} segmenter;

struct vu_vad {
	vu_framer *framer;
	vu_vad_bands *bands;
	vu_pitch *pitch;
	double silence_s;
	double min_speech_s;
	hop ring[DELAY_HOPS + 1];
	uint64_t hops;
	uint64_t position;
	float voice_dbfs;
	float level_sum[LEVEL_HOPS];
	float level_square[LEVEL_HOPS];
	vu_pitch_estimate last_pitch;
	segmenter early;
	segmenter late;
	bool flushed;
	bool ended;
	uint64_t speech_hops; /* of the late decisions */
	uint64_t early_speech_hops;
	uint64_t decided; /* hops whose decision is final */
	uint8_t decisions[VU_VAD_DECISIONS_MAX / 8];
};

vu_status vu_vad_create(const vu_vad_config *config, vu_vad **vad_out)
{
	vu_status status;
	vu_vad *vad;

	if (!(config->silence_s >= 0.0) || !(config->min_speech_s >= 0.0))
		return VU_INVALID_ARGUMENT;
	vad = calloc(1, sizeof *vad);
	if (!vad)
		return VU_RESOURCE_EXHAUSTED;
	vad->silence_s = config->silence_s;
	vad->min_speech_s = config->min_speech_s > 0.0 ? config->min_speech_s : MIN_SPEECH_S;
	vad->voice_dbfs = LOWEST_DBFS;
	vad->late.hears_whispers = true;
	/* A lead of zeros, so that frame h ends with hop h. */
	status = vu_framer_create(VU_PITCH_FRAME_SAMPLES, VU_HOP_SAMPLES, VU_PITCH_FRAME_SAMPLES - VU_HOP_SAMPLES,
	                          &vad->framer);
	if (status == VU_OK)
		status = vu_vad_bands_create(&vad->bands);
	if (status == VU_OK)
		status = vu_pitch_create(&vad->pitch);
	if (status != VU_OK) {
		vu_vad_destroy(vad);
		return status;
	}
	*vad_out = vad;
	return VU_OK;
}

void vu_vad_destroy(vu_vad *vad)
{
	if (!vad)
		return;
	vu_pitch_destroy(vad->pitch);
	vu_vad_bands_destroy(vad->bands);
	vu_framer_destroy(vad->framer);
	free(vad);
}

typedef enum judgement { INACTIVE, ACTIVE, ACTIVE_VOICED } judgement;

static judgement judge(const vu_vad *vad, const hop *h)
{
	vu_vad_excess excess;
	bool voiced = h->voicing >= VOICED;

	if (h->levels.silent)
		return INACTIVE;
	excess = vu_vad_bands_excess(vad->bands, &h->levels);
	if (excess.bands_above < BANDS_ABOVE_MIN)
		return INACTIVE;
	if (h->levels.total_dbfs <
	    vad->voice_dbfs - (voiced ? UNDER_VOICE_VOICED_MAX_DB : UNDER_VOICE_UNVOICED_MAX_DB))
		return INACTIVE;
	if (voiced)
		return excess.slow_db >= SLOW_EXCESS_VOICED_DB ? ACTIVE_VOICED : INACTIVE;
	return excess.slow_db >= SLOW_EXCESS_UNVOICED_DB && excess.fast_db >= FAST_EXCESS_UNVOICED_DB ? ACTIVE
	                                                                                              : INACTIVE;
}

static unsigned count_bits(uint32_t bits)
{
	unsigned count = 0;
	for (; bits; bits &= bits - 1)
		count++;
	return count;
}

static bool is_onset(const segmenter *s)
{
	const uint32_t window = (1u << ONSET_WINDOW_HOPS) - 1;
	const uint32_t whisper = (1u << WHISPER_WINDOW_HOPS) - 1;

	if (!(s->active & 1u) || count_bits(s->active & window) < ONSET_ACTIVE_HOPS)
		return false;
	return count_bits(s->voiced & window) >= ONSET_VOICED_HOPS ||
	       (s->hears_whispers && count_bits(s->active & whisper) >= WHISPER_ACTIVE_HOPS);
}

/* How many hops ago the activity began that has now become speech. */
static unsigned onset_age(const segmenter *s)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < WHISPER_WINDOW_HOPS; i++) {
		if (s->active >> i & 1u)
			oldest = i;
		else if (i >= ONSET_WINDOW_HOPS && i - oldest >= ONSET_GAP_HOPS)
			break;
	}
	return oldest;
}

/* Takes the judgement of the next hop. Returns true when speech began with it (backdated: run_start). */
static bool segment(segmenter *s, judgement judged)
{
	uint64_t now = s->next++;
	uint64_t first;

	s->active = s->active << 1 | (judged != INACTIVE ? 1u : 0u);
	s->voiced = s->voiced << 1 | (judged == ACTIVE_VOICED ? 1u : 0u);
	if (s->in_speech) {
		if (judged != INACTIVE)
			s->last_active = now;
		else if (now - s->last_active >= HANGOVER_HOPS) {
			s->in_speech = false;
			s->closed_end = now;
		}
		return false;
	}
	if (!is_onset(s))
		return false;
	first = now - onset_age(s);
	first = first > ONSET_PAD_HOPS ? first - ONSET_PAD_HOPS : 0;
	s->run_start = first > s->closed_end ? first : s->closed_end;
	s->in_speech = true;
	s->last_active = now;
	if (!s->started) {
		s->started = true;
		s->start = s->run_start;
	}
	return true;
}

static void mark_speech(vu_vad *vad, uint64_t first, uint64_t end)
{
	for (uint64_t h = first; h < end; h++) {
		vad->speech_hops++;
		if (h < VU_VAD_DECISIONS_MAX)
			vad->decisions[h / 8] |= (uint8_t)(1u << h % 8);
	}
}

/* The late judgement of hop `index`, which is still in the ring. */
static void decide(vu_vad *vad, uint64_t index)
{
	segmenter *s = &vad->late;
	bool began = segment(s, judge(vad, &vad->ring[index % (DELAY_HOPS + 1)]));

	if (began)
		mark_speech(vad, s->run_start, index + 1);
	else if (s->in_speech)
		mark_speech(vad, index, index + 1);
	/* Until an onset can no longer reach back to it, silence is not final. */
	if (s->in_speech)
		vad->decided = index + 1;
	else if (index + 1 >= ONSET_REACH_HOPS && index + 1 - ONSET_REACH_HOPS > vad->decided)
		vad->decided = index + 1 - ONSET_REACH_HOPS;
}

static void follow_level(vu_vad *vad, const float *newest)
{
	size_t slot = vad->hops % LEVEL_HOPS;
	float sum = 0.0f;
	float square = 0.0f;

	for (int n = 0; n < VU_HOP_SAMPLES; n++) {
		sum += newest[n];
		square += newest[n] * newest[n];
	}
	vad->level_sum[slot] = sum;
	vad->level_square[slot] = square;
}

/* One past the last hop that was active while in speech, by either decision. */
static uint64_t active_end(const vu_vad *vad)
{
	uint64_t early = vad->early.started ? vad->early.last_active + 1 : 0;
	uint64_t late = vad->late.started ? vad->late.last_active + 1 : 0;
	return early > late ? early : late;
}

static void check_end(vu_vad *vad)
{
	uint64_t speech = vad->speech_hops > vad->early_speech_hops ? vad->speech_hops : vad->early_speech_hops;
	double silence_s = (double)((vad->hops - active_end(vad)) * VU_HOP_SAMPLES) / VU_SAMPLE_RATE;

	if (vad->silence_s <= 0.0 || !(vad->early.started || vad->late.started))
		return;
	if ((double)(speech * VU_HOP_SAMPLES) / VU_SAMPLE_RATE < vad->min_speech_s)
		return;
	/* Activity that is still without a late decision may be a whisper that goes on. */
	if (count_bits(vad->early.active & ((1u << DELAY_HOPS) - 1)) >= ONSET_ACTIVE_HOPS)
		return;
	if (silence_s >= vad->silence_s)
		vad->ended = true;
}

static void take_frame(void *context, const float *frame, uint64_t index)
{
	vu_vad *vad = context;
	hop *h = &vad->ring[index % (DELAY_HOPS + 1)];
	judgement judged;

	vu_vad_bands_analyze(vad->bands, frame + VU_PITCH_FRAME_SAMPLES - VU_FRAME_SAMPLES, &h->levels);
	vad->last_pitch = vu_pitch_analyze(vad->pitch, frame);
	h->voicing = vad->last_pitch.voicing;
	follow_level(vad, frame + VU_PITCH_FRAME_SAMPLES - VU_HOP_SAMPLES);
	judged = judge(vad, h);
	if (segment(&vad->early, judged))
		vad->early_speech_hops += index + 1 - vad->early.run_start;
	else if (vad->early.in_speech)
		vad->early_speech_hops++;
	vad->voice_dbfs = fmaxf(vad->voice_dbfs - VOICE_LEVEL_DECAY_DB, LOWEST_DBFS);
	if (vad->early.in_speech && judged == ACTIVE_VOICED && h->levels.total_dbfs > vad->voice_dbfs)
		vad->voice_dbfs = h->levels.total_dbfs;
	vad->hops = index + 1;
	if (index >= DELAY_HOPS)
		decide(vad, index - DELAY_HOPS);
	check_end(vad);
}

void vu_vad_push(vu_vad *vad, const float *samples, size_t count)
{
	if (vad->flushed)
		return;
	vad->position += count;
	vu_framer_push(vad->framer, samples, count, take_frame, vad);
}

void vu_vad_flush(vu_vad *vad)
{
	uint64_t first = vad->hops > DELAY_HOPS ? vad->hops - DELAY_HOPS : 0;

	if (vad->flushed)
		return;
	for (uint64_t h = first; h < vad->hops; h++)
		decide(vad, h);
	vad->decided = vad->hops;
	vad->flushed = true;
}

void vu_vad_get_state(const vu_vad *vad, vu_vad_state *out)
{
	float sum = 0.0f;
	float square = 0.0f;
	float samples = (float)((vad->hops < LEVEL_HOPS ? vad->hops : LEVEL_HOPS) * VU_HOP_SAMPLES);
	uint64_t start = UINT64_MAX;

	memset(out, 0, sizeof *out);
	out->speech_started = vad->early.started || vad->late.started;
	out->speech_ended = vad->ended;
	out->in_speech = vad->early.in_speech || vad->late.in_speech;
	if (vad->early.started)
		start = vad->early.start;
	if (vad->late.started && vad->late.start < start)
		start = vad->late.start;
	if (out->speech_started) {
		out->speech_start = start * VU_HOP_SAMPLES;
		out->speech_end = active_end(vad) * VU_HOP_SAMPLES;
	}
	out->speech_samples =
	    (vad->speech_hops > vad->early_speech_hops ? vad->speech_hops : vad->early_speech_hops) * VU_HOP_SAMPLES;
	out->position = vad->position;
	out->noise_dbfs = vu_vad_bands_noise_dbfs(vad->bands);
	for (int i = 0; i < LEVEL_HOPS; i++) {
		sum += vad->level_sum[i];
		square += vad->level_square[i];
	}
	/* The variance, so that an offset of the converter is no level. */
	out->level_dbfs = LOWEST_DBFS;
	if (samples > 0.0f) {
		float mean_square = square / samples - (sum / samples) * (sum / samples);
		if (mean_square > 1e-10f)
			out->level_dbfs = 10.0f * log10f(mean_square);
	}
	out->pitch_hz = vad->last_pitch.hz;
	out->voicing = vad->last_pitch.voicing;
}

size_t vu_vad_decisions(const vu_vad *vad, size_t first, size_t count, uint8_t *out)
{
	uint64_t known = vad->decided < VU_VAD_DECISIONS_MAX ? vad->decided : VU_VAD_DECISIONS_MAX;
	size_t written = 0;

	for (uint64_t h = first; h < known && written < count; h++)
		out[written++] = vad->decisions[h / 8] >> h % 8 & 1u;
	return written;
}
