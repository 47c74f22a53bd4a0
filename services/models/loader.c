/* Starting vu-loader-host, listening to it for as long as is allowed, and believing nothing. */
#include "loader.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALIGNMENT 64
/* The descriptor on which the host tells. */
#define OUTPUT 3

static void *allocate(size_t bytes)
{
	return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT);
}

static vu_status read_known_file(const vu_loader_config *loader, size_t bytes_max, void **data_out, size_t *bytes_out,
                                 vu_error *error)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1];
	char *data;
	vu_status status = vu_file_read(loader->path, bytes_max, &data, bytes_out, error);

	if (status != VU_OK)
		return status;
	crypto_hash_sha256(hash, (const unsigned char *)data, *bytes_out);
	sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	if (strcasecmp(hex, loader->sha256) != 0)
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to load %s: it is another file than ml.loaders lists; if that is meant, "
		                 "set its sha256 to %s",
		                 loader->path, hex);
	else if (!(*data_out = allocate(*bytes_out)))
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load %s: out of memory", loader->path);
	else
		memcpy(*data_out, data, *bytes_out);
	free(data);
	return status;
}

/* A running host. */
typedef struct host {
	const char *object;
	pid_t pid;
	int fd;
	int64_t deadline_us;
} host;

static vu_status start(const vu_loader_config *loader, const char *program, size_t bytes_max, host *h,
                       vu_error *error)
{
	char limit[32];
	char *arguments[] = {(char *)(uintptr_t)program, loader->object, loader->sha256, loader->kind, limit, NULL};
	char *environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int ends[2];
	int result;

	snprintf(limit, sizeof limit, "%zu", bytes_max);
	if (pipe(ends) != 0)
		return vu_fail_errno(error, errno, "unable to run loader %s", loader->object);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	/* Its own group, so that whatever it starts goes with it; what it prints disturbs nobody. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (ends[1] != OUTPUT) {
		posix_spawn_file_actions_adddup2(&actions, ends[1], OUTPUT);
		posix_spawn_file_actions_addclose(&actions, ends[1]);
	}
	result = posix_spawn(&h->pid, program, &actions, &attributes, arguments, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(ends[1]);
	if (result != 0) {
		close(ends[0]);
		return vu_fail_errno(error, result, "unable to run %s", program);
	}
	h->fd = ends[0];
	return VU_OK;
}

static vu_status read_exactly(const host *h, void *data, size_t bytes, vu_error *error)
{
	char *at = data;

	while (bytes > 0) {
		int64_t left_ms = (h->deadline_us - vu_clock_monotonic_us() + 999) / 1000;
		struct pollfd readable = {h->fd, POLLIN, 0};
		ssize_t count;
		if (left_ms <= 0)
			return vu_fail(error, VU_DEADLINE_EXCEEDED,
			               "unable to load with %s: it took too long and was ended", h->object);
		if (poll(&readable, 1, left_ms > 1000 ? 1000 : (int)left_ms) <= 0)
			continue;
		count = read(h->fd, at, bytes);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return vu_fail(error, VU_DATA_LOSS, "unable to load with %s: it ended before all was there",
			               h->object);
		at += count;
		bytes -= (size_t)count;
	}
	return VU_OK;
}

static vu_status read_number(const host *h, uint64_t *number_out, vu_error *error)
{
	unsigned char bytes[8];
	vu_status status = read_exactly(h, bytes, sizeof bytes, error);

	*number_out = 0;
	for (int i = 7; status == VU_OK && i >= 0; i--)
		*number_out = *number_out << 8 | bytes[i];
	return status;
}

static vu_status listen_to(const host *h, size_t bytes_max, void **data_out, size_t *bytes_out, vu_error *error)
{
	uint64_t foretold;
	uint64_t made;
	vu_status status = read_number(h, &foretold, error);

	if (status == VU_OK && foretold > bytes_max)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to load with %s: it foretells %llu bytes, and %zu are allowed", h->object,
		               (unsigned long long)foretold, bytes_max);
	if (status == VU_OK)
		status = read_number(h, &made, error);
	if (status != VU_OK)
		return status;
	if (made == 0 || made > foretold)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to load with %s: it foretold %llu bytes and made %llu",
		               h->object, (unsigned long long)foretold, (unsigned long long)made);
	*data_out = allocate((size_t)made);
	if (!*data_out)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to load with %s: out of memory", h->object);
	*bytes_out = (size_t)made;
	return read_exactly(h, *data_out, *bytes_out, error);
}

/* Ends the host and all it started, and takes its exit code when it says more than the broken pipe did. */
static vu_status end(const host *h, vu_status status, vu_error *error)
{
	int code = 0;
	bool ended = false;

	/* Who ended telling is about to exit by itself; its code is worth a moment. */
	for (int i = 0; status == VU_DATA_LOSS && !ended && i < 200; i++) {
		ended = waitpid(h->pid, &code, WNOHANG) == h->pid;
		if (!ended)
			usleep(5000);
	}
	kill(-h->pid, SIGKILL);
	while (!ended && waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(h->fd);
	if (status != VU_DATA_LOSS || !ended || !WIFEXITED(code))
		return status;
	switch (WEXITSTATUS(code)) {
	case 3:
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to load with %s: it is another object than ml.loaders lists, or unreadable; "
		               "sha256sum prints its hash",
		               h->object);
	case 4:
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to load with %s: it is no loader", h->object);
	case 5:
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to load with %s: it could not load", h->object);
	default:
		return status;
	}
}

vu_status loader_run(const vu_loader_config *loader, const char *program, const loader_limits *limits,
                     void **data_out, size_t *bytes_out, vu_error *error)
{
	host h = {.object = loader->object,
	          .deadline_us = vu_clock_monotonic_us() + (int64_t)limits->timeout_ms * 1000};
	vu_status status;

	*data_out = NULL;
	*bytes_out = 0;
	if (loader->path)
		return read_known_file(loader, limits->bytes_max, data_out, bytes_out, error);
	status = start(loader, program, limits->bytes_max, &h, error);
	if (status != VU_OK)
		return status;
	status = end(&h, listen_to(&h, limits->bytes_max, data_out, bytes_out, error), error);
	if (status != VU_OK) {
		free(*data_out);
		*data_out = NULL;
	}
	return status;
}
