/* Reader and resampler joined, everything kept. On failure nothing is. */
#include "audio/load.h"

#include "audio/reader.h"
#include "audio/resampler.h"
#include "dsp/dsp.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_FRAMES 4096

typedef struct kept {
	float *samples;
	size_t count;
	size_t limit;
} kept;

static bool keep(void *context, const float *samples, size_t count)
{
	kept *all = context;

	if (count > all->limit - all->count)
		count = all->limit - all->count;
	memcpy(all->samples + all->count, samples, count * sizeof *samples);
	all->count += count;
	return all->count < all->limit;
}

vu_status vu_audio_load(const char *path, double seconds_max, float **samples_out, size_t *count_out, vu_error *error)
{
	vu_reader *reader = NULL;
	vu_resampler *resampler = NULL;
	vu_reader_info info;
	kept all = {0};
	float *piece = NULL;
	size_t frames;
	double seconds;
	vu_status status = vu_reader_open(path, &reader, &info, error);

	if (status != VU_OK)
		return status;
	status = vu_resampler_create(info.sample_rate, info.channels, &resampler, error);
	if (status != VU_OK)
		goto out;
	/* What the file declares, and a little for the resampler's rounding. */
	seconds = (double)info.frames / info.sample_rate + 0.1;
	all.limit = (size_t)((seconds < seconds_max ? seconds : seconds_max) * VU_SAMPLE_RATE);
	all.samples = malloc((all.limit + 1) * sizeof *all.samples);
	piece = malloc(PIECE_FRAMES * info.channels * sizeof *piece);
	if (!all.samples || !piece) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %s: out of memory", path);
		goto out;
	}
	do {
		status = vu_reader_next(reader, piece, PIECE_FRAMES, &frames, error);
		if (status == VU_OK)
			status = vu_resampler_push(resampler, piece, frames, frames == 0, keep, &all, error);
	} while (status == VU_OK && frames > 0 && all.count < all.limit);
	/* Whether it was all silence is known only of what was read. */
	if (status == VU_OK)
		status = vu_reader_check_heard(reader, error);
	if (status == VU_OK) {
		*samples_out = all.samples;
		*count_out = all.count;
		all.samples = NULL;
	}
out:
	free(piece);
	free(all.samples);
	vu_resampler_destroy(resampler);
	vu_reader_close(reader);
	return status;
}
