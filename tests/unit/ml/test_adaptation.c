/*
 * Templates that follow a voice: later utterances fit better, strangers get no
 * nearer however often they try, limits hold, all of it can be undone, and
 * files that do not fit are refused.
 */
#include "ml/adaptation.h"

#include "../folder_aid.h"
#include "synthetic.h"
#include "synthetic_frames.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define OWNER   700
#define FRAMES  150
#define DAY_US  (24 * 3600 * INT64_C(1000000))
#define FIRST   (INT64_C(1700000000) * 1000000)
#define HELD    500 /* utterances from here on are never learned from */
#define LEARNED 200

static char folder[TEST_PATH_MAX];
static vu_background *background;
static vu_background_scaler *scaler;
static vu_background_projection *projection;
static vu_scorer scorer;

typedef struct kept {
	vu_template *t;
	void *data;
} kept;

static int setup_all(void **state)
{
	char path[TEST_PATH_MAX + 16];

	(void)state;
	test_folder_create(folder);
	snprintf(path, sizeof path, "%s/b.vum", folder);
	synthetic_frames_background_save(path, 24, SYNTHETIC_EXTRACTOR);
	assert_int_equal(vu_background_open(path, true, &background, NULL), VU_OK);
	assert_int_equal(vu_background_load_scaler(background, &scaler, NULL), VU_OK);
	assert_int_equal(vu_background_load_projection(background, 50, &projection, NULL), VU_OK);
	scorer = (vu_scorer){background, scaler, projection};
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	free(projection);
	free(scaler);
	vu_background_destroy(background);
	test_folder_remove(folder);
	return 0;
}

static void open_written(vu_model_writer *writer, kept *out)
{
	vu_model_file *file;
	size_t bytes;

	assert_int_equal(vu_model_writer_finish(writer, &out->data, &bytes, NULL), VU_OK);
	assert_true(bytes <= VU_TEMPLATE_BYTES_MAX);
	assert_int_equal(vu_model_file_from_memory(out->data, bytes, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	assert_int_equal(vu_template_create(file, &out->t, NULL), VU_OK);
}

static void drop(kept *k)
{
	vu_template_destroy(k->t);
	free(k->data);
}

static kept enrol(unsigned person, bool quantize)
{
	float vectors[5][VU_BACKGROUND_DIMENSIONS];
	vu_scorer_sample samples[5];
	uint8_t *blobs[5];
	vu_scorer_options options = {.quantize = quantize};
	vu_scorer_trained trained;
	vu_model_writer *writer;
	kept out = {0};

	for (unsigned s = 0; s < 5; s++) {
		size_t bytes;
		synthetic_vector(person, s, 0, vectors[s]);
		blobs[s] = synthetic_frames(person, s, FRAMES, &bytes);
		samples[s] = (vu_scorer_sample){
		    .whole = {.vector = vectors[s], .statistics = blobs[s], .statistics_bytes = bytes}};
	}
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_train(&scorer, samples, 5, &options, writer, &trained, NULL), VU_OK);
	open_written(writer, &out);
	vu_model_writer_destroy(writer);
	for (unsigned s = 0; s < 5; s++)
		free(blobs[s]);
	return out;
}

/* An utterance of somebody whose voice has changed by so much since enrolment. */
static vu_probe say(unsigned person, unsigned utterance, float change)
{
	float vector[VU_BACKGROUND_DIMENSIONS];
	float changed[VU_BACKGROUND_DIMENSIONS];
	size_t bytes;
	/* Frames change at once, vectors by degrees. */
	uint8_t *blob = synthetic_frames(change < 0.5f ? person : person + 4000, utterance, FRAMES, &bytes);
	vu_scorer_input input = {.vector = vector, .statistics = blob, .statistics_bytes = bytes, .speech_ms = 3000};
	vu_probe probe;

	synthetic_vector(person, utterance, 0, vector);
	/* The same change in all later utterances: towards nobody in particular. */
	synthetic_vector(person + 4000, 3, 0, changed);
	for (size_t d = 0; d < VU_BACKGROUND_DIMENSIONS; d++)
		vector[d] += change * (changed[d] - vector[d]);
	assert_int_equal(vu_scorer_prepare(&scorer, &input, &probe, NULL), VU_OK);
	free(blob);
	return probe;
}

static float score_of(const kept *k, const vu_probe *probe)
{
	vu_score score;

	vu_scorer_compare(&scorer, k->t, probe, VU_LEVEL_STRICT, &score);
	return score.fused - score.threshold;
}

/* Hears the utterance; the template is exchanged when it adapted. */
static vu_adaptation_outcome hear(kept *k, const vu_probe *probe, int64_t wall_us)
{
	vu_model_writer *writer;
	vu_adaptation_outcome outcome = VU_ADAPTATION_NOT_SURE;

	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_adaptation_update(&scorer, k->t, probe, wall_us, writer, &outcome, NULL), VU_OK);
	if (outcome == VU_ADAPTED) {
		kept fresh = {0};
		open_written(writer, &fresh);
		drop(k);
		*k = fresh;
	}
	vu_model_writer_destroy(writer);
	return outcome;
}

