/* Energies of fine bands are kept as the sound arrives; curves are drawn over them at the end. */
#include "dsp/loudspeaker_colour.h"

#include "base/sort.h"
#include "dsp/dsp.h"
#include "dsp/trace_rows.h"
#include "dsp/trace_spectrum.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define BANDS      62
#define FFT        VU_FFT_SIZE
#define BINS       (FFT / 2 + 1)
#define FIRST_BIN  2  /* of the first band; each of the first ones has one bin */
#define SINGLES    15 /* such bands; the others are a twelfth of an octave wide */
#define HISS       42 /* first band above 2.7 kHz */
#define FRAMES_MIN 40
/* Speech lies within 30 dB of the loud frames, what is loud within 15; nothing is told apart below 80 dB. */
#define SPEECH_SHARE 1e-3f
#define LOUD_SHARE   0.03f
#define LEAST_SHARE  1e-8f

/* A row holds the energies, then the loudness. */
#define LOUDNESS BANDS
#define WIDTH    (BANDS + 1)

enum { MEAN, POWER, HISSING, QUIET, LOUD, CURVES };

#define RANGES 5
static const uint8_t RANGE[RANGES + 1] = {0, 15, 27, 39, 51, BANDS};

struct vu_traces {
	vu_trace_spectrum *spectrum; /* NULL: windows are given by vu_loudspeaker_colour_take */
	uint16_t edges[BANDS + 1];
	vu_trace_rows rows;
	vu_status failed;
};

static void destroy(vu_traces *t)
{
	if (!t)
		return;
	vu_trace_spectrum_free(t->spectrum);
	vu_trace_rows_free(&t->rows);
	free(t);
}

static vu_status create(vu_traces **traces_out)
{
	vu_traces *t = calloc(1, sizeof *t);

	*traces_out = NULL;
	if (!t)
		return VU_RESOURCE_EXHAUSTED;
	t->rows.width = WIDTH;
	for (int b = 0; b <= BANDS; b++)
		t->edges[b] = (uint16_t)(b <= SINGLES ? FIRST_BIN + b
		                                      : lround((FIRST_BIN + SINGLES) * pow(2, (b - SINGLES) / 12.0)));
	t->edges[BANDS] = BINS;
	*traces_out = t;
	return VU_OK;
}

static void take_frame(void *context, const float *power, uint64_t index)
{
	vu_traces *t = context;
	float *row = t->failed == VU_OK ? vu_trace_rows_add(&t->rows) : NULL;

	(void)index;
	if (!row) {
		t->failed = VU_RESOURCE_EXHAUSTED;
		return;
	}
	row[LOUDNESS] = 0;
	for (size_t b = 0; b < BANDS; b++) {
		row[b] = 0;
		for (size_t i = t->edges[b]; i < t->edges[b + 1]; i++)
			row[b] += power[i];
		row[LOUDNESS] += row[b];
		row[b] /= (float)(t->edges[b + 1] - t->edges[b]);
	}
}

vu_status vu_loudspeaker_colour_take(vu_traces *t, const float *power)
{
	take_frame(t, power, 0);
	return t->failed;
}

static vu_status push(vu_traces *t, const float *samples, size_t count)
{
	if (!t->spectrum && vu_trace_spectrum_create(FFT, VU_HOP_SAMPLES, &t->spectrum) != VU_OK)
		t->failed = VU_RESOURCE_EXHAUSTED;
	if (t->failed == VU_OK)
		vu_trace_spectrum_push(t->spectrum, samples, count, take_frame, t);
	return t->failed;
}

/* ---- what is asked of the rows ---- */

static float hiss_of(const float *row)
{
	float sum = 0;
	for (size_t b = HISS; b < BANDS; b++)
		sum += row[b];
	return sum;
}

