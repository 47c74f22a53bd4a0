/*
 * A linked list under one lock with one condition; it is short, so it is
 * searched from its head. An entry is freed when nobody holds it, it has
 * finished, and its minute is over or the list is too long.
 */
#include "attempts.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct vu_attempt {
	vu_attempt *next;
	char id[VU_ID_HEX_SIZE];
	char fingerprint[VU_ATTEMPT_FINGERPRINT_SIZE];
	char session_id[VU_ID_HEX_SIZE];
	size_t challenge_count;
	char challenge[VU_CHALLENGE_PHRASES][VU_CHALLENGE_PHRASE_SIZE];
	vu_cancel *cancel;
	bool microphone; /* holds it */
	bool finished;
	bool cancelled;
	unsigned references;
	int64_t finished_us;
	vu_error error;    /* status OK: there is a response */
	uint8_t *response; /* packed */
	size_t response_bytes;
};

struct vu_attempts {
	uv_mutex_t lock;
	uv_cond_t changed;
	vu_attempt *first; /* newest first */
	unsigned count;
	unsigned running;
	unsigned waiting;
};

vu_status vu_attempts_create(vu_attempts **table_out, vu_error *error)
{
	vu_attempts *table = calloc(1, sizeof *table);

	if (!table)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the table of attempts: out of memory");
	if (uv_mutex_init(&table->lock) != 0) {
		free(table);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the table of attempts: no lock");
	}
	if (uv_cond_init(&table->changed) != 0) {
		uv_mutex_destroy(&table->lock);
		free(table);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the table of attempts: no condition");
	}
	*table_out = table;
	return VU_OK;
}

static void free_attempt(vu_attempt *attempt)
{
	if (attempt->cancel)
		vu_cancel_destroy(attempt->cancel);
	free(attempt->response);
	free(attempt);
}

void vu_attempts_destroy(vu_attempts *table)
{
	if (!table)
		return;
	while (table->first) {
		vu_attempt *attempt = table->first;
		table->first = attempt->next;
		free_attempt(attempt);
	}
	uv_cond_destroy(&table->changed);
	uv_mutex_destroy(&table->lock);
	free(table);
}

static vu_attempt *find(vu_attempts *table, const char *id)
{
	for (vu_attempt *attempt = table->first; attempt; attempt = attempt->next) {
		if (strcmp(attempt->id, id) == 0)
			return attempt;
	}
	return NULL;
}

/* Frees what is over: all that had its minute, and beyond the list's length the oldest. */
static void sweep(vu_attempts *table)
{
	int64_t now_us = vu_clock_monotonic_us();
	unsigned seen = 0;

	for (vu_attempt **link = &table->first; *link;) {
		vu_attempt *attempt = *link;
		bool old = now_us - attempt->finished_us > VU_ATTEMPTS_KEEP_US || seen >= VU_ATTEMPTS_KEPT_MAX;
		if (attempt->finished && attempt->references == 0 && old) {
			*link = attempt->next;
			table->count--;
			free_attempt(attempt);
		} else {
			seen++;
			link = &attempt->next;
		}
	}
}

/* Waits for a change until `deadline_us`; false when that has passed. */
static bool wait_for_change(vu_attempts *table, int64_t deadline_us)
{
	int64_t left_us = deadline_us - vu_clock_monotonic_us();

	if (left_us <= 0)
		return false;
	uv_cond_timedwait(&table->changed, &table->lock, (uint64_t)left_us * 1000);
	return true;
}

/* An attempt that was there before: waits until it has finished. */
static vu_status join(vu_attempts *table, vu_attempt *attempt, const vu_attempt_order *order, int64_t deadline_us,
                      vu_error *error)
{
	vu_status status = VU_OK;

	if (strcmp(attempt->fingerprint, order->fingerprint) != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "attempt %s asks for something else than before; choose a new attempt_id", order->id);
	if (!attempt->finished && table->waiting >= VU_ATTEMPTS_WAITING_MAX)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "too many callers wait for running attempts; try again shortly");
	attempt->references++;
	table->waiting++;
	while (!attempt->finished && status == VU_OK) {
		if (!wait_for_change(table, deadline_us))
			status = vu_fail(error, VU_DEADLINE_EXCEEDED,
			                 "attempt %s is still running; ask again for its result", order->id);
	}
	table->waiting--;
	if (status != VU_OK)
		attempt->references--;
	return status;
}

