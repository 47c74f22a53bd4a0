/* Reading results. A list is taken whole or not at all. */
#include "results.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 16384
#define COLUMNS_MAX    8

static const char SCORES_HEADER[] = "user\tpath\tlabel\tverdict\tscore\tantispoof_score\tspeech_ms\tfused_score";
static const char THRESHOLDS_HEADER[] = "user\tpath\tconvenient\tstandard\tstrict";

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		hash = (hash ^ *c) * 1099511628211u;
	return hash;
}

/* Lists repeat a name many times in a row, so the last one is tried first. */
uint32_t names_find(names *among, const char *text)
{
	uint64_t hash = hash_text(text);

	if (among->count > 0 && among->hashes[among->last] == hash && strcmp(among->texts[among->last], text) == 0)
		return among->last;
	for (uint32_t i = 0; i < among->count; i++) {
		if (among->hashes[i] == hash && strcmp(among->texts[i], text) == 0) {
			among->last = i;
			return i;
		}
	}
	return RESULTS_NONE;
}

uint32_t names_add(names *among, const char *text)
{
	uint32_t found = names_find(among, text);

	if (found != RESULTS_NONE)
		return found;
	if ((among->count & (among->count - 1)) == 0) {
		size_t room = among->count > 0 ? among->count * (size_t)2 : 1;
		char **texts = realloc(among->texts, room * sizeof *texts);
		uint64_t *hashes;
		if (!texts)
			return RESULTS_NONE;
		among->texts = texts;
		hashes = realloc(among->hashes, room * sizeof *hashes);
		if (!hashes)
			return RESULTS_NONE;
		among->hashes = hashes;
	}
	among->texts[among->count] = strdup(text);
	if (!among->texts[among->count])
		return RESULTS_NONE;
	among->hashes[among->count] = hash_text(text);
	return among->last = among->count++;
}

void names_clear(names *from)
{
	for (uint32_t i = 0; i < from->count; i++)
		free(from->texts[i]);
	free(from->texts);
	free(from->hashes);
	*from = (names){0};
}

/* Cuts `line` at its tabs; the number of columns, COLUMNS_MAX + 1 when there are more. */
static size_t split(char *line, char *columns[COLUMNS_MAX])
{
	size_t count = 0;

	for (char *at = line; at;) {
		char *tab = strchr(at, '\t');
		if (count == COLUMNS_MAX)
			return COLUMNS_MAX + 1;
		columns[count++] = at;
		if (tab)
			*tab++ = '\0';
		at = tab;
	}
	return count;
}

static vu_status parse_number(const char *text, double *out, vu_error *error)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' ? VU_OK
	                                   : vu_fail(error, VU_INVALID_ARGUMENT, "'%.32s' is no number", text);
}

static vu_status parse_label(results *out, const char *text, result *one, vu_error *error)
{
	one->kind = RESULTS_NONE;
	if (strcmp(text, "target") == 0)
		one->label = RESULT_TARGET;
	else if (strcmp(text, "nontarget") == 0)
		one->label = RESULT_NONTARGET;
	else if (strcmp(text, "-") == 0)
		one->label = RESULT_UNLABELLED;
	else if (strncmp(text, "spoof:", 6) == 0 && text[6] != '\0') {
		one->label = RESULT_SPOOF;
		one->kind = names_add(&out->kinds, text + 6);
		if (one->kind == RESULTS_NONE)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	} else
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "the label '%.64s' is none of target, nontarget, spoof:<kind>, -", text);
	return VU_OK;
}

static result_verdict parse_verdict(const char *text)
{
	static const char *const NAMES[] = {"accept", "reject", "spoof", "no_speech", "not_enrolled"};

	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
		if (strcmp(text, NAMES[i]) == 0)
			return (result_verdict)i;
	return RESULT_UNAVAILABLE;
}

static vu_status parse_result(results *out, char *columns[COLUMNS_MAX], vu_error *error)
{
	result one = {.speaking = RESULTS_NONE, .thresholds = {NAN, NAN, NAN}};
	vu_status status;

	if ((out->count & (out->count - 1)) == 0) {
		size_t room = out->count > 0 ? out->count * 2 : 1;
		result *grown = realloc(out->all, room * sizeof *grown);
		if (!grown)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
		out->all = grown;
	}
	if (out->count == RESULTS_TRIALS_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "there are more than %u trials", RESULTS_TRIALS_MAX);
	one.user = names_add(&out->users, columns[0]);
	one.file = names_add(&out->files, columns[1]);
	if (one.user == RESULTS_NONE || one.file == RESULTS_NONE)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	one.verdict = parse_verdict(columns[3]);
	status = parse_label(out, columns[2], &one, error);
	if (status == VU_OK)
		status = parse_number(columns[4], &one.score, error);
	if (status == VU_OK)
		status = parse_number(columns[5], &one.antispoof_score, error);
	if (status == VU_OK)
		status = parse_number(columns[7], &one.fused_score, error);
	if (status == VU_OK)
		out->all[out->count++] = one;
	return status;
}