/* Mean levels over the frames whose `measure` lies within the limits. */
static void draw_curve(const vu_traces *t, const float *measure, float low, float high, float loud, float *curve)
{
	size_t frames = 0;

	for (size_t b = 0; b < BANDS; b++)
		curve[b] = 0;
	for (size_t f = 0; f < t->rows.count; f++) {
		const float *row = vu_trace_row(&t->rows, f);
		if (measure[f] < low || measure[f] > high)
			continue;
		frames++;
		for (size_t b = 0; b < BANDS; b++)
			curve[b] += log10f(fmaxf(row[b] / loud, LEAST_SHARE));
	}
	for (size_t b = 0; b < BANDS && frames > 0; b++)
		curve[b] /= (float)frames;
}

static void draw_power(const vu_traces *t, float loud, float *curve)
{
	for (size_t b = 0; b < BANDS; b++) {
		double sum = 0;
		size_t frames = 0;
		for (size_t f = 0; f < t->rows.count; f++) {
			const float *row = vu_trace_row(&t->rows, f);
			if (row[LOUDNESS] < loud * SPEECH_SHARE)
				continue;
			sum += (double)row[b];
			frames++;
		}
		curve[b] = log10f(fmaxf((float)(sum / (double)(frames ? frames : 1)) / loud, LEAST_SHARE));
	}
}

static float draw_curves(const vu_traces *t, float *measure, float *work, float curves[CURVES][BANDS])
{
	size_t count = t->rows.count;
	float loud;
	float limit;

	for (size_t f = 0; f < count; f++)
		work[f] = measure[f] = vu_trace_row(&t->rows, f)[LOUDNESS];
	loud = vu_sort_percentile(work, count, 95);
	if (!(loud > 0))
		return 0;
	draw_curve(t, measure, loud * SPEECH_SHARE, INFINITY, loud, curves[MEAN]);
	draw_curve(t, measure, 0, work[(count - 1) / 10], loud, curves[QUIET]);
	draw_curve(t, measure, work[(count - 1) * 9 / 10], INFINITY, loud, curves[LOUD]);
	draw_power(t, loud, curves[POWER]);
	for (size_t f = 0; f < count; f++)
		work[f] = measure[f] = hiss_of(vu_trace_row(&t->rows, f));
	limit = vu_sort_percentile(work, count, 90);
	draw_curve(t, measure, limit, INFINITY, loud, curves[HISSING]);
	return loud;
}

/* ---- figures of curves ---- */

/* What a curve does beside its mean over half an octave to either side. */
static void roughen(const float *curve, float *rough)
{
	for (int b = 0; b < BANDS; b++) {
		float sum = 0;
		int count = 0;
		for (int near = b - 6; near <= b + 6; near++) {
			if (near < 0 || near >= BANDS)
				continue;
			sum += curve[near];
			count++;
		}
		rough[b] = curve[b] - sum / (float)count;
	}
}

static float product(const float *a, const float *b, size_t range)
{
	float sum = 0;
	for (size_t i = RANGE[range]; i < RANGE[range + 1]; i++)
		sum += a[i] * b[i];
	return sum / (float)(RANGE[range + 1] - RANGE[range]);
}

static float *describe_roughness(float curves[CURVES][BANDS], float *vector)
{
	static const uint8_t SINGLE[4] = {MEAN, HISSING, QUIET, LOUD};
	static const uint8_t PAIRS[5][2] = {
	    {MEAN, HISSING}, {MEAN, QUIET}, {HISSING, QUIET}, {LOUD, HISSING}, {LOUD, QUIET}};
	float rough[CURVES][BANDS];

	for (size_t c = 0; c < CURVES; c++)
		roughen(curves[c], rough[c]);
	for (size_t c = 0; c < 4; c++) {
		for (size_t r = 0; r < RANGES; r++)
			*vector++ = sqrtf(product(rough[SINGLE[c]], rough[SINGLE[c]], r));
	}
	for (size_t p = 0; p < 5; p++) {
		const float *a = rough[PAIRS[p][0]];
		const float *b = rough[PAIRS[p][1]];
		for (size_t r = 0; r < RANGES; r++) {
			float both = product(a, b, r);
			*vector++ = both / (sqrtf(product(a, a, r) * product(b, b, r)) + 1e-4f);
			*vector++ = copysignf(sqrtf(fabsf(both)), both);
		}
	}
	return vector;
}

