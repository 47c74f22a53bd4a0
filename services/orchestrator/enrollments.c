/* The table of enrolments: a fixed number of slots under one lock. */
#include "enrollments.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct enrollment_slot {
	vu_enrollment *enrollment; /* NULL: free */
	bool taken;
	int64_t touched_us;
	char recording[VU_ID_HEX_SIZE];
} enrollment_slot;

struct vu_enrollments {
	uv_mutex_t lock;
	uv_cond_t changed;
	enrollment_slot slots[VU_ENROLLMENTS_MAX];
};

vu_status vu_enrollments_create(vu_enrollments **table_out, vu_error *error)
{
	vu_enrollments *table = calloc(1, sizeof *table);

	if (!table)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to create the table of enrolments: out of memory");
	if (uv_mutex_init(&table->lock) != 0) {
		free(table);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the table of enrolments: no lock");
	}
	if (uv_cond_init(&table->changed) != 0) {
		uv_mutex_destroy(&table->lock);
		free(table);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to create the table of enrolments: no condition");
	}
	*table_out = table;
	return VU_OK;
}

static void wipe(void *data, size_t bytes)
{
	volatile unsigned char *byte = data;
	while (bytes-- > 0)
		*byte++ = 0;
}

static void wipe_sample(Vu__EnrollSample *sample)
{
	if (sample->vector)
		wipe(sample->vector->values, sample->vector->n_values * sizeof *sample->vector->values);
	for (size_t i = 0; i < sample->n_crops; i++)
		wipe(sample->crops[i]->values, sample->crops[i]->n_values * sizeof *sample->crops[i]->values);
	wipe(sample->statistics.data, sample->statistics.len);
}

void vu_enrollment_clear(vu_enrollment *enrollment)
{
	for (unsigned i = 0; i < enrollment->sample_count; i++) {
		wipe_sample(enrollment->samples[i]);
		vu__enroll_sample__free_unpacked(enrollment->samples[i], NULL);
	}
	enrollment->sample_count = 0;
	enrollment->sample_bytes = 0;
}

static void empty_slot(enrollment_slot *slot)
{
	vu_enrollment_clear(slot->enrollment);
	if (slot->enrollment->result)
		vu__enroll_response__free_unpacked(slot->enrollment->result, NULL);
	free(slot->enrollment);
	memset(slot, 0, sizeof *slot);
}

void vu_enrollments_destroy(vu_enrollments *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < VU_ENROLLMENTS_MAX; i++) {
		if (table->slots[i].enrollment)
			empty_slot(&table->slots[i]);
	}
	uv_cond_destroy(&table->changed);
	uv_mutex_destroy(&table->lock);
	free(table);
}

static enrollment_slot *find(vu_enrollments *table, const char *id)
{
	for (size_t i = 0; i < VU_ENROLLMENTS_MAX; i++) {
		if (table->slots[i].enrollment && strcmp(table->slots[i].enrollment->terms.id, id) == 0)
			return &table->slots[i];
	}
	return NULL;
}

static enrollment_slot *slot_of(vu_enrollments *table, const vu_enrollment *enrollment)
{
	for (size_t i = 0; i < VU_ENROLLMENTS_MAX; i++) {
		if (table->slots[i].enrollment == enrollment)
			return &table->slots[i];
	}
	return NULL;
}

static void sweep(vu_enrollments *table)
{
	int64_t now_us = vu_clock_monotonic_us();

	for (size_t i = 0; i < VU_ENROLLMENTS_MAX; i++) {
		enrollment_slot *slot = &table->slots[i];
		if (slot->enrollment && !slot->taken &&
		    now_us - slot->touched_us >
		        (slot->enrollment->terms.isolated ? VU_ENROLLMENT_ISOLATED_IDLE_US : VU_ENROLLMENT_IDLE_US))
			empty_slot(slot);
	}
}

static bool same_terms(const vu_enrollment_terms *a, const vu_enrollment_terms *b)
{
	/* The numbers of samples follow the configuration and stay what they were at first. */
	return strcmp(a->user, b->user) == 0 && strcmp(a->name_space, b->name_space) == 0 &&
	       a->replace == b->replace && a->isolated == b->isolated;
}

bool vu_enrollments_has(vu_enrollments *table, const vu_enrollment_terms *terms)
{
	enrollment_slot *slot;
	bool has;

	uv_mutex_lock(&table->lock);
	sweep(table);
	slot = find(table, terms->id);
	has = slot && same_terms(&slot->enrollment->terms, terms);
	uv_mutex_unlock(&table->lock);
	return has;
}

/* A finished enrolment stays only to answer a retried commit: the oldest of those makes room when there is none. */
static enrollment_slot *free_slot(vu_enrollments *table)
{
	enrollment_slot *oldest = NULL;

	for (size_t i = 0; i < VU_ENROLLMENTS_MAX; i++) {
		enrollment_slot *slot = &table->slots[i];
		if (!slot->enrollment)
			return slot;
		if (slot->enrollment->result && !slot->taken && (!oldest || slot->touched_us < oldest->touched_us))
			oldest = slot;
	}
	if (oldest)
		empty_slot(oldest);
	return oldest;
}

