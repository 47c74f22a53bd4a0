/* The index of voices: who is found, what is read when, and that nothing stays of who is gone. */
#include "voice_index.h"

#include "../../folder_aid.h"
#include "../../ml/synthetic.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utime.h>
#include <cmocka.h>

#define PEOPLE   40
#define STRANGER 500

static char folder[TEST_PATH_MAX];
static vu_background *background;
static vu_background_scaler *scaler;
static vu_background_projection *projection;
static vu_scorer scorer;
static template_store store;
static voice_index *index_;
static unsigned reads;
static int unusable; /* this person's template cannot be used; -1: none */
static bool gone;

/* Templates in memory: what lies in the store only says that somebody is enrolled. */
typedef struct made {
	void *data;
	size_t bytes;
} made;
static made templates[PEOPLE];

static void make_template(unsigned person, made *out)
{
	float vectors[5][VU_BACKGROUND_DIMENSIONS];
	vu_scorer_sample samples[5];
	vu_scorer_options options = {.quantize = true};
	vu_scorer_trained trained;
	vu_model_writer *writer;

	for (unsigned s = 0; s < 5; s++) {
		synthetic_vector(STRANGER + person, s, 0, vectors[s]);
		samples[s] = (vu_scorer_sample){.whole = {.vector = vectors[s]}};
	}
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(&scorer, samples, 5, &options, writer, &trained, NULL), VU_OK);
	assert_int_equal(vu_model_writer_finish(writer, &out->data, &out->bytes, NULL), VU_OK);
	vu_model_writer_destroy(writer);
}

static int setup_all(void **state)
{
	char path[TEST_PATH_MAX + 16];

	(void)state;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/b.vum", folder);
	synthetic_background_save(path, 24, SYNTHETIC_EXTRACTOR);
	assert_int_equal(vu_background_open(path, true, &background, NULL), VU_OK);
	assert_int_equal(vu_background_load_scaler(background, &scaler, NULL), VU_OK);
	assert_int_equal(vu_background_load_projection(background, 50, &projection, NULL), VU_OK);
	scorer = (vu_scorer){background, scaler, projection};
	for (unsigned p = 0; p < PEOPLE; p++)
		make_template(p, &templates[p]);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	for (unsigned p = 0; p < PEOPLE; p++)
		free(templates[p].data);
	free(projection);
	free(scaler);
	vu_background_destroy(background);
	test_folder_remove(folder);
	return 0;
}

static void name_of(unsigned person, char name[16])
{
	snprintf(name, 16, "p%03u", person % 1000);
}

static void put(unsigned person)
{
	char name[16];

	name_of(person, name);
	assert_int_equal(template_store_write(&store, "", name, name, 4, NULL), VU_OK);
}

static void take_away(unsigned person)
{
	static const uint8_t id[VU_ID_BYTES] = {1};
	char name[16];
	uint64_t bytes;

	name_of(person, name);
	assert_int_equal(template_store_remove(&store, "", name, id, &bytes, NULL), VU_OK);
}

static int setup(void **state)
{
	char home[TEST_PATH_MAX + 8];
	char command[TEST_PATH_MAX + 32];

	(void)state;
	snprintf(home, sizeof home, "%s/home", folder);
	snprintf(command, sizeof command, "rm -rf %s", home);
	assert_int_equal(system(command), 0);
	assert_int_equal(template_store_init(&store, home, NULL), VU_OK);
	for (unsigned p = 0; p < PEOPLE; p++)
		put(p);
	reads = 0;
	unusable = -1;
	gone = false;
	return voice_index_create(&index_, NULL);
}

static int teardown(void **state)
{
	(void)state;
	voice_index_destroy(index_);
	return 0;
}

static vu_status read_voice(void *context, const char *user, vu_template **template_out, vu_error *error)
{
	int person;
	vu_model_file *file;

	(void)context;
	reads++;
	assert_int_equal(sscanf(user, "p%d", &person), 1);
	if (person == unusable)
		return vu_fail(error, VU_DATA_LOSS, "unable to use it");
	assert_int_equal(vu_model_file_from_memory(templates[person].data, templates[person].bytes, user,
	                                           VU_MODEL_TEMPLATE, &file, NULL),
	                 VU_OK);
	return vu_template_create(file, template_out, error);
}

static bool is_gone(void *context)
{
	(void)context;
	return gone;
}

static vu_status search_before(unsigned person, size_t room, int64_t deadline_us, voice_found *found, vu_error *error)
{
	float vector[VU_BACKGROUND_DIMENSIONS];
	vu_scorer_input input = {.vector = vector};
	vu_probe probe;
	voice_source source = {
	    .store = &store, .namespace = "", .read = read_voice, .gone = is_gone, .deadline_us = deadline_us};

	synthetic_vector(STRANGER + person, 77, 0, vector);
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, NULL), VU_OK);
	return voice_index_search(index_, &source, &scorer, &probe, room, found, error);
}

static voice_found search(unsigned person, size_t room)
{
	voice_found found;
	vu_error error = {0};

	if (search_before(person, room, INT64_MAX, &found, &error) != VU_OK)
		fail_msg("%s", error.message);
	return found;
}

