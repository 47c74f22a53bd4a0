#include "sounds.h"

#include "audio/load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define DEPTH_MAX 16

static vu_status add(sounds *out, const char *path, vu_error *error)
{
	sound *grown;

	if (out->count == SOUNDS_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to use the sounds: there are more than %d",
		               SOUNDS_MAX);
	grown = realloc(out->all, (out->count + 1) * sizeof *grown);
	if (!grown)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list %s: out of memory", path);
	out->all = grown;
	grown[out->count] = (sound){.path = strdup(path)};
	if (!grown[out->count].path)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list %s: out of memory", path);
	out->count++;
	return VU_OK;
}

static int is_sound(const char *name)
{
	static const char *const ENDINGS[] = {".wav", ".flac", ".ogg", ".aiff"};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof ENDINGS / sizeof *ENDINGS; i++)
		if (strcasecmp(dot, ENDINGS[i]) == 0)
			return 1;
	return 0;
}

static vu_status add_folder(sounds *out, const char *folder, int depth, vu_error *error)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	vu_status status = VU_OK;

	if (!entries)
		return vu_fail_errno(error, errno, "unable to list %s", folder);
	while (status == VU_OK && (entry = readdir(entries)) != NULL) {
		char path[4096];
		struct stat info;
		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path ||
		    stat(path, &info) != 0)
			continue;
		if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX)
			status = add_folder(out, path, depth + 1, error);
		else if (S_ISREG(info.st_mode) && is_sound(entry->d_name))
			status = add(out, path, error);
	}
	closedir(entries);
	return status;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const sound *)a)->path, ((const sound *)b)->path);
}

vu_status sounds_open(const char *path, sounds *out, vu_error *error)
{
	struct stat info;
	vu_status status;

	*out = (sounds){0};
	if (stat(path, &info) != 0)
		return vu_fail_errno(error, errno, "unable to examine %s", path);
	status = S_ISDIR(info.st_mode) ? add_folder(out, path, 0, error) : add(out, path, error);
	if (status == VU_OK && out->count == 0)
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to use %s: there is no sound file in it", path);
	if (status != VU_OK)
		sounds_close(out);
	else
		qsort(out->all, out->count, sizeof *out->all, compare_paths);
	return status;
}

void sounds_close(sounds *from)
{
	for (size_t i = 0; i < from->count; i++) {
		free(from->all[i].path);
		free(from->all[i].samples);
	}
	free(from->all);
	*from = (sounds){0};
}

vu_status sounds_choose(sounds *from, uint64_t choice, const sound **sound_out, vu_error *error)
{
	sound *chosen = &from->all[choice % from->count];
	vu_status status = VU_OK;

	if (!chosen->samples)
		status = vu_audio_load(chosen->path, SOUND_SECONDS_MAX, &chosen->samples, &chosen->count, error);
	*sound_out = chosen;
	return status;
}
