/* Weights of examples, and both trainings on them. */
#include "learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

learning learning_default(void)
{
	return (learning){vu_mlp_training_default(), vu_trees_training_default(), 1};
}

void learning_seed(learning *how, uint64_t seed)
{
	how->mlp.seed = seed;
	how->trees.seed = seed;
}

vu_detector_parts learned_parts(const learned *l)
{
	return (vu_detector_parts){vu_mlp_owned_get(l->mlp), vu_trees_owned_get(l->trees), l->trees_weight};
}

void learned_free(learned *l)
{
	vu_mlp_owned_destroy(l->mlp);
	vu_trees_owned_destroy(l->trees);
	*l = (learned){0};
}

static size_t kind_size(const file_list *list, const examples *e, const bool *chosen, const char *kind, bool spoof)
{
	size_t size = 0;
	for (size_t i = 0; i < e->count; i++)
		size += chosen[i] && e->all[i].spoof == spoof && strcmp(list->files[e->all[i].file].kind, kind) == 0;
	return size;
}

vu_status learn(const file_list *list, const examples *e, const bool *chosen, const learning *how, learned *out)
{
	vu_mlp_example *in = malloc((e->count + 1) * sizeof *in);
	vu_trees_example *same = malloc((e->count + 1) * sizeof *same);
	bool *spoof = malloc(e->count + 1);
	const char *last[2] = {"", ""};
	double weight[2] = {0, 0};
	double sums[2] = {0, 0};
	size_t count = 0;
	vu_status status;

	*out = (learned){.trees_weight = how->trees_weight};
	if (!in || !spoof || !same) {
		free(in);
		free(same);
		free(spoof);
		return VU_RESOURCE_EXHAUSTED;
	}
	for (size_t i = 0; i < e->count; i++) {
		const example *one = &e->all[i];
		const char *kind = list->files[one->file].kind;
		if (!chosen[i])
			continue;
		if (strcmp(last[one->spoof], kind) != 0) {
			double size = (double)kind_size(list, e, chosen, kind, one->spoof);
			last[one->spoof] = kind;
			/* Every corpus of genuine speech counts alike; of attacks there are many. */
			weight[one->spoof] = one->spoof ? 1 / sqrt(size) : 1 / size;
		}
		spoof[count] = one->spoof;
		in[count++] = (vu_mlp_example){one->vector, one->spoof ? 0.0f : 1.0f, (float)weight[one->spoof]};
		sums[one->spoof] += weight[one->spoof];
	}
	for (size_t i = 0; i < count; i++)
		in[i].weight *= (float)((double)count / 2 / sums[spoof[i]]);
	for (size_t i = 0; i < count; i++)
		same[i] = (vu_trees_example){in[i].vector, in[i].target, in[i].weight};
	status = vu_mlp_train(&how->mlp, (uint32_t)e->traces->size, in, count, &out->mlp);
	if (status == VU_OK)
		status = vu_trees_train(&how->trees, (uint32_t)e->traces->size, same, count, &out->trees);
	if (status != VU_OK)
		learned_free(out);
	free(spoof);
	free(same);
	free(in);
	return status;
}
