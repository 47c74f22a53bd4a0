/* What the tests of capture share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture_aid.h"

#include "../../audio/audio_aid.h"
#include "platform/platform.h"

#include <stdio.h>
#include <stdlib.h>

const char *capture_aid_id(unsigned number)
{
	static char id[VU_ID_HEX_SIZE];

	snprintf(id, sizeof id, "%08x0123456789abcdef01234567", number);
	return id;
}

int capture_aid_memory(void)
{
	vu_error error;
	int fd = -1;

	assert_int_equal(vu_platform_shared_memory("test", VU_RING_MEMORY_BYTES, &fd, &error), VU_OK);
	return fd;
}

vu_ring *capture_aid_ring(int fd)
{
	vu_ring *ring = NULL;
	vu_error error;

	assert_int_equal(vu_ring_open(fd, &ring, &error), VU_OK);
	return ring;
}

float *capture_aid_speech(size_t count, size_t voice_start, size_t voice_end)
{
	float *samples = calloc(count, sizeof *samples);

	assert_non_null(samples);
	if (voice_end > voice_start)
		audio_aid_add_voice(samples + voice_start, voice_end - voice_start, 16000);
	audio_aid_add_noise(samples, count, 0.001f, 7);
	return samples;
}
