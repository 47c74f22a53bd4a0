/*
 * Sound files through libsndfile. The file is examined before libsndfile sees
 * it (kind, size), what its header says is checked before it is believed, and
 * every decoded sample is checked before it is handed on.
 */
#include "audio/reader.h"

#include "audio/pcm.h"
#include "audio/resampler.h"

#include <errno.h>
#include <fcntl.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES    200
#define S16_CHUNK_SAMPLES 4096u

struct vu_reader {
	SNDFILE *file;
	int fd;
	bool owns_fd;
	char name[NAME_MAX_BYTES];
	uint32_t sample_rate;
	uint32_t channels;
	uint64_t frames_declared;
	uint64_t frames_read;
	bool heard; /* a sample was not 0 */
};

static vu_status check_file(int fd, const char *name, vu_error *error)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return vu_fail_errno(error, errno, "unable to examine %s", name);
	if (S_ISDIR(info.st_mode))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read %s: it is a folder; name a sound file in it", name);
	if (!S_ISREG(info.st_mode))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to read %s: it is not a regular file; save the audio to a file first", name);
	if (info.st_size == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read %s: it is empty; record it again", name);
	if (info.st_size > VU_READER_BYTES_MAX)
		return vu_fail(
		    error, VU_OUT_OF_RANGE,
		    "unable to read %s: it has %lld bytes, more than the %lld allowed; cut it to the speech", name,
		    (long long)info.st_size, VU_READER_BYTES_MAX);
	return VU_OK;
}

static vu_status check_header(const SF_INFO *header, const char *name, vu_error *error)
{
	vu_error problem;

	if (header->samplerate <= 0 || header->channels <= 0 ||
	    vu_resampler_check((uint32_t)header->samplerate, (uint32_t)header->channels, &problem) != VU_OK)
		return vu_fail(
		    error, VU_INVALID_ARGUMENT,
		    "unable to read %s: it has %d channels at %d Hz, supported are 1 to %u at %u to %u Hz; "
		    "convert it first",
		    name, header->channels, header->samplerate, VU_RESAMPLER_CHANNELS_MAX, VU_RESAMPLER_RATE_MIN,
		    VU_RESAMPLER_RATE_MAX);
	if (header->frames <= 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read %s: it contains no audio; record it again",
		               name);
	if (header->frames / header->samplerate >= VU_READER_SECONDS_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE,
		               "unable to read %s: it lasts %lld s, more than the %u s allowed; cut it to the speech",
		               name, (long long)(header->frames / header->samplerate), VU_READER_SECONDS_MAX);
	return VU_OK;
}

static bool format_fits_s16(int format)
{
	switch (format & SF_FORMAT_SUBMASK) {
	case SF_FORMAT_PCM_S8:
	case SF_FORMAT_PCM_U8:
	case SF_FORMAT_PCM_16:
	case SF_FORMAT_ULAW:
	case SF_FORMAT_ALAW:
		return true;
	default:
		return false;
	}
}

/*
 * libsndfile reads through these and not from the descriptor itself, because
 * sf_open_fd of version 1.2.0 closes a descriptor that it was told to leave
 * alone when it cannot understand the file.
 */
static sf_count_t file_length(void *context)
{
	const vu_reader *reader = context;
	struct stat info;

	return fstat(reader->fd, &info) == 0 ? (sf_count_t)info.st_size : -1;
}

static sf_count_t file_seek(sf_count_t offset, int whence, void *context)
{
	const vu_reader *reader = context;

	return (sf_count_t)lseek(reader->fd, (off_t)offset, whence);
}

static sf_count_t file_read(void *out, sf_count_t bytes, void *context)
{
	const vu_reader *reader = context;
	ssize_t got;

	do
		got = read(reader->fd, out, (size_t)bytes);
	while (got < 0 && errno == EINTR);
	return got < 0 ? 0 : (sf_count_t)got;
}

static sf_count_t file_tell(void *context)
{
	return file_seek(0, SEEK_CUR, context);
}