static vu_attempt *microphone_holder(vu_attempts *table)
{
	for (vu_attempt *attempt = table->first; attempt; attempt = attempt->next) {
		if (attempt->microphone)
			return attempt;
	}
	return NULL;
}

/* The microphone of an attempt that has answered is closed within moments: that is waited for. */
static vu_status reserve_microphone(vu_attempts *table, int64_t deadline_us, vu_error *error)
{
	vu_attempt *holder;

	while ((holder = microphone_holder(table)) != NULL) {
		if (!holder->finished)
			return vu_fail(
			    error, VU_RESOURCE_EXHAUSTED,
			    "the microphone is in use by another attempt; wait until it ends, or cancel it");
		if (!wait_for_change(table, deadline_us))
			return vu_fail(error, VU_RESOURCE_EXHAUSTED,
			               "the microphone is still being closed; try again");
	}
	return VU_OK;
}

static vu_status add(vu_attempts *table, const vu_attempt_order *order, vu_attempt **attempt_out, vu_error *error)
{
	vu_attempt *attempt;

	if (table->running >= VU_ATTEMPTS_RUNNING_MAX)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "%u attempts are running, the most allowed; try again shortly", table->running);
	attempt = calloc(1, sizeof *attempt);
	if (!attempt || vu_cancel_create(&attempt->cancel) != VU_OK) {
		free(attempt);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to begin an attempt: out of memory");
	}
	snprintf(attempt->id, sizeof attempt->id, "%s", order->id);
	snprintf(attempt->fingerprint, sizeof attempt->fingerprint, "%s", order->fingerprint);
	attempt->microphone = order->microphone;
	attempt->references = 1;
	attempt->next = table->first;
	table->first = attempt;
	table->count++;
	table->running++;
	uv_cond_broadcast(&table->changed);
	*attempt_out = attempt;
	return VU_OK;
}

vu_status vu_attempts_enter(vu_attempts *table, const vu_attempt_order *order, int64_t deadline_us,
                            vu_attempt **attempt_out, bool *run_out, vu_error *error)
{
	vu_status status = VU_OK;
	vu_attempt *attempt;

	if (!vu_id_is_hex(order->id))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "the attempt's id is not 32 lower-case hex digits; choose it so");
	uv_mutex_lock(&table->lock);
	sweep(table);
	attempt = find(table, order->id);
	if (!attempt && order->microphone) {
		status = reserve_microphone(table, deadline_us, error);
		attempt = find(table, order->id); /* the wait let others in */
	}
	if (attempt) {
		status = join(table, attempt, order, deadline_us, error);
		*run_out = false;
	} else if (status == VU_OK) {
		status = add(table, order, &attempt, error);
		*run_out = true;
	}
	uv_mutex_unlock(&table->lock);
	if (status == VU_OK)
		*attempt_out = attempt;
	return status;
}

void vu_attempt_finish(vu_attempts *table, vu_attempt *attempt, const ProtobufCMessage *response,
                       const vu_error *error)
{
	uint8_t *packed = NULL;
	size_t bytes = 0;
	vu_error result = {.status = VU_OK};

	if (error && error->status != VU_OK) {
		result = *error;
	} else {
		bytes = protobuf_c_message_get_packed_size(response);
		packed = malloc(bytes ? bytes : 1);
		if (packed)
			protobuf_c_message_pack(response, packed);
		else
			vu_fail(&result, VU_RESOURCE_EXHAUSTED,
			        "unable to keep the result of the attempt: out of memory");
	}
	uv_mutex_lock(&table->lock);
	attempt->response = packed;
	attempt->response_bytes = bytes;
	attempt->error = result;
	attempt->finished_us = vu_clock_monotonic_us();
	attempt->finished = true;
	table->running--;
	uv_cond_broadcast(&table->changed);
	uv_mutex_unlock(&table->lock);
}

