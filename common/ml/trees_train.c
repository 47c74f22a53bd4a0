/*
 * Boosting by histograms: every value is first put into one of BINS bins with
 * about equally many examples, and a tree's questions are chosen from sums of
 * gradient and curvature by bin. All nodes of a level are split in one pass.
 */
#include "ml/trees.h"

#include "base/random.h"
#include "base/sort.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BINS      64
#define NODES_MAX (1u << VU_TREES_DEPTH_MAX)

struct vu_trees_owned {
	vu_trees view;
	uint16_t *feature;
	float *threshold;
	float *leaf;
};

typedef struct sums {
	float gradient;
	float curvature;
} sums;

/* A question that was found for a node. */
typedef struct split {
	double gain;
	uint32_t feature;
	uint32_t bin; /* what lies in it or below goes left */
} split;

typedef struct training {
	const vu_trees_training *how;
	uint32_t inputs;
	const vu_trees_example *examples;
	size_t count;
	float *cuts;     /* inputs x (BINS - 1): bin b holds what is below cut b and not below cut b - 1 */
	uint8_t *bins;   /* inputs x count */
	double *score;   /* of each example, so far */
	uint32_t *rows;  /* those of this tree */
	uint8_t *node;   /* of each of them, within the level */
	sums *slopes;    /* of each of them */
	uint32_t *order; /* of the inputs: the first ones are this tree's */
	size_t row_count;
	sums *histogram; /* nodes x BINS */
	sums totals[NODES_MAX];
	split best[NODES_MAX];
	uint64_t random;
} training;

vu_trees_training vu_trees_training_default(void)
{
	return (vu_trees_training){.trees = 300,
	                           .depth = 4,
	                           .rate = 0.06f,
	                           .smooth = 10.0f,
	                           .least = 5.0f,
	                           .columns = 0.25f,
	                           .rows = 0.6f,
	                           .seed = 1};
}

/* Cuts at equal shares; equal cuts leave bins empty. */
static void bin_input(training *t, uint32_t input, float *values)
{
	float *cuts = t->cuts + (size_t)input * (BINS - 1);
	uint8_t *bins = t->bins + (size_t)input * t->count;

	for (size_t i = 0; i < t->count; i++)
		values[i] = t->examples[i].vector[input];
	vu_sort_floats(values, t->count);
	for (size_t b = 0; b < BINS - 1; b++)
		cuts[b] = values[(b + 1) * t->count / BINS];
	for (size_t i = 0; i < t->count; i++) {
		float value = t->examples[i].vector[input];
		uint32_t low = 0;
		uint32_t high = BINS - 1;
		while (low < high) {
			uint32_t middle = (low + high) / 2;
			if (value < cuts[middle])
				high = middle;
			else
				low = middle + 1;
		}
		bins[i] = (uint8_t)low;
	}
}

static bool make(training *t)
{
	size_t questions = BINS - 1;
	float *values = malloc(t->count * sizeof *values);

	t->cuts = malloc(t->inputs * questions * sizeof *t->cuts);
	t->bins = malloc((size_t)t->inputs * t->count);
	t->score = malloc(t->count * sizeof *t->score);
	t->rows = malloc(t->count * sizeof *t->rows);
	t->node = malloc(t->count);
	t->slopes = malloc(t->count * sizeof *t->slopes);
	t->order = malloc(t->inputs * sizeof *t->order);
	t->histogram = malloc(NODES_MAX * BINS * sizeof *t->histogram);
	if (!values || !t->cuts || !t->bins || !t->score || !t->rows || !t->node || !t->slopes || !t->order ||
	    !t->histogram) {
		free(values);
		return false;
	}
	for (uint32_t i = 0; i < t->inputs; i++) {
		t->order[i] = i;
		bin_input(t, i, values);
	}
	free(values);
	return true;
}

static void release(training *t)
{
	free(t->cuts);
	free(t->bins);
	free(t->score);
	free(t->rows);
	free(t->node);
	free(t->slopes);
	free(t->order);
	free(t->histogram);
}

