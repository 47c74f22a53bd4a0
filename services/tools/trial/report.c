/* Printing. Trials of spoofs and unknown labels are left to other tools. */
#include "report.h"

#include "ml/trial_scores.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLICATES 500

typedef enum column { COLUMN_SVM, COLUMN_SECOND, COLUMN_FUSED } column;

static bool counts(const trial *t)
{
	return t->scored && (strcmp(t->label, "target") == 0 || strcmp(t->label, "nontarget") == 0);
}

static double value_of(const trial *t, column which)
{
	return which == COLUMN_SVM ? t->score.svm : which == COLUMN_SECOND ? t->score.second : t->score.fused;
}

static vu_status print_column(const trial_set *set, column which, vu_error *error)
{
	static const char *const names[] = {"svm", "second", "fused"};
	double *scores = calloc(set->count + 1, sizeof *scores);
	bool *targets = calloc(set->count + 1, sizeof *targets);
	uint32_t *claimed = calloc(set->count + 1, sizeof *claimed);
	uint32_t *speaking = calloc(set->count + 1, sizeof *speaking);
	vu_scores *all = NULL;
	size_t count = 0;
	double low;
	double high;
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!scores || !targets || !claimed || !speaking)
		goto out;
	for (size_t i = 0; i < set->count; i++) {
		const trial *t = &set->trials[i];
		if (!counts(t))
			continue;
		scores[count] = value_of(t, which);
		targets[count] = strcmp(t->label, "target") == 0;
		claimed[count] = t->claimed;
		speaking[count++] = t->speaking < set->users ? t->speaking : t->claimed;
	}
	status = vu_scores_create(scores, targets, count, &all, error);
	if (status == VU_OK)
		status = vu_scores_eer_interval(all, claimed, speaking, (uint32_t)set->users, REPLICATES, 1, 0.95,
		                                &low, &high, error);
	if (status == VU_OK)
		printf("%-7s EER %5.2f %% (%.2f to %.2f)  FRR at FAR 1 %% %5.1f %%  at 0.1 %% %5.1f %%  minDCF %.3f  "
		       "Cllr %.3f "
		       "(least %.3f)\n",
		       names[which], 100 * vu_scores_eer(all, NULL), 100 * low, 100 * high,
		       100 * vu_scores_frr_at_far(all, 0.01), 100 * vu_scores_frr_at_far(all, 0.001),
		       vu_scores_min_dcf(all, 0.01), vu_scores_cllr(all), vu_scores_min_cllr(all));
out:
	vu_scores_destroy(all);
	free(speaking);
	free(claimed);
	free(targets);
	free(scores);
	return status;
}

vu_status report_print(const trial_set *set, vu_error *error)
{
	static const char *const levels[] = {"convenient", "standard", "strict"};
	size_t targets = 0;
	size_t strangers = 0;
	size_t refused[VU_BACKGROUND_LEVELS] = {0};
	size_t accepted[VU_BACKGROUND_LEVELS] = {0};
	vu_status status = VU_OK;

	for (size_t i = 0; i < set->count; i++) {
		const trial *t = &set->trials[i];
		bool target = strcmp(t->label, "target") == 0;
		if (!counts(t))
			continue;
		targets += target;
		strangers += !target;
		for (int level = 0; level < VU_BACKGROUND_LEVELS; level++) {
			refused[level] += target && t->score.fused < t->thresholds[level];
			accepted[level] += !target && t->score.fused >= t->thresholds[level];
		}
	}
	printf("%zu users, %zu target and %zu nontarget trials, %zu files not usable\n", set->users, targets,
	       strangers, set->unreadable);
	if (set->users)
		printf("background %zu bytes, a template %zu bytes with %zu support vectors on average\n",
		       set->background_bytes, set->template_bytes / set->users, set->support_vectors / set->users);
	for (int which = COLUMN_SVM; which <= COLUMN_FUSED && status == VU_OK; which++)
		status = print_column(set, (column)which, error);
	for (int level = 0; level < VU_BACKGROUND_LEVELS && status == VU_OK; level++)
		printf("%-10s  false rejects %4zu (%5.1f %%)  false accepts %5zu (%.3f %%)\n", levels[level],
		       refused[level], 100.0 * (double)refused[level] / (double)targets, accepted[level],
		       100.0 * (double)accepted[level] / (double)strangers);
	return status;
}

vu_status report_write(const trial_set *set, const char *path, vu_error *error)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return vu_fail_errno(error, errno, "unable to write %s", path);
	fprintf(file, "user\tpath\tlabel\tsvm\tsecond\tfused\tthreshold\tduration\tsnr\tcosine\tframes\tjoint\t"
	              "frames2\tjoint2\tshift\n");
	for (size_t i = 0; i < set->count; i++) {
		const trial *t = &set->trials[i];
		const float *inputs = t->score.inputs;
		fprintf(file, "%s\t%s\t%s", t->user, t->path, t->label);
		if (t->scored)
			fprintf(file, "\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g", (double)t->score.svm,
			        (double)t->score.second, (double)t->score.fused,
			        (double)t->thresholds[VU_LEVEL_STANDARD], (double)inputs[VU_CALIBRATION_SCORERS],
			        (double)inputs[VU_CALIBRATION_SCORERS + 1]);
		for (int k = t->scored ? 0 : -6; k < VU_SPACES_MAX + 1; k++)
			if (t->scored)
				fprintf(file, "\t%.6g", (double)inputs[1 + k]);
			else
				fprintf(file, "\tnan");
		putc('\n', file);
	}
	if (fclose(file) != 0)
		return vu_fail_errno(error, errno, "unable to write %s", path);
	return VU_OK;
}
