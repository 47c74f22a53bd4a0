/* Folds are drawn by the hash of the group's name, so that they do not depend on the list's order. */
#include "validate.h"

#include "base/random.h"
#include "base/sort.h"
#include "ml/trial_scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A share of fewer says nothing. */
#define THRESHOLD_LEAST 50

vu_status validate_groups(const file_list *list, const examples *e, const learning *how, unsigned folds,
                          float *scores)
{
	unsigned *fold = malloc((e->count + 1) * sizeof *fold);
	bool *chosen = malloc(e->count + 1);
	vu_status status = fold && chosen ? VU_OK : VU_RESOURCE_EXHAUSTED;

	for (size_t i = 0; i < e->count && status == VU_OK; i++) {
		uint64_t state = vu_random_hash(list->files[e->all[i].file].group, how->mlp.seed);
		fold[i] = (unsigned)(vu_random_next(&state) % folds);
	}
	for (unsigned f = 0; f < folds && status == VU_OK; f++) {
		vu_detector_parts parts;
		learned l;
		for (size_t i = 0; i < e->count; i++)
			chosen[i] = fold[i] != f && e->all[i].role != ROLE_MEASURING;
		status = learn(list, e, chosen, how, &l);
		if (status != VU_OK)
			break;
		parts = learned_parts(&l);
		for (size_t i = 0; i < e->count; i++) {
			if (fold[i] == f)
				scores[i] = vu_detector_parts_score(&parts, e->all[i].vector);
		}
		learned_free(&l);
	}
	free(chosen);
	free(fold);
	return status;
}

static const char *name_of(const listed_file *file)
{
	const char *slash = strrchr(file->path, '/');
	return slash ? slash + 1 : file->path;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Marks the files that belong to a corpus: its own, and the attacks made of
 * them, which have their names. Without the originals the copies would teach
 * that the corpus is an attack.
 */
static vu_status mark_corpus(const file_list *list, const char *kind, bool *member)
{
	const char **names = malloc((list->count + 1) * sizeof *names);
	size_t count = 0;

	if (!names)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t i = 0; i < list->count; i++) {
		if (!list->files[i].spoof && strcmp(list->files[i].kind, kind) == 0)
			names[count++] = name_of(&list->files[i]);
	}
	qsort(names, count, sizeof *names, compare_names);
	for (size_t i = 0; i < list->count; i++) {
		const char *name = name_of(&list->files[i]);
		member[i] = bsearch(&name, names, count, sizeof *names, compare_names) != NULL;
	}
	free(names);
	return VU_OK;
}

static size_t find_kind(kind_rate *kinds, size_t *count, const char *kind, bool spoof)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(kinds[i].kind, kind) == 0 && kinds[i].spoof == spoof)
			return i;
	}
	if (*count == KINDS_MAX)
		return KINDS_MAX - 1;
	kinds[*count] = (kind_rate){.kind = kind, .spoof = spoof};
	return (*count)++;
}

vu_status validate_corpora(const file_list *list, const examples *e, const learning *how, size_t least, float *scores)
{
	static kind_rate kinds[KINDS_MAX];
	const float any[2] = {0, 0};
	size_t count = rates_by_kind(list, e, scores, any, kinds);
	bool *chosen = malloc(e->count + 1);
	bool *member = malloc(list->count + 1);
	vu_status status = chosen && member ? VU_OK : VU_RESOURCE_EXHAUSTED;

	for (size_t k = 0; k < count && status == VU_OK; k++) {
		vu_detector_parts parts;
		learned l;
		if (kinds[k].spoof || kinds[k].files < least)
			continue;
		status = mark_corpus(list, kinds[k].kind, member);
		if (status != VU_OK)
			break;
		for (size_t i = 0; i < e->count; i++)
			chosen[i] = !member[e->all[i].file] && e->all[i].role != ROLE_MEASURING;
		status = learn(list, e, chosen, how, &l);
		if (status != VU_OK)
			break;
		parts = learned_parts(&l);
		for (size_t i = 0; i < e->count; i++) {
			if (member[e->all[i].file] && !list->files[e->all[i].file].spoof)
				scores[i] = vu_detector_parts_score(&parts, e->all[i].vector);
		}
		learned_free(&l);
	}
	free(member);
	free(chosen);
	return status;
}

size_t rates_by_kind(const file_list *list, const examples *e, const float *scores, const float thresholds[2],
                     kind_rate *out)
{
	size_t count = 0;

	for (size_t i = 0; i < e->count; i++) {
		const example *one = &e->all[i];
		size_t k;
		/* Played by a loudspeaker, nothing is as it is; then what is measured with counts. */
		if (one->role != ROLE_AS_IS && !(one->role == ROLE_MEASURING && one->spoof))
			continue;
		k = find_kind(out, &count, list->files[one->file].kind, one->spoof);
		out[k].files++;
		out[k].wrong += one->spoof == (scores[i] >= thresholds[one->narrow]);
	}
	return count;
}

/* `only` NULL: of all groups, or of all that name a repository. */
static double eer_of(const file_list *list, const examples *e, const float *scores, example_role role,
                     bool repositories, const char *only)
{
	double *values = malloc((e->count + 1) * sizeof *values);
	bool *genuine = malloc(e->count + 1);
	vu_scores *pooled = NULL;
	size_t count = 0;
	double eer = NAN;
	vu_error error;

	for (size_t i = 0; values && genuine && i < e->count; i++) {
		const listed_file *file = &list->files[e->all[i].file];
		if (e->all[i].role != role || (repositories && file->spoof && !strchr(file->group, '/')) ||
		    (only && e->all[i].spoof && strcmp(file->group, only) != 0))
			continue;
		values[count] = (double)scores[i];
		genuine[count++] = !e->all[i].spoof;
	}
	if (values && genuine && vu_scores_create(values, genuine, count, &pooled, &error) == VU_OK)
		eer = vu_scores_eer(pooled, NULL);
	vu_scores_destroy(pooled);
	free(genuine);
	free(values);
	return eer;
}

double pooled_eer(const file_list *list, const examples *e, const float *scores, example_role role, bool repositories)
{
	return eer_of(list, e, scores, role, repositories, NULL);
}

size_t eer_by_repository(const file_list *list, const examples *e, const float *scores, example_role role,
                         repository_eer out[REPOSITORIES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < e->count; i++) {
		const listed_file *file = &list->files[e->all[i].file];
		size_t r = 0;
		if (!file->spoof || e->all[i].role != role || !strchr(file->group, '/'))
			continue;
		while (r < count && strcmp(out[r].name, file->group) != 0)
			r++;
		if (r == REPOSITORIES_MAX)
			continue;
		if (r == count)
			out[count++] = (repository_eer){.name = file->group};
		out[r].files++;
	}
	for (size_t r = 0; r < count; r++)
		out[r].eer = eer_of(list, e, scores, role, false, out[r].name);
	return count;
}

float threshold_for(const examples *e, const float *scores, example_role role, bool narrow, double share)
{
	float *values = malloc((e->count + 1) * sizeof *values);
	size_t count = 0;
	float threshold = INFINITY;

	for (size_t i = 0; values && i < e->count; i++) {
		if (!e->all[i].spoof && e->all[i].role == role && e->all[i].narrow == narrow)
			values[count++] = scores[i];
	}
	if (count >= THRESHOLD_LEAST) {
		vu_sort_floats(values, count);
		threshold = values[(size_t)((double)(count - 1) * share)];
	}
	free(values);
	return threshold;
}