static void test_later_utterances_fit_better(void **state)
{
	double before = 0;
	double after = 0;
	unsigned adapted = 0;

	(void)state;
	for (unsigned p = 0; p < 6; p++) {
		kept k = enrol(OWNER + p, true);
		for (unsigned u = 0; u < 10; u++) {
			vu_probe probe = say(OWNER + p, HELD + u, 0.12f);
			before += score_of(&k, &probe);
		}
		for (unsigned u = 0; u < 20; u++) {
			vu_probe probe = say(OWNER + p, LEARNED + u, 0.12f);
			adapted += hear(&k, &probe, FIRST + u * DAY_US) == VU_ADAPTED;
		}
		for (unsigned u = 0; u < 10; u++) {
			vu_probe probe = say(OWNER + p, HELD + u, 0.12f);
			after += score_of(&k, &probe);
		}
		drop(&k);
	}
	assert_true(adapted >= 30);
	assert_true(after / 60 > before / 60 + 0.2);
}

/* Every stranger tries a thousand times, an hour apart, with utterances that come as near as they can. */
static void test_strangers_get_no_nearer(void **state)
{
	kept k = enrol(OWNER, true);
	float nearest_before = -INFINITY;
	float nearest_after = -INFINITY;
	unsigned adapted = 0;

	(void)state;
	for (unsigned u = 0; u < 40; u++) {
		vu_probe probe = say(OWNER + 50 + u % 8, HELD + u, 0);
		nearest_before = fmaxf(nearest_before, score_of(&k, &probe));
	}
	for (unsigned u = 0; u < 1000; u++) {
		vu_probe probe = say(OWNER + 50 + u % 8, LEARNED + u % 40, 0);
		adapted += hear(&k, &probe, FIRST + u * (DAY_US / 24)) == VU_ADAPTED;
	}
	for (unsigned u = 0; u < 40; u++) {
		vu_probe probe = say(OWNER + 50 + u % 8, HELD + u, 0);
		nearest_after = fmaxf(nearest_after, score_of(&k, &probe));
	}
	assert_int_equal(adapted, 0);
	assert_true(nearest_after == nearest_before);
	drop(&k);
}

