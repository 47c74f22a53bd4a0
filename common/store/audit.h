/*
 * The tamper-evident log: JSON lines, each with the hash of the one before and
 * a keyed MAC.
 *
 *   {"seq":7,"time_us":…,"event":"attempt",…,"prev":"<64 hex>","mac":"<64 hex>"}
 *
 * prev is the BLAKE2b-256 of the whole line before, mac that of this line up to
 * it under the log's own key. Lines lie in <folder>/current.jsonl; a full one
 * becomes the segment <folder>/<first seq>.jsonl, and whole segments are
 * forgotten when their time is over. The key, and the head (where the chain
 * begins and ends), lie beside the master key, outside the state folder: so
 * whoever can write the log alone can neither add, edit, delete, reorder nor
 * cut off lines without being found out.
 *
 * A line is with the system before append returns, so that a killed process
 * loses none; a loss of power may take the last ones, which verifying tells.
 * Any thread, any number of processes.
 */
#ifndef VU_STORE_AUDIT_H
#define VU_STORE_AUDIT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_AUDIT_LINE_MAX    4096
#define VU_AUDIT_SEGMENT_MAX (4 * 1024 * 1024)

typedef struct vu_audit vu_audit;

/* Makes nothing yet. <key_path> and <key_path>.head are the key and the head. */
vu_status vu_audit_create(const char *folder, const char *key_path, vu_audit **audit_out, vu_error *error);
void vu_audit_destroy(vu_audit *audit);

/* Where the key of the log of this state folder is: the master key's path and ".audit". */
vu_status vu_audit_key_path(const char *home, char *path, size_t size, vu_error *error);

/* Texts may be NULL; numbers that are NaN are left out. */
typedef struct vu_audit_event {
	const char
	    *event; /* intent attempt identify undone lockout unlock enroll remove start restart configure rotate */
	int64_t time_us; /* wall clock */
	const char *attempt_id;
	const char *user;
	bool anonymize; /* the user's name is replaced by a keyed hash of it */
	const char *verdict;
	const char *reason;
	const char *source;
	const char *door; /* where an attempt for PAM was made: service and terminal */
	double score;
	double threshold;
	double antispoof_score;
	uint64_t locked_for_s;
} vu_audit_event;

vu_status vu_audit_append(vu_audit *audit, const vu_audit_event *event, vu_error *error);

/* Forgets segments whose last line is older than `oldest_us`; what is current stays. */
vu_status vu_audit_forget_before(vu_audit *audit, int64_t oldest_us, vu_error *error);

typedef struct vu_audit_report {
	uint64_t lines;
	uint64_t findings;
} vu_audit_report;

/*
 * Reads everything in order. `line` gets each line, `finding` each thing that
 * is wrong with file and line number; either may be NULL. NOT_FOUND: there is
 * no log. DATA_LOSS: the key or the head is missing or was changed. OK: look at
 * *report_out.
 */
vu_status vu_audit_verify(vu_audit *audit, void (*line)(void *context, const char *text),
                          void (*finding)(void *context, const char *text), void *context,
                          vu_audit_report *report_out, vu_error *error);

#endif
