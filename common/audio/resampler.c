/*
 * Streaming conversion to 16 kHz mono with libsamplerate. The medium sinc
 * converter keeps 90 % of the band at 97 dB of signal to noise, which is below
 * the noise of 16-bit samples.
 */
#include "audio/resampler.h"

#include "audio/mixer.h"
#include "dsp/dsp.h"

#include <samplerate.h>
#include <stdlib.h>

/* Input is taken in pieces of this many frames, so that buffers stay small. */
#define INPUT_FRAMES 4096u

struct vu_resampler {
	vu_mixer *mixer;
	SRC_STATE *converter; /* NULL: the rate is right already */
	double ratio;
	uint32_t channels;
	bool finished;
	float *mono; /* vu_mixer_output_max(INPUT_FRAMES) */
	float out[VU_RESAMPLER_PIECE_SAMPLES];
};

vu_status vu_resampler_check(uint32_t sample_rate, uint32_t channels, vu_error *error)
{
	if (sample_rate < VU_RESAMPLER_RATE_MIN || sample_rate > VU_RESAMPLER_RATE_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to convert audio of %u Hz: the rate must be %u to %u Hz; convert it first",
		               sample_rate, VU_RESAMPLER_RATE_MIN, VU_RESAMPLER_RATE_MAX);
	if (channels == 0 || channels > VU_RESAMPLER_CHANNELS_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to convert audio of %u channels: 1 to %u are supported; mix it down first",
		               channels, VU_RESAMPLER_CHANNELS_MAX);
	return VU_OK;
}

vu_status vu_resampler_create(uint32_t sample_rate, uint32_t channels, vu_resampler **resampler_out, vu_error *error)
{
	vu_resampler *resampler = NULL;
	int problem = 0;
	vu_status status = vu_resampler_check(sample_rate, channels, error);

	if (status != VU_OK)
		return status;
	resampler = calloc(1, sizeof *resampler);
	if (!resampler)
		goto no_memory;
	resampler->channels = channels;
	resampler->ratio = (double)VU_SAMPLE_RATE / sample_rate;
	status = vu_mixer_create(sample_rate, channels, &resampler->mixer, error);
	if (status != VU_OK)
		goto fail;
	resampler->mono = malloc(vu_mixer_output_max(resampler->mixer, INPUT_FRAMES) * sizeof *resampler->mono);
	if (!resampler->mono)
		goto no_memory;
	if (sample_rate != VU_SAMPLE_RATE) {
		resampler->converter = src_new(SRC_SINC_MEDIUM_QUALITY, 1, &problem);
		if (!resampler->converter)
			goto no_memory;
	}
	*resampler_out = resampler;
	return VU_OK;
no_memory:
	status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to convert audio: out of memory");
fail:
	vu_resampler_destroy(resampler);
	return status;
}

void vu_resampler_destroy(vu_resampler *resampler)
{
	if (!resampler)
		return;
	if (resampler->converter)
		src_delete(resampler->converter);
	vu_mixer_destroy(resampler->mixer);
	free(resampler->mono);
	free(resampler);
}

/* Hands samples on in pieces; false when the sink has enough. */
static bool deliver(const float *samples, size_t count, vu_resampler_sink sink, void *context)
{
	while (count > 0) {
		size_t piece = count < VU_RESAMPLER_PIECE_SAMPLES ? count : VU_RESAMPLER_PIECE_SAMPLES;
		if (!sink(context, samples, piece))
			return false;
		samples += piece;
		count -= piece;
	}
	return true;
}

/* Converts `count` mono samples; with `last` until nothing more comes out. *wanted is cleared when the sink has
 * enough. */
static vu_status convert(vu_resampler *resampler, const float *mono, size_t count, bool last, vu_resampler_sink sink,
                         void *context, bool *wanted, vu_error *error)
{
	SRC_DATA data = {0};

	if (!resampler->converter) {
		*wanted = deliver(mono, count, sink, context);
		return VU_OK;
	}
	data.data_in = mono;
	data.input_frames = (long)count;
	data.end_of_input = last;
	data.src_ratio = resampler->ratio;
	data.data_out = resampler->out;
	data.output_frames = VU_RESAMPLER_PIECE_SAMPLES;
	for (;;) {
		int problem = src_process(resampler->converter, &data);
		if (problem != 0)
			return vu_fail(error, VU_INTERNAL, "unable to convert audio: %s", src_strerror(problem));
		if (data.output_frames_gen > 0 &&
		    !deliver(resampler->out, (size_t)data.output_frames_gen, sink, context)) {
			*wanted = false;
			return VU_OK;
		}
		data.data_in += data.input_frames_used;
		data.input_frames -= data.input_frames_used;
		if (data.input_frames_used == 0 && data.output_frames_gen == 0)
			return VU_OK;
	}
}

vu_status vu_resampler_push(vu_resampler *resampler, const float *interleaved, size_t frames, bool last,
                            vu_resampler_sink sink, void *context, vu_error *error)
{
	vu_status status = VU_OK;
	bool wanted = true;

	if (resampler->finished)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to convert audio: the stream has already ended");
	resampler->finished = last;
	do {
		size_t take = frames < INPUT_FRAMES ? frames : INPUT_FRAMES;
		bool final = last && take == frames;
		size_t count = vu_mixer_push(resampler->mixer, interleaved, take, final, resampler->mono);
		status = convert(resampler, resampler->mono, count, final, sink, context, &wanted, error);
		interleaved += take * resampler->channels;
		frames -= take;
	} while (status == VU_OK && wanted && frames > 0);
	return status;
}
