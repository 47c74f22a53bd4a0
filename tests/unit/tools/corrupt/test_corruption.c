/* One file made from another: lengths, levels, repeatability, and what cannot be made. */
#include "corruption.h"
#include "sounds.h"

#include "audio/load.h"

#include "../../folder_aid.h"

#include <math.h>
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#define RATE  16000
#define COUNT 48000u

static char folder[TEST_PATH_MAX];

static const char *path_of(const char *name)
{
	static char paths[4][TEST_PATH_MAX + 64];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static void write_sound(const char *name, const float *samples, size_t count)
{
	SF_INFO info = {.samplerate = RATE, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *file = sf_open(path_of(name), SFM_WRITE, &info);

	assert_non_null(file);
	assert_int_equal(sf_writef_float(file, samples, (sf_count_t)count), count);
	sf_close(file);
}

static float *read_sound(const char *name, size_t *count_out)
{
	SF_INFO info = {0};
	SNDFILE *file = sf_open(path_of(name), SFM_READ, &info);
	float *samples;

	assert_non_null(file);
	assert_int_equal(info.samplerate, RATE);
	assert_int_equal(info.channels, 1);
	assert_int_equal(info.format & SF_FORMAT_SUBMASK, SF_FORMAT_PCM_16);
	samples = calloc((size_t)info.frames + 1, sizeof *samples);
	assert_non_null(samples);
	*count_out = (size_t)sf_readf_float(file, samples, info.frames);
	assert_int_equal(*count_out, info.frames);
	sf_close(file);
	return samples;
}

/* A steady buzz is all the same whether it is taken for speech or not: its power is that of any stretch. */
static void make_buzz(float *samples, size_t count, float amplitude)
{
	for (size_t i = 0; i < count; i++)
		samples[i] = amplitude * (i % 80 < 40 ? 1.0f : -1.0f);
}

static double power_of(const float *samples, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)samples[i] * samples[i];
	return sum / (double)count;
}

static int set_up(void **state)
{
	float *samples = calloc(COUNT, sizeof *samples);
	uint32_t seed = 1;

	(void)state;
	assert_non_null(samples);
	test_folder_create(folder);
	make_buzz(samples, COUNT, 0.1f);
	write_sound("in.wav", samples, COUNT);
	make_buzz(samples, COUNT, 0.95f);
	write_sound("loud.wav", samples, COUNT);
	assert_int_equal(mkdir(path_of("noise"), 0700), 0);
	assert_int_equal(mkdir(path_of("noise/deep"), 0700), 0);
	/* Silent for the most part, as many recordings of short sounds are. */
	for (size_t i = 0; i < COUNT; i++)
		samples[i] =
		    i < 40000 ? 0 : (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 16777216.0f - 0.5f;
	write_sound("noise/deep/b.wav", samples, COUNT);
	write_sound("noise/a.wav", samples + 40000, 8000);
	test_file_create(folder, "noise/readme.txt", "no sound", 0600, NULL);
	assert_int_equal(mkdir(path_of("empty"), 0700), 0);
	free(samples);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static void a_cut_is_exact(void **state)
{
	const corruption how = {.seconds = 2.0};
	size_t count, whole_count;
	float *cut, *whole = read_sound("in.wav", &whole_count);

	(void)state;
	assert_int_equal(corruption_make(&how, path_of("in.wav"), path_of("out.wav"), NULL), VU_OK);
	cut = read_sound("out.wav", &count);
	assert_int_equal(count, 32000);
	assert_memory_equal(cut, whole, count * sizeof *cut);
	free(cut);
	free(whole);
}

static void all_of_it_stays_as_it_is(void **state)
{
	const corruption how = {0};
	size_t count, whole_count;
	float *copy, *whole = read_sound("in.wav", &whole_count);

	(void)state;
	assert_int_equal(corruption_make(&how, path_of("in.wav"), path_of("out.wav"), NULL), VU_OK);
	copy = read_sound("out.wav", &count);
	assert_int_equal(count, whole_count);
	assert_memory_equal(copy, whole, count * sizeof *copy);
	free(copy);
	free(whole);
}

static void too_short(void **state)
{
	const corruption how = {.seconds = 3.5};
	struct stat info;
	vu_error error;

	(void)state;
	assert_int_equal(corruption_make(&how, path_of("in.wav"), path_of("out.wav"), &error), VU_OUT_OF_RANGE);
	assert_non_null(strstr(error.message, "unable to take 3.5 s of "));
	assert_non_null(strstr(error.message, "it lasts 3.00 s"));
	assert_int_not_equal(stat(path_of("out.wav"), &info), 0);
}

/* The file as written, rounded to 16 bits, holds the noise as far under the speech as asked, to 0.1 dB. */
static void snr_of_the_file(void **state)
{
	sounds noises;
	size_t count, clean_count;
	float *noisy, *clean = read_sound("in.wav", &clean_count);

	(void)state;
	assert_int_equal(sounds_open(path_of("noise"), &noises, NULL), VU_OK);
	for (unsigned seed = 0; seed < 6; seed++) {
		const corruption how = {.seconds = 2.5, .noises = &noises, .snr_db = 10, .seed = seed};
		double db;
		assert_int_equal(corruption_make(&how, path_of("in.wav"), path_of("out.wav"), NULL), VU_OK);
		noisy = read_sound("out.wav", &count);
		assert_int_equal(count, 40000);
		for (size_t i = 0; i < count; i++)
			noisy[i] -= clean[i];
		db = 10 * log10(power_of(clean, count) / power_of(noisy, count));
		if (fabs(db - 10) > 0.1)
			fail_msg("seed %u: %.3f dB, not 10", seed, db);
		free(noisy);
	}
	sounds_close(&noises);
	free(clean);
}

static char *make_bytes(sounds *noises, uint64_t seed, const char *in, size_t *count_out)
{
	const corruption how = {.noises = noises, .snr_db = 20, .seed = seed};
	float *samples;

	assert_int_equal(corruption_make(&how, path_of(in), path_of("out.wav"), NULL), VU_OK);
	samples = read_sound("out.wav", count_out);
	return (char *)samples;
}

static void the_same_seed_gives_the_same(void **state)
{
	sounds noises;
	size_t a_count, b_count, c_count;
	char *a, *b, *c;

	(void)state;
	assert_int_equal(sounds_open(path_of("noise"), &noises, NULL), VU_OK);
	a = make_bytes(&noises, 1, "in.wav", &a_count);
	sounds_close(&noises);
	assert_int_equal(sounds_open(path_of("noise"), &noises, NULL), VU_OK);
	b = make_bytes(&noises, 1, "in.wav", &b_count);
	c = make_bytes(&noises, 2, "in.wav", &c_count);
	assert_int_equal(a_count, b_count);
	assert_memory_equal(a, b, a_count * sizeof(float));
	assert_int_not_equal(memcmp(a, c, a_count * sizeof(float)), 0);
	sounds_close(&noises);
	free(a);
	free(b);
	free(c);
}

static void nothing_clips(void **state)
{
	sounds noises;
	const corruption how = {.noises = &noises, .snr_db = 0, .seed = 3};
	size_t count;
	float *samples;

	(void)state;
	assert_int_equal(sounds_open(path_of("noise/a.wav"), &noises, NULL), VU_OK);
	assert_int_equal(noises.count, 1);
	assert_int_equal(corruption_make(&how, path_of("loud.wav"), path_of("out.wav"), NULL), VU_OK);
	samples = read_sound("out.wav", &count);
	assert_int_equal(count, COUNT);
	for (size_t i = 0; i < count; i++)
		assert_true(fabsf(samples[i]) <= 0.9901f);
	sounds_close(&noises);
	free(samples);
}

/* The room comes first: what rings on from before the cut is in it, and the length is that of the cut. */
static void a_room_and_a_cut(void **state)
{
	float *response = calloc(8000, sizeof *response);
	sounds rooms;
	const corruption how = {.rooms = &rooms, .seconds = 1.0};
	size_t count;
	float *samples;

	(void)state;
	assert_non_null(response);
	response[100] = 0.5f;
	response[7999] = 0.25f;
	write_sound("room.wav", response, 8000);
	assert_int_equal(sounds_open(path_of("room.wav"), &rooms, NULL), VU_OK);
	assert_int_equal(corruption_make(&how, path_of("in.wav"), path_of("out.wav"), NULL), VU_OK);
	samples = read_sound("out.wav", &count);
	assert_int_equal(count, 16000);
	/* Before the echo, one level; behind it the echo of half the size is added or taken away. */
	assert_true(fabsf(fabsf(samples[0]) - fabsf(samples[4000])) < 1e-3f);
	assert_true(fabsf(fabsf(samples[12010]) - fabsf(samples[0])) > 0.3f * fabsf(samples[0]));
	sounds_close(&rooms);
	free(samples);
	free(response);
}

static void sounds_of_a_folder(void **state)
{
	sounds all;
	const sound *chosen;
	vu_error error;

	(void)state;
	assert_int_equal(sounds_open(path_of("noise"), &all, NULL), VU_OK);
	assert_int_equal(all.count, 2);
	assert_string_equal(all.all[0].path, path_of("noise/a.wav"));
	assert_string_equal(all.all[1].path, path_of("noise/deep/b.wav"));
	assert_int_equal(sounds_choose(&all, 4, &chosen, NULL), VU_OK);
	assert_int_equal(chosen->count, 8000);
	sounds_close(&all);
	assert_int_equal(sounds_open(path_of("empty"), &all, &error), VU_INVALID_ARGUMENT);
	assert_non_null(strstr(error.message, "there is no sound file in it"));
	assert_int_equal(sounds_open(path_of("nowhere"), &all, &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "nowhere"));
}

static void files_that_cannot_be_used(void **state)
{
	const corruption how = {0};
	vu_error error;

	(void)state;
	assert_int_equal(corruption_make(&how, path_of("nowhere.wav"), path_of("out.wav"), &error), VU_NOT_FOUND);
	assert_int_equal(corruption_make(&how, path_of("noise/readme.txt"), path_of("out.wav"), &error),
	                 VU_INVALID_ARGUMENT);
	assert_int_equal(corruption_make(&how, path_of("in.wav"), path_of("nowhere/out.wav"), &error), VU_NOT_FOUND);
	assert_non_null(strstr(error.message, "nowhere/out.wav"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_cut_is_exact, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(all_of_it_stays_as_it_is, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(too_short, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(snr_of_the_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_same_seed_gives_the_same, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(nothing_clips, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_room_and_a_cut, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(sounds_of_a_folder, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(files_that_cannot_be_used, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
