/* Session rings: what survives the death of the process that wrote them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/ring.h"
#include "platform/platform.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int make_memory(void)
{
	vu_error error;
	int fd = -1;

	assert_int_equal(vu_platform_shared_memory("test", VU_RING_MEMORY_BYTES, &fd, &error), VU_OK);
	return fd;
}

static vu_ring *open_ring(int fd)
{
	vu_ring *ring = NULL;
	vu_error error;

	assert_int_equal(vu_ring_open(fd, &ring, &error), VU_OK);
	return ring;
}

static vu_ring_record make_record(const char *id, uint64_t total)
{
	vu_ring_record record = {0};

	snprintf(record.id, sizeof record.id, "%s", id);
	record.source = VU_RING_UPLOAD;
	record.state = VU_RING_LISTENING;
	record.source_rate = 16000;
	record.source_channels = 1;
	record.total_samples = total;
	return record;
}

#define ID_A "0123456789abcdef0123456789abcdef"
#define ID_B "ffffffffffffffffffffffffffffffff"

static void test_new_memory_is_free(void **state)
{
	int fd = make_memory();
	vu_ring *ring = open_ring(fd);
	vu_ring_record record;

	(void)state;
	for (unsigned slot = 0; slot < VU_RING_SLOTS; slot++)
		assert_false(vu_ring_load(ring, slot, &record));
	vu_ring_close(ring);
	close(fd);
}

static void test_sessions_survive_their_process(void **state)
{
	int fd = make_memory();
	vu_ring *ring = open_ring(fd);
	vu_ring_record record = make_record(ID_A, 3);
	const int16_t samples[3] = {-32768, 7, 32767};
	vu_ring_record found;

	(void)state;
	assert_int_equal(vu_ring_write(ring, 5, 0, samples, 3), 3);
	vu_ring_commit(ring, 5, &record);
	vu_ring_close(ring);

	ring = open_ring(fd);
	assert_true(vu_ring_load(ring, 5, &found));
	assert_memory_equal(&found, &record, sizeof record);
	assert_memory_equal(vu_ring_samples(ring, 5), samples, sizeof samples);
	assert_false(vu_ring_load(ring, 4, &found));
	vu_ring_close(ring);
	close(fd);
}

static void test_writing_stops_at_the_end(void **state)
{
	int fd = make_memory();
	vu_ring *ring = open_ring(fd);
	const int16_t samples[4] = {1, 2, 3, 4};
	vu_ring_record record = make_record(ID_B, 0);
	vu_ring_record found;

	(void)state;
	vu_ring_commit(ring, 1, &record);
	assert_int_equal(vu_ring_write(ring, 0, VU_RING_SLOT_SAMPLES - 1, samples, 4), 1);
	assert_int_equal(vu_ring_write(ring, 0, VU_RING_SLOT_SAMPLES, samples, 4), 0);
	assert_int_equal(vu_ring_write(ring, 0, UINT64_MAX, samples, 4), 0);
	assert_int_equal(vu_ring_samples(ring, 0)[VU_RING_SLOT_SAMPLES - 1], 1);
	/* The neighbour is untouched. */
	assert_true(vu_ring_load(ring, 1, &found));
	assert_string_equal(found.id, ID_B);
	vu_ring_close(ring);
	close(fd);
}

static uint64_t memory_in_use(int fd)
{
	struct stat info;

	assert_int_equal(fstat(fd, &info), 0);
	return (uint64_t)info.st_blocks * 512;
}

static void test_wiping_leaves_nothing(void **state)
{
	int fd = make_memory();
	vu_ring *ring = open_ring(fd);
	vu_ring_record record = make_record(ID_A, 160000);
	int16_t *samples = calloc(160000, sizeof *samples);
	uint64_t before = memory_in_use(fd);
	vu_ring_record found;

	(void)state;
	memset(samples, 0x55, 160000 * sizeof *samples);
	vu_ring_write(ring, 9, 0, samples, 160000);
	vu_ring_commit(ring, 9, &record);
	assert_true(memory_in_use(fd) >= before + 320000);
	vu_ring_wipe(ring, 9);
	assert_false(vu_ring_load(ring, 9, &found));
	for (size_t i = 0; i < 160000; i++)
		assert_int_equal(vu_ring_samples(ring, 9)[i], 0);
	/* Reading the zeros above may have brought single pages back, not the audio. */
	free(samples);
	vu_ring_close(ring);
	close(fd);
}

static void test_remains_in_free_slots_are_wiped(void **state)
{
	int fd = make_memory();
	vu_ring *ring = open_ring(fd);
	const int16_t samples[2] = {11, 12};

	(void)state;
	/* As a process killed between its first samples and its first record leaves it. */
	vu_ring_write(ring, 3, 0, samples, 2);
	vu_ring_close(ring);
	ring = open_ring(fd);
	assert_int_equal(vu_ring_samples(ring, 3)[0], 0);
	assert_int_equal(vu_ring_samples(ring, 3)[1], 0);
	vu_ring_close(ring);
	close(fd);
}

