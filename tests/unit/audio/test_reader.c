/* Reading sound files: real ones, made with libsndfile, and every kind of bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "audio/reader.h"
#include "audio_aid.h"

#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-reader-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void write_sound(const char *name, int format, int rate, int channels, const float *frames, size_t count)
{
	SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
	SNDFILE *file = sf_open(in_folder(name), SFM_WRITE, &info);

	if (!file)
		fail_msg("unable to write %s: %s", name, sf_strerror(NULL));
	assert_int_equal(sf_writef_float(file, frames, (sf_count_t)count), count);
	sf_close(file);
}

static void write_bytes(const char *name, const void *bytes, size_t count)
{
	FILE *file = fopen(in_folder(name), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, count, file), count);
	fclose(file);
}

static size_t read_bytes(const char *name, uint8_t *bytes, size_t size)
{
	FILE *file = fopen(in_folder(name), "rb");
	size_t count;

	assert_non_null(file);
	count = fread(bytes, 1, size, file);
	fclose(file);
	return count;
}

static void assert_refused(const char *name, vu_status expected, const char *part)
{
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_error error = {0};

	assert_int_equal(vu_reader_open(in_folder(name), &reader, &info, &error), expected);
	assert_int_equal(error.status, expected);
	if (!strstr(error.message, part))
		fail_msg("'%s' does not say '%s'", error.message, part);
	assert_null(reader);
}

/* Reads to the end; the status of the read that ended it. */
static vu_status read_all(vu_reader *reader, uint32_t channels, float *out, size_t frames_max, size_t *frames_out,
                          vu_error *error)
{
	size_t done = 0;

	for (;;) {
		size_t got = 0;
		size_t wanted = frames_max - done < 1000 ? frames_max - done : 1000;
		vu_status status = vu_reader_next(reader, out + done * channels, wanted, &got, error);
		*frames_out = done;
		if (status != VU_OK || got == 0)
			return status;
		done += got;
	}
}

static void assert_round_trip(const char *name, int format, int rate, int channels, bool fits_s16, double tolerance)
{
	size_t count = (size_t)rate;
	float *in = calloc(count * (size_t)channels, sizeof *in);
	float *out = calloc((count + 5000) * (size_t)channels, sizeof *out);
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_error error;
	size_t got;

	audio_aid_add_voice(in, count * (size_t)channels, rate * channels);
	write_sound(name, format, rate, channels, in, count);
	assert_int_equal(vu_reader_open(in_folder(name), &reader, &info, &error), VU_OK);
	assert_int_equal(info.sample_rate, rate);
	assert_int_equal(info.channels, channels);
	assert_int_equal(info.frames, count);
	assert_int_equal(info.fits_s16, fits_s16);
	assert_int_equal(read_all(reader, info.channels, out, count + 5000, &got, &error), VU_OK);
	assert_int_equal(got, count);
	for (size_t i = 0; i < count * (size_t)channels; i++)
		if (fabs(in[i] - out[i]) > tolerance)
			fail_msg("%s: sample %zu is %g instead of %g", name, i, (double)out[i], (double)in[i]);
	assert_int_equal(vu_reader_check_heard(reader, &error), VU_OK);
	vu_reader_close(reader);
	free(in);
	free(out);
}

