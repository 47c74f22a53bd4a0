/*
 * Figures of merit. All of them walk the trials once in the order of their
 * scores, a group of equal scores at a time, because no threshold can tell the
 * members of a group apart.
 */
#include "ml/trial_scores.h"

#include "base/random.h"
#include "base/sort.h"

#include <math.h>
#include <stdlib.h>

typedef struct trial {
	double score;
	uint32_t index; /* in the order of vu_scores_create */
	bool is_target;
} trial;

struct vu_scores {
	trial *trials; /* ascending */
	size_t count;
	size_t targets;
};

static int compare_trials(const void *a, const void *b)
{
	const trial *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

vu_status vu_scores_create(const double *scores, const bool *is_target, size_t count, vu_scores **scores_out,
                           vu_error *error)
{
	vu_scores *made;

	if (count > UINT32_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to judge the scores: there are more than %u",
		               UINT32_MAX);
	for (size_t i = 0; i < count; i++) {
		if (isnan(scores[i]))
			return vu_fail(error, VU_INVALID_ARGUMENT, "unable to judge the scores: number %zu is NaN",
			               i);
	}
	made = calloc(1, sizeof *made);
	if (made)
		made->trials = calloc(count > 0 ? count : 1, sizeof *made->trials);
	if (!made || !made->trials) {
		free(made);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to judge the scores: out of memory");
	}
	made->count = count;
	for (size_t i = 0; i < count; i++) {
		made->trials[i] = (trial){.score = scores[i], .index = (uint32_t)i, .is_target = is_target[i]};
		made->targets += is_target[i];
	}
	qsort(made->trials, count, sizeof *made->trials, compare_trials);
	*scores_out = made;
	return VU_OK;
}

void vu_scores_destroy(vu_scores *scores)
{
	if (!scores)
		return;
	free(scores->trials);
	free(scores);
}

size_t vu_scores_targets(const vu_scores *scores)
{
	return scores->targets;
}

size_t vu_scores_others(const vu_scores *scores)
{
	return scores->count - scores->targets;
}

static bool has_both(const vu_scores *scores)
{
	return scores->targets > 0 && scores->targets < scores->count;
}

/* The walk: each step lies between two groups, where FRR and FAR are as given. */
typedef struct walk {
	const vu_scores *scores;
	size_t next;    /* first trial at or above the threshold */
	size_t refused; /* target trials below it */
	double frr;
	double far;
	double threshold;
} walk;

/* Begins below all scores: everybody is accepted. */
static walk walk_begin(const vu_scores *scores)
{
	return (walk){.scores = scores, .far = 1.0, .threshold = -INFINITY};
}

/* Steps over the next group; false when everybody is refused already. */
static bool walk_step(walk *at)
{
	const vu_scores *scores = at->scores;
	double score;

	if (at->next == scores->count)
		return false;
	score = scores->trials[at->next].score;
	while (at->next < scores->count && scores->trials[at->next].score == score)
		at->refused += scores->trials[at->next++].is_target;
	at->frr = (double)at->refused / (double)scores->targets;
	at->far = 1.0 - (double)(at->next - at->refused) / (double)(scores->count - scores->targets);
	at->threshold = at->next < scores->count ? scores->trials[at->next].score : INFINITY;
	return true;
}

/* Where the line from (frr0, far0) to (frr1, far1) meets FRR = FAR. */
static double crossing(double frr0, double far0, double frr1, double far1)
{
	double before = far0 - frr0;
	double after = far1 - frr1;
	double share = before > after ? before / (before - after) : 0.0;

	return frr0 + share * (frr1 - frr0);
}

double vu_scores_eer(const vu_scores *scores, double *threshold_out)
{
	walk at = walk_begin(scores);

	if (!has_both(scores))
		return NAN;
	for (;;) {
		double frr = at.frr, far = at.far;
		if (!walk_step(&at) || at.frr >= at.far) {
			if (threshold_out)
				*threshold_out = at.threshold;
			return crossing(frr, far, at.frr, at.far);
		}
	}
}

double vu_scores_frr_at_far(const vu_scores *scores, double far)
{
	walk at = walk_begin(scores);

	if (!has_both(scores))
		return NAN;
	while (at.far > far && walk_step(&at))
		;
	return at.frr;
}

size_t vu_scores_curve(const vu_scores *scores, vu_scores_point *points, size_t room)
{
	walk at = walk_begin(scores);
	size_t count = 0;

	if (!has_both(scores))
		return 0;
	do {
		if (count < room)
			points[count] = (vu_scores_point){.far = at.far, .frr = at.frr};
		count++;
	} while (walk_step(&at));
	return count;
}

double vu_scores_min_dcf(const vu_scores *scores, double p_target)
{
	walk at = walk_begin(scores);
	double least;

	if (!has_both(scores))
		return NAN;
	least = 1.0 - p_target;
	while (walk_step(&at)) {
		double cost = p_target * at.frr + (1.0 - p_target) * at.far;
		if (cost < least)
			least = cost;
	}
	return least / fmin(p_target, 1.0 - p_target);
}

/* log2(1 + exp(x)) without overflow. */
static double softplus_bits(double x)
{
	return (x > 0 ? x + log1p(exp(-x)) : log1p(exp(x))) / log(2.0);
}

double vu_scores_cllr(const vu_scores *scores)
{
	double target_bits = 0, other_bits = 0;

	if (!has_both(scores))
		return NAN;
	for (size_t i = 0; i < scores->count; i++) {
		if (scores->trials[i].is_target)
			target_bits += softplus_bits(-scores->trials[i].score);
		else
			other_bits += softplus_bits(scores->trials[i].score);
	}
	return 0.5 * (target_bits / (double)scores->targets + other_bits / (double)(scores->count - scores->targets));
}

/* Neighbouring trials that share one share of targets. */
typedef struct block {
	double targets;
	double others;
} block;

/* True when `a`, which has the lower scores, has a share of targets not below that of `b`. */
static bool violates(const block *a, const block *b)
{
	return a->targets * (b->targets + b->others) >= b->targets * (a->targets + a->others);
}

double vu_scores_min_cllr(const vu_scores *scores)
{
	double others = (double)(scores->count - scores->targets);
	double prior_log_odds = log((double)scores->targets / others);
	double target_bits = 0, other_bits = 0;
	size_t used = 0;
	block *blocks;

	if (!has_both(scores))
		return NAN;
	blocks = calloc(scores->count, sizeof *blocks);
	if (!blocks)
		return NAN;
	for (size_t i = 0; i < scores->count;) {
		double score = scores->trials[i].score;
		block group = {0};
		for (; i < scores->count && scores->trials[i].score == score; i++) {
			if (scores->trials[i].is_target)
				group.targets++;
			else
				group.others++;
		}
		blocks[used++] = group;
		while (used > 1 && violates(&blocks[used - 2], &blocks[used - 1])) {
			blocks[used - 2].targets += blocks[used - 1].targets;
			blocks[used - 2].others += blocks[used - 1].others;
			used--;
		}
	}
	for (size_t i = 0; i < used; i++) {
		double llr = log(blocks[i].targets) - log(blocks[i].others) - prior_log_odds;
		if (blocks[i].targets > 0)
			target_bits += blocks[i].targets * softplus_bits(-llr);
		if (blocks[i].others > 0)
			other_bits += blocks[i].others * softplus_bits(llr);
	}
	free(blocks);
	return 0.5 * (target_bits / (double)scores->targets + other_bits / others);
}

/* EER with each trial counting as often as its people were drawn; NaN when a class came out empty. */
static double weighted_eer(const vu_scores *scores, const uint32_t *claimed, const uint32_t *speaking,
                           const uint32_t *drawn)
{
	double targets = 0, others = 0, refused = 0, kept_out = 0;
	double frr = 0, far = 1;

	for (size_t i = 0; i < scores->count; i++) {
		uint32_t a = claimed[scores->trials[i].index], b = speaking[scores->trials[i].index];
		double weight = a == b ? drawn[a] : (double)drawn[a] * drawn[b];
		*(scores->trials[i].is_target ? &targets : &others) += weight;
	}
	if (targets <= 0 || others <= 0)
		return NAN;
	for (size_t i = 0; i < scores->count;) {
		double score = scores->trials[i].score;
		double frr_before = frr, far_before = far;
		for (; i < scores->count && scores->trials[i].score == score; i++) {
			uint32_t a = claimed[scores->trials[i].index], b = speaking[scores->trials[i].index];
			double weight = a == b ? drawn[a] : (double)drawn[a] * drawn[b];
			*(scores->trials[i].is_target ? &refused : &kept_out) += weight;
		}
		frr = refused / targets;
		far = 1.0 - kept_out / others;
		if (frr >= far)
			return crossing(frr_before, far_before, frr, far);
	}
	return NAN;
}

vu_status vu_scores_eer_interval(const vu_scores *scores, const uint32_t *claimed, const uint32_t *speaking,
                                 uint32_t people, unsigned replicates, uint64_t seed, double confidence,
                                 double *low_out, double *high_out, vu_error *error)
{
	uint32_t *drawn = NULL;
	double *rates = NULL;
	size_t used = 0;
	vu_status status = VU_OK;

	for (size_t i = 0; i < scores->count; i++) {
		if (claimed[i] >= people || speaking[i] >= people)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to draw people: trial %zu names number %u of %u", i,
			               claimed[i] >= people ? claimed[i] : speaking[i], people);
	}
	if (!(confidence > 0 && confidence < 1))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to draw people: the confidence is not between 0 and 1");
	*low_out = *high_out = NAN;
	if (!has_both(scores) || replicates == 0)
		return VU_OK;
	drawn = calloc(people, sizeof *drawn);
	rates = calloc(replicates, sizeof *rates);
	if (!drawn || !rates) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to draw people: out of memory");
		goto out;
	}
	for (unsigned replicate = 0; replicate < replicates; replicate++) {
		double rate;
		for (uint32_t i = 0; i < people; i++)
			drawn[i] = 0;
		for (uint32_t i = 0; i < people; i++)
			drawn[vu_random_next(&seed) % people]++;
		rate = weighted_eer(scores, claimed, speaking, drawn);
		if (!isnan(rate))
			rates[used++] = rate;
	}
	if (used > 0) {
		double tail = (1.0 - confidence) / 2.0;
		vu_sort_doubles(rates, used);
		*low_out = rates[(size_t)floor(tail * (double)(used - 1))];
		*high_out = rates[(size_t)ceil((1.0 - tail) * (double)(used - 1))];
	}
out:
	free(rates);
	free(drawn);
	return status;
}

double vu_fuse_speaker_antispoof(double speaker, double antispoof)
{
	double smaller, difference;

	if (isnan(speaker) || isnan(antispoof))
		return NAN;
	/* -log(0.5 exp(-a) + 0.5 exp(-b)) with the smaller of both taken out, so that nothing overflows. */
	smaller = fmin(speaker, antispoof);
	difference = fabs(speaker - antispoof);
	if (isnan(difference))
		return smaller; /* both infinite and equal */
	return smaller - log1p(exp(-difference)) + log(2.0);
}