void vu_attempt_reply(const vu_attempt *attempt, const ProtobufCMessageDescriptor *descriptor, vu_rpc_call *call)
{
	/* What has finished never changes again, so it is read without the lock. */
	ProtobufCMessage *response;

	if (attempt->error.status != VU_OK) {
		vu_rpc_fail_error(call, &attempt->error);
		return;
	}
	response = protobuf_c_message_unpack(descriptor, NULL, attempt->response_bytes, attempt->response);
	if (!response) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to repeat the result of attempt %s: out of memory",
		            attempt->id);
		return;
	}
	vu_rpc_reply(call, response);
	protobuf_c_message_free_unpacked(response, NULL);
}

void vu_attempt_leave(vu_attempts *table, vu_attempt *attempt)
{
	uv_mutex_lock(&table->lock);
	attempt->references--;
	if (attempt->references == 0) {
		attempt->microphone = false;
		uv_cond_broadcast(&table->changed);
	}
	uv_mutex_unlock(&table->lock);
}

vu_cancel *vu_attempt_cancel(vu_attempt *attempt)
{
	return attempt->cancel;
}

bool vu_attempt_was_cancelled(vu_attempts *table, vu_attempt *attempt)
{
	bool cancelled;

	uv_mutex_lock(&table->lock);
	cancelled = attempt->cancelled;
	uv_mutex_unlock(&table->lock);
	return cancelled;
}

void vu_attempt_set_session(vu_attempts *table, vu_attempt *attempt, const char *session_id)
{
	uv_mutex_lock(&table->lock);
	snprintf(attempt->session_id, sizeof attempt->session_id, "%s", session_id);
	uv_cond_broadcast(&table->changed);
	uv_mutex_unlock(&table->lock);
}

void vu_attempt_set_challenge(vu_attempts *table, vu_attempt *attempt, char *const *phrases, size_t count)
{
	uv_mutex_lock(&table->lock);
	for (size_t i = 0; i < count && i < VU_CHALLENGE_PHRASES; i++)
		snprintf(attempt->challenge[i], sizeof attempt->challenge[i], "%s", phrases[i]);
	attempt->challenge_count = count < VU_CHALLENGE_PHRASES ? count : VU_CHALLENGE_PHRASES;
	uv_cond_broadcast(&table->changed);
	uv_mutex_unlock(&table->lock);
}

vu_status vu_attempts_cancel(vu_attempts *table, const char *id, vu_error *error)
{
	vu_attempt *attempt;
	vu_status status = VU_OK;

	uv_mutex_lock(&table->lock);
	attempt = find(table, id);
	if (!attempt) {
		status =
		    vu_fail(error, VU_NOT_FOUND, "unable to cancel attempt %.32s: no such attempt is running", id);
	} else if (!attempt->finished) {
		attempt->cancelled = true;
		vu_cancel_trigger(attempt->cancel);
	}
	uv_mutex_unlock(&table->lock);
	return status;
}

void vu_attempts_view(vu_attempts *table, const char *id, uint32_t wait_ms, vu_attempt_view *view)
{
	vu_attempt *attempt;

	memset(view, 0, sizeof *view);
	uv_mutex_lock(&table->lock);
	if (wait_ms > 0)
		wait_for_change(table, vu_clock_monotonic_us() + (int64_t)wait_ms * 1000);
	attempt = find(table, id);
	if (attempt) {
		view->known = true;
		view->finished = attempt->finished;
		memcpy(view->session_id, attempt->session_id, sizeof view->session_id);
		/* What was asked once is of no use to anybody afterwards. */
		view->challenge_count = attempt->finished ? 0 : attempt->challenge_count;
		memcpy(view->challenge, attempt->challenge, sizeof view->challenge);
	}
	uv_mutex_unlock(&table->lock);
}

unsigned vu_attempts_running(vu_attempts *table)
{
	unsigned running;

	uv_mutex_lock(&table->lock);
	running = table->running;
	uv_mutex_unlock(&table->lock);
	return running;
}
