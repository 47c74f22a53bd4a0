/* Layout: 64 bytes of header, the fine ring, the long ring; a record is 96 bytes in the machine's byte order. */
#include "metric_store.h"

#include "base/sort.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[16] = "vu metrics 2\n";

typedef struct metric_record {
	int64_t time_s;
	float values[VU_METRIC_COUNT];
	uint32_t unused;
} metric_record;

_Static_assert(sizeof(metric_record) == 96, "the file's layout");

#define FINE_AT 64
#define LONG_AT (FINE_AT + VU_METRIC_FINE_SLOTS * (off_t)sizeof(metric_record))
#define BYTES   (LONG_AT + VU_METRIC_LONG_SLOTS * (off_t)sizeof(metric_record))

/* The mean of what was measured since `time_s`. */
typedef struct running_mean {
	int64_t time_s;
	double sums[VU_METRIC_COUNT];
	unsigned counts[VU_METRIC_COUNT];
} running_mean;

struct vu_metric_store {
	char path[PATH_MAX];
	pthread_mutex_t lock;
	int fd; /* -1: not open */
	/* The five seconds and the five minutes that are being added up. */
	running_mean fine;
	running_mean lasting;
};

static const char *const NAMES[VU_METRIC_COUNT] = {
    "memory_system_percent",  "memory_ml_mb",         "memory_cache_mb",        "cpu_percent",
    "model_load_time_ms",     "inference_time_ms",    "feature_time_ms",        "antispoof_time_ms",
    "auth_time_ms",           "cache_hit_percent",    "auth_success_rate",      "disk_read_bytes",
    "disk_write_bytes",       "memory_capture_mb",    "memory_features_mb",     "memory_antispoof_mb",
    "memory_orchestrator_mb", "memory_supervisor_mb", "memory_cache_models_mb", "memory_cache_scalers_mb",
    "memory_cache_pca_mb",
};

const char *vu_metric_name(vu_metric_id id)
{
	return NAMES[id];
}

vu_metric_id vu_metric_by_name(const char *name)
{
	unsigned id = 0;

	while (id < VU_METRIC_COUNT && strcmp(NAMES[id], name) != 0)
		id++;
	return (vu_metric_id)id;
}

vu_metric_store *vu_metric_store_create(const char *folder)
{
	vu_metric_store *store = calloc(1, sizeof *store);

	if (!store)
		return NULL;
	store->fd = -1;
	if ((size_t)snprintf(store->path, sizeof store->path, "%s/metrics.ring", folder) >= sizeof store->path ||
	    pthread_mutex_init(&store->lock, NULL) != 0) {
		free(store);
		return NULL;
	}
	return store;
}

void vu_metric_store_destroy(vu_metric_store *store)
{
	if (!store)
		return;
	if (store->fd >= 0)
		close(store->fd);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

/* With the lock held. */
static vu_status open_file(vu_metric_store *store, vu_error *error)
{
	char magic[sizeof MAGIC];
	struct stat info;
	int fd;

	if (store->fd >= 0)
		return VU_OK;
	fd = open(store->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return vu_fail_errno(error, errno, "unable to keep metrics in %s", store->path);
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		close(fd);
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to keep metrics in %s: it is no file",
		               store->path);
	}
	/* Anything else than ours, or cut short: begun anew. */
	if (info.st_size != BYTES || pread(fd, magic, sizeof magic, 0) != (ssize_t)sizeof magic ||
	    memcmp(magic, MAGIC, sizeof MAGIC) != 0) {
		if (ftruncate(fd, 0) != 0 || ftruncate(fd, BYTES) != 0 ||
		    pwrite(fd, MAGIC, sizeof MAGIC, 0) != (ssize_t)sizeof MAGIC) {
			vu_status status = vu_fail_errno(error, errno, "unable to keep metrics in %s", store->path);
			close(fd);
			return status;
		}
	}
	store->fd = fd;
	return VU_OK;
}

static off_t place_of(bool fine, int64_t time_s)
{
	int64_t slot = fine ? time_s / VU_METRIC_FINE_S % VU_METRIC_FINE_SLOTS
	                    : time_s / VU_METRIC_LONG_S % VU_METRIC_LONG_SLOTS;
	return (fine ? FINE_AT : LONG_AT) + (off_t)slot * (off_t)sizeof(metric_record);
}

static vu_status write_record(vu_metric_store *store, bool fine, const metric_record *record, vu_error *error)
{
	vu_status status = open_file(store, error);

	if (status != VU_OK)
		return status;
	if (pwrite(store->fd, record, sizeof *record, place_of(fine, record->time_s)) == (ssize_t)sizeof *record)
		return VU_OK;
	status = vu_fail_errno(error, errno ? errno : EIO, "unable to keep metrics in %s", store->path);
	/* The file may have been removed, or the disk exchanged: look again next time. */
	close(store->fd);
	store->fd = -1;
	return status;
}

