/* The replay memory: meets what it heard, not what it did not, and never loses or trusts what it should not. */
#include "replay_memory.h"

#include "signal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT (16000 * 3)
/* The likeness at which the detector refuses. */
#define REFUSED 0.38

static int64_t wall_us = 1700000000000000;
static int64_t fake_wall(void *context)
{
	(void)context;
	return wall_us;
}
static vu_clock fake_clock(void)
{
	vu_clock clock = {fake_wall, fake_wall, NULL};
	return clock;
}

static char folder[64];
static int16_t pcm[COUNT];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-replay-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static vu_replay_memory *open_memory(void)
{
	vu_replay_memory *memory = NULL;
	vu_error error = {0};
	if (vu_replay_memory_open(folder, fake_clock(), NULL, &memory, &error) != VU_OK)
		fail_msg("%s", error.message);
	return memory;
}

static vu_replay_match meet(vu_replay_memory *memory, const char *id, const int16_t *samples, size_t count)
{
	vu_imprinter *imprinter;
	vu_replay_match match;
	vu_error error = {0};

	assert_int_equal(vu_imprinter_create(&imprinter), VU_OK);
	assert_int_equal(vu_imprinter_push(imprinter, samples, count), VU_OK);
	if (vu_replay_memory_meet(memory, id, imprinter, &match, &error) != VU_OK)
		fail_msg("%s", error.message);
	vu_imprinter_destroy(imprinter);
	assert_true(match.peaks >= VU_REPLAY_PEAKS_MIN);
	return match;
}

static void test_same_recording_is_met_and_others_are_not(void **state)
{
	vu_replay_memory *memory = open_memory();
	char id[33];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof id, "%032d", i);
		test_speech(pcm, COUNT, (uint64_t)i + 100);
		assert_true(meet(memory, id, pcm, COUNT).likeness < REFUSED);
	}
	test_speech(pcm, COUNT, 107);
	assert_true(meet(memory, "again", pcm, COUNT).likeness > 0.95);
	vu_replay_memory_close(memory);
}

static void test_scaled_shifted_cut_and_padded_copies_are_met(void **state)
{
	vu_replay_memory *memory = open_memory();
	static int16_t padded[COUNT + 16000];

	(void)state;
	test_speech(pcm, COUNT, 200);
	meet(memory, "first", pcm, COUNT);
	for (int shift = 1; shift < 256; shift += 42) {
		char id[33];
		snprintf(id, sizeof id, "shift-%d", shift);
		/* Half a hop is the worst: the rows of the copy lie between those of the first. */
		assert_true(meet(memory, id, pcm + shift, COUNT - (size_t)shift).likeness > 2 * REFUSED);
		assert_int_equal(vu_replay_memory_forget(memory, id, NULL), VU_OK);
	}
	for (size_t i = 0; i < COUNT; i++)
		pcm[i] = (int16_t)(pcm[i] / 4);
	assert_true(meet(memory, "quiet", pcm, COUNT).likeness > 0.9);
	vu_replay_memory_forget(memory, "quiet", NULL);
	assert_true(meet(memory, "cut", pcm + 12345, COUNT / 2).likeness > REFUSED);
	vu_replay_memory_forget(memory, "cut", NULL);
	uint64_t seed = 5;
	for (size_t i = 0; i < 16000; i++)
		padded[i] = (int16_t)(40 * (test_random(&seed) - 0.5));
	memcpy(padded + 16000, pcm, sizeof pcm);
	assert_true(meet(memory, "padded", padded, COUNT + 16000).likeness > REFUSED);
	vu_replay_memory_close(memory);
}

static void test_retry_of_one_attempt_does_not_meet_itself(void **state)
{
	vu_replay_memory *memory = open_memory();
	vu_replay_stats stats;

	(void)state;
	test_speech(pcm, COUNT, 300);
	assert_int_equal(meet(memory, "attempt", pcm, COUNT).compared, 0);
	assert_int_equal(meet(memory, "attempt", pcm, COUNT).compared, 0);
	assert_int_equal(vu_replay_memory_stats(memory, &stats, NULL), VU_OK);
	assert_int_equal(stats.attempts, 1);
	assert_true(meet(memory, "other", pcm, COUNT).likeness > 0.95);
	vu_replay_memory_close(memory);
}