/* Below what part of the axis so much of the power lies. */
static float *describe_shares(const float *curve, float *vector)
{
	static const float SHARES[4] = {0.01f, 0.05f, 0.95f, 0.99f};
	float upto[BANDS];
	float sum = 0;

	for (size_t b = 0; b < BANDS; b++) {
		/* A band above 500 Hz is the wider the higher it lies. */
		float width = b < SINGLES ? 1 : powf(2, (float)(b - SINGLES) / 12);
		upto[b] = sum += powf(10, curve[b]) * width;
	}
	for (size_t s = 0; s < 4; s++) {
		size_t b = 0;
		float below;
		while (b + 1 < BANDS && upto[b] < SHARES[s] * sum)
			b++;
		below = b > 0 ? upto[b - 1] : 0;
		*vector++ = ((float)b + (SHARES[s] * sum - below) / fmaxf(upto[b] - below, 1e-12f)) / BANDS;
	}
	return vector;
}

/* From where to where a curve stands above the quietest, three bands together. */
static float *describe_extent(const float *curve, const float *quiet, float *vector)
{
	static const float LEAST[2] = {0.6f, 1.0f};

	for (size_t l = 0; l < 2; l++) {
		float first = 1;
		float last = 0;
		for (size_t b = 1; b + 1 < BANDS; b++) {
			float above = curve[b - 1] + curve[b] + curve[b + 1] - quiet[b - 1] - quiet[b] - quiet[b + 1];
			if (above < 3 * LEAST[l])
				continue;
			first = fminf(first, (float)b / BANDS);
			last = (float)b / BANDS;
		}
		*vector++ = first;
		*vector++ = last;
	}
	return vector;
}

#define THIRD 4

static float *describe_edges(const float *curve, float *vector)
{
	float rise = -INFINITY;
	float fall = -INFINITY;
	size_t rises_at = 0;
	size_t falls_at = 0;

	for (size_t b = 0; b + THIRD < BANDS; b++) {
		float step = curve[b + THIRD] - curve[b];
		if (b < RANGE[2] && step > rise) {
			rise = step;
			rises_at = b;
		}
		if (b >= RANGE[2] && -step > fall) {
			fall = -step;
			falls_at = b;
		}
	}
	*vector++ = rise;
	*vector++ = (float)rises_at / BANDS;
	*vector++ = fall;
	*vector++ = (float)falls_at / BANDS;
	return vector;
}

/* Energies of ripples along the axis, by a cosine transform; of two curves, what they have in common. */
static float *describe_ripples(float curves[CURVES][BANDS], float *vector)
{
	static const uint8_t GROUPS[5] = {4, 8, 14, 24, 40};
	static const uint8_t TAKEN[3] = {MEAN, HISSING, LOUD};

	for (size_t g = 0; g < 4; g++) {
		double energy[4] = {0};
		for (size_t k = GROUPS[g]; k < GROUPS[g + 1]; k++) {
			double part[3] = {0};
			for (size_t b = 0; b < BANDS; b++) {
				double wave = cos(M_PI * (double)k * ((double)b + 0.5) / BANDS);
				for (size_t c = 0; c < 3; c++)
					part[c] += wave * (double)curves[TAKEN[c]][b];
			}
			for (size_t c = 0; c < 3; c++)
				energy[c] += part[c] * part[c];
			energy[3] += part[0] * part[1];
		}
		for (size_t c = 0; c < 3; c++)
			vector[4 * c + g] = (float)log10(energy[c] + 1e-3);
		vector[12 + g] = (float)copysign(log10(1 + 10 * fabs(energy[3])), energy[3]);
	}
	return vector + 16;
}

/* ---- figures of frames ---- */

#define SLOPES 16

static float group_level(const float *row, size_t group, size_t groups, float loud)
{
	float sum = 0;
	for (size_t b = group * BANDS / groups; b < (group + 1) * BANDS / groups; b++)
		sum += row[b];
	return log10f(fmaxf(sum / loud, LEAST_SHARE));
}

