/*
 * Any bytes as float samples, in pushes whose lengths the bytes choose: the
 * extractor never fails, and whatever it says is finite.
 */
#include "dsp/extractor.h"
#include "dsp/statistics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 48000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_vector(const vu_vector *vector)
{
	for (size_t i = 0; i < VU_VECTOR_DIMENSIONS; i++) {
		if (!isfinite(vector->values[i]))
			abort();
	}
	if (vector->end_ms <= vector->start_ms)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static float samples[SAMPLES_MAX];
	static vu_features features;
	const vu_extractor_config config = {true, {1.0, 10.0}};
	size_t given = size / sizeof(float);
	size_t count = 0;
	vu_statistics_view view;
	vu_extractor *extractor;

	if (vu_extractor_create(&config, &extractor) != VU_OK)
		return 0;
	/* Short inputs are repeated, so that they can be speech at all. */
	while (given > 0 && count < SAMPLES_MAX) {
		size_t take = given < SAMPLES_MAX - count ? given : SAMPLES_MAX - count;
		memcpy(samples + count, data, take * sizeof(float));
		count += take;
	}
	for (size_t n = 0; n < count;) {
		size_t step = 1 + (size_t)data[n % size] * 7;
		if (step > count - n)
			step = count - n;
		if (vu_extractor_push(extractor, samples + n, step) != VU_OK)
			abort();
		n += step;
	}
	if (vu_extractor_finish(extractor, &features) != VU_OK ||
	    vu_statistics_open(features.statistics, features.statistics_bytes, &view, NULL) != VU_OK)
		abort();
	if (features.has_vector)
		check_vector(&features.vector);
	for (size_t c = 0; c < features.crop_count; c++)
		check_vector(&features.crops[c]);
	if (!isfinite(features.quality.snr_db) || !isfinite(features.quality.level_dbfs) ||
	    !isfinite(features.quality.clipped_pct))
		abort();
	vu_extractor_destroy(extractor);
	return 0;
}