vu_status vu_enrollments_begin(vu_enrollments *table, const vu_enrollment_terms *terms, vu_error *error)
{
	enrollment_slot *slot;
	vu_status status = VU_OK;

	uv_mutex_lock(&table->lock);
	sweep(table);
	slot = find(table, terms->id);
	if (slot) {
		if (!same_terms(&slot->enrollment->terms, terms))
			status =
			    vu_fail(error, VU_INVALID_ARGUMENT,
			            "enrolment %s asks for something else than before; choose a new enrollment_id",
			            terms->id);
		goto out;
	}
	slot = free_slot(table);
	if (!slot) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED,
		                 "%d enrolments are under way, the most allowed; finish or cancel one",
		                 VU_ENROLLMENTS_MAX);
		goto out;
	}
	slot->enrollment = calloc(1, sizeof *slot->enrollment);
	if (!slot->enrollment) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to begin an enrolment: out of memory");
		goto out;
	}
	slot->enrollment->terms = *terms;
	slot->touched_us = vu_clock_monotonic_us();
out:
	uv_mutex_unlock(&table->lock);
	return status;
}

vu_status vu_enrollments_take(vu_enrollments *table, const char *id, int64_t deadline_us,
                              vu_enrollment **enrollment_out, vu_error *error)
{
	vu_status status = VU_OK;
	enrollment_slot *slot;

	uv_mutex_lock(&table->lock);
	sweep(table);
	for (;;) {
		int64_t left_us = deadline_us - vu_clock_monotonic_us();
		slot = find(table, id);
		if (!slot) {
			status = vu_fail(
			    error, VU_NOT_FOUND,
			    "there is no enrolment %.32s: it was finished, cancelled, or left alone for more than %d "
			    "minutes; begin again",
			    id, (int)(VU_ENROLLMENT_IDLE_US / 60000000));
			break;
		}
		if (!slot->taken) {
			slot->taken = true;
			*enrollment_out = slot->enrollment;
			break;
		}
		if (left_us <= 0) {
			status = vu_fail(
			    error, VU_DEADLINE_EXCEEDED,
			    "enrolment %.32s is still busy with another sample; try again when that is done", id);
			break;
		}
		uv_cond_timedwait(&table->changed, &table->lock, (uint64_t)left_us * 1000);
	}
	uv_mutex_unlock(&table->lock);
	return status;
}

void vu_enrollments_put_back(vu_enrollments *table, vu_enrollment *enrollment)
{
	enrollment_slot *slot;

	uv_mutex_lock(&table->lock);
	slot = slot_of(table, enrollment);
	slot->taken = false;
	slot->touched_us = vu_clock_monotonic_us();
	slot->recording[0] = '\0';
	uv_cond_broadcast(&table->changed);
	uv_mutex_unlock(&table->lock);
}

void vu_enrollments_drop(vu_enrollments *table, vu_enrollment *enrollment)
{
	uv_mutex_lock(&table->lock);
	empty_slot(slot_of(table, enrollment));
	uv_cond_broadcast(&table->changed);
	uv_mutex_unlock(&table->lock);
}

bool vu_enrollment_add(vu_enrollment *enrollment, const char *sample_id, Vu__EnrollSample *sample, bool doubtful)
{
	size_t bytes = vu__enroll_sample__get_packed_size(sample);

	if (enrollment->sample_count >= VU_ENROLLMENT_SAMPLES_MAX ||
	    bytes > VU_ENROLLMENT_BYTES_MAX - enrollment->sample_bytes)
		return false;
	snprintf(enrollment->sample_ids[enrollment->sample_count], VU_ID_HEX_SIZE, "%s", sample_id);
	enrollment->doubtful[enrollment->sample_count] = doubtful;
	enrollment->samples[enrollment->sample_count++] = sample;
	enrollment->sample_bytes += bytes;
	return true;
}

static unsigned count_undoubted(const vu_enrollment *enrollment)
{
	unsigned count = 0;

	for (unsigned i = 0; i < enrollment->sample_count; i++)
		count += !enrollment->doubtful[i];
	return count;
}

unsigned vu_enrollment_choose(const vu_enrollment *enrollment, Vu__EnrollSample **chosen)
{
	bool only_undoubted = count_undoubted(enrollment) >= enrollment->terms.min_samples;
	unsigned count = 0;

	for (unsigned i = 0; i < enrollment->sample_count; i++) {
		if (!only_undoubted || !enrollment->doubtful[i])
			chosen[count++] = enrollment->samples[i];
	}
	return count;
}

bool vu_enrollment_has_enough(const vu_enrollment *enrollment)
{
	return count_undoubted(enrollment) >= enrollment->terms.min_samples ||
	       enrollment->sample_count >= enrollment->terms.max_samples;
}

bool vu_enrollment_has_sample(const vu_enrollment *enrollment, const char *sample_id)
{
	for (unsigned i = 0; i < enrollment->sample_count; i++) {
		if (strcmp(enrollment->sample_ids[i], sample_id) == 0)
			return true;
	}
	return false;
}

void vu_enrollments_set_recording(vu_enrollments *table, vu_enrollment *enrollment, const char *sample_id)
{
	uv_mutex_lock(&table->lock);
	snprintf(slot_of(table, enrollment)->recording, VU_ID_HEX_SIZE, "%s", sample_id);
	uv_mutex_unlock(&table->lock);
}

void vu_enrollments_recording(vu_enrollments *table, const char *id, char sample_id[VU_ID_HEX_SIZE])
{
	enrollment_slot *slot;

	uv_mutex_lock(&table->lock);
	slot = find(table, id);
	snprintf(sample_id, VU_ID_HEX_SIZE, "%s", slot ? slot->recording : "");
	uv_mutex_unlock(&table->lock);
}
