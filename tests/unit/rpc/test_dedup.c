/* Retried requests are answered once: the store by itself, then through a server. */
#include "rpc_aid.h"

#include "rpc/dedup_store.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000

/* ---- the store ---- */

static vu_dedup_key key_of(unsigned number)
{
	vu_dedup_key key;
	memset(&key, 0, sizeof key);
	memcpy(key.request_id, &number, sizeof number);
	return key;
}

static vu_dedup_entry *add_finished(vu_dedup_store *store, unsigned number, size_t bytes, int64_t now_us)
{
	vu_dedup_key key = key_of(number);
	vu_dedup_entry *entry = vu_dedup_store_add(store, &key, now_us);
	assert_non_null(entry);
	vu_dedup_store_finish(store, entry, malloc(bytes + 1), bytes, now_us);
	return entry;
}

static bool has(vu_dedup_store *store, unsigned number, int64_t now_us)
{
	vu_dedup_key key = key_of(number);
	return vu_dedup_store_find(store, &key, now_us) != NULL;
}

static void the_oldest_finished_is_forgotten_first(void **state)
{
	vu_dedup_store store;
	vu_dedup_key first = key_of(1);
	(void)state;

	assert_int_equal(vu_dedup_store_init(&store, 3, 1000, 100), VU_OK);
	assert_non_null(vu_dedup_store_add(&store, &first, 0)); /* stays unfinished */
	add_finished(&store, 2, 1, 0);
	add_finished(&store, 3, 1, 0);
	add_finished(&store, 4, 1, 0);
	assert_true(has(&store, 1, 0));
	assert_false(has(&store, 2, 0));
	assert_true(has(&store, 3, 0));
	assert_true(has(&store, 4, 0));
	assert_int_equal(store.entries, 3);
	vu_dedup_store_fini(&store);
}

static void unfinished_ones_are_never_forgotten(void **state)
{
	vu_dedup_store store;
	vu_dedup_key key;
	(void)state;

	assert_int_equal(vu_dedup_store_init(&store, 2, 1000, 100), VU_OK);
	key = key_of(1);
	assert_non_null(vu_dedup_store_add(&store, &key, 0));
	key = key_of(2);
	assert_non_null(vu_dedup_store_add(&store, &key, 0));
	key = key_of(3);
	assert_null(vu_dedup_store_add(&store, &key, 1000000));
	assert_true(has(&store, 1, 1000000));
	vu_dedup_store_fini(&store);
}

static void age_counts_from_the_answer(void **state)
{
	vu_dedup_store store;
	vu_dedup_key key = key_of(9);
	(void)state;

	assert_int_equal(vu_dedup_store_init(&store, 10, 1000, 100), VU_OK);
	add_finished(&store, 1, 5, 50);
	assert_true(has(&store, 1, 150));
	assert_false(has(&store, 1, 151));
	assert_int_equal(store.entries, 0);
	assert_int_equal(store.bytes, 0);
	add_finished(&store, 2, 5, 200);
	/* Adding clears out what is too old. */
	assert_non_null(vu_dedup_store_add(&store, &key, 400));
	assert_int_equal(store.entries, 1);
	vu_dedup_store_fini(&store);
}

static void bytes_are_bounded(void **state)
{
	vu_dedup_store store;
	(void)state;

	assert_int_equal(vu_dedup_store_init(&store, 10, 100, 100), VU_OK);
	add_finished(&store, 1, 60, 0);
	add_finished(&store, 2, 40, 0);
	assert_int_equal(store.bytes, 100);
	add_finished(&store, 3, 1, 0);
	assert_false(has(&store, 1, 0));
	assert_true(has(&store, 2, 0));
	assert_int_equal(store.bytes, 41);
	/* One that is too large by itself is not kept and drives nobody else out in vain. */
	add_finished(&store, 4, 101, 0);
	assert_false(has(&store, 4, 0));
	assert_true(store.bytes <= 100);
	vu_dedup_store_fini(&store);
}

static void method_and_user_are_part_of_the_key(void **state)
{
	vu_dedup_store store;
	vu_dedup_key key = key_of(1);
	(void)state;

	assert_int_equal(vu_dedup_store_init(&store, 10, 100, 100), VU_OK);
	add_finished(&store, 1, 1, 0);
	assert_non_null(vu_dedup_store_find(&store, &key, 0));
	key.uid = 7;
	assert_null(vu_dedup_store_find(&store, &key, 0));
	key.uid = 0;
	key.method = &store;
	assert_null(vu_dedup_store_find(&store, &key, 0));
	vu_dedup_store_fini(&store);
}

/* ---- through a server ---- */

static rpc_aid aid;
static vu_channel *channel;
static vu_dedup *dedup;
static atomic_uint runs;
static atomic_uint fail_next;
static atomic_uint hold; /* 1: the handler waits until it is 0 */

