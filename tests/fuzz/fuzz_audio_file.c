/*
 * Any bytes as a sound file: the reader refuses them or delivers samples that
 * are finite, within scale and no more than the header declared.
 */
#include "audio/pcm.h"
#include "audio/reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* Formats that expand without end are cut here; that they may be long is tested elsewhere. */
#define FRAMES_MAX 200000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libsndfile forgets what its decoders allocated when it gives a damaged file up; leaks of ours are still found. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libsndfile\nleak:libvorbis\nleak:libogg\nleak:libFLAC\nleak:libopus\nleak:libmpg123\n";
}

static int scratch_file(void)
{
	static int fd = -1;
	char path[] = "/tmp/vu-fuzz-audio-XXXXXX";

	if (fd < 0) {
		fd = mkstemp(path);
		if (fd < 0)
			abort();
		unlink(path);
	}
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static float frames[1024 * 8];
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_error error;
	uint64_t total = 0;
	int fd = scratch_file();

	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	if (vu_reader_open_fd(fd, "fuzz", &reader, &info, &error) != VU_OK)
		return 0;
	if (info.channels < 1 || info.channels > 8 || info.sample_rate < 8000 || info.sample_rate > 192000 ||
	    info.frames == 0)
		abort();
	while (total < FRAMES_MAX) {
		size_t got = 0;
		if (vu_reader_next(reader, frames, 1024, &got, &error) != VU_OK || got == 0)
			break;
		if (got > 1024 || vu_pcm_find_unusable(frames, got * info.channels) != got * info.channels)
			abort();
		total += got;
	}
	if (total > info.frames)
		abort();
	vu_reader_close(reader);
	return 0;
}
