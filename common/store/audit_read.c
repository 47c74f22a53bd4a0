/* Verifying the audit log, and forgetting what is old, by whole segments. */
#include "store/audit_internal.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS_MAX 4096

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

typedef struct names {
	size_t count;
	char (*names)[32];
} names;

/* Segments in order, the current one last. */
static vu_status list_segments(const vu_audit *audit, names *out, vu_error *error)
{
	DIR *folder = opendir(audit->folder);
	struct dirent *entry;

	out->count = 0;
	out->names = calloc(SEGMENTS_MAX + 1, sizeof *out->names);
	if (!folder || !out->names) {
		int saved = errno;
		if (folder)
			closedir(folder);
		free(out->names);
		out->names = NULL;
		return vu_fail_errno(error, saved, "unable to read the audit log in %s", audit->folder);
	}
	while ((entry = readdir(folder)) != NULL && out->count < SEGMENTS_MAX) {
		if (strlen(entry->d_name) == 26 && strspn(entry->d_name, "0123456789") == 20 &&
		    strcmp(entry->d_name + 20, ".jsonl") == 0)
			snprintf(out->names[out->count++], sizeof *out->names, "%s", entry->d_name);
	}
	closedir(folder);
	qsort(out->names, out->count, sizeof *out->names, by_name);
	snprintf(out->names[out->count++], sizeof *out->names, "current.jsonl");
	return VU_OK;
}

typedef struct reading {
	const vu_audit *audit;
	void (*line)(void *context, const char *text);
	void (*finding)(void *context, const char *text);
	void *context;
	vu_audit_report report;
	uint64_t expected; /* seq of the next line */
	uint8_t last[VU_AUDIT_HASH_BYTES];
} reading;

static void find(reading *r, const char *name, size_t number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void find(reading *r, const char *name, size_t number, const char *format, ...)
{
	char what[256];
	char text[384];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	r->report.findings++;
	snprintf(text, sizeof text, "%s line %zu: %s", name, number, what);
	if (r->finding)
		r->finding(r->context, text);
}

static void check_line(reading *r, const char *name, size_t number, const char *line, size_t bytes)
{
	vu_audit_parsed p;

	if (!vu_audit_parse(r->audit, line, bytes, &p)) {
		find(r, name, number, "it was edited, or not written by this suite");
		/* What it was is unknown; its hash is what the next line should not fit. */
		vu_audit_hash(line, bytes, r->last);
		r->expected++;
		return;
	}
	if (p.seq > r->expected)
		find(r, name, number, "%llu lines before it are missing", (unsigned long long)(p.seq - r->expected));
	else if (p.seq < r->expected)
		find(r, name, number, "it is out of order or there twice");
	else if (memcmp(p.prev, r->last, sizeof p.prev) != 0)
		find(r, name, number, "it does not follow the line before");
	r->expected = p.seq >= r->expected ? p.seq + 1 : r->expected;
	memcpy(r->last, p.hash, sizeof p.hash);
}

static vu_status read_segment(reading *r, const char *name, vu_error *error)
{
	char path[PATH_MAX + 32];
	char *data;
	size_t bytes;
	size_t number = 0;
	vu_status status;

	snprintf(path, sizeof path, "%s/%s", r->audit->folder, name);
	status = vu_file_read(path, 4 * VU_AUDIT_SEGMENT_MAX, &data, &bytes, error);
	if (status != VU_OK)
		return status;
	for (char *at = data; at < data + bytes;) {
		char *end = memchr(at, '\n', (size_t)(data + bytes - at));
		size_t length = end ? (size_t)(end - at) : (size_t)(data + bytes - at);
		number++;
		r->report.lines++;
		check_line(r, name, number, at, length);
		at[length] = '\0';
		if (r->line)
			r->line(r->context, at);
		at += length + 1;
	}
	free(data);
	return VU_OK;
}

vu_status vu_audit_verify(vu_audit *audit, void (*line)(void *context, const char *text),
                          void (*finding)(void *context, const char *text), void *context,
                          vu_audit_report *report_out, vu_error *error)
{
	reading r = {.audit = audit, .line = line, .finding = finding, .context = context};
	names segments = {0};
	vu_audit_head h = {0};
	bool fresh;
	int fd = -1;
	vu_status status;

	pthread_mutex_lock(&audit->lock);
	status = vu_audit_load_key(audit, false, error);
	if (status == VU_OK)
		status = vu_audit_open_head(audit, false, &fd, &fresh, error);
	if (status == VU_NOT_FOUND && access(audit->current, F_OK) == 0)
		status = vu_fail(error, VU_DATA_LOSS, "the key or the head of the audit log is missing beside %s",
		                 audit->key_path);
	if (status == VU_OK)
		status = vu_audit_read_head(audit, fd, &h, error);
	if (status == VU_OK)
		status = list_segments(audit, &segments, error);
	if (status == VU_OK) {
		r.expected = h.first_seq;
		memcpy(r.last, h.before, sizeof r.last);
	}
	for (size_t i = 0; i < segments.count && status == VU_OK; i++) {
		status = read_segment(&r, segments.names[i], error);
		if (status == VU_NOT_FOUND)
			status = VU_OK; /* missing lines are found by what follows, or by the head */
	}
	if (status == VU_OK && r.expected < h.next_seq)
		find(&r, "current.jsonl", (size_t)r.report.lines, "%llu lines after it were cut off",
		     (unsigned long long)(h.next_seq - r.expected));
	else if (status == VU_OK && r.expected == h.next_seq && memcmp(r.last, h.last, sizeof r.last) != 0)
		find(&r, "current.jsonl", (size_t)r.report.lines, "it is not the line that was written last");
	free(segments.names);
	if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&audit->lock);
	*report_out = r.report;
	return status;
}

