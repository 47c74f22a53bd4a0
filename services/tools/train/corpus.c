/* Walking folders. Links are not followed, hidden files are passed over. */
#include "corpus.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define DEPTH_MAX 8

static bool is_sound(const char *name)
{
	static const char *const suffixes[] = {".flac", ".wav", ".ogg", ".opus", ".mp3",
	                                       ".aiff", ".aif", ".au",  ".w64"};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof suffixes / sizeof *suffixes; i++)
		if (strcasecmp(dot, suffixes[i]) == 0)
			return true;
	return false;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: that depends on the locale */
}

static vu_status out_of_memory(vu_error *error)
{
	return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list the corpus: out of memory");
}

static vu_status add_file(corpus *all, const char *path, uint32_t person, vu_error *error)
{
	corpus_file *files;

	if (all->file_count == CORPUS_FILES_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to list the corpus: it has more than %d files",
		               CORPUS_FILES_MAX);
	files = realloc(all->files, (all->file_count + 1) * sizeof *files);
	if (!files)
		return out_of_memory(error);
	all->files = files;
	files[all->file_count].path = strdup(path);
	files[all->file_count].person = person;
	files[all->file_count].corpus = all->folder_count;
	return files[all->file_count++].path ? VU_OK : out_of_memory(error);
}

/* The number of a person of this name, new or the last one added. */
static vu_status add_person(corpus *all, const char *name, size_t length, uint32_t *person_out, vu_error *error)
{
	char **people;

	for (size_t p = all->people_count; p > 0; p--) {
		if (strlen(all->people[p - 1]) == length && memcmp(all->people[p - 1], name, length) == 0) {
			*person_out = (uint32_t)(p - 1);
			return VU_OK;
		}
	}
	people = realloc(all->people, (all->people_count + 1) * sizeof *people);
	if (!people)
		return out_of_memory(error);
	all->people = people;
	people[all->people_count] = strndup(name, length);
	if (!people[all->people_count])
		return out_of_memory(error);
	*person_out = (uint32_t)all->people_count++;
	return VU_OK;
}

static vu_status walk(corpus *all, const char *folder, uint32_t person, unsigned depth, vu_error *error)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, visible, by_bytes);
	vu_status status = VU_OK;

	if (count < 0)
		return vu_fail_errno(error, errno, "unable to open folder %s", folder);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		struct stat info;
		if (status == VU_OK &&
		    (size_t)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < sizeof path &&
		    lstat(path, &info) == 0) {
			if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX)
				status = walk(all, path, person, depth + 1, error);
			else if (S_ISREG(info.st_mode) && is_sound(path))
				status = add_file(all, path, person, error);
		}
		free(entries[i]);
	}
	free(entries);
	return status;
}

vu_status corpus_add_plain(corpus *all, const char *folder, vu_error *error)
{
	return walk(all, folder, 0, 0, error);
}

/* The last part of a path, without a final slash. */
static void base_name(const char *path, char *out, size_t size)
{
	size_t length = strlen(path);
	size_t start;

	while (length > 1 && path[length - 1] == '/')
		length--;
	for (start = length; start > 0 && path[start - 1] != '/'; start--)
		;
	snprintf(out, size, "%.*s", (int)(length - start), path + start);
}

static vu_status add_entry(corpus *all, const char *folder, const char *corpus_name, const char *entry,
                           vu_error *error)
{
	char path[PATH_MAX];
	char name[PATH_MAX];
	struct stat info;
	uint32_t person;
	size_t length;
	size_t before = all->file_count;
	size_t people_before = all->people_count;
	vu_status status;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, entry) >= sizeof path || lstat(path, &info) != 0)
		return VU_OK;
	length = (size_t)snprintf(name, sizeof name, "%s/%s", corpus_name, entry);
	if (length >= sizeof name)
		return VU_OK;
	if (S_ISDIR(info.st_mode)) {
		status = add_person(all, name, length, &person, error);
		if (status == VU_OK)
			status = walk(all, path, person, 1, error);
		/* A folder without sound is nobody. */
		if (status == VU_OK && all->file_count == before && all->people_count > people_before)
			free(all->people[--all->people_count]);
		return status;
	}
	if (!S_ISREG(info.st_mode) || !is_sound(path))
		return VU_OK;
	length = strlen(corpus_name) + 1 + strcspn(entry, "-_.");
	status = add_person(all, name, length, &person, error);
	return status == VU_OK ? add_file(all, path, person, error) : status;
}

vu_status corpus_add_folder(corpus *all, const char *folder, vu_error *error)
{
	struct dirent **entries;
	char corpus_name[256];
	size_t before = all->file_count;
	int count = scandir(folder, &entries, visible, by_bytes);
	vu_status status = VU_OK;

	if (count < 0)
		return vu_fail_errno(error, errno, "unable to open folder %s", folder);
	base_name(folder, corpus_name, sizeof corpus_name);
	for (int i = 0; i < count; i++) {
		if (status == VU_OK)
			status = add_entry(all, folder, corpus_name, entries[i]->d_name, error);
		free(entries[i]);
	}
	free(entries);
	all->folder_count++;
	if (status == VU_OK && all->file_count == before)
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to train from %s: there is no sound file in it",
		                 folder);
	return status;
}

void corpus_free(corpus *all)
{
	for (size_t i = 0; i < all->file_count; i++)
		free(all->files[i].path);
	for (size_t i = 0; i < all->people_count; i++)
		free(all->people[i]);
	free(all->files);
	free(all->people);
}