/* Somebody between the owner and a stranger, ever nearer to the stranger: enrolment does not let go. */
static void test_no_step_by_step(void **state)
{
	kept k = enrol(OWNER + 1, true);
	kept first = enrol(OWNER + 1, true);
	vu_probe far = say(OWNER + 1, HELD, 1.0f);
	vu_probe own = say(OWNER + 1, HELD + 1, 0);
	float reached = 0;

	(void)state;
	for (unsigned u = 0; u < 1000; u++) {
		float change = (float)u / 1000;
		vu_probe probe = say(OWNER + 1, LEARNED + u % 50, change);
		if (hear(&k, &probe, FIRST + u * DAY_US) == VU_ADAPTED)
			reached = change;
	}
	assert_non_null(k.t->adapted);
	/* Where enrolment itself did not accept any more, nothing was learned. */
	assert_true(reached < 0.9f);
	assert_true(score_of(&k, &far) < 0);
	assert_true(score_of(&k, &own) > 0);
	for (uint32_t i = 0; i < k.t->space_count; i++) {
		float cosine = 0;
		for (uint32_t d = 0; d < k.t->spaces[i].discriminants; d++)
			cosine += k.t->spaces[i].voice[d] * first.t->spaces[i].voice[d];
		/* With a share of at most a quarter the angle cannot open further. */
		assert_true(cosine > 0.8f);
	}
	drop(&first);
	drop(&k);
}

static void test_limits(void **state)
{
	kept k = enrol(OWNER + 2, true);
	vu_probe own = say(OWNER + 2, LEARNED, 0);
	vu_probe other = say(OWNER + 90, LEARNED, 0);
	int64_t now = FIRST;

	(void)state;
	assert_true(score_of(&k, &own) >= VU_ADAPTATION_MARGIN);
	assert_int_equal(hear(&k, &other, now), VU_ADAPTATION_NOT_SURE);
	assert_null(k.t->adapted);
	assert_int_equal(hear(&k, &own, now), VU_ADAPTED);
	assert_int_equal(hear(&k, &own, now + VU_ADAPTATION_GAP_US - 1), VU_ADAPTATION_ENOUGH);
	for (int i = 1; i < VU_ADAPTATIONS_A_DAY; i++)
		assert_int_equal(hear(&k, &own, now += VU_ADAPTATION_GAP_US), VU_ADAPTED);
	assert_int_equal(hear(&k, &own, now + VU_ADAPTATION_GAP_US), VU_ADAPTATION_ENOUGH);
	assert_int_equal(hear(&k, &own, FIRST - DAY_US), VU_ADAPTATION_ENOUGH); /* a clock set back */
	assert_int_equal(hear(&k, &own, FIRST + DAY_US), VU_ADAPTED);
	assert_int_equal(k.t->adapted->facts.count, VU_ADAPTATIONS_A_DAY + 1);
	drop(&k);
}

static void test_undone_it_is_as_enrolled(void **state)
{
	(void)state;
	for (int quantize = 0; quantize < 2; quantize++) {
		kept k = enrol(OWNER + 3, quantize);
		kept first = enrol(OWNER + 3, quantize);
		kept undone = {0};
		vu_model_writer *writer;
		vu_probe probe = say(OWNER + 3, HELD, 0.05f);
		vu_error error = {0};
		for (unsigned u = 0; u < 5; u++) {
			vu_probe heard = say(OWNER + 3, LEARNED + u, 0.05f);
			hear(&k, &heard, FIRST + u * DAY_US);
		}
		assert_non_null(k.t->adapted);
		assert_true(score_of(&k, &probe) != score_of(&first, &probe));
		assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
		assert_int_equal(vu_adaptation_undo(k.t, writer, NULL), VU_OK);
		open_written(writer, &undone);
		vu_model_writer_destroy(writer);
		assert_null(undone.t->adapted);
		assert_true(fabsf(score_of(&undone, &probe) - score_of(&first, &probe)) < 1e-4f);
		assert_int_equal(undone.t->kept_count, first.t->kept_count);
		/* Or only set aside. */
		vu_adaptation_set_aside(k.t);
		assert_true(fabsf(score_of(&k, &probe) - score_of(&first, &probe)) < 1e-4f);
		assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
		assert_int_equal(vu_adaptation_undo(undone.t, writer, &error), VU_NOT_FOUND);
		vu_model_writer_destroy(writer);
		drop(&undone);
		drop(&first);
		drop(&k);
	}
}