static void test_formats(void **state)
{
	(void)state;
	assert_round_trip("16.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, true, 1.0 / 32768);
	assert_round_trip("24.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 48000, 2, false, 1.0 / 8000000);
	assert_round_trip("f.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 44100, 1, false, 0);
	assert_round_trip("u.au", SF_FORMAT_AU | SF_FORMAT_ULAW, 8000, 1, true, 0.03);
	assert_round_trip("16.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 22050, 1, true, 1.0 / 32768);
	assert_round_trip("d.w64", SF_FORMAT_W64 | SF_FORMAT_DOUBLE, 192000, 8, false, 0);
}

static void test_lossy_format(void **state)
{
	float *in = calloc(44100, sizeof *in);
	float *out = calloc(50000, sizeof *out);
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_error error;
	size_t got;

	(void)state;
	audio_aid_add_voice(in, 44100, 44100);
	write_sound("v.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 44100, 1, in, 44100);
	assert_int_equal(vu_reader_open(in_folder("v.ogg"), &reader, &info, &error), VU_OK);
	assert_int_equal(read_all(reader, 1, out, 50000, &got, &error), VU_OK);
	assert_int_equal(got, 44100);
	assert_true(audio_aid_correlation(in, out, 44100) > 0.98);
	vu_reader_close(reader);
	free(in);
	free(out);
}

static void test_s16_is_exact_and_clips(void **state)
{
	const float in[] = {0, 0.5f, -0.5f, 2.0f, -2.0f, 100.0f / 32768};
	const int16_t expected[] = {0, 16384, -16384, 32767, -32768, 100};
	int16_t out[100];
	vu_reader *reader = NULL;
	vu_reader_info info;
	size_t got;

	(void)state;
	write_sound("clip.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 1, in, 6);
	assert_int_equal(vu_reader_open(in_folder("clip.wav"), &reader, &info, NULL), VU_OK);
	assert_int_equal(vu_reader_next_s16(reader, out, 100, &got, NULL), VU_OK);
	assert_int_equal(got, 6);
	assert_memory_equal(out, expected, sizeof expected);
	assert_int_equal(vu_reader_next_s16(reader, out, 100, &got, NULL), VU_OK);
	assert_int_equal(got, 0);
	vu_reader_close(reader);
}

static void test_no_sound_files(void **state)
{
	(void)state;
	assert_refused("missing.wav", VU_NOT_FOUND, "No such file or directory");
	assert_refused(".", VU_INVALID_ARGUMENT, "it is a folder; name a sound file in it");
	write_bytes("empty.wav", "", 0);
	assert_refused("empty.wav", VU_INVALID_ARGUMENT, "it is empty; record it again");
	write_bytes("text.wav", "This is a letter, not a recording.\n", 35);
	assert_refused("text.wav", VU_INVALID_ARGUMENT, "convert it to WAV or FLAC");
	write_bytes("header.wav", "RIFF\x24\x08\0\0WAVE", 12);
	assert_refused("header.wav", VU_INVALID_ARGUMENT, "convert it to WAV or FLAC");
	assert_int_equal(mkfifo(in_folder("fifo.wav"), 0600), 0);
	assert_refused("fifo.wav", VU_INVALID_ARGUMENT, "it is not a regular file");
}

static void test_unreadable_file(void **state)
{
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_error error;
	const float sample = 0.5f;
	bool root = geteuid() == 0;

	(void)state;
	write_sound("secret.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, &sample, 1);
	assert_int_equal(chmod(in_folder("secret.wav"), 0), 0);
	/* Root reads everything, so it becomes somebody else for a moment. */
	if (root) {
		assert_int_equal(chmod(folder, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	assert_int_equal(vu_reader_open(in_folder("secret.wav"), &reader, &info, &error), VU_PERMISSION_DENIED);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_non_null(strstr(error.message, "Permission denied"));
}

static void test_no_audio_in_it(void **state)
{
	const float nothing = 0;

	(void)state;
	write_sound("none.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, &nothing, 0);
	assert_refused("none.wav", VU_INVALID_ARGUMENT, "it contains no audio; record it again");
}

static void test_odd_shapes(void **state)
{
	float frames[32] = {0.5f};

	(void)state;
	write_sound("slow.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 4000, 1, frames, 32);
	assert_refused("slow.wav", VU_INVALID_ARGUMENT,
	               "it has 1 channels at 4000 Hz, supported are 1 to 8 at 8000 to 192000 Hz");
	write_sound("fast.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 384000, 1, frames, 32);
	assert_refused("fast.wav", VU_INVALID_ARGUMENT, "at 384000 Hz");
	write_sound("many.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 16, frames, 2);
	assert_refused("many.wav", VU_INVALID_ARGUMENT, "it has 16 channels");
}

static void test_too_long_and_too_large(void **state)
{
	float *frames = calloc(8000, sizeof *frames);
	SF_INFO info = {.samplerate = 8000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_U8};
	SNDFILE *file = sf_open(in_folder("long.wav"), SFM_WRITE, &info);
	int fd;

	(void)state;
	for (unsigned i = 0; i < VU_READER_SECONDS_MAX; i++)
		assert_int_equal(sf_writef_float(file, frames, 8000), 8000);
	sf_close(file);
	assert_refused("long.wav", VU_OUT_OF_RANGE,
	               "it lasts 600 s, more than the 600 s allowed; cut it to the speech");
	fd = open(in_folder("large.wav"), O_CREAT | O_RDWR, 0600);
	assert_int_equal(ftruncate(fd, VU_READER_BYTES_MAX + 1), 0);
	close(fd);
	assert_refused("large.wav", VU_OUT_OF_RANGE, "it has 1073741825 bytes, more than the 1073741824 allowed");
	free(frames);
}

static void test_samples_that_are_no_numbers(void **state)
{
	float frames[3000] = {0};
	const float bad[] = {NAN, INFINITY, 32767.0f};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		vu_reader *reader = NULL;
		vu_reader_info info;
		vu_error error;
		float out[4000];
		size_t got;
		frames[2 * 1200 + 1] = bad[i];
		write_sound("bad.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 2, frames, 1500);
		assert_int_equal(vu_reader_open(in_folder("bad.wav"), &reader, &info, &error), VU_OK);
		assert_int_equal(read_all(reader, 2, out, 2000, &got, &error), VU_INVALID_ARGUMENT);
		assert_int_equal(got, 1000);
		assert_non_null(strstr(error.message, "frame 1200 is not a number within full scale"));
		assert_non_null(strstr(error.message, "export it with samples from -1 to 1"));
		vu_reader_close(reader);
	}
}

static void test_damaged_body(void **state)
{
	float *frames = calloc(48000, sizeof *frames);
	float *out = calloc(48000, sizeof *out);
	static uint8_t bytes[200000];
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_error error;
	size_t size;
	size_t got;

	(void)state;
	audio_aid_add_noise(frames, 48000, 0.2f, 5);
	write_sound("whole.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, frames, 48000);
	size = read_bytes("whole.flac", bytes, sizeof bytes);
	assert_true(size > 60000 && size < sizeof bytes);
	write_bytes("cut.flac", bytes, size / 2);
	assert_int_equal(vu_reader_open(in_folder("cut.flac"), &reader, &info, &error), VU_OK);
	assert_int_equal(read_all(reader, 1, out, 48000, &got, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "it is damaged after 1."));
	assert_non_null(strstr(error.message, "of 3.0 s; record or copy it again"));
	vu_reader_close(reader);
	free(frames);
	free(out);
}

static void test_silence_is_told(void **state)
{
	float frames[1600] = {0};
	float out[1600];
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_error error;
	size_t got;

	(void)state;
	write_sound("silent.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, frames, 1600);
	assert_int_equal(vu_reader_open(in_folder("silent.wav"), &reader, &info, &error), VU_OK);
	assert_int_equal(read_all(reader, 1, out, 1600, &got, &error), VU_OK);
	assert_int_equal(got, 1600);
	assert_int_equal(vu_reader_check_heard(reader, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "every sample is zero; check the microphone"));
	vu_reader_close(reader);
	vu_reader_close(NULL);
}

static void test_a_descriptor_stays_the_callers(void **state)
{
	vu_reader *reader = NULL;
	vu_reader_info info;
	int fd;

	(void)state;
	write_bytes("text.wav", "This is a letter, not a recording.\n", 35);
	fd = open(in_folder("text.wav"), O_RDONLY);
	assert_int_equal(vu_reader_open_fd(fd, "text", &reader, &info, NULL), VU_INVALID_ARGUMENT);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(fd);
}

static void test_descriptors_do_not_leak(void **state)
{
	int before = open("/dev/null", O_RDONLY);
	int after;

	(void)state;
	close(before);
	for (int i = 0; i < 20; i++) {
		test_no_audio_in_it(NULL);
		test_odd_shapes(NULL);
		test_silence_is_told(NULL);
	}
	after = open("/dev/null", O_RDONLY);
	close(after);
	assert_int_equal(after, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_formats),
	    cmocka_unit_test(test_lossy_format),
	    cmocka_unit_test(test_s16_is_exact_and_clips),
	    cmocka_unit_test(test_no_sound_files),
	    cmocka_unit_test(test_unreadable_file),
	    cmocka_unit_test(test_no_audio_in_it),
	    cmocka_unit_test(test_odd_shapes),
	    cmocka_unit_test(test_too_long_and_too_large),
	    cmocka_unit_test(test_samples_that_are_no_numbers),
	    cmocka_unit_test(test_damaged_body),
	    cmocka_unit_test(test_silence_is_told),
	    cmocka_unit_test(test_a_descriptor_stays_the_callers),
	    cmocka_unit_test(test_descriptors_do_not_leak),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
