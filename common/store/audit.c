/* Writing and rotating the log. The head is locked by flock for as long as a line takes. */
#include "store/audit_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

vu_status vu_audit_create(const char *folder, const char *key_path, vu_audit **audit_out, vu_error *error)
{
	vu_audit *audit = calloc(1, sizeof *audit);

	if (audit && sodium_init() >= 0)
		audit->key = vu_secret_alloc(sizeof *audit->key);
	if (!audit || !audit->key) {
		free(audit);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the audit log: out of memory");
	}
	if ((size_t)snprintf(audit->folder, sizeof audit->folder, "%s", folder) >= sizeof audit->folder ||
	    (size_t)snprintf(audit->current, sizeof audit->current, "%s/current.jsonl", folder) >=
	        sizeof audit->current ||
	    (size_t)snprintf(audit->key_path, sizeof audit->key_path, "%s", key_path) >= sizeof audit->key_path ||
	    (size_t)snprintf(audit->head_path, sizeof audit->head_path, "%s.head", key_path) >=
	        sizeof audit->head_path) {
		vu_secret_free(audit->key, sizeof *audit->key);
		free(audit);
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep the audit log in %s: the path is too long",
		               folder);
	}
	pthread_mutex_init(&audit->lock, NULL);
	*audit_out = audit;
	return VU_OK;
}

void vu_audit_destroy(vu_audit *audit)
{
	if (!audit)
		return;
	pthread_mutex_destroy(&audit->lock);
	vu_secret_free(audit->key, sizeof *audit->key);
	free(audit);
}

vu_status vu_audit_key_path(const char *home, char *path, size_t size, vu_error *error)
{
	char master[PATH_MAX];
	vu_status status = vu_master_key_path(home, master, error);

	if (status == VU_OK && (size_t)snprintf(path, size, "%s.audit", master) >= size)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to keep the audit key: its path is too long");
	return status;
}

void vu_audit_mac(const vu_audit *audit, const void *data, size_t bytes, uint8_t mac[VU_AUDIT_HASH_BYTES])
{
	crypto_generichash(mac, VU_AUDIT_HASH_BYTES, data, bytes, audit->key->current, sizeof audit->key->current);
}

void vu_audit_hash(const char *line, size_t bytes, uint8_t hash[VU_AUDIT_HASH_BYTES])
{
	crypto_generichash(hash, VU_AUDIT_HASH_BYTES, (const uint8_t *)line, bytes, NULL, 0);
}

/* ---- the head ---- */

vu_status vu_audit_open_head(vu_audit *audit, bool make, int *fd_out, bool *fresh_out, vu_error *error)
{
	struct stat info;
	int fd = open(audit->head_path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | (make ? O_CREAT : 0), 0600);

	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to open %s", audit->head_path);
	if (flock(fd, LOCK_EX) != 0 || fstat(fd, &info) != 0) {
		int saved = errno;
		close(fd);
		return vu_fail_errno(error, saved, "unable to lock %s", audit->head_path);
	}
	*fresh_out = info.st_size == 0;
	*fd_out = fd;
	return VU_OK;
}

vu_status vu_audit_read_head(const vu_audit *audit, int fd, vu_audit_head *out, vu_error *error)
{
	uint8_t mac[VU_AUDIT_HASH_BYTES];

	if (pread(fd, out, sizeof *out, 0) != (ssize_t)sizeof *out)
		return vu_fail(error, VU_DATA_LOSS, "the head of the audit log, %s, is truncated", audit->head_path);
	vu_audit_mac(audit, out, offsetof(vu_audit_head, mac), mac);
	if (sodium_memcmp(mac, out->mac, sizeof mac) != 0)
		return vu_fail(error, VU_DATA_LOSS, "the head of the audit log, %s, was changed", audit->head_path);
	return VU_OK;
}

vu_status vu_audit_write_head(const vu_audit *audit, int fd, vu_audit_head *h, vu_error *error)
{
	vu_audit_mac(audit, h, offsetof(vu_audit_head, mac), h->mac);
	if (pwrite(fd, h, sizeof *h, 0) != (ssize_t)sizeof *h)
		return vu_fail_errno(error, errno, "unable to write %s", audit->head_path);
	return VU_OK;
}

vu_status vu_audit_load_key(vu_audit *audit, bool make, vu_error *error)
{
	vu_status status = VU_OK;

	if (audit->has_key)
		return VU_OK;
	/* Read first: who may not write beside it can use what is there. */
	status = vu_master_key_read(audit->key_path, audit->key, error);
	if (status == VU_NOT_FOUND && make)
		status = vu_master_key_create(audit->key_path, true, audit->key, error);
	audit->has_key = status == VU_OK;
	return status;
}

