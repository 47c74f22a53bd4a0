/* Spaces of a background: a failure leaves what was allocated to vu_training_space_free. */
#include "ml/background_space.h"

#include "ml/cohort.h"
#include "ml/pca.h"

#include <stdlib.h>
#include <string.h>

void vu_training_rows_free(vu_training_rows *all)
{
	free(all->values);
	free(all->person);
	free(all->whole);
	free(all->corpus);
}

void vu_training_space_free(vu_training_space *space)
{
	free(space->mean);
	free(space->basis);
	free(space->ratio);
	free(space->cohort);
}

vu_status vu_training_fit_lda(double shrinkage, double corpus_weight, const vu_training_rows *all,
                              const uint32_t *utterances_of, bool everybody, vu_training_space *space)
{
	size_t n = all->dimensions;
	size_t used = 0;
	vu_status status = VU_RESOURCE_EXHAUSTED;
	float *values = malloc((all->count + 1) * n * sizeof *values);
	uint32_t *labels = malloc((all->count + 1) * sizeof *labels);
	uint32_t *corpora = malloc((all->count + 1) * sizeof *corpora);

	space->mean = malloc(n * sizeof(float));
	space->basis = malloc(n * n * sizeof(float));
	space->ratio = malloc(n * sizeof(float));
	if (!values || !labels || !corpora || !space->mean || !space->basis || !space->ratio)
		goto out;
	for (size_t i = 0; i < all->count; i++) {
		bool several = everybody || utterances_of[all->person[i]] > 1;
		/* The rows of a person lie together by utterance, the uncorrupted whole first. */
		bool first = i == 0 || all->person[i - 1] != all->person[i];
		if (!several && !first)
			continue;
		memcpy(values + used * n, all->values + i * n, n * sizeof *values);
		corpora[used] = all->corpus ? all->corpus[i] : 0;
		labels[used++] = all->person[i];
	}
	status = vu_lda_fit(values, labels, used, n, shrinkage, corpora, corpus_weight, space->mean, space->basis,
	                    space->ratio);
out:
	free(corpora);
	free(labels);
	free(values);
	return status;
}

vu_status vu_training_make_cohort(const vu_training_rows *all, uint32_t people, vu_training_space *space)
{
	size_t n = all->dimensions;
	size_t present = 0;
	size_t at = 0;
	bool *use = calloc(people + 1, sizeof *use);
	double *mean = malloc(n * sizeof *mean);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	space->cohort = malloc((size_t)VU_COHORT_MAX * n * sizeof *space->cohort);
	if (!use || !mean || !space->cohort)
		goto out;
	for (size_t i = 0; i < all->count; i++)
		use[all->person[i]] = true;
	for (uint32_t p = 0; p < people; p++)
		present += use[p];
	for (uint32_t p = 0; p < people; p++) {
		size_t found = 0;
		if (!use[p])
			continue;
		at++;
		if (present > VU_COHORT_MAX && at * VU_COHORT_MAX / present == (at - 1) * VU_COHORT_MAX / present)
			continue;
		memset(mean, 0, n * sizeof *mean);
		for (size_t i = 0; i < all->count; i++) {
			if (all->person[i] != p || !all->whole[i])
				continue;
			for (size_t d = 0; d < n; d++)
				mean[d] += all->values[i * n + d];
			found++;
		}
		for (size_t d = 0; d < n && found; d++)
			space->cohort[space->cohort_count * n + d] = (float)(mean[d] / (double)found);
		space->cohort_count += found > 0;
	}
	status = VU_OK;
out:
	free(mean);
	free(use);
	return status;
}

vu_status vu_training_write_space(const vu_training_config *config, const vu_training_names *names,
                                  const vu_training_rows *rows, uint32_t discriminants, bool discriminated,
                                  const vu_training_space *space, vu_model_writer *writer)
{
	vu_model_element element = config->quantize ? VU_ELEMENT_F16 : VU_ELEMENT_F32;
	uint32_t n = (uint32_t)rows->dimensions;
	uint32_t people = (uint32_t)space->cohort_count;
	vu_voice_space into = {.dimensions = n, .mean = space->mean};
	float *voices = NULL;

	into.discriminants = discriminants < n ? discriminants : n;
	into.basis = (vu_model_section){
	    .element = VU_ELEMENT_F32, .rows = into.discriminants, .columns = n, .data = space->basis};
	vu_model_writer_add_floats(writer, names->mean, element, 1, n, space->mean);
	vu_model_writer_add_floats(writer, names->basis, element, into.discriminants, n, space->basis);
	if (!discriminated) {
		vu_model_writer_add_floats(writer, names->cohort, element, people, n, space->cohort);
		return VU_OK;
	}
	voices = malloc(((size_t)people * into.discriminants + 1) * sizeof *voices);
	if (!voices)
		return VU_RESOURCE_EXHAUSTED;
	for (uint32_t i = 0; i < people; i++)
		vu_background_discriminate(&into, space->cohort + (size_t)i * n,
		                           voices + (size_t)i * into.discriminants);
	vu_model_writer_add_floats(writer, names->cohort, element, people, into.discriminants, voices);
	free(voices);
	return VU_OK;
}
