/* Writing, rotating and verifying the log. The head is locked by flock for as long as a line takes. */
#include "store/audit.h"

#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "store/master_key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_BYTES   32
#define HEX_SIZE     (2 * HASH_BYTES + 1)
#define PREV_MARK    ",\"prev\":\""
#define MAC_MARK     "\",\"mac\":\""
#define TAIL_BYTES   (sizeof PREV_MARK - 1 + 64 + sizeof MAC_MARK - 1 + 64 + 2)
#define SEGMENTS_MAX 4096

struct vu_audit {
	char folder[PATH_MAX];
	char current[PATH_MAX];
	char key_path[PATH_MAX];
	char head_path[PATH_MAX];
	pthread_mutex_t lock;
	bool has_key;
	vu_master_key *key; /* secret memory */
};

/* The head's file, whole. */
typedef struct head {
	uint64_t first_seq; /* of the oldest line kept */
	uint64_t next_seq;
	uint64_t current_bytes;     /* of current.jsonl */
	uint64_t current_first;     /* seq of its first line */
	uint8_t before[HASH_BYTES]; /* hash of the line before the oldest */
	uint8_t last[HASH_BYTES];   /* hash of the newest line */
	uint8_t mac[HASH_BYTES];
} head;

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

static void mac_of(const vu_audit *audit, const void *data, size_t bytes, uint8_t mac[HASH_BYTES])
{
	crypto_generichash(mac, HASH_BYTES, data, bytes, audit->key->current, sizeof audit->key->current);
}

static void hash_of(const char *line, size_t bytes, uint8_t hash[HASH_BYTES])
{
	crypto_generichash(hash, HASH_BYTES, (const uint8_t *)line, bytes, NULL, 0);
}

/* ---- the head ---- */

/* Opens and locks it. *fresh_out: there was none, and one was made. */
static vu_status open_head(vu_audit *audit, bool make, int *fd_out, bool *fresh_out, vu_error *error)
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

static vu_status read_head(const vu_audit *audit, int fd, head *out, vu_error *error)
{
	uint8_t mac[HASH_BYTES];

	if (pread(fd, out, sizeof *out, 0) != (ssize_t)sizeof *out)
		return vu_fail(error, VU_DATA_LOSS, "the head of the audit log, %s, is truncated", audit->head_path);
	mac_of(audit, out, offsetof(head, mac), mac);
	if (sodium_memcmp(mac, out->mac, sizeof mac) != 0)
		return vu_fail(error, VU_DATA_LOSS, "the head of the audit log, %s, was changed", audit->head_path);
	return VU_OK;
}

static vu_status write_head(const vu_audit *audit, int fd, head *h, vu_error *error)
{
	mac_of(audit, h, offsetof(head, mac), h->mac);
	if (pwrite(fd, h, sizeof *h, 0) != (ssize_t)sizeof *h)
		return vu_fail_errno(error, errno, "unable to write %s", audit->head_path);
	return VU_OK;
}

static vu_status load_key(vu_audit *audit, bool make, vu_error *error)
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

/* ---- one line ---- */

typedef struct parsed {
	uint64_t seq;
	uint64_t time_us;
	uint8_t prev[HASH_BYTES];
	uint8_t hash[HASH_BYTES];
} parsed;

static bool hex_bytes(const char *text, uint8_t bytes[HASH_BYTES])
{
	size_t length;
	return sodium_hex2bin(bytes, HASH_BYTES, text, 64, NULL, &length, NULL) == 0 && length == HASH_BYTES;
}