vu_status vu_reader_open_fd(int fd, const char *name, vu_reader **reader_out, vu_reader_info *info_out,
                            vu_error *error)
{
	SF_VIRTUAL_IO access = {.get_filelen = file_length, .seek = file_seek, .read = file_read, .tell = file_tell};
	SF_INFO header = {0};
	vu_reader *reader = NULL;
	vu_status status = check_file(fd, name, error);

	if (status != VU_OK)
		return status;
	reader = calloc(1, sizeof *reader);
	if (!reader)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %s: out of memory", name);
	reader->fd = fd;
	snprintf(reader->name, sizeof reader->name, "%s", name);
	reader->file = sf_open_virtual(&access, SFM_READ, &header, reader);
	if (!reader->file) {
		char reason[128];
		/* Of the many texts of libsndfile most are for programmers; the remedy is the same for all. */
		snprintf(reason, sizeof reason, "%s", sf_strerror(NULL));
		reason[strcspn(reason, "\n")] = '\0';
		status = vu_fail(error, VU_INVALID_ARGUMENT,
		                 "unable to read %s: it is no sound file that can be understood (%s); "
		                 "convert it to WAV or FLAC",
		                 reader->name, reason);
		goto fail;
	}
	status = check_header(&header, reader->name, error);
	if (status != VU_OK)
		goto fail;
	reader->sample_rate = (uint32_t)header.samplerate;
	reader->channels = (uint32_t)header.channels;
	reader->frames_declared = (uint64_t)header.frames;
	info_out->sample_rate = reader->sample_rate;
	info_out->channels = reader->channels;
	info_out->frames = reader->frames_declared;
	info_out->fits_s16 = format_fits_s16(header.format);
	*reader_out = reader;
	return VU_OK;
fail:
	vu_reader_close(reader);
	return status;
}

vu_status vu_reader_open(const char *path, vu_reader **reader_out, vu_reader_info *info_out, vu_error *error)
{
	vu_status status;
	/* O_NONBLOCK: a FIFO in the file's place must not hang the client. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to open %.300s", path);
	status = vu_reader_open_fd(fd, path, reader_out, info_out, error);
	if (status != VU_OK) {
		close(fd);
		return status;
	}
	(*reader_out)->owns_fd = true;
	return VU_OK;
}

void vu_reader_close(vu_reader *reader)
{
	if (!reader)
		return;
	if (reader->file)
		sf_close(reader->file);
	if (reader->owns_fd)
		close(reader->fd);
	free(reader);
}

static double seconds_of(const vu_reader *reader, uint64_t frames)
{
	return (double)frames / reader->sample_rate;
}

vu_status vu_reader_next(vu_reader *reader, float *out, size_t frames_max, size_t *frames_out, vu_error *error)
{
	uint64_t left = reader->frames_declared - reader->frames_read;
	sf_count_t got;
	size_t samples;
	size_t unusable;

	*frames_out = 0;
	if (frames_max > left)
		frames_max = (size_t)left;
	if (frames_max == 0)
		return VU_OK;
	got = sf_readf_float(reader->file, out, (sf_count_t)frames_max);
	if (got <= 0)
		return vu_fail(error, VU_DATA_LOSS,
		               "unable to read %s: it is damaged after %.1f s of %.1f s; record or copy it again",
		               reader->name, seconds_of(reader, reader->frames_read),
		               seconds_of(reader, reader->frames_declared));
	samples = (size_t)got * reader->channels;
	unusable = vu_pcm_find_unusable(out, samples);
	if (unusable < samples)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use %s: frame %llu is not a number within full scale (%g); "
		               "export it with samples from -1 to 1",
		               reader->name, (unsigned long long)(reader->frames_read + unusable / reader->channels),
		               (double)out[unusable]);
	if (!reader->heard)
		reader->heard = vu_pcm_peak(out, samples) > 0;
	reader->frames_read += (uint64_t)got;
	*frames_out = (size_t)got;
	return VU_OK;
}

vu_status vu_reader_next_s16(vu_reader *reader, int16_t *out, size_t frames_max, size_t *frames_out, vu_error *error)
{
	float chunk[S16_CHUNK_SAMPLES];
	size_t frames_done = 0;

	*frames_out = 0;
	while (frames_done < frames_max) {
		size_t frames = S16_CHUNK_SAMPLES / reader->channels;
		size_t got;
		vu_status status;
		if (frames > frames_max - frames_done)
			frames = frames_max - frames_done;
		status = vu_reader_next(reader, chunk, frames, &got, error);
		if (status != VU_OK)
			return status;
		if (got == 0)
			break;
		vu_pcm_to_s16(chunk, got * reader->channels, out + frames_done * reader->channels);
		frames_done += got;
	}
	*frames_out = frames_done;
	return VU_OK;
}

vu_status vu_reader_check_heard(const vu_reader *reader, vu_error *error)
{
	if (reader->heard)
		return VU_OK;
	return vu_fail(
	    error, VU_INVALID_ARGUMENT,
	    "unable to hear anything in %s: every sample is zero; check the microphone it was recorded with",
	    reader->name);
}
