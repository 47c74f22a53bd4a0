/*
 * The audit log as hostile bytes: a log of a few lines whose current file is
 * replaced by, or followed by, the input. Reading ends in findings, never
 * otherwise; appending either works or says why not; and no input passes for
 * lines of this key.
 */
#include "aid/fake_call.h"
#include "base/log.h"
#include "store/audit.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES 3

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[128], key_path[128], current[160], head_path[160];
static char lines[LINES * VU_AUDIT_LINE_MAX], head[512];
static size_t lines_bytes, head_bytes;

static void append(vu_audit *audit)
{
	vu_audit_event event = {.event = "attempt",
	                        .time_us = 1,
	                        .user = "ada",
	                        .verdict = "reject",
	                        .score = 1.5,
	                        .threshold = (double)NAN,
	                        .antispoof_score = (double)NAN};
	vu_error error = {VU_OK, ""};

	if (vu_audit_append(audit, &event, &error) != VU_OK && error.message[0] == '\0')
		abort();
}

static void put(const char *path, const void *first, size_t first_bytes, const void *second, size_t second_bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, first, first_bytes) != (ssize_t)first_bytes ||
	    write(fd, second, second_bytes) != (ssize_t)second_bytes)
		abort();
	close(fd);
}

static size_t get(const char *path, void *data, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t bytes = fd < 0 ? -1 : read(fd, data, room);

	if (bytes <= 0)
		abort();
	close(fd);
	return (size_t)bytes;
}

static vu_audit *open_audit(void)
{
	vu_audit *audit;
	vu_error error;

	if (vu_audit_create(folder, key_path, &audit, &error) != VU_OK)
		abort();
	return audit;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	vu_audit *audit;
	(void)argc;
	(void)argv;

	vu_log_set_level(VU_LOG_ERROR);
	snprintf(folder, sizeof folder, "%s/audit", fake_calls_folder());
	snprintf(key_path, sizeof key_path, "%s/key", fake_calls_folder());
	snprintf(head_path, sizeof head_path, "%s.head", key_path);
	snprintf(current, sizeof current, "%s/current.jsonl", folder);
	audit = open_audit();
	for (int i = 0; i < LINES; i++)
		append(audit);
	vu_audit_destroy(audit);
	lines_bytes = get(current, lines, sizeof lines);
	head_bytes = get(head_path, head, sizeof head);
	return 0;
}

static void count_line(void *context, const char *text)
{
	*(size_t *)context += strlen(text) > 0;
}

/* `whole`: the first lines are there as they were written. */
static void try(const uint8_t *data, size_t size, bool whole)
{
	vu_audit *audit = open_audit();
	vu_audit_report report;
	vu_error error = {VU_OK, ""};
	size_t shown = 0;

	put(head_path, head, head_bytes, "", 0);
	put(current, lines, whole ? lines_bytes : 0, data, size);
	if (vu_audit_verify(audit, count_line, NULL, &shown, &report, &error) != VU_OK || shown > report.lines)
		abort();
	/* The first line may have been guessed from the seeds, but not all of them under this run's key. */
	if (!whole ? report.findings == 0 : size > 0 && report.findings == 0)
		abort();
	append(audit);
	vu_audit_forget_before(audit, INT64_MAX, &error);
	vu_audit_destroy(audit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try(data, size, false);
	try(data, size, true);
	return 0;
}