/* Draws this tree's examples and inputs. */
static void draw(training *t, uint32_t columns)
{
	t->row_count = 0;
	for (uint32_t i = 0; i < t->count; i++) {
		const vu_trees_example *e = &t->examples[i];
		double chance;
		sums *s = &t->slopes[t->row_count];
		if (!(vu_random_uniform(&t->random) < (double)t->how->rows))
			continue;
		chance = 1 / (1 + exp(-t->score[i]));
		s->gradient = e->weight * (float)((double)e->target - chance);
		s->curvature = e->weight * (float)(chance * (1 - chance));
		t->rows[t->row_count] = i;
		t->node[t->row_count++] = 0;
	}
	for (uint32_t i = 0; i < columns; i++) {
		uint32_t other = i + (uint32_t)(vu_random_uniform(&t->random) * (double)(t->inputs - i));
		uint32_t kept = t->order[i];
		t->order[i] = t->order[other];
		t->order[other] = kept;
	}
}

/* Looks for a better question about one input for each node of the level. */
static void try_input(training *t, uint32_t input, uint32_t nodes)
{
	const uint8_t *bins = t->bins + (size_t)input * t->count;
	double smooth = (double)t->how->smooth;
	double least = (double)t->how->least;

	memset(t->histogram, 0, nodes * BINS * sizeof *t->histogram);
	for (size_t r = 0; r < t->row_count; r++) {
		sums *s = &t->histogram[t->node[r] * BINS + bins[t->rows[r]]];
		s->gradient += t->slopes[r].gradient;
		s->curvature += t->slopes[r].curvature;
	}
	for (uint32_t n = 0; n < nodes; n++) {
		const sums *h = &t->histogram[n * BINS];
		double all = (double)t->totals[n].gradient;
		double bent = (double)t->totals[n].curvature;
		double whole = all * all / (bent + smooth);
		double left = 0;
		double left_bent = 0;
		for (uint32_t b = 0; b + 1 < BINS; b++) {
			double gain;
			left += (double)h[b].gradient;
			left_bent += (double)h[b].curvature;
			if (left_bent < least || bent - left_bent < least)
				continue;
			gain = left * left / (left_bent + smooth) +
			       (all - left) * (all - left) / (bent - left_bent + smooth) - whole;
			if (gain > t->best[n].gain)
				t->best[n] = (split){gain, input, b};
		}
	}
}

static void add_totals(training *t, uint32_t nodes)
{
	memset(t->totals, 0, nodes * sizeof *t->totals);
	for (size_t r = 0; r < t->row_count; r++) {
		t->totals[t->node[r]].gradient += t->slopes[r].gradient;
		t->totals[t->node[r]].curvature += t->slopes[r].curvature;
	}
}

/* Writes the questions of tree `index` and which bins answer them, in `bins_asked`. */
static void grow(training *t, vu_trees_owned *o, uint32_t index, uint32_t columns, uint8_t *bins_asked)
{
	uint32_t depth = t->how->depth;
	uint32_t questions = vu_trees_questions(depth);
	uint16_t *feature = o->feature + (size_t)index * questions;
	float *threshold = o->threshold + (size_t)index * questions;

	for (uint32_t level = 0; level < depth; level++) {
		uint32_t nodes = 1u << level;
		uint32_t first = nodes - 1;
		add_totals(t, nodes);
		for (uint32_t n = 0; n < nodes; n++)
			t->best[n] = (split){1e-6, 0, BINS - 1};
		for (uint32_t c = 0; c < columns; c++)
			try_input(t, t->order[c], nodes);
		for (uint32_t n = 0; n < nodes; n++) {
			const split *s = &t->best[n];
			feature[first + n] = (uint16_t)s->feature;
			bins_asked[first + n] = (uint8_t)s->bin;
			threshold[first + n] =
			    s->bin < BINS - 1 ? t->cuts[(size_t)s->feature * (BINS - 1) + s->bin] : FLT_MAX;
		}
		for (size_t r = 0; r < t->row_count; r++) {
			uint32_t n = t->node[r];
			uint8_t bin = t->bins[(size_t)feature[first + n] * t->count + t->rows[r]];
			t->node[r] = (uint8_t)(2 * n + (bin > bins_asked[first + n]));
		}
	}
}

