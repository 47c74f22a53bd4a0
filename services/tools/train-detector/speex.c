/* libspeex at 16 kHz, frame by frame. */
#include "codec.h"

#include <math.h>
#include <speex/speex.h>
#include <stdlib.h>
#include <string.h>

#define FRAME     320
#define BYTES_MAX 400

typedef struct coder {
	void *encoder;
	void *decoder;
	SpeexBits bits;
} coder;

static void code_frame(coder *c, spx_int16_t *frame)
{
	char bytes[BYTES_MAX];
	int length;

	speex_bits_reset(&c->bits);
	speex_encode_int(c->encoder, frame, &c->bits);
	length = speex_bits_write(&c->bits, bytes, sizeof bytes);
	speex_bits_read_from(&c->bits, bytes, length);
	if (speex_decode_int(c->decoder, &c->bits, frame) != 0)
		memset(frame, 0, FRAME * sizeof *frame);
}

vu_status speex_apply(double compression, float *samples, size_t count)
{
	const SpeexMode *mode = speex_lib_get_mode(SPEEX_MODEID_WB);
	spx_int32_t quality = (spx_int32_t)lround(10 * (1 - compression));
	coder c = {.encoder = speex_encoder_init(mode), .decoder = speex_decoder_init(mode)};
	vu_status status = c.encoder && c.decoder ? VU_OK : VU_RESOURCE_EXHAUSTED;

	if (status != VU_OK)
		goto out;
	speex_bits_init(&c.bits);
	speex_encoder_ctl(c.encoder, SPEEX_SET_QUALITY, &quality);
	for (size_t at = 0; at < count; at += FRAME) {
		spx_int16_t frame[FRAME] = {0};
		size_t length = count - at < FRAME ? count - at : FRAME;
		for (size_t i = 0; i < length; i++)
			frame[i] = (spx_int16_t)lrintf(fmaxf(-32768, fminf(32767, 32768 * samples[at + i])));
		code_frame(&c, frame);
		for (size_t i = 0; i < length; i++)
			samples[at + i] = (float)frame[i] / 32768;
	}
	speex_bits_destroy(&c.bits);
out:
	if (c.encoder)
		speex_encoder_destroy(c.encoder);
	if (c.decoder)
		speex_decoder_destroy(c.decoder);
	return status;
}