/* Written each time, so that a restart loses little, and a measurement of nothing does not hide one of something. */
static vu_status add_to(vu_metric_store *store, bool fine, int64_t time_s, const float values[VU_METRIC_COUNT],
                        vu_error *error)
{
	running_mean *mean = fine ? &store->fine : &store->lasting;
	metric_record record = {.time_s = time_s - time_s % (fine ? VU_METRIC_FINE_S : VU_METRIC_LONG_S)};

	if (mean->time_s != record.time_s)
		*mean = (running_mean){.time_s = record.time_s};
	for (unsigned id = 0; id < VU_METRIC_COUNT; id++) {
		if (!isnan(values[id])) {
			mean->sums[id] += (double)values[id];
			mean->counts[id]++;
		}
		record.values[id] = mean->counts[id] ? (float)(mean->sums[id] / mean->counts[id]) : NAN;
	}
	return write_record(store, fine, &record, error);
}

vu_status vu_metric_store_add(vu_metric_store *store, int64_t time_s, const float values[VU_METRIC_COUNT],
                              vu_error *error)
{
	vu_status status;

	if (time_s < 0)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to keep metrics: the clock says a time before 1970");
	pthread_mutex_lock(&store->lock);
	status = add_to(store, true, time_s, values, error);
	if (status == VU_OK)
		status = add_to(store, false, time_s, values, error);
	pthread_mutex_unlock(&store->lock);
	return status;
}

vu_status vu_metric_store_read(vu_metric_store *store, vu_metric_id id, int64_t now_s, int64_t since_s,
                               vu_metric_point **points_out, size_t *count_out, uint32_t *step_out, vu_error *error)
{
	bool fine = since_s <= (int64_t)VU_METRIC_FINE_S * VU_METRIC_FINE_SLOTS;
	int64_t step = fine ? VU_METRIC_FINE_S : VU_METRIC_LONG_S;
	int64_t slots = fine ? VU_METRIC_FINE_SLOTS : VU_METRIC_LONG_SLOTS;
	int64_t count = since_s / step < slots ? since_s / step : slots;
	int64_t newest = now_s - now_s % step;
	vu_metric_point *points = malloc((size_t)(count + 1) * sizeof *points);
	vu_status status;
	size_t used = 0;

	if (!points)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read metrics: out of memory");
	pthread_mutex_lock(&store->lock);
	status = open_file(store, error);
	for (int64_t back = count - 1; status == VU_OK && back >= 0; back--) {
		metric_record record;
		int64_t time_s = newest - back * step;
		if (time_s < 0 ||
		    pread(store->fd, &record, sizeof record, place_of(fine, time_s)) != (ssize_t)sizeof record ||
		    record.time_s != time_s || time_s == 0 || isnan(record.values[id]))
			continue;
		points[used++] = (vu_metric_point){time_s, (double)record.values[id]};
	}
	pthread_mutex_unlock(&store->lock);
	if (status != VU_OK) {
		free(points);
		return status;
	}
	*points_out = points;
	*count_out = used;
	*step_out = (uint32_t)step;
	return VU_OK;
}

double vu_metric_quantile(double *values, size_t count, double share)
{
	size_t rank;

	if (count == 0)
		return (double)NAN;
	vu_sort_doubles(values, count);
	rank = (size_t)ceil(share * (double)count);
	return values[rank == 0 ? 0 : rank - 1];
}

/* The whole fine ring in one read; records in no order. */
static vu_status read_hour(vu_metric_store *store, metric_record records[VU_METRIC_FINE_SLOTS], vu_error *error)
{
	const size_t bytes = VU_METRIC_FINE_SLOTS * sizeof *records;
	vu_status status;

	pthread_mutex_lock(&store->lock);
	status = open_file(store, error);
	if (status == VU_OK && pread(store->fd, records, bytes, FINE_AT) != (ssize_t)bytes)
		status =
		    vu_fail(error, VU_DATA_LOSS, "unable to read metrics from %s: it was cut short", store->path);
	pthread_mutex_unlock(&store->lock);
	return status;
}

static void summarize_one(const metric_record *records, int64_t now_s, unsigned id, double *values,
                          vu_metric_summary *out)
{
	int64_t last_s = 0;
	size_t count = 0;

	out->last = (double)NAN;
	for (size_t i = 0; i < VU_METRIC_FINE_SLOTS; i++) {
		const metric_record *record = &records[i];
		if (record->time_s <= 0 || record->time_s > now_s || isnan(record->values[id]) ||
		    record->time_s <= now_s - (int64_t)VU_METRIC_FINE_S * VU_METRIC_FINE_SLOTS)
			continue;
		values[count++] = (double)record->values[id];
		if (record->time_s > last_s) {
			last_s = record->time_s;
			out->last = (double)record->values[id];
		}
	}
	out->p50 = vu_metric_quantile(values, count, 0.5);
	out->p90 = vu_metric_quantile(values, count, 0.9);
	out->p99 = vu_metric_quantile(values, count, 0.99);
}

vu_status vu_metric_store_summarize(vu_metric_store *store, int64_t now_s,
                                    vu_metric_summary summaries[VU_METRIC_COUNT], vu_error *error)
{
	metric_record *records = malloc(VU_METRIC_FINE_SLOTS * sizeof *records);
	double *values = malloc(VU_METRIC_FINE_SLOTS * sizeof *values);
	vu_status status = VU_OK;

	if (!records || !values)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read metrics: out of memory");
	if (status == VU_OK)
		status = read_hour(store, records, error);
	for (unsigned id = 0; status == VU_OK && id < VU_METRIC_COUNT; id++)
		summarize_one(records, now_s, id, values, &summaries[id]);
	free(values);
	free(records);
	return status;
}