static void test_senseless_records_are_wiped(void **state)
{
	int fd = make_memory();
	vu_ring *ring = open_ring(fd);
	vu_ring_record record;
	vu_ring_record found;

	(void)state;
	record = make_record("../../etc/passwd", 0);
	vu_ring_commit(ring, 0, &record);
	record = make_record(ID_A, VU_RING_SLOT_SAMPLES + 1);
	vu_ring_commit(ring, 1, &record);
	record = make_record(ID_A, 100);
	record.speech_end = 101;
	vu_ring_commit(ring, 2, &record);
	record = make_record(ID_A, 0);
	record.state = 99;
	vu_ring_commit(ring, 3, &record);
	record = make_record(ID_A, 0);
	memset(record.failure, 'x', sizeof record.failure);
	vu_ring_commit(ring, 4, &record);
	record = make_record(ID_B, 100);
	vu_ring_commit(ring, 5, &record);
	vu_ring_close(ring);

	ring = open_ring(fd);
	for (unsigned slot = 0; slot < 5; slot++)
		assert_false(vu_ring_load(ring, slot, &found));
	assert_true(vu_ring_load(ring, 5, &found));
	vu_ring_close(ring);
	close(fd);
}

static void test_foreign_memory_is_emptied(void **state)
{
	int fd = make_memory();
	uint8_t *memory = mmap(NULL, VU_RING_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	vu_ring *ring;
	vu_ring_record found;

	(void)state;
	assert_true(memory != MAP_FAILED);
	memset(memory, 0xa5, VU_RING_PAGE_BYTES + 2 * VU_RING_SLOT_BYTES);
	munmap(memory, VU_RING_MEMORY_BYTES);
	ring = open_ring(fd);
	for (unsigned slot = 0; slot < VU_RING_SLOTS; slot++)
		assert_false(vu_ring_load(ring, slot, &found));
	assert_int_equal(vu_ring_samples(ring, 1)[0], 0);
	vu_ring_close(ring);
	close(fd);
}

static void test_unusable_descriptors(void **state)
{
	vu_ring *ring = NULL;
	vu_error error;
	int fd = -1;

	(void)state;
	assert_int_equal(vu_platform_shared_memory("small", 4096, &fd, &error), VU_OK);
	assert_int_equal(vu_ring_open(fd, &ring, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "has 4096 bytes instead of"));
	assert_null(ring);
	close(fd);
	assert_int_equal(vu_ring_open(fd, &ring, &error), VU_FAILED_PRECONDITION);
	assert_non_null(strstr(error.message, "it is not open"));
}

/* Writes on and on; every record says in several places what it counts. */
static void write_for_ever(int fd)
{
	vu_ring *ring = NULL;
	vu_ring_record record = make_record(ID_A, 0);

	if (vu_ring_open(fd, &ring, NULL) != VU_OK)
		_exit(1);
	for (uint64_t i = 0;; i = (i + 1) % VU_RING_SLOT_SAMPLES) {
		int16_t sample = (int16_t)(i % 30000 + 1);
		vu_ring_write(ring, 7, i, &sample, 1);
		record.total_samples = i + 1;
		record.speech_end = i + 1;
		record.speech_samples = i + 1;
		record.first_sample_us = i + 1;
		snprintf(record.failure, sizeof record.failure, "%llu", (unsigned long long)(i + 1));
		vu_ring_commit(ring, 7, &record);
	}
}

static void test_killed_writer(void **state)
{
	(void)state;
	for (int round = 0; round < 30; round++) {
		int fd = make_memory();
		struct timespec pause = {0, 1000000 + round * 137000};
		vu_ring *ring;
		vu_ring_record record;
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			write_for_ever(fd);
		do {
			/* It must have begun, however busy the machine is. */
			nanosleep(&pause, NULL);
			ring = NULL;
		} while (memory_in_use(fd) < 3 * 4096);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		ring = open_ring(fd);
		if (vu_ring_load(ring, 7, &record)) {
			uint64_t total = record.total_samples;
			char text[32];
			snprintf(text, sizeof text, "%llu", (unsigned long long)total);
			assert_true(total > 0);
			assert_int_equal(record.speech_end, total);
			assert_int_equal(record.speech_samples, total);
			assert_int_equal(record.first_sample_us, total);
			assert_string_equal(record.failure, text);
			for (uint64_t i = 0; i < total; i++)
				if (vu_ring_samples(ring, 7)[i] != (int16_t)(i % 30000 + 1))
					fail_msg("sample %llu of %llu is missing", (unsigned long long)i,
					         (unsigned long long)total);
		}
		vu_ring_close(ring);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_new_memory_is_free),
	    cmocka_unit_test(test_sessions_survive_their_process),
	    cmocka_unit_test(test_writing_stops_at_the_end),
	    cmocka_unit_test(test_wiping_leaves_nothing),
	    cmocka_unit_test(test_remains_in_free_slots_are_wiped),
	    cmocka_unit_test(test_senseless_records_are_wiped),
	    cmocka_unit_test(test_foreign_memory_is_emptied),
	    cmocka_unit_test(test_unusable_descriptors),
	    cmocka_unit_test(test_killed_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