/* The last line of a segment; false when it has none that is ours. */
static bool last_line(const vu_audit *audit, const char *path, vu_audit_parsed *out)
{
	char *data;
	size_t bytes;
	bool found = false;

	if (vu_file_read(path, 4 * VU_AUDIT_SEGMENT_MAX, &data, &bytes, NULL) != VU_OK)
		return false;
	if (bytes > 1 && data[bytes - 1] == '\n') {
		size_t start = bytes - 1;
		while (start > 0 && data[start - 1] != '\n')
			start--;
		found = vu_audit_parse(audit, data + start, bytes - 1 - start, out);
	}
	free(data);
	return found;
}

vu_status vu_audit_forget_before(vu_audit *audit, int64_t oldest_us, vu_error *error)
{
	names segments = {0};
	vu_audit_head h = {0};
	bool fresh;
	int fd = -1;
	vu_status status;

	pthread_mutex_lock(&audit->lock);
	status = vu_audit_load_key(audit, false, error);
	if (status == VU_OK)
		status = vu_audit_open_head(audit, false, &fd, &fresh, error);
	if (status == VU_OK)
		status = vu_audit_read_head(audit, fd, &h, error);
	if (status == VU_OK)
		status = list_segments(audit, &segments, error);
	for (size_t i = 0; i + 1 < segments.count && status == VU_OK; i++) {
		char path[PATH_MAX + 32];
		vu_audit_parsed p;
		snprintf(path, sizeof path, "%s/%s", audit->folder, segments.names[i]);
		/* What was tampered with stays for whoever looks into it. */
		if (!last_line(audit, path, &p) || (int64_t)p.time_us >= oldest_us)
			break;
		h.first_seq = p.seq + 1;
		memcpy(h.before, p.hash, sizeof h.before);
		status = vu_audit_write_head(audit, fd, &h, error);
		if (status == VU_OK && unlink(path) != 0)
			status = vu_fail_errno(error, errno, "unable to remove %s", path);
	}
	free(segments.names);
	if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&audit->lock);
	return status == VU_NOT_FOUND ? VU_OK : status;
}
