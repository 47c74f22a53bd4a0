/*
 * Enrolments under way: who is being enrolled and the good samples so far, in
 * memory only. One that nobody touches for ten minutes (an evaluation's: half a
 * minute) is forgotten, and so are all when the process ends.
 *
 * One caller works on an enrolment at a time: it takes it and puts it back.
 * Any thread.
 */
#ifndef VU_ORCHESTRATOR_ENROLLMENTS_H
#define VU_ORCHESTRATOR_ENROLLMENTS_H

#include "base/id.h"
#include "base/status.h"
#include "base/user_name.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

#define VU_ENROLLMENTS_MAX    32
#define VU_ENROLLMENT_IDLE_US (600 * 1000000LL)
/* An evaluation does not stop to think: one that is left alone was killed. */
#define VU_ENROLLMENT_ISOLATED_IDLE_US (30 * 1000000LL)
/* Good samples of one enrolment, whatever the configuration says. */
#define VU_ENROLLMENT_SAMPLES_MAX 64
/* Tries, good or not: each leaves a fingerprint with antispoof. */
#define VU_ENROLLMENT_TRIES_MAX 200
/* Packed size of all samples together: they travel to models in one message. */
#define VU_ENROLLMENT_BYTES_MAX (3u * 1024 * 1024 + 512u * 1024)
#define VU_EXTRACTOR_NAME_SIZE  128

typedef struct vu_enrollments vu_enrollments;

typedef struct vu_enrollment_terms {
	char id[VU_ID_HEX_SIZE];
	char user[VU_USER_NAME_MAX + 1];
	char name_space[VU_USER_NAME_MAX + 1];
	bool replace;
	bool isolated;
	uint32_t min_samples;
	uint32_t max_samples;
} vu_enrollment_terms;

/* Taken by one caller at a time, who may change all but `terms`. */
typedef struct vu_enrollment {
	vu_enrollment_terms terms;
	char extractor[VU_EXTRACTOR_NAME_SIZE]; /* of the samples; "" before the first */
	Vu__EnrollSample *samples[VU_ENROLLMENT_SAMPLES_MAX];
	char sample_ids[VU_ENROLLMENT_SAMPLES_MAX][VU_ID_HEX_SIZE];
	bool doubtful[VU_ENROLLMENT_SAMPLES_MAX]; /* sounds like somebody else than the samples before it */
	unsigned sample_count;
	size_t sample_bytes;
	char tries[VU_ENROLLMENT_TRIES_MAX][VU_ID_HEX_SIZE]; /* every sample id, for antispoof to forget */
	unsigned try_count;
	Vu__EnrollResponse *result; /* once committed */
} vu_enrollment;

vu_status vu_enrollments_create(vu_enrollments **table_out, vu_error *error);
/* When none is taken. */
void vu_enrollments_destroy(vu_enrollments *table);

/*
 * Begins one; the same terms again are OK and change nothing. INVALID_ARGUMENT:
 * the id is of another enrolment. RESOURCE_EXHAUSTED: too many at once.
 */
vu_status vu_enrollments_begin(vu_enrollments *table, const vu_enrollment_terms *terms, vu_error *error);

/* True when one with exactly these terms is there, begun before. */
bool vu_enrollments_has(vu_enrollments *table, const vu_enrollment_terms *terms);

/*
 * Waits for the enrolment until `deadline_us` and takes it. NOT_FOUND: there is
 * none (any more). DEADLINE_EXCEEDED: another caller did not put it back.
 */
vu_status vu_enrollments_take(vu_enrollments *table, const char *id, int64_t deadline_us,
                              vu_enrollment **enrollment_out, vu_error *error);
void vu_enrollments_put_back(vu_enrollments *table, vu_enrollment *enrollment);
/* Instead of putting it back: ends it and wipes its samples. */
void vu_enrollments_drop(vu_enrollments *table, vu_enrollment *enrollment);

/* Adds a sample to a taken enrolment, which owns it from then on. False when it does not fit. */
bool vu_enrollment_add(vu_enrollment *enrollment, const char *sample_id, Vu__EnrollSample *sample, bool doubtful);
/*
 * The samples to enrol, borrowed, into chosen[VU_ENROLLMENT_SAMPLES_MAX]; returns how many. Doubtful ones are left
 * out where enough others are there; where not, who is the odd one is not known yet and all count.
 */
unsigned vu_enrollment_choose(const vu_enrollment *enrollment, Vu__EnrollSample **chosen);
/* True when nothing more need be said: enough without the doubtful ones, or as many as may be. */
bool vu_enrollment_has_enough(const vu_enrollment *enrollment);
bool vu_enrollment_has_sample(const vu_enrollment *enrollment, const char *sample_id);
/* Wipes and frees the samples, for instance once they are enrolled. */
void vu_enrollment_clear(vu_enrollment *enrollment);

/* The id of the sample that is being recorded for an enrolment, "" when none is: to cancel it. */
void vu_enrollments_set_recording(vu_enrollments *table, vu_enrollment *enrollment, const char *sample_id);
void vu_enrollments_recording(vu_enrollments *table, const char *id, char sample_id[VU_ID_HEX_SIZE]);

#endif