/* False when it is not a line that was written with this key. `bytes` without the newline. */
static bool parse_line(const vu_audit *audit, const char *line, size_t bytes, parsed *out)
{
	uint8_t mac[HASH_BYTES];
	uint8_t given[HASH_BYTES];
	char start[64];
	unsigned long long seq, time_us;
	const char *tail;
	const char *mac_mark;

	if (bytes < TAIL_BYTES || bytes > VU_AUDIT_LINE_MAX || memchr(line, '\0', bytes))
		return false;
	tail = line + bytes - TAIL_BYTES;
	mac_mark = tail + sizeof PREV_MARK - 1 + 64;
	if (memcmp(tail, PREV_MARK, sizeof PREV_MARK - 1) != 0 ||
	    memcmp(mac_mark, MAC_MARK, sizeof MAC_MARK - 1) != 0 || memcmp(line + bytes - 2, "\"}", 2) != 0)
		return false;
	if (!hex_bytes(tail + sizeof PREV_MARK - 1, out->prev) || !hex_bytes(mac_mark + sizeof MAC_MARK - 1, given))
		return false;
	mac_of(audit, line, (size_t)(mac_mark - line), mac);
	if (sodium_memcmp(mac, given, sizeof mac) != 0)
		return false;
	snprintf(start, sizeof start, "%.*s", bytes < 63 ? (int)bytes : 63, line);
	if (sscanf(start, "{\"seq\":%llu,\"time_us\":%llu", &seq, &time_us) != 2)
		return false;
	out->seq = seq;
	out->time_us = time_us;
	hash_of(line, bytes, out->hash);
	return true;
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, json_string(text));
}

static void set_number(json_t *object, const char *name, double number)
{
	if (isfinite(number))
		json_object_set_new(object, name, json_real(number));
}

/* The line with its newline; 0 when it cannot be made. */
static size_t format_line(const vu_audit *audit, const vu_audit_event *event, const head *h,
                          char line[VU_AUDIT_LINE_MAX + 2])
{
	json_t *object = json_object();
	char hex[HEX_SIZE];
	char hidden[32];
	uint8_t mac[HASH_BYTES];
	const char *user = event->user;
	char *text;
	size_t used = 0;

	if (user && *user && event->anonymize) {
		mac_of(audit, user, strlen(user), mac);
		sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
		snprintf(hidden, sizeof hidden, "user-%.16s", hex);
		user = hidden;
	}
	json_object_set_new(object, "seq", json_integer((json_int_t)h->next_seq));
	json_object_set_new(object, "time_us", json_integer(event->time_us));
	set_text(object, "event", event->event);
	set_text(object, "attempt_id", event->attempt_id);
	set_text(object, "user", user);
	set_text(object, "verdict", event->verdict);
	/* The reason may name the user. */
	if (!event->anonymize)
		set_text(object, "reason", event->reason);
	set_text(object, "source", event->source);
	set_text(object, "door", event->door);
	set_number(object, "score", event->score);
	set_number(object, "threshold", event->threshold);
	set_number(object, "antispoof_score", event->antispoof_score);
	if (event->locked_for_s > 0)
		json_object_set_new(object, "locked_for_s", json_integer((json_int_t)event->locked_for_s));
	text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	if (text && strlen(text) + TAIL_BYTES < VU_AUDIT_LINE_MAX) {
		used = strlen(text) - 1; /* without the brace */
		memcpy(line, text, used);
		sodium_bin2hex(hex, sizeof hex, h->last, sizeof h->last);
		used += (size_t)snprintf(line + used, VU_AUDIT_LINE_MAX - used, PREV_MARK "%s", hex);
		mac_of(audit, line, used, mac);
		sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
		used += (size_t)snprintf(line + used, VU_AUDIT_LINE_MAX - used, MAC_MARK "%s\"}\n", hex);
	}
	free(text);
	return used;
}

/* ---- appending ---- */

/*
 * A process that was killed between line and head leaves the file longer than
 * the head says: whole lines that continue the chain are taken over, a torn one
 * is cut off. Anything else is left for verifying to find.
 */
static void catch_up(const vu_audit *audit, int fd, head *h, uint64_t size)
{
	char line[VU_AUDIT_LINE_MAX + 1];

	while (size > h->current_bytes) {
		ssize_t got = pread(fd, line, sizeof line, (off_t)h->current_bytes);
		char *end = got > 0 ? memchr(line, '\n', (size_t)got) : NULL;
		parsed p;
		if (!end) {
			if (got > 0 && (size_t)got < sizeof line && ftruncate(fd, (off_t)h->current_bytes) == 0)
				vu_log_warn("cut off a torn line of the audit log");
			return;
		}
		if (!parse_line(audit, line, (size_t)(end - line), &p) || p.seq != h->next_seq ||
		    memcmp(p.prev, h->last, sizeof p.prev) != 0)
			return;
		h->next_seq++;
		memcpy(h->last, p.hash, sizeof p.hash);
		h->current_bytes += (uint64_t)(end - line) + 1;
	}
}