static void test_finds_as_the_scorer_does(void **state)
{
	(void)state;
	for (unsigned p = 0; p < PEOPLE; p += 7) {
		float vector[VU_BACKGROUND_DIMENSIONS];
		vu_scorer_input input = {.vector = vector};
		vu_probe probe;
		float best = -1e9f;
		char expected[16] = "";
		voice_found found = search(p, 10);
		synthetic_vector(STRANGER + p, 77, 0, vector);
		assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, NULL), VU_OK);
		for (unsigned other = 0; other < PEOPLE; other++) {
			char name[16];
			vu_template *t;
			vu_score score;
			name_of(other, name);
			assert_int_equal(read_voice(NULL, name, &t, NULL), VU_OK);
			vu_scorer_compare(&scorer, t, &probe, VU_LEVEL_STANDARD, &score);
			vu_template_destroy(t);
			if (score.second > best) {
				best = score.second;
				strcpy(expected, name);
			}
		}
		assert_int_equal(found.count, 10);
		assert_int_equal(found.searched, PEOPLE);
		assert_string_equal(found.users[0], expected);
		assert_true(found.scores[0] - best < 0.05f && best - found.scores[0] < 0.05f);
		for (size_t i = 1; i < found.count; i++)
			assert_true(found.scores[i - 1] >= found.scores[i]);
	}
}

static void test_reads_each_voice_once(void **state)
{
	(void)state;
	search(1, 3);
	assert_int_equal(reads, PEOPLE);
	search(2, 3);
	assert_int_equal(reads, PEOPLE);
	assert_true(voice_index_drop(index_) > PEOPLE * sizeof(float));
	assert_int_equal(voice_index_drop(index_), 0);
	search(2, 3);
	assert_int_equal(reads, 2 * PEOPLE);
}

static void test_follows_what_it_is_told(void **state)
{
	voice_found found;

	(void)state;
	take_away(3);
	search(3, 1);
	assert_int_equal(reads, PEOPLE - 1);
	put(3);
	voice_index_forget(index_, "p003");
	found = search(3, 1);
	assert_string_equal(found.users[0], "p003");
	assert_int_equal(reads, PEOPLE);
	/* Replaced: read again, and only that one. */
	put(3);
	voice_index_forget(index_, "p003");
	search(3, 1);
	assert_int_equal(reads, PEOPLE + 1);
	take_away(3);
	voice_index_forget(index_, "p003");
	found = search(3, PEOPLE);
	assert_int_equal(found.searched, PEOPLE - 1);
	for (size_t i = 0; i < found.count; i++)
		assert_string_not_equal(found.users[i], "p003");
	assert_int_equal(reads, PEOPLE + 1);
}

/* Files that somebody else puts there show by the time of their folder. */
static void test_follows_the_folder(void **state)
{
	char path[TEST_PATH_MAX + 64];
	struct utimbuf long_ago = {1000000000, 1000000000};
	voice_found found;

	(void)state;
	take_away(5);
	snprintf(path, sizeof path, "%s/home/templates/users", folder);
	assert_int_equal(utime(path, &long_ago), 0);
	search(5, 1);
	put(5); /* without a word to the index */
	found = search(5, 1);
	assert_string_equal(found.users[0], "p005");
	take_away(5);
	assert_int_equal(utime(path, &long_ago), 0);
	found = search(5, PEOPLE);
	assert_int_equal(found.searched, PEOPLE - 1);
}

static void test_one_that_cannot_be_used_is_left_out(void **state)
{
	voice_found found;

	(void)state;
	unusable = 9;
	found = search(9, PEOPLE);
	assert_int_equal(found.searched, PEOPLE - 1);
	assert_int_equal(found.count, PEOPLE - 1);
	search(9, 1);
	assert_int_equal(reads, PEOPLE); /* nor tried again and again */
	unusable = -1;
	put(9);
	voice_index_forget(index_, "p009");
	found = search(9, 1);
	assert_string_equal(found.users[0], "p009");
}

static void test_ends_when_nobody_waits(void **state)
{
	voice_found found;
	vu_error error = {0};

	(void)state;
	assert_int_equal(search_before(1, 3, vu_clock_monotonic_us() - 1, &found, &error), VU_UNAVAILABLE);
	assert_non_null(strstr(error.message, "0 of 40 are read; try again"));
	gone = true;
	assert_int_equal(search_before(1, 3, INT64_MAX, &found, &error), VU_CANCELLED);
	gone = false;
	search(1, 3);
	assert_int_equal(reads, PEOPLE);
}

static void test_nobody_is_enrolled(void **state)
{
	voice_found found;

	(void)state;
	for (unsigned p = 0; p < PEOPLE; p++)
		take_away(p);
	found = search(1, 10);
	assert_int_equal(found.count, 0);
	assert_int_equal(found.searched, 0);
	voice_index_forget(index_, "p001");
	/* Not even a folder. */
	assert_int_equal(template_store_init(&store, "/tmp/vu-there-is-no-such-folder", NULL), VU_OK);
	assert_int_equal(search_before(1, 3, INT64_MAX, &found, NULL), VU_OK);
	assert_int_equal(found.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_finds_as_the_scorer_does, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reads_each_voice_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_follows_what_it_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_follows_the_folder, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_one_that_cannot_be_used_is_left_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ends_when_nobody_waits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nobody_is_enrolled, setup, teardown),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
