/*
 * The index proposes past attempts for each way in which a copy may have been
 * played; their imprints are compared, the likeliest at tempos and offsets
 * around too.
 */
#include "replay_search.h"

#include "imprint_match.h"
#include "landmarks.h"
#include "replay_record.h"

#include <math.h>
#include <stdlib.h>

const double vu_replay_pitches[VU_REPLAY_PITCHES] = {1, 0.97, 1.03};
/* Tempos are undone besides. */
static const struct {
	size_t pitch;
	double tempo;
} VARIANTS[] = {{0, 1}, {0, 0.97}, {0, 1.03}, {1, 0.97}, {2, 1.03}};
#define VARIANT_COUNT (sizeof VARIANTS / sizeof VARIANTS[0])

/* Candidates that are compared, and of these, how many at more tempos and offsets. */
#define COMPARED_MAX 48
#define REFINED_MAX  4
/* Below this, a candidate at about the right place is none. */
#define LIKENESS_REFINED 0.15
/* Rows that a candidate's offset may be wrong by: landmarks know it to a pair of rows. */
#define SLACK_ROWS   4
#define REFINED_ROWS 8
/* Tempos tried around that of the variant. */
#define TEMPO_STEP  0.005
#define TEMPO_STEPS 4

/* A candidate and the variant of the query that found it. */
typedef struct suspect {
	vu_replay_candidate candidate;
	size_t variant;
	double likeness;
	int offset;
} suspect;

static int most_votes_first(const void *a, const void *b)
{
	const suspect *x = a;
	const suspect *y = b;
	return (x->candidate.votes < y->candidate.votes) - (x->candidate.votes > y->candidate.votes);
}

static int most_alike_first(const void *a, const void *b)
{
	const suspect *x = a;
	const suspect *y = b;
	return (x->likeness < y->likeness) - (x->likeness > y->likeness);
}

/* The at most COMPARED_MAX suspects with the most votes. */
static size_t find_suspects(const vu_replay_past *where, vu_imprint *const *imprints, int64_t own_row,
                            vu_landmark *landmarks, suspect *suspects)
{
	vu_replay_candidate found[COMPARED_MAX];
	size_t count = 0;

	for (size_t v = 0; v < VARIANT_COUNT; v++) {
		const vu_imprint *imprint = imprints[VARIANTS[v].pitch];
		size_t marks = vu_landmarks_make(imprint->peaks, imprint->peak_count, VARIANTS[v].tempo, landmarks);
		size_t some = vu_replay_index_find(where->index, landmarks, marks, own_row, found, COMPARED_MAX);
		for (size_t i = 0; i < some; i++)
			suspects[count++] = (suspect){.candidate = found[i], .variant = v};
	}
	qsort(suspects, count, sizeof *suspects, most_votes_first);
	return count < COMPARED_MAX ? count : COMPARED_MAX;
}

/* The imprint of a past attempt, by a statement that is used for many; NULL in *imprint_out when it is gone. */
static vu_status load_imprint(const vu_replay_past *where, vu_statement *select, int64_t row,
                              vu_imprint **imprint_out, int64_t *time_us, vu_error *error)
{
	bool found = false;
	vu_status status;

	*imprint_out = NULL;
	vu_statement_reset(select);
	vu_statement_bind_int(select, 1, row);
	status = vu_statement_step(select, &found, error);
	if (status == VU_OK && found) {
		size_t bytes = 0;
		const uint8_t *data = vu_statement_blob(select, 1, &bytes);
		*time_us = vu_statement_int(select, 0);
		status = vu_replay_open_cells(data, bytes, where->key, imprint_out);
		if (status != VU_OK)
			vu_fail(error, status, "unable to read a past attempt from %s: %s", where->path,
			        vu_status_name(status));
	}
	return status;
}

/* Looks closer: at tempos and offsets around. */
static double refine(vu_imprint *const *imprints, const vu_imprint *past, const suspect *s)
{
	const vu_imprint *query = imprints[VARIANTS[s->variant].pitch];
	double best = s->likeness;

	for (int step = -TEMPO_STEPS; step <= TEMPO_STEPS; step++) {
		double tempo = VARIANTS[s->variant].tempo + step * TEMPO_STEP;
		/* A tempo that turns about the middle of the query moves its first row. */
		int offset = s->offset - (int)lround(step * TEMPO_STEP * (double)query->rows / 2);
		best = fmax(best, vu_imprint_match(query, past, tempo, offset, REFINED_ROWS, 1, NULL));
	}
	return best;
}

vu_status vu_replay_search(const vu_replay_past *where, vu_imprint *const *imprints, int64_t own_row,
                           vu_replay_match *match, vu_error *error)
{
	suspect *suspects = calloc(VARIANT_COUNT * COMPARED_MAX, sizeof *suspects);
	vu_landmark *landmarks = malloc(VU_LANDMARKS_MAX * sizeof *landmarks);
	vu_statement *select = NULL;
	vu_imprint *past = NULL;
	vu_status status = VU_OK;
	int64_t time_us = 0;
	size_t count;

	if (!suspects || !landmarks) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to search the replay memory: out of memory");
		goto out;
	}
	count = find_suspects(where, imprints, own_row, landmarks, suspects);
	match->compared = (uint32_t)count;
	status =
	    vu_statement_prepare(where->store, "SELECT time_us, cells FROM attempts WHERE row=?1", &select, error);
	for (size_t i = 0; i < count && status == VU_OK; i++) {
		suspect *s = &suspects[i];
		status = load_imprint(where, select, s->candidate.attempt, &past, &time_us, error);
		if (status == VU_OK && past)
			s->likeness =
			    vu_imprint_match(imprints[VARIANTS[s->variant].pitch], past, VARIANTS[s->variant].tempo,
			                     s->candidate.offset, SLACK_ROWS, 2, &s->offset);
		vu_imprint_destroy(past);
		past = NULL;
	}
	qsort(suspects, count, sizeof *suspects, most_alike_first);
	for (size_t i = 0; i < count && i < REFINED_MAX && status == VU_OK; i++) {
		double likeness = suspects[i].likeness;
		if (likeness >= LIKENESS_REFINED) {
			status = load_imprint(where, select, suspects[i].candidate.attempt, &past, &time_us, error);
			if (status != VU_OK || !past)
				break;
			likeness = refine(imprints, past, &suspects[i]);
		}
		if (likeness > match->likeness) {
			match->likeness = likeness;
			match->time_us = time_us;
		}
		vu_imprint_destroy(past);
		past = NULL;
	}
out:
	vu_statement_finish(select);
	free(landmarks);
	free(suspects);
	return status;
}