static vu_status rotate(const vu_audit *audit, int fd, head *h, vu_error *error)
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
static vu_status append(vu_audit *audit, const vu_audit_event *event, int head_fd, head *h, vu_error *error)
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
	bytes = format_line(audit, event, h, line);
	if (status == VU_OK && bytes == 0)
		status = vu_fail(error, VU_INVALID_ARGUMENT, "unable to write the audit log: the line does not fit");
	if (status == VU_OK && write(fd, line, bytes) != (ssize_t)bytes)
		status = vu_fail_errno(error, errno ? errno : EIO, "unable to write %s", audit->current);
	if (status == VU_OK) {
		hash_of(line, bytes - 1, h->last);
		h->next_seq++;
		h->current_bytes += bytes;
		status = write_head(audit, head_fd, h, error);
	}
	if (fd >= 0)
		close(fd);
	return status;
}

vu_status vu_audit_append(vu_audit *audit, const vu_audit_event *event, vu_error *error)
{
	head h = {.first_seq = 1, .next_seq = 1, .current_first = 1};
	bool fresh = false;
	int fd = -1;
	vu_status status;

	pthread_mutex_lock(&audit->lock);
	status = vu_file_make_folder(audit->folder, error);
	if (status == VU_OK)
		status = load_key(audit, true, error);
	if (status == VU_OK)
		status = open_head(audit, true, &fd, &fresh, error);
	if (status == VU_OK && !fresh)
		status = read_head(audit, fd, &h, error);
	if (status == VU_OK)
		status = append(audit, event, fd, &h, error);
	if (fd >= 0)
		close(fd); /* and unlocked */
	pthread_mutex_unlock(&audit->lock);
	return status;
}

/* ---- reading ---- */

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
	uint8_t last[HASH_BYTES];
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
	parsed p;

	if (!parse_line(r->audit, line, bytes, &p)) {
		find(r, name, number, "it was edited, or not written by this suite");
		/* What it was is unknown; its hash is what the next line should not fit. */
		hash_of(line, bytes, r->last);
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
	head h = {0};
	bool fresh;
	int fd = -1;
	vu_status status;

	pthread_mutex_lock(&audit->lock);
	status = load_key(audit, false, error);
	if (status == VU_OK)
		status = open_head(audit, false, &fd, &fresh, error);
	if (status == VU_NOT_FOUND && access(audit->current, F_OK) == 0)
		status = vu_fail(error, VU_DATA_LOSS, "the key or the head of the audit log is missing beside %s",
		                 audit->key_path);
	if (status == VU_OK)
		status = read_head(audit, fd, &h, error);
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
static bool last_line(const vu_audit *audit, const char *path, parsed *out)
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
		found = parse_line(audit, data + start, bytes - 1 - start, out);
	}
	free(data);
	return found;
}

vu_status vu_audit_forget_before(vu_audit *audit, int64_t oldest_us, vu_error *error)
{
	names segments = {0};
	head h = {0};
	bool fresh;
	int fd = -1;
	vu_status status;

	pthread_mutex_lock(&audit->lock);
	status = load_key(audit, false, error);
	if (status == VU_OK)
		status = open_head(audit, false, &fd, &fresh, error);
	if (status == VU_OK)
		status = read_head(audit, fd, &h, error);
	if (status == VU_OK)
		status = list_segments(audit, &segments, error);
	for (size_t i = 0; i + 1 < segments.count && status == VU_OK; i++) {
		char path[PATH_MAX + 32];
		parsed p;
		snprintf(path, sizeof path, "%s/%s", audit->folder, segments.names[i]);
		/* What was tampered with stays for whoever looks into it. */
		if (!last_line(audit, path, &p) || (int64_t)p.time_us >= oldest_us)
			break;
		h.first_seq = p.seq + 1;
		memcpy(h.before, p.hash, sizeof h.before);
		status = write_head(audit, fd, &h, error);
		if (status == VU_OK && unlink(path) != 0)
			status = vu_fail_errno(error, errno, "unable to remove %s", path);
	}
	free(segments.names);
	if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&audit->lock);
	return status == VU_NOT_FOUND ? VU_OK : status;
}