static void test_survives_restart_and_forgets_on_request(void **state)
{
	vu_replay_memory *memory = open_memory();
	vu_replay_stats stats;

	(void)state;
	test_speech(pcm, COUNT, 400);
	meet(memory, "first", pcm, COUNT);
	vu_replay_memory_close(memory);
	memory = open_memory();
	assert_true(meet(memory, "second", pcm, COUNT).likeness > 0.95);
	assert_int_equal(vu_replay_memory_forget(memory, "first", NULL), VU_OK);
	assert_int_equal(vu_replay_memory_forget(memory, "second", NULL), VU_OK);
	assert_int_equal(vu_replay_memory_forget(memory, "never was", NULL), VU_OK);
	assert_int_equal(vu_replay_memory_stats(memory, &stats, NULL), VU_OK);
	assert_int_equal(stats.attempts, 0);
	assert_int_equal(meet(memory, "third", pcm, COUNT).compared, 0);
	vu_replay_memory_close(memory);
}

static void test_old_attempts_expire(void **state)
{
	vu_replay_memory *memory = open_memory();
	vu_replay_stats stats;

	(void)state;
	test_speech(pcm, COUNT, 500);
	meet(memory, "old", pcm, COUNT);
	wall_us += (int64_t)(VU_REPLAY_AGE_DAYS_MAX + 1) * 86400 * 1000000;
	test_speech(pcm, COUNT, 501);
	meet(memory, "new", pcm, COUNT);
	assert_int_equal(vu_replay_memory_stats(memory, &stats, NULL), VU_OK);
	assert_int_equal(stats.attempts, 1);
	vu_replay_memory_close(memory);
}

typedef struct racer {
	vu_replay_memory *memory;
	const char *id;
	double likeness;
} racer;

static void *race(void *context)
{
	racer *r = context;
	vu_imprinter *imprinter;
	vu_replay_match match = {0};

	vu_imprinter_create(&imprinter);
	vu_imprinter_push(imprinter, pcm, COUNT);
	r->likeness = vu_replay_memory_meet(r->memory, r->id, imprinter, &match, NULL) == VU_OK ? match.likeness : -1;
	vu_imprinter_destroy(imprinter);
	return NULL;
}

static void test_of_two_at_once_only_one_is_new(void **state)
{
	vu_replay_memory *memory = open_memory();
	racer racers[2] = {{memory, "a", 0}, {memory, "b", 0}};
	pthread_t threads[2];

	(void)state;
	test_speech(pcm, COUNT, 600);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true((racers[0].likeness == 0) != (racers[1].likeness == 0));
	assert_true(racers[0].likeness > 0.95 || racers[1].likeness > 0.95);
	vu_replay_memory_close(memory);
}

static void test_damaged_files(void **state)
{
	vu_replay_memory *memory = open_memory();
	vu_error error = {0};
	char path[128];
	FILE *file;

	(void)state;
	vu_replay_memory_close(memory);
	snprintf(path, sizeof path, "%s/replay.db", folder);
	file = fopen(path, "w");
	fputs("this is no database, and long enough to be looked at as one; this is no database at all, really",
	      file);
	fclose(file);
	memory = open_memory();
	vu_replay_memory_close(memory);
	snprintf(path, sizeof path, "%s/replay.key", folder);
	file = fopen(path, "w");
	fputs("short", file);
	fclose(file);
	assert_int_equal(vu_replay_memory_open(folder, fake_clock(), NULL, &memory, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "replay.key"));
	chmod(path, 0666);
	assert_int_equal(vu_replay_memory_open(folder, fake_clock(), NULL, &memory, &error), VU_PERMISSION_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_same_recording_is_met_and_others_are_not, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_scaled_shifted_cut_and_padded_copies_are_met, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_retry_of_one_attempt_does_not_meet_itself, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_survives_restart_and_forgets_on_request, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_old_attempts_expire, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_of_two_at_once_only_one_is_new, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_damaged_files, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
