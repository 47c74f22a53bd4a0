/*
 * Template files. Whatever fails leaves the old files as they were; files that
 * are not ours (names that do not decode, leftovers of an interrupted write)
 * are not listed, and go with their namespace.
 */
#include "template_store_internal.h"

#include "base/file.h"
#include "base/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPIRED_SUFFIX ".expired"
/* The largest file read: no template is half as long. */
#define TEMPLATE_FILE_MAX (256u * 1024)

const char *template_store_owner(const char *namespace, const char *user, char owner[OWNER_SIZE])
{
	snprintf(owner, OWNER_SIZE, "%s/%s", namespace, user);
	return owner;
}

void template_store_wipe(void *data, size_t bytes)
{
	if (data)
		sodium_memzero(data, bytes);
	free(data);
}

vu_status template_store_init(template_store *store, const char *home, vu_error *error)
{
	store->vault = NULL;
	store->encrypt = false;
	/* Room for folder, encoded names and a temporary suffix. */
	if ((size_t)snprintf(store->folder, sizeof store->folder, "%s/templates", home) + 2 * NAME_CODE_SIZE + 64 >
	    sizeof store->folder)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep templates in %s: the path is too long", home);
	return VU_OK;
}

vu_status template_store_folder(const template_store *store, const char *namespace, char path[PATH_MAX],
                                vu_error *error)
{
	char code[NAME_CODE_SIZE] = "";
	int length;

	if (namespace[0])
		name_code_encode(namespace, code);
	length = snprintf(path, PATH_MAX, "%s/%s%s", store->folder, namespace[0] ? NAMESPACE_PREFIX : "users", code);
	if (length < 0 || length >= PATH_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep templates in %s: the path is too long",
		               store->folder);
	return VU_OK;
}

vu_status template_store_file(const template_store *store, const char *namespace, const char *user,
                              const char *suffix, char path[PATH_MAX], vu_error *error)
{
	char code[NAME_CODE_SIZE];
	size_t used;
	vu_status status = template_store_folder(store, namespace, path, error);

	if (status != VU_OK)
		return status;
	name_code_encode(user, code);
	used = strlen(path);
	if ((size_t)snprintf(path + used, PATH_MAX - used, "/%s%s", code, suffix) >= PATH_MAX - used)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep templates in %s: the path is too long",
		               store->folder);
	return VU_OK;
}

vu_status template_store_path(const template_store *store, const char *namespace, const char *user,
                              char path[PATH_MAX], vu_error *error)
{
	return template_store_file(store, namespace, user, TEMPLATE_SUFFIX, path, error);
}

vu_status template_store_write(const template_store *store, const char *namespace, const char *user, const void *data,
                               size_t bytes, vu_error *error)
{
	char path[PATH_MAX];
	char owner[OWNER_SIZE];
	void *sealed = NULL;
	size_t sealed_bytes;
	vu_status status = template_store_folder(store, namespace, path, error);

	if (status == VU_OK)
		status = vu_file_make_folder(path, error);
	if (status == VU_OK)
		status = template_store_path(store, namespace, user, path, error);
	if (status != VU_OK)
		return status;
	if (!store->vault || !store->encrypt)
		return vu_file_write_atomically(path, data, bytes, error);
	status = vu_vault_seal(store->vault, VU_SEAL_TEMPLATE, template_store_owner(namespace, user, owner), data,
	                       bytes, &sealed, &sealed_bytes, error);
	if (status == VU_OK)
		status = vu_file_write_atomically(path, sealed, sealed_bytes, error);
	free(sealed);
	return status;
}

vu_status template_store_read(const char *path, uint8_t **data_out, size_t *bytes_out, vu_error *error)
{
	char *data;
	vu_status status = vu_file_read(path, TEMPLATE_FILE_MAX, &data, bytes_out, error);

	if (status == VU_OK)
		*data_out = (uint8_t *)data;
	return status;
}

static vu_status open_plain(const template_store *store, const char *path, vu_model_file **file_out, vu_error *error)
{
	bool all_sealed = false;
	vu_status status = VU_OK;

	if (store->vault && store->encrypt)
		status = vu_vault_is_all_sealed(store->vault, &all_sealed, error);
	if (status == VU_OK && all_sealed)
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to trust template %s: it is not encrypted, as all were; enrol again with "
		               "--replace",
		               path);
	/* Read, not mapped: what was verified must be what is scored, even if somebody writes into the file. */
	return status == VU_OK ? vu_model_file_open(path, VU_MODEL_TEMPLATE, false, file_out, error) : status;
}