static float *describe_slopes(const vu_traces *t, float loud, float *vector)
{
	for (size_t g = 0; g < SLOPES; g++) {
		double n = 1e-9;
		double x = 0, xx = 0, y = 0, yy = 0, xy = 0;
		double slope;
		double spread;
		for (size_t f = 0; f < t->rows.count; f++) {
			const float *row = vu_trace_row(&t->rows, f);
			double level;
			double loudness;
			if (row[LOUDNESS] < loud * LOUD_SHARE)
				continue;
			level = (double)group_level(row, g, SLOPES, loud);
			loudness = log10((double)(row[LOUDNESS] / loud));
			n += 1;
			x += loudness;
			y += level;
			xx += loudness * loudness;
			yy += level * level;
			xy += loudness * level;
		}
		spread = fmax(xx / n - x / n * x / n, 0) + 1e-3;
		slope = (xy / n - x / n * y / n) / spread;
		vector[g] = (float)slope;
		vector[SLOPES + g] = (float)sqrt(fmax(yy / n - y / n * y / n - slope * slope * spread, 0));
	}
	return vector + 2 * SLOPES;
}

#define MOVING 6
#define LAGS   6

static void describe_moves(const vu_traces *t, float loud, float *level, float *vector)
{
	size_t count = t->rows.count;

	for (size_t g = 0; g < MOVING; g++) {
		vu_trace_sums levels = {0};
		vu_trace_sums steps = {0};
		double variance;
		for (size_t f = 0; f < count; f++) {
			level[f] = group_level(vu_trace_row(&t->rows, f), g, MOVING, loud);
			vu_trace_sums_add(&levels, (double)level[f]);
		}
		variance = pow((double)vu_trace_sums_deviation(&levels), 2) + 1e-4;
		for (size_t l = 0; l < LAGS; l++) {
			size_t lag = (size_t)1 << l;
			double square = 0;
			for (size_t f = 0; f + lag < count; f++)
				square += pow((double)level[f + lag] - (double)level[f], 2);
			vector[g * LAGS + l] = (float)(square / (double)(count - lag) / variance);
		}
		for (size_t f = 0; f + 4 < count; f++)
			vu_trace_sums_add(&steps, (double)level[f + 4] - (double)level[f]);
		vector[MOVING * LAGS + g] = vu_trace_sums_skew(&steps);
	}
}

static vu_status finish(vu_traces *t, float *vector, bool *narrow_out)
{
	float curves[CURVES][BANDS];
	float *work;
	float loud;

	*narrow_out = false;
	if (t->failed != VU_OK)
		return t->failed;
	if (t->rows.count < FRAMES_MIN)
		return VU_FAILED_PRECONDITION;
	work = malloc(2 * t->rows.count * sizeof *work);
	if (!work)
		return VU_RESOURCE_EXHAUSTED;
	loud = draw_curves(t, work, work + t->rows.count, curves);
	if (loud > 0) {
		vector = describe_roughness(curves, vector);
		vector = describe_shares(curves[POWER], vector);
		vector = describe_shares(curves[HISSING], vector);
		vector = describe_shares(curves[LOUD], vector);
		vector = describe_extent(curves[POWER], curves[QUIET], vector);
		vector = describe_extent(curves[HISSING], curves[QUIET], vector);
		vector = describe_edges(curves[POWER], vector);
		vector = describe_edges(curves[HISSING], vector);
		vector = describe_edges(curves[LOUD], vector);
		vector = describe_ripples(curves, vector);
		vector = describe_slopes(t, loud, vector);
		describe_moves(t, loud, work, vector);
	}
	free(work);
	return loud > 0 ? VU_OK : VU_FAILED_PRECONDITION;
}

const vu_traces_kind vu_loudspeaker_colour_kind = {
    .name = "colour of loudspeakers",
    .version = "loudspeaker-colour/1",
    .size = VU_LOUDSPEAKER_COLOURS,
    .create = create,
    .push = push,
    .finish = finish,
    .destroy = destroy,
};
