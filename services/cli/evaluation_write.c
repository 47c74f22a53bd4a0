/* The results of an evaluation as a list of tab-separated columns, written whole or not at all. */
#include "evaluation.h"

#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void put_digits(FILE *out, double number, int digits)
{
	if (isnan(number))
		fputs("\tnan", out);
	else
		fprintf(out, "\t%.*g", digits, number);
}

static void put_number(FILE *out, double number)
{
	put_digits(out, number, 6);
}

/* A float in full: a score held against a threshold gives the decision that the services gave. */
static void put_exact(FILE *out, double number)
{
	put_digits(out, number, 9);
}

static void put_rows(const evaluation_data *evaluation, FILE *out)
{
	static const char *const LABELS[] = {"-", "target", "nontarget", "spoof:"};
	const trial_list *list = evaluation->trials;

	fputs("user\tpath\tlabel\tverdict\tscore\tantispoof_score\tspeech_ms\tfused_score\n", out);
	for (size_t i = 0; i < list->count; i++) {
		const trial *one = &list->trials[i];
		const evaluation_result *result = &evaluation->results[i];
		fprintf(out, "%s\t%s\t%s%s\t%s", list->users.texts[one->user], list->files.texts[one->file],
		        LABELS[one->label], one->label == TRIAL_SPOOF ? list->kinds.texts[one->kind] : "",
		        voiceunlock_verdict_name(result->verdict));
		put_exact(out, result->score);
		put_number(out, result->antispoof_score);
		fprintf(out, "\t%u", result->speech_ms);
		put_number(out, result->fused_score);
		fputc('\n', out);
	}
}

static void put_thresholds(const evaluation_data *evaluation, FILE *out)
{
	const trial_list *list = evaluation->trials;

	fputs("user\tpath\tconvenient\tstandard\tstrict\n", out);
	for (size_t i = 0; i < list->count; i++) {
		const trial *one = &list->trials[i];
		fprintf(out, "%s\t%s", list->users.texts[one->user], list->files.texts[one->file]);
		for (size_t level = 0; level < 3; level++)
			put_exact(out, evaluation->results[i].thresholds[level]);
		fputc('\n', out);
	}
}

static vu_status write_rows(const evaluation_data *evaluation, void (*put)(const evaluation_data *, FILE *),
                            const char *path, vu_error *error)
{
	char *data = NULL;
	size_t bytes = 0;
	struct stat info;
	FILE *out = open_memstream(&data, &bytes);
	vu_status status = VU_OK;

	if (!out)
		return vu_fail_errno(error, errno, "unable to write %s", path);
	put(evaluation, out);
	if (fclose(out) != 0) {
		free(data);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write %s: out of memory", path);
	}
	/* A pipe or a device cannot be replaced by renaming. */
	if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
		out = fopen(path, "we");
		if (!out || fwrite(data, 1, bytes, out) != bytes)
			status = vu_fail_errno(error, errno, "unable to write %s", path);
		if (out && fclose(out) != 0 && status == VU_OK)
			status = vu_fail_errno(error, errno, "unable to write %s", path);
	} else {
		status = vu_file_write_atomically(path, data, bytes, error);
	}
	free(data);
	return status;
}

vu_status evaluation_write(const evaluation_data *evaluation, const char *path, vu_error *error)
{
	return write_rows(evaluation, put_rows, path, error);
}

vu_status evaluation_write_thresholds(const evaluation_data *evaluation, const char *path, vu_error *error)
{
	return write_rows(evaluation, put_thresholds, path, error);
}