static vu_status parse_thresholds(results *out, size_t index, char *columns[COLUMNS_MAX], vu_error *error)
{
	result *one;
	vu_status status = VU_OK;

	if (index >= out->count)
		return vu_fail(error, VU_INVALID_ARGUMENT, "there are more lines than trials");
	one = &out->all[index];
	if (strcmp(columns[0], out->users.texts[one->user]) != 0 ||
	    strcmp(columns[1], out->files.texts[one->file]) != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "it is not of the same trial as the score");
	for (size_t level = 0; level < RESULTS_LEVELS && status == VU_OK; level++)
		status = parse_number(columns[2 + level], &one->thresholds[level], error);
	return status;
}

static vu_status read_lines(const char *path, bool thresholds, results *out, vu_error *error)
{
	const char *header = thresholds ? THRESHOLDS_HEADER : SCORES_HEADER;
	size_t wanted = thresholds ? 5 : 8;
	FILE *file = fopen(path, "re");
	char line[LINE_BYTES_MAX];
	size_t number = 0;
	vu_status status = VU_OK;

	if (!file)
		return vu_fail_errno(error, errno, "unable to open %.200s", path);
	while (status == VU_OK && fgets(line, sizeof line, file)) {
		size_t length = strlen(line);
		char *columns[COLUMNS_MAX];
		vu_error inner = {VU_OK, ""};
		number++;
		if (length > 0 && line[length - 1] == '\n')
			line[--length] = '\0';
		else if (!feof(file))
			status =
			    vu_fail(&inner, VU_INVALID_ARGUMENT, "it is longer than %d bytes", LINE_BYTES_MAX - 2);
		if (status != VU_OK)
			;
		else if (number == 1)
			status = strcmp(line, header) == 0
			             ? VU_OK
			             : vu_fail(&inner, VU_INVALID_ARGUMENT,
			                       "it is not the header that evaluate writes: %s", header);
		else if (split(line, columns) != wanted)
			status = vu_fail(&inner, VU_INVALID_ARGUMENT, "there are not %zu columns", wanted);
		else
			status = thresholds ? parse_thresholds(out, number - 2, columns, &inner)
			                    : parse_result(out, columns, &inner);
		if (status != VU_OK)
			vu_fail(error, status, "unable to read %.200s line %zu: %.250s", path, number, inner.message);
	}
	if (status == VU_OK && ferror(file))
		status = vu_fail(error, VU_DATA_LOSS, "unable to read %.200s: %s", path, strerror(errno));
	if (status == VU_OK && (number < 2 || number - 1 < out->count))
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to use %.200s: %s", path,
		                 number < 2 ? "there is no trial in it" : "it ends before the trials do");
	fclose(file);
	return status;
}

vu_status results_read(const char *path, const char *thresholds_path, results *out, vu_error *error)
{
	uint32_t *owners = NULL;
	vu_status status;

	*out = (results){0};
	status = read_lines(path, false, out, error);
	if (status == VU_OK && thresholds_path) {
		status = read_lines(thresholds_path, true, out, error);
		out->has_thresholds = true;
	}
	if (status == VU_OK) {
		owners = malloc((out->files.count + 1) * sizeof *owners);
		if (!owners)
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %.200s: out of memory", path);
	}
	if (status == VU_OK) {
		for (uint32_t i = 0; i < out->files.count; i++)
			owners[i] = RESULTS_NONE;
		for (size_t i = 0; i < out->count; i++)
			if (out->all[i].label == RESULT_TARGET)
				owners[out->all[i].file] = out->all[i].user;
		for (size_t i = 0; i < out->count; i++)
			out->all[i].speaking = owners[out->all[i].file];
	}
	free(owners);
	if (status != VU_OK)
		results_clear(out);
	return status;
}

void results_clear(results *from)
{
	names_clear(&from->users);
	names_clear(&from->files);
	names_clear(&from->kinds);
	free(from->all);
	*from = (results){0};
}

bool result_is_accepted(const result *one, size_t level)
{
	/* A verdict of spoof or no speech comes before that of the score; NaN is never enough. */
	return (one->verdict == RESULT_ACCEPT || one->verdict == RESULT_REJECT) &&
	       one->score >= one->thresholds[level];
}

size_t results_count_contradictions(const results *from, size_t level)
{
	size_t count = 0;

	for (size_t i = 0; i < from->count; i++)
		count += result_is_accepted(&from->all[i], level) != (from->all[i].verdict == RESULT_ACCEPT);
	return count;
}
