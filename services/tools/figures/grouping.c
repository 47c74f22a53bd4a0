/* Reading who belongs to which group. */
#include "judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 1024

static vu_status add(grouping *out, const char *person, const char *group, vu_error *error)
{
	uint32_t before = out->people.count;
	uint32_t person_index = names_add(&out->people, person);
	uint32_t group_index = names_add(&out->groups, group);
	uint32_t *grown = realloc(out->group_of, (out->people.count + 1) * sizeof *grown);

	if (grown)
		out->group_of = grown;
	if (!grown || person_index == RESULTS_NONE || group_index == RESULTS_NONE)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "out of memory");
	if (out->people.count == before && out->group_of[person_index] != group_index)
		return vu_fail(error, VU_INVALID_ARGUMENT, "'%.64s' is in two groups", person);
	out->group_of[person_index] = group_index;
	return VU_OK;
}

vu_status grouping_read(const char *path, grouping *out, vu_error *error)
{
	FILE *file = fopen(path, "re");
	char line[LINE_BYTES_MAX];
	unsigned long number = 0;
	vu_status status = VU_OK;

	*out = (grouping){0};
	if (!file)
		return vu_fail_errno(error, errno, "unable to open %.200s", path);
	while (status == VU_OK && fgets(line, sizeof line, file)) {
		char *tab = strchr(line, '\t');
		vu_error inner = {VU_OK, ""};
		number++;
		line[strcspn(line, "\r\n")] = '\0';
		if (!tab || tab == line || tab[1] == '\0' || strchr(tab + 1, '\t')) {
			status = vu_fail(&inner, VU_INVALID_ARGUMENT, "write person and group with a tab between");
		} else {
			*tab = '\0';
			status = add(out, line, tab + 1, &inner);
		}
		if (status != VU_OK)
			vu_fail(error, status, "unable to read %.200s line %lu: %s", path, number, inner.message);
	}
	fclose(file);
	if (status != VU_OK)
		grouping_clear(out);
	return status;
}

void grouping_clear(grouping *from)
{
	names_clear(&from->people);
	names_clear(&from->groups);
	free(from->group_of);
	*from = (grouping){0};
}