static void on_enroll(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	Vu__EnrollResponse response = VU__ENROLL_RESPONSE__INIT;
	(void)context;
	(void)request;
	if (!vu_dedup_begin(dedup, call))
		return;
	response.samples = atomic_fetch_add(&runs, 1) + 1;
	while (atomic_load(&hold))
		usleep(1000);
	if (atomic_exchange(&fail_next, 0)) {
		vu_error error;
		vu_fail(&error, VU_DATA_LOSS, "the disk is full of dust");
		vu_dedup_fail(dedup, call, &error);
		return;
	}
	vu_dedup_reply(dedup, call, &response.base);
}

static const vu_rpc_method METHODS[] = {{"Enroll", on_enroll, 0}};
static const vu_rpc_service MODELS = {&vu__models__descriptor, METHODS, 1, NULL};

static int setup(void **state)
{
	vu_rpc_server_config config = {.service = "models", .endpoint = &aid.endpoint};
	vu_error error;
	(void)state;
	rpc_aid_init(&aid);
	atomic_store(&runs, 0);
	atomic_store(&hold, 0);
	atomic_store(&fail_next, 0);
	if (vu_dedup_create(NULL, &dedup) != VU_OK || vu_rpc_server_create(&config, &aid.server, &error) != VU_OK ||
	    vu_rpc_server_add(aid.server, &MODELS, &error) != VU_OK ||
	    vu_rpc_server_listen(aid.server, &error) != VU_OK)
		return 1;
	channel = rpc_aid_channel(&aid);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	atomic_store(&hold, 0);
	vu_channel_destroy(channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
	vu_dedup_destroy(dedup);
	return 0;
}

/* The run that answered, or 0 with *status_out. */
static unsigned enroll(const uint8_t *request_id, vu_status *status_out)
{
	Vu__EnrollRequest request = VU__ENROLL_REQUEST__INIT;
	Vu__EnrollResponse *response;
	vu_call_options options = {.timeout_us = 30 * SECOND, .request_id = request_id};
	vu_status status = vu_channel_call(channel, &vu__models__descriptor, "Enroll", &request.base,
	                                   (ProtobufCMessage **)&response, &options, NULL);
	unsigned run;
	if (status_out)
		*status_out = status;
	if (status)
		return 0;
	run = response->samples;
	protobuf_c_message_free_unpacked(&response->base, NULL);
	return run;
}

static void the_same_request_runs_once(void **state)
{
	uint8_t one[VU_ID_BYTES];
	uint8_t two[VU_ID_BYTES];
	size_t entries;
	size_t bytes;
	(void)state;

	vu_id_generate(one);
	vu_id_generate(two);
	assert_int_equal(enroll(one, NULL), 1);
	assert_int_equal(enroll(one, NULL), 1);
	assert_int_equal(enroll(two, NULL), 2);
	assert_int_equal(enroll(one, NULL), 1);
	assert_int_equal(atomic_load(&runs), 2);
	vu_dedup_usage(dedup, &entries, &bytes);
	assert_int_equal(entries, 2);
	assert_true(bytes > 0);
}

static void a_failure_is_not_remembered(void **state)
{
	uint8_t id[VU_ID_BYTES];
	vu_status status;
	(void)state;

	vu_id_generate(id);
	atomic_store(&fail_next, 1);
	assert_int_equal(enroll(id, &status), 0);
	assert_int_equal(status, VU_DATA_LOSS);
	assert_int_equal(enroll(id, &status), 2);
}

typedef struct enrolling {
	pthread_t thread;
	const uint8_t *id;
	unsigned run;
	vu_status status;
} enrolling;

static void *run_enrolling(void *argument)
{
	enrolling *e = argument;
	e->run = enroll(e->id, &e->status);
	return NULL;
}

static void retries_wait_for_the_one_that_runs(void **state)
{
	uint8_t id[VU_ID_BYTES];
	enrolling all[4];
	vu_rpc_server_stats stats;
	(void)state;

	vu_id_generate(id);
	atomic_store(&hold, 1);
	for (int i = 0; i < 4; i++) {
		all[i].id = id;
		assert_int_equal(pthread_create(&all[i].thread, NULL, run_enrolling, &all[i]), 0);
	}
	for (int i = 0; i < 10000; i++) {
		vu_rpc_server_get_stats(aid.server, &stats);
		if (stats.in_flight == 4)
			break;
		usleep(1000);
	}
	assert_true(rpc_aid_wait_for(&runs, 1));
	atomic_store(&hold, 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(all[i].thread, NULL);
		assert_int_equal(all[i].run, 1);
	}
	assert_int_equal(atomic_load(&runs), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_oldest_finished_is_forgotten_first),
	    cmocka_unit_test(unfinished_ones_are_never_forgotten),
	    cmocka_unit_test(age_counts_from_the_answer),
	    cmocka_unit_test(bytes_are_bounded),
	    cmocka_unit_test(method_and_user_are_part_of_the_key),
	    cmocka_unit_test_setup_teardown(the_same_request_runs_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failure_is_not_remembered, setup, teardown),
	    cmocka_unit_test_setup_teardown(retries_wait_for_the_one_that_runs, setup, teardown),
	};
	rpc_aid_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