vu_status template_store_open(const template_store *store, const char *namespace, const char *user,
                              vu_model_file **file_out, vu_error *error)
{
	char path[PATH_MAX];
	char owner[OWNER_SIZE];
	uint8_t *data = NULL;
	void *content = NULL;
	size_t bytes = 0;
	size_t content_bytes = 0;
	vu_status status = template_store_path(store, namespace, user, path, error);

	if (status != VU_OK)
		return status;
	if (!store->vault)
		return vu_model_file_open(path, VU_MODEL_TEMPLATE, false, file_out, error);
	status = template_store_read(path, &data, &bytes, error);
	if (status != VU_OK)
		return status;
	if (!vu_seal_is_sealed(data, bytes)) {
		template_store_wipe(data, bytes);
		/* Nonsense is told as such, whatever else is true of it. */
		return open_plain(store, path, file_out, error);
	}
	status = vu_vault_open(store->vault, VU_SEAL_TEMPLATE, template_store_owner(namespace, user, owner), path,
	                       data, bytes, &content, &content_bytes, error);
	free(data);
	if (status == VU_OK) {
		status = vu_model_file_adopt(content, content_bytes, path, VU_MODEL_TEMPLATE, vu_secret_free,
		                             file_out, error);
		if (status != VU_OK)
			vu_secret_free(content, content_bytes);
	}
	return status;
}

bool template_store_exists(const template_store *store, const char *namespace, const char *user)
{
	char path[PATH_MAX];
	struct stat info;

	return template_store_path(store, namespace, user, path, NULL) == VU_OK && lstat(path, &info) == 0;
}

void template_store_touch(const template_store *store, const char *namespace, const char *user)
{
	char path[PATH_MAX];
	int fd;

	if (template_store_file(store, namespace, user, USED_SUFFIX, path, NULL) != VU_OK)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	futimens(fd, NULL);
	close(fd);
}

int64_t template_store_last_used_us(const template_store *store, const char *namespace, const char *user)
{
	char path[PATH_MAX];
	struct stat info;

	if (template_store_file(store, namespace, user, USED_SUFFIX, path, NULL) != VU_OK || lstat(path, &info) != 0)
		return 0;
	/* Seconds are enough, and are in the same field everywhere. */
	return (int64_t)info.st_mtime * 1000000;
}

int64_t template_store_last_known_us(const template_store *store, const char *namespace, const char *user)
{
	int64_t used_us = template_store_last_used_us(store, namespace, user);
	char path[PATH_MAX];
	struct stat info;

	if (template_store_path(store, namespace, user, path, NULL) != VU_OK || lstat(path, &info) != 0)
		return 0;
	return (int64_t)info.st_mtime * 1000000 > used_us ? (int64_t)info.st_mtime * 1000000 : used_us;
}

uint32_t template_store_add_expired(const template_store *store, const char *user, uint32_t seconds)
{
	char path[PATH_MAX];
	char text[16];
	char *before = NULL;
	size_t bytes;
	uint64_t sum = seconds;

	if (template_store_file(store, "", user, EXPIRED_SUFFIX, path, NULL) != VU_OK)
		return 0;
	if (vu_file_read(path, sizeof text, &before, &bytes, NULL) == VU_OK)
		sum += strtoul(before, NULL, 10);
	free(before);
	if (sum > UINT32_MAX)
		sum = UINT32_MAX;
	snprintf(text, sizeof text, "%lu\n", (unsigned long)sum);
	return vu_file_write_atomically(path, text, strlen(text), NULL) == VU_OK ? (uint32_t)sum : 0;
}

void template_store_forget_expired(const template_store *store, const char *user)
{
	char path[PATH_MAX];

	if (template_store_file(store, "", user, EXPIRED_SUFFIX, path, NULL) == VU_OK)
		unlink(path);
}

vu_status template_store_list(const template_store *store, const char *namespace,
                              bool (*each)(void *context, const char *user), void *context, vu_error *error)
{
	char path[PATH_MAX];
	DIR *folder;
	struct dirent *entry;
	vu_status status = template_store_folder(store, namespace, path, error);

	if (status != VU_OK)
		return status;
	folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? VU_OK : vu_fail_errno(error, errno, "unable to open folder %s", path);
	while ((entry = readdir(folder)) != NULL) {
		char user[VU_USER_NAME_MAX + 1];
		size_t length = strlen(entry->d_name);
		size_t suffix = strlen(TEMPLATE_SUFFIX);
		if (length <= suffix || strcmp(entry->d_name + length - suffix, TEMPLATE_SUFFIX) != 0)
			continue;
		if (name_code_decode(entry->d_name, length - suffix, user) && !each(context, user))
			break;
	}
	closedir(folder);
	return VU_OK;
}