static void fill_leaves(training *t, vu_trees_owned *o, uint32_t index, const uint8_t *bins_asked)
{
	uint32_t questions = vu_trees_questions(t->how->depth);
	const uint16_t *feature = o->feature + (size_t)index * questions;
	float *leaf = o->leaf + (size_t)index * (questions + 1);

	add_totals(t, questions + 1);
	for (uint32_t n = 0; n <= questions; n++)
		leaf[n] = t->how->rate * t->totals[n].gradient / (t->totals[n].curvature + t->how->smooth);
	for (size_t i = 0; i < t->count; i++) {
		uint32_t at = 0;
		while (at < questions)
			at = 2 * at + 1 + (t->bins[(size_t)feature[at] * t->count + i] > bins_asked[at]);
		t->score[i] += (double)leaf[at - questions];
	}
}

static bool valid(const vu_trees_training *how, uint32_t inputs, const vu_trees_example *examples, size_t count)
{
	size_t bonafide = 0;

	for (size_t i = 0; i < count; i++)
		bonafide += examples[i].target > 0.5f;
	return bonafide > 0 && bonafide < count && count < UINT32_MAX && inputs > 0 &&
	       inputs <= VU_TREES_INPUTS_MAX && how->trees > 0 && how->trees <= VU_TREES_MAX && how->depth > 0 &&
	       how->depth <= VU_TREES_DEPTH_MAX && how->rate > 0 && how->smooth > 0 && how->columns > 0 &&
	       how->columns <= 1 && how->rows > 0 && how->rows <= 1;
}

static vu_trees_owned *allocate(const vu_trees_training *how, uint32_t inputs)
{
	size_t questions = vu_trees_questions(how->depth);
	vu_trees_owned *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	o->feature = calloc(how->trees * questions, sizeof *o->feature);
	o->threshold = calloc(how->trees * questions, sizeof *o->threshold);
	o->leaf = calloc(how->trees * (questions + 1), sizeof *o->leaf);
	o->view = (vu_trees){{inputs, how->trees, how->depth}, o->feature, o->threshold, o->leaf, 0};
	if (!o->feature || !o->threshold || !o->leaf) {
		vu_trees_owned_destroy(o);
		return NULL;
	}
	return o;
}

static float base_of(const vu_trees_example *examples, size_t count)
{
	double weight[2] = {0, 0};

	for (size_t i = 0; i < count; i++)
		weight[examples[i].target > 0.5f] += (double)examples[i].weight;
	return (float)log((weight[1] + 1e-9) / (weight[0] + 1e-9));
}

vu_status vu_trees_train(const vu_trees_training *how, uint32_t inputs, const vu_trees_example *examples,
                         size_t count, vu_trees_owned **trees_out)
{
	training t = {.how = how, .inputs = inputs, .examples = examples, .count = count, .random = how->seed};
	uint8_t bins_asked[NODES_MAX];
	uint32_t columns;
	vu_trees_owned *o = NULL;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	*trees_out = NULL;
	if (!valid(how, inputs, examples, count))
		return VU_INVALID_ARGUMENT;
	o = allocate(how, inputs);
	if (!o || !make(&t))
		goto out;
	columns = (uint32_t)fmaxf(1, how->columns * (float)inputs);
	o->view.base = base_of(examples, count);
	for (size_t i = 0; i < count; i++)
		t.score[i] = (double)o->view.base;
	for (uint32_t k = 0; k < how->trees; k++) {
		draw(&t, columns);
		grow(&t, o, k, columns, bins_asked);
		fill_leaves(&t, o, k, bins_asked);
	}
	*trees_out = o;
	o = NULL;
	status = VU_OK;
out:
	release(&t);
	vu_trees_owned_destroy(o);
	return status;
}

const vu_trees *vu_trees_owned_get(const vu_trees_owned *owned)
{
	return &owned->view;
}

void vu_trees_owned_destroy(vu_trees_owned *owned)
{
	if (!owned)
		return;
	free(owned->feature);
	free(owned->threshold);
	free(owned->leaf);
	free(owned);
}
