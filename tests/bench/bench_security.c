/*
 * template_open_ms: reading a sealed file of a template's size and opening it
 * into locked memory, the key being at hand: the median of many.
 * pam_absent_ms: from asking the PAM helper to its word that there is no suite,
 * which is what stands before the password then: the slowest of some.
 * confined_call_us: a system call under the filter of a service, beside the same without; confined_open_us: opening a
 * file that the service may read, likewise. Both in a process of their own, and left out where nothing confines.
 *
 * Wall time. Prints one JSON object a line; without a helper (no PAM headers)
 * the second is left out.
 */
#include "../../services/pam/module/ask.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "platform/platform.h"
#include "store/vault.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER         "build/pam/vu-pam-helper"
#define TEMPLATE_BYTES (48u * 1024)
#define OPENS          1001
#define ASKS           21
#define CONFINED_CALLS 2000

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print(const char *name, double value)
{
	printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"ms\", \"baseline\": null, \"ratio\": null}\n", name,
	       value);
}

static vu_status open_once(vu_vault *vault, const char *path, vu_error *error)
{
	char *sealed = NULL;
	size_t bytes = 0;
	void *content = NULL;
	size_t content_bytes;
	vu_status status = vu_file_read(path, 1 << 20, &sealed, &bytes, error);

	if (status == VU_OK)
		status = vu_vault_open(vault, VU_SEAL_TEMPLATE, "/ada", path, sealed, bytes, &content, &content_bytes,
		                       error);
	if (status == VU_OK)
		vu_secret_free(content, content_bytes);
	free(sealed);
	return status;
}

static vu_status measure_opening(const char *folder, double *median_ms, vu_error *error)
{
	static uint8_t content[TEMPLATE_BYTES];
	static double taken_ms[OPENS];
	char key_path[128];
	char path[128];
	vu_vault *vault = NULL;
	void *sealed = NULL;
	size_t bytes;
	vu_status status;

	snprintf(key_path, sizeof key_path, "%s/key", folder);
	snprintf(path, sizeof path, "%s/ada.vut", folder);
	status = vu_vault_create(key_path, &vault, error);
	if (status == VU_OK)
		status =
		    vu_vault_seal(vault, VU_SEAL_TEMPLATE, "/ada", content, sizeof content, &sealed, &bytes, error);
	if (status == VU_OK)
		status = vu_file_write_atomically(path, sealed, bytes, error);
	for (int i = 0; i < OPENS && status == VU_OK; i++) {
		int64_t began_us = vu_clock_monotonic_us();
		status = open_once(vault, path, error);
		taken_ms[i] = (double)(vu_clock_monotonic_us() - began_us) / 1e3;
	}
	free(sealed);
	vu_vault_destroy(vault);
	unlink(path);
	unlink(key_path);
	qsort(taken_ms, OPENS, sizeof *taken_ms, compare);
	*median_ms = taken_ms[OPENS / 2];
	return status;
}

static void hear(void *context)
{
	(void)context;
}

static void hear_text(void *context, const char *text)
{
	(void)context;
	(void)text;
}

/* False when the helper says anything but that there is no suite: then there is one, and nothing to measure. */
static int measure_absence(double *slowest_ms)
{
	const vu_pam_listener listener = {.prompt = hear, .say = hear_text, .log = hear_text};
	char program[] = HELPER, user[] = "games", service[] = "login", tty[] = "tty1", timeout[] = "8",
	     tries[] = "1", none[] = "-";
	char *arguments[] = {program, user, service, tty, timeout, tries, none, none, NULL};

	*slowest_ms = 0;
	for (int i = 0; i < ASKS; i++) {
		int64_t began_us = vu_clock_monotonic_us();
		double ms;
		if (vu_pam_ask(arguments, 10, &listener) != VU_PAM_UNAVAILABLE)
			return 0;
		ms = (double)(vu_clock_monotonic_us() - began_us) / 1e3;
		if (ms > *slowest_ms)
			*slowest_ms = ms;
	}
	return 1;
}

/* ---- what confinement costs ---- */

/* The least of some rounds, in microseconds a call: what else the machine does only makes it longer. */
static double least_us(int (*call)(void))
{
	double least = 1e9;

	for (int round = 0; round < 20; round++) {
		int64_t began_us = vu_clock_monotonic_us();
		double us;
		for (int i = 0; i < CONFINED_CALLS; i++) {
			if (call() != 0)
				return -1;
		}
		us = (double)(vu_clock_monotonic_us() - began_us) / CONFINED_CALLS;
		if (us < least)
			least = us;
	}
	return least;
}

static int call_system(void)
{
	return getppid() > 0 ? 0 : -1;
}

static int open_file(void)
{
	int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : close(fd);
}

static void print_beside(const char *name, double value, double baseline)
{
	printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"us\", \"baseline\": %.4g, \"ratio\": %.4g}\n", name,
	       value, baseline, value / baseline);
}

static void measure_confinement(void)
{
	static const vu_place PLACES[] = {{"/usr", VU_MAY_READ}, {"/lib", VU_MAY_READ}, {"/proc", VU_MAY_READ},
	                                  {"/sys", VU_MAY_READ}, {"/etc", VU_MAY_READ}, {"/tmp", VU_MAY_READ}};
	const vu_confinement confinement = {
	    .name = "bench", .places = PLACES, .place_count = sizeof PLACES / sizeof *PLACES};
	vu_error error = {VU_OK, ""};
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		double call_us = least_us(call_system);
		double open_us = least_us(open_file);
		vu_status status = vu_platform_confine_files(&confinement, &error);
		if (status == VU_OK)
			status = vu_platform_confine_calls(&confinement, &error);
		if (status == VU_OK) {
			print_beside("confined_call_us", least_us(call_system), call_us);
			print_beside("confined_open_us", least_us(open_file), open_us);
			fflush(stdout);
		} else {
			fprintf(stderr, "bench: %s\n", error.message);
		}
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

int main(void)
{
	char folder[] = "/tmp/vu-bench-XXXXXX";
	vu_error error = {VU_OK, ""};
	double ms;
	vu_status status;

	if (!mkdtemp(folder))
		return 1;
	status = measure_opening(folder, &ms, &error);
	rmdir(folder);
	if (status != VU_OK) {
		fprintf(stderr, "unable to measure: %s\n", error.message);
		return 1;
	}
	print("template_open_ms", ms);
	measure_confinement();
	if (access(HELPER, X_OK) == 0 && measure_absence(&ms))
		print("pam_absent_ms", ms);
	return 0;
}