/* ---- appending ---- */

/*
 * A process that was killed between line and head leaves the file longer than
 * the head says: whole lines that continue the chain are taken over, a torn one
 * is cut off. Anything else is left for verifying to find.
 */
static void catch_up(const vu_audit *audit, int fd, vu_audit_head *h, uint64_t size)
{
	char line[VU_AUDIT_LINE_MAX + 1];

	while (size > h->current_bytes) {
		ssize_t got = pread(fd, line, sizeof line, (off_t)h->current_bytes);
		char *end = got > 0 ? memchr(line, '\n', (size_t)got) : NULL;
		vu_audit_parsed p;
		if (!end) {
			if (got > 0 && (size_t)got < sizeof line && ftruncate(fd, (off_t)h->current_bytes) == 0)
				vu_log_warn("cut off a torn line of the audit log");
			return;
		}
		if (!vu_audit_parse(audit, line, (size_t)(end - line), &p) || p.seq != h->next_seq ||
		    memcmp(p.prev, h->last, sizeof p.prev) != 0)
			return;
		h->next_seq++;
		memcpy(h->last, p.hash, sizeof p.hash);
		h->current_bytes += (uint64_t)(end - line) + 1;
	}
}

static vu_status rotate(const vu_audit *audit, int fd, vu_audit_head *h, vu_error *error)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s/%020llu.jsonl", audit->folder,
	                     (unsigned long long)h->current_first) >= sizeof path)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep the audit log: its path is too long");
	fsync(fd);
	if (rename(audit->current, path) != 0)
		return vu_fail_errno(error, errno, "unable to rename %s", audit->current);
	h->current_bytes = 0;
	h->current_first = h->next_seq;
	return VU_OK;
}

static int open_current(const vu_audit *audit)
{
	return open(audit->current, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Under both locks. */
static vu_status append(vu_audit *audit, const vu_audit_event *event, int head_fd, vu_audit_head *h, vu_error *error)
{
	char line[VU_AUDIT_LINE_MAX + 2];
	struct stat info;
	size_t bytes;
	int fd = open_current(audit);
	vu_status status = VU_OK;

	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to open %s", audit->current);
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid()) {
		close(fd);
		return vu_fail(error, VU_PERMISSION_DENIED, "unable to trust %s: it is not a file of this user",
		               audit->current);
	}
	catch_up(audit, fd, h, (uint64_t)info.st_size);
	if (h->current_bytes >= VU_AUDIT_SEGMENT_MAX) {
		status = rotate(audit, fd, h, error);
		close(fd);
		fd = status == VU_OK ? open_current(audit) : -1;
		if (status == VU_OK && fd < 0)
			status = vu_fail_errno(error, errno, "unable to open %s", audit->current);
	}
	bytes = vu_audit_format(audit, event, h, line);
	if (status == VU_OK && bytes == 0)
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to write the audit log: the line does not fit");
	if (status == VU_OK && write(fd, line, bytes) != (ssize_t)bytes)
		status = vu_fail_errno(error, errno ? errno : EIO, "unable to write %s", audit->current);
	if (status == VU_OK) {
		vu_audit_hash(line, bytes - 1, h->last);
		h->next_seq++;
		h->current_bytes += bytes;
		status = vu_audit_write_head(audit, head_fd, h, error);
	}
	if (fd >= 0)
		close(fd);
	return status;
}

vu_status vu_audit_append(vu_audit *audit, const vu_audit_event *event, vu_error *error)
{
	vu_audit_head h = {.first_seq = 1, .next_seq = 1, .current_first = 1};
	bool fresh = false;
	int fd = -1;
	vu_status status;

	pthread_mutex_lock(&audit->lock);
	status = vu_file_make_folder(audit->folder, error);
	if (status == VU_OK)
		status = vu_audit_load_key(audit, true, error);
	if (status == VU_OK)
		status = vu_audit_open_head(audit, true, &fd, &fresh, error);
	if (status == VU_OK && !fresh)
		status = vu_audit_read_head(audit, fd, &h, error);
	if (status == VU_OK)
		status = append(audit, event, fd, &h, error);
	if (fd >= 0)
		close(fd); /* and unlocked */
	pthread_mutex_unlock(&audit->lock);
	return status;
}