/* What enrolment kept is still all there: another number of components is trained from it. */
static void test_trained_again_from_what_was_kept(void **state)
{
	kept k = enrol(OWNER + 4, true);
	kept again = {0};
	vu_background_projection *narrow;
	vu_scorer other = scorer;
	vu_scorer_options options = {.quantize = true};
	vu_scorer_trained trained;
	vu_model_writer *writer;
	vu_probe own = say(OWNER + 4, LEARNED, 0);

	(void)state;
	assert_int_equal(hear(&k, &own, FIRST), VU_ADAPTED);
	assert_int_equal(vu_background_load_projection(background, 30, &narrow, NULL), VU_OK);
	other.projection = narrow;
	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	assert_int_equal(vu_scorer_retrain(&other, k.t, &options, writer, &trained, NULL), VU_OK);
	open_written(writer, &again);
	assert_null(again.t->adapted);
	assert_int_equal(vu_scorer_check_template(&other, again.t, NULL, NULL), VU_OK);
	vu_model_writer_destroy(writer);
	drop(&again);
	free(narrow);
	drop(&k);
}

/* Copies all sections but one, which is left out (data NULL) or replaced. */
static vu_status reopen_with(const vu_template *from, const char *name, const void *data, vu_error *error)
{
	vu_model_writer *writer;
	vu_model_file *file;
	vu_template *t = NULL;
	void *bytes;
	size_t count;
	vu_status status;

	assert_int_equal(vu_model_writer_create(VU_MODEL_TEMPLATE, &writer), VU_OK);
	for (size_t i = 0; i < vu_model_file_section_count(from->file); i++) {
		vu_model_section s;
		vu_model_file_section_at(from->file, i, &s);
		if (strcmp(s.name, name) != 0)
			vu_model_writer_add(writer, s.name, s.element, s.rows, s.columns, s.data);
		else if (data)
			vu_model_writer_add(writer, s.name, s.element, s.rows, s.columns, data);
	}
	assert_int_equal(vu_model_writer_finish(writer, &bytes, &count, NULL), VU_OK);
	vu_model_writer_destroy(writer);
	assert_int_equal(vu_model_file_from_memory(bytes, count, "t", VU_MODEL_TEMPLATE, &file, NULL), VU_OK);
	status = vu_template_create(file, &t, error);
	if (status == VU_OK)
		vu_template_destroy(t);
	free(bytes);
	return status;
}

static void test_what_does_not_fit_is_refused(void **state)
{
	static const uint64_t never[4];
	static const char *const needed[] = {"adapt.mean.0", "enrolled.0", "adapt.mean.1", "enrolled.1"};
	static float wrong[VU_BACKGROUND_DISCRIMINANTS_MAX + 2];
	kept k = enrol(OWNER + 5, true);
	vu_probe own = say(OWNER + 5, LEARNED, 0);
	vu_error error = {0};

	(void)state;
	assert_int_equal(hear(&k, &own, FIRST), VU_ADAPTED);
	assert_int_equal(reopen_with(k.t, "nothing", NULL, &error), VU_OK);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		assert_int_equal(reopen_with(k.t, needed[i], NULL, &error), VU_DATA_LOSS);
	assert_int_equal(reopen_with(k.t, "adapt.facts", never, &error), VU_DATA_LOSS);
	assert_non_null(strstr(error.message, "enrol again with --replace"));
	/* A deviation of strangers of 0. */
	assert_int_equal(reopen_with(k.t, "enrolled.1", wrong, &error), VU_DATA_LOSS);
	wrong[3] = NAN;
	assert_int_equal(reopen_with(k.t, "adapt.mean.1", wrong, &error), VU_DATA_LOSS);
	drop(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_later_utterances_fit_better),
	    cmocka_unit_test(test_strangers_get_no_nearer),
	    cmocka_unit_test(test_no_step_by_step),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_undone_it_is_as_enrolled),
	    cmocka_unit_test(test_trained_again_from_what_was_kept),
	    cmocka_unit_test(test_what_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
