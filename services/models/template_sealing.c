/*
 * What concerns all templates: sealing those that are plain, and giving every
 * one a new master key. What cannot be read or opened is logged and left as it
 * is; the others go on.
 */
#include "template_store_internal.h"

#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAIN_SUFFIX ".plain"

typedef struct walk {
	const template_store *store;
	const template_locks *locks; /* may be NULL */
	const char *namespace;
	vu_status (*each)(const struct walk *walk, const char *user, const char *path, vu_error *error);
	size_t count;
	vu_status status;
	vu_error *error;
} walk;

static bool walk_one(void *context, const char *user)
{
	walk *w = context;
	char path[PATH_MAX];

	w->status = template_store_path(w->store, w->namespace, user, path, w->error);
	if (w->status != VU_OK)
		return false;
	if (w->locks)
		w->locks->lock(w->locks->context, w->namespace, user);
	w->status = w->each(w, user, path, w->error);
	if (w->locks)
		w->locks->unlock(w->locks->context, w->namespace, user);
	/* Removed in the meantime. */
	if (w->status == VU_NOT_FOUND)
		w->status = VU_OK;
	else
		w->count++;
	return w->status == VU_OK;
}

static vu_status walk_namespace(walk *w, const char *namespace)
{
	vu_status status;

	w->namespace = namespace;
	status = template_store_list(w->store, namespace, walk_one, w, w->error);
	return status == VU_OK ? w->status : status;
}

/* Every template of every namespace. */
static vu_status walk_all(walk *w)
{
	DIR *folder = opendir(w->store->folder);
	struct dirent *entry;
	size_t prefix = strlen(NAMESPACE_PREFIX);
	vu_status status;

	if (!folder)
		return errno == ENOENT ? VU_OK
		                       : vu_fail_errno(w->error, errno, "unable to open folder %s", w->store->folder);
	status = walk_namespace(w, "");
	while (status == VU_OK && (entry = readdir(folder)) != NULL) {
		char namespace[VU_USER_NAME_MAX + 1];
		if (strncmp(entry->d_name, NAMESPACE_PREFIX, prefix) == 0 &&
		    name_code_decode(entry->d_name + prefix, strlen(entry->d_name) - prefix, namespace))
			status = walk_namespace(w, namespace);
	}
	closedir(folder);
	return status;
}

/* A plain template is replaced by its sealed self; then the old content is overwritten. */
static vu_status seal_one(const walk *w, const char *user, const char *path, vu_error *error)
{
	uint8_t *data = NULL;
	size_t bytes = 0;
	char old[PATH_MAX];
	vu_model_file *file;
	vu_error reason;
	vu_status status = template_store_read(path, &data, &bytes, &reason);

	if (status == VU_NOT_FOUND)
		return status;
	if (status == VU_OK && (size_t)snprintf(old, sizeof old, "%s" PLAIN_SUFFIX, path) >= sizeof old)
		status = vu_fail(&reason, VU_OUT_OF_RANGE, "unable to seal %s: its path is too long", path);
	if (status != VU_OK)
		goto out;
	if (vu_seal_is_sealed(data, bytes)) {
		/* Left by a crash between the rename and the end of this. */
		template_store_overwrite(old, true);
		unlink(old);
		goto out;
	}
	/* What is no template anyway is not made to look like one. */
	status = vu_model_file_open(path, VU_MODEL_TEMPLATE, false, &file, &reason);
	if (status != VU_OK)
		goto out;
	vu_model_file_close(file);
	/* A second name keeps the old content in reach after the rename. */
	unlink(old);
	if (link(path, old) != 0) {
		status = vu_fail_errno(error, errno, "unable to seal %s", path);
		template_store_wipe(data, bytes);
		return status;
	}
	status = template_store_write(w->store, w->namespace, user, data, bytes, error);
	if (status == VU_OK)
		template_store_overwrite(old, true);
	unlink(old);
	template_store_wipe(data, bytes);
	return status;
out:
	if (status != VU_OK)
		vu_log_warn("%s; it was not encrypted", reason.message);
	template_store_wipe(data, bytes);
	return VU_OK;
}

static vu_status rewrap_one(const walk *w, const char *user, const char *path, vu_error *error)
{
	char owner[OWNER_SIZE];
	uint8_t *data;
	size_t bytes;
	bool changed;
	vu_error reason;
	vu_status status = template_store_read(path, &data, &bytes, &reason);

	if (status == VU_NOT_FOUND)
		return status;
	if (status != VU_OK) {
		vu_log_warn("%s; it keeps its old key", reason.message);
		return VU_OK;
	}
	status = vu_seal_is_sealed(data, bytes) ? vu_vault_rewrap(w->store->vault, VU_SEAL_TEMPLATE,
	                                                          template_store_owner(w->namespace, user, owner),
	                                                          path, data, bytes, &changed, &reason)
	                                        : VU_DATA_LOSS;
	if (status != VU_OK) {
		vu_log_warn("unable to give %s a new key; it keeps what it has", path);
		status = VU_OK;
	} else if (changed) {
		struct stat info;
		bool dated = lstat(path, &info) == 0;
		status = vu_file_write_atomically(path, data, bytes, error);
		/* It is as old as it was. */
		if (status == VU_OK && dated)
			(void)utimensat(AT_FDCWD, path,
			                (struct timespec[]){{.tv_nsec = UTIME_OMIT}, {info.st_mtime, 0}},
			                AT_SYMLINK_NOFOLLOW);
	}
	template_store_wipe(data, bytes);
	return status;
}

static vu_status rewrap_all(const template_store *store, const template_locks *locks, size_t *count_out,
                            vu_error *error)
{
	walk w = {.store = store, .locks = locks, .each = rewrap_one, .error = error};
	vu_status status = walk_all(&w);

	*count_out = w.count;
	return status == VU_OK ? vu_vault_end_rotation(store->vault, error) : status;
}

vu_status template_store_use_vault(template_store *store, vu_vault *vault, bool encrypt, vu_error *error)
{
	walk w = {.store = store, .each = seal_one, .error = error};
	bool all_sealed;
	bool rotating;
	size_t count;
	vu_status status;

	store->vault = vault;
	store->encrypt = encrypt;
	status = vu_vault_is_rotating(vault, &rotating, error);
	if (status == VU_OK && rotating)
		status = rewrap_all(store, NULL, &count, error);
	if (status != VU_OK)
		return status;
	if (!encrypt)
		return vu_vault_set_all_sealed(vault, false, error);
	status = vu_vault_is_all_sealed(vault, &all_sealed, error);
	if (status != VU_OK || all_sealed)
		return status;
	status = walk_all(&w);
	return status == VU_OK ? vu_vault_set_all_sealed(vault, true, error) : status;
}

vu_status template_store_rotate_key(const template_store *store, const template_locks *locks, size_t *count_out,
                                    vu_error *error)
{
	bool rotating;
	vu_status status;

	*count_out = 0;
	if (!store->vault)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to exchange the master key: templates are not encrypted");
	status = vu_vault_is_rotating(store->vault, &rotating, error);
	/* One that failed half way is finished instead: everything has the newest key then, too. */
	if (status == VU_OK && !rotating)
		status = vu_vault_begin_rotation(store->vault, error);
	return status == VU_OK ? rewrap_all(store, locks, count_out, error) : status;
}
