/*
 * One line a device: hash, then frequencies in hertz, the oldest first. Of
 * devices the one longest not heard goes when there is no room.
 */
#include "device_bands.h"

#include "base/file.h"
#include "base/log.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES    8
#define HASH_SIZE     (2 * HASH_BYTES + 1)
#define FILE_MAX      4096
#define FREQUENCY_MAX 8000
/* Nearer than so much is as narrow; further below the usual is narrower. */
#define ALIKE_HZ    500
#define NARROWER_HZ 1500

typedef struct device {
	char hash[HASH_SIZE];
	unsigned count;
	unsigned hz[VU_DEVICE_BANDS_KEPT];
	unsigned stored_count;  /* as the file has it */
	unsigned stored_median; /* 0: not in the file */
} device;

struct vu_device_bands {
	pthread_mutex_t lock;
	char *folder;
	bool loaded;
	unsigned count;
	device devices[VU_DEVICE_BANDS_DEVICES]; /* last heard last */
};

vu_device_bands *vu_device_bands_create(const char *folder)
{
	vu_device_bands *bands = calloc(1, sizeof *bands);

	if (!bands || sodium_init() < 0) {
		free(bands);
		return NULL;
	}
	bands->folder = strdup(folder);
	if (!bands->folder || pthread_mutex_init(&bands->lock, NULL) != 0) {
		free(bands->folder);
		free(bands);
		return NULL;
	}
	return bands;
}

void vu_device_bands_destroy(vu_device_bands *bands)
{
	if (!bands)
		return;
	pthread_mutex_destroy(&bands->lock);
	free(bands->folder);
	free(bands);
}

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a;
	unsigned y = *(const unsigned *)b;
	return (x > y) - (x < y);
}

static unsigned median_of(const device *d)
{
	unsigned sorted[VU_DEVICE_BANDS_KEPT];

	memcpy(sorted, d->hz, sizeof sorted);
	qsort(sorted, d->count, sizeof *sorted, compare);
	return sorted[d->count / 2];
}

/* The path of the file, freed by the caller; NULL without memory. */
static char *path_of(const vu_device_bands *bands)
{
	const char *name = "/microphone-bands";
	size_t size = strlen(bands->folder) + strlen(name) + 1;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s%s", bands->folder, name);
	return path;
}

/* One line into `d`; false when it is none. */
static bool read_line(char *line, device *d)
{
	char *rest = NULL;
	char *word = strtok_r(line, " ", &rest);

	memset(d, 0, sizeof *d);
	if (!word || strlen(word) != HASH_SIZE - 1 || strspn(word, "0123456789abcdef") != HASH_SIZE - 1)
		return false;
	memcpy(d->hash, word, HASH_SIZE);
	while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
		char *end;
		unsigned long hz = strtoul(word, &end, 10);
		if (*end || hz > FREQUENCY_MAX || d->count == VU_DEVICE_BANDS_KEPT)
			return false;
		d->hz[d->count++] = (unsigned)hz;
	}
	if (d->count == 0)
		return false;
	d->stored_count = d->count;
	d->stored_median = median_of(d);
	return true;
}

static void load(vu_device_bands *bands)
{
	char *path = path_of(bands);
	char *data = NULL;
	char *rest = NULL;
	size_t bytes;
	vu_error error;

	bands->loaded = true;
	if (!path || vu_file_read(path, FILE_MAX, &data, &bytes, &error) != VU_OK)
		goto out;
	for (char *line = strtok_r(data, "\n", &rest); line && bands->count < VU_DEVICE_BANDS_DEVICES;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!read_line(line, &bands->devices[bands->count])) {
			vu_log_warn("%s is not understood: what band microphones have is learned anew", path);
			bands->count = 0;
			break;
		}
		bands->count++;
	}
out:
	free(data);
	free(path);
}

static void save(vu_device_bands *bands)
{
	char text[FILE_MAX];
	char *path = path_of(bands);
	size_t used = 0;
	vu_error error;

	/* 8 lines of 17 + 16 * 5 bytes: they fit. */
	for (unsigned i = 0; i < bands->count; i++) {
		device *d = &bands->devices[i];
		used += (size_t)snprintf(text + used, sizeof text - used, "%s", d->hash);
		for (unsigned k = 0; k < d->count; k++)
			used += (size_t)snprintf(text + used, sizeof text - used, " %u", d->hz[k]);
		used += (size_t)snprintf(text + used, sizeof text - used, "\n");
		d->stored_count = d->count;
		d->stored_median = median_of(d);
	}
	if (!path || vu_file_make_folder(bands->folder, &error) != VU_OK ||
	    vu_file_write_atomically(path, text, used, &error) != VU_OK)
		vu_log_warn("unable to keep what band microphones have: %s", path ? error.message : "out of memory");
	free(path);
}

/* The device, as the last one of all; begun when it is new. */
static device *find_device(vu_device_bands *bands, const char *name)
{
	unsigned char digest[crypto_generichash_BYTES_MIN];
	device found = {.count = 0};
	unsigned at = 0;

	crypto_generichash(digest, sizeof digest, (const unsigned char *)name, strlen(name), NULL, 0);
	sodium_bin2hex(found.hash, sizeof found.hash, digest, HASH_BYTES);
	while (at < bands->count && strcmp(bands->devices[at].hash, found.hash) != 0)
		at++;
	if (at < bands->count)
		found = bands->devices[at];
	else if (bands->count < VU_DEVICE_BANDS_DEVICES)
		bands->count++;
	else
		at = 0;
	for (; at + 1 < bands->count; at++)
		bands->devices[at] = bands->devices[at + 1];
	bands->devices[bands->count - 1] = found;
	return &bands->devices[bands->count - 1];
}

static void add(device *d, unsigned hz)
{
	if (d->count == VU_DEVICE_BANDS_KEPT) {
		memmove(d->hz, d->hz + 1, (VU_DEVICE_BANDS_KEPT - 1) * sizeof *d->hz);
		d->count--;
	}
	d->hz[d->count++] = hz;
}

/* Disks are not written to at every attempt: once a device is known, and when its usual band moves. */
static bool is_news(const device *d)
{
	unsigned median = median_of(d);
	unsigned moved = median > d->stored_median ? median - d->stored_median : d->stored_median - median;

	if (d->stored_count < VU_DEVICE_BANDS_KNOWN)
		return d->count >= VU_DEVICE_BANDS_KNOWN;
	return moved > ALIKE_HZ;
}

double vu_device_bands_meet(vu_device_bands *bands, const char *name, double limit_hz)
{
	unsigned hz = limit_hz > 0 && limit_hz < FREQUENCY_MAX ? (unsigned)limit_hz : FREQUENCY_MAX;
	unsigned alike = 0;
	double usual = 0;
	device *d;

	pthread_mutex_lock(&bands->lock);
	if (!bands->loaded)
		load(bands);
	d = find_device(bands, name);
	for (unsigned i = 0; i < d->count; i++)
		alike += d->hz[i] <= hz + ALIKE_HZ;
	if (d->count >= VU_DEVICE_BANDS_KNOWN && median_of(d) >= hz + NARROWER_HZ && alike * 4 < d->count)
		usual = median_of(d);
	add(d, hz);
	if (is_news(d))
		save(bands);
	pthread_mutex_unlock(&bands->lock);
	return usual;
}
