/* Ties the store of dedup_store.c to calls. Answers are sent without the lock. */
#include "rpc/dedup.h"

#include "rpc/dedup_store.h"
#include "rpc/server_internal.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_DEFAULT 256
#define BYTES_DEFAULT   (1024u * 1024)
#define AGE_DEFAULT_US  (INT64_C(120) * 1000000)

struct vu_dedup {
	uv_mutex_t lock;
	vu_clock clock;
	vu_dedup_store store;
};

vu_status vu_dedup_create(const vu_dedup_config *config, vu_dedup **dedup_out)
{
	vu_dedup *dedup = calloc(1, sizeof *dedup);

	if (!dedup)
		return VU_RESOURCE_EXHAUSTED;
	dedup->clock = config && config->clock ? *config->clock : vu_clock_system();
	if (vu_dedup_store_init(&dedup->store, config && config->entries_max ? config->entries_max : ENTRIES_DEFAULT,
	                        config && config->bytes_max ? config->bytes_max : BYTES_DEFAULT,
	                        config && config->age_max_us ? config->age_max_us : AGE_DEFAULT_US) != VU_OK) {
		free(dedup);
		return VU_RESOURCE_EXHAUSTED;
	}
	if (uv_mutex_init(&dedup->lock) != 0) {
		vu_dedup_store_fini(&dedup->store);
		free(dedup);
		return VU_RESOURCE_EXHAUSTED;
	}
	*dedup_out = dedup;
	return VU_OK;
}

void vu_dedup_destroy(vu_dedup *dedup)
{
	if (!dedup)
		return;
	vu_dedup_store_fini(&dedup->store);
	uv_mutex_destroy(&dedup->lock);
	free(dedup);
}

static int64_t now_us(const vu_dedup *dedup)
{
	return dedup->clock.monotonic_us(dedup->clock.context);
}

static vu_dedup_key key_of(const vu_rpc_call *call)
{
	vu_dedup_key key;
	memcpy(key.request_id, vu_rpc_request_id(call), VU_ID_BYTES);
	key.method = vu_rpc_method_descriptor(call);
	key.uid = vu_rpc_peer_uid(call);
	return key;
}

bool vu_dedup_begin(vu_dedup *dedup, vu_rpc_call *call)
{
	vu_dedup_key key = key_of(call);
	vu_dedup_entry *entry;
	uint8_t *answer = NULL;
	size_t answer_bytes = 0;
	bool is_first = false;
	bool is_answered = false;
	bool is_refused = false;

	uv_mutex_lock(&dedup->lock);
	entry = vu_dedup_store_find(&dedup->store, &key, now_us(dedup));
	if (!entry) {
		entry = vu_dedup_store_add(&dedup->store, &key, now_us(dedup));
		is_first = entry != NULL;
		is_refused = !entry;
	} else if (entry->finished) {
		/* A copy, since the entry may be forgotten while it is sent. */
		answer_bytes = entry->answer_bytes;
		answer = malloc(answer_bytes + 1);
		if (answer && answer_bytes > 0)
			memcpy(answer, entry->answer, answer_bytes);
		is_answered = answer != NULL;
		is_refused = !answer;
	} else if (entry->waiter_count < VU_DEDUP_WAITERS_MAX) {
		entry->waiters[entry->waiter_count++] = call;
	} else {
		is_refused = true;
	}
	uv_mutex_unlock(&dedup->lock);

	if (is_answered)
		vu_call_reply_packed(call, answer, answer_bytes);
	else if (is_refused)
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED,
		            "unable to take the request: too many of its kind are being worked on");
	free(answer);
	return is_first;
}

/* Takes the waiters out of the call's entry and returns their number; the entry, or NULL. With the lock held. */
static vu_dedup_entry *take_waiters(vu_dedup *dedup, const vu_rpc_call *call, vu_rpc_call **waiters,
                                    unsigned *count_out)
{
	vu_dedup_key key = key_of(call);
	vu_dedup_entry *entry = vu_dedup_store_find(&dedup->store, &key, now_us(dedup));

	*count_out = entry ? entry->waiter_count : 0;
	for (unsigned i = 0; i < *count_out; i++)
		waiters[i] = entry->waiters[i];
	if (entry)
		entry->waiter_count = 0;
	return entry;
}

void vu_dedup_reply(vu_dedup *dedup, vu_rpc_call *call, const ProtobufCMessage *response)
{
	vu_rpc_call *waiters[VU_DEDUP_WAITERS_MAX];
	unsigned waiter_count;
	size_t bytes = protobuf_c_message_get_packed_size(response);
	uint8_t *packed = malloc(bytes + 1);
	vu_dedup_entry *entry;

	if (packed)
		protobuf_c_message_pack(response, packed);
	uv_mutex_lock(&dedup->lock);
	entry = take_waiters(dedup, call, waiters, &waiter_count);
	if (entry && packed)
		vu_dedup_store_finish(&dedup->store, entry, packed, bytes, now_us(dedup));
	else if (entry)
		vu_dedup_store_remove(&dedup->store, entry);
	uv_mutex_unlock(&dedup->lock);
	if (!entry)
		free(packed);
	for (unsigned i = 0; i < waiter_count; i++)
		vu_rpc_reply(waiters[i], response);
	vu_rpc_reply(call, response);
}

void vu_dedup_fail(vu_dedup *dedup, vu_rpc_call *call, const vu_error *error)
{
	vu_rpc_call *waiters[VU_DEDUP_WAITERS_MAX];
	unsigned waiter_count;
	vu_dedup_entry *entry;

	uv_mutex_lock(&dedup->lock);
	entry = take_waiters(dedup, call, waiters, &waiter_count);
	if (entry)
		vu_dedup_store_remove(&dedup->store, entry);
	uv_mutex_unlock(&dedup->lock);
	for (unsigned i = 0; i < waiter_count; i++)
		vu_rpc_fail_error(waiters[i], error);
	vu_rpc_fail_error(call, error);
}

void vu_dedup_usage(vu_dedup *dedup, size_t *entries_out, size_t *bytes_out)
{
	uv_mutex_lock(&dedup->lock);
	*entries_out = dedup->store.entries;
	*bytes_out = dedup->store.bytes;
	uv_mutex_unlock(&dedup->lock);
}
