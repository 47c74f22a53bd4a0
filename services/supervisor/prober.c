/*
 * Health checks, cleanups and reloads. A check that failed is judged only when
 * this process had its fair share of time: on a machine that stood still
 * (sleep, heavy swapping) our own timeouts fire late for everybody, and killing
 * services for it would make things worse.
 */
#include "prober.h"

#include "base/clock.h"
#include "base/log.h"
#include "rpc/channel.h"

#include "grpc/health/v1/health.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"

#include <stdlib.h>

/* How late a timeout may be noticed until the check is not held against the service. */
#define UNFAIR_DELAY_US (150 * 1000LL)

struct vu_prober {
	uv_loop_t *loop;
	vu_service_id id;
	vu_channel *channel;
	vu_prober_answer answer;
	void *context;
	int64_t timeout_us;
	uv_work_t check_work;
	uv_work_t cleanup_work;
	bool checking;
	bool cleaning;
	unsigned tag;
	vu_health health; /* written by the pool's thread, read after it has ended */
};

vu_status vu_prober_create(uv_loop_t *loop, vu_service_id id, const vu_placement *placement,
                           vu_credentials *credentials, vu_prober_answer answer, void *context,
                           vu_prober **prober_out, vu_error *error)
{
	vu_channel_config config = {
	    .service = vu_service_name(id),
	    .caller = "supervisor",
	    .endpoints = placement->here ? &placement->local : placement->call,
	    .endpoint_count = placement->here ? 1 : placement->call_count,
	    .credentials = credentials,
	    .concurrency_max = 4, /* a check, a cleanup, a reload, the care of models */
	};
	vu_status status;
	vu_prober *prober = calloc(1, sizeof *prober);

	if (!prober)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to watch %s: out of memory", config.service);
	prober->loop = loop;
	prober->id = id;
	prober->answer = answer;
	prober->context = context;
	prober->timeout_us = placement->here ? VU_HEALTH_TIMEOUT_US : VU_HEALTH_TIMEOUT_ELSEWHERE_US;
	status = vu_channel_create(&config, &prober->channel, error);
	if (status != VU_OK) {
		free(prober);
		return status;
	}
	prober->check_work.data = prober;
	prober->cleanup_work.data = prober;
	*prober_out = prober;
	return VU_OK;
}

static void check_health(uv_work_t *work)
{
	vu_prober *prober = work->data;
	VuHealth__HealthCheckRequest request = VU_HEALTH__HEALTH_CHECK_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	vu_call_options options = {.timeout_us = prober->timeout_us, .wait_for_ready = true, .idempotent = true};
	int64_t started_us = vu_clock_monotonic_us();
	vu_status status = vu_channel_call(prober->channel, &vu_health__health__descriptor, "Check", &request.base,
	                                   &response, &options, NULL);

	if (status == VU_OK) {
		const VuHealth__HealthCheckResponse *answer = (const VuHealth__HealthCheckResponse *)response;
		prober->health = answer->status == VU_HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
		                     ? VU_HEALTH_SERVING
		                     : VU_HEALTH_NOT_SERVING;
		protobuf_c_message_free_unpacked(response, NULL);
	} else if (vu_clock_monotonic_us() - started_us > prober->timeout_us + UNFAIR_DELAY_US) {
		prober->health = VU_HEALTH_UNJUDGED;
	} else {
		prober->health = VU_HEALTH_MISSED;
	}
}

static void deliver_health(uv_work_t *work, int result)
{
	vu_prober *prober = work->data;
	(void)result;
	prober->checking = false;
	prober->answer(prober->context, prober->health, prober->tag);
}

bool vu_prober_check(vu_prober *prober, unsigned tag)
{
	if (prober->checking)
		return false;
	prober->tag = tag;
	prober->checking = uv_queue_work(prober->loop, &prober->check_work, check_health, deliver_health) == 0;
	return prober->checking;
}

static void clean_up(uv_work_t *work)
{
	vu_prober *prober = work->data;
	Vu__CleanupRequest request = VU__CLEANUP_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	vu_call_options options = {.timeout_us = VU_CLEANUP_TIMEOUT_US, .idempotent = true};
	vu_error error = {0};

	request.aggressive = 1;
	request.keep_recent = 1;
	if (vu_channel_call(prober->channel, &vu__process__descriptor, "Cleanup", &request.base, &response, &options,
	                    &error) == VU_OK) {
		const Vu__CleanupResponse *answer = (const Vu__CleanupResponse *)response;
		vu_log_info("%s gave memory back: %llu KB resident before, %llu KB after",
		            vu_service_name(prober->id), (unsigned long long)(answer->rss_before_bytes >> 10),
		            (unsigned long long)(answer->rss_after_bytes >> 10));
		protobuf_c_message_free_unpacked(response, NULL);
	} else {
		vu_log_warn("unable to make %s give memory back: %s", vu_service_name(prober->id), error.message);
	}
}

static void end_cleanup(uv_work_t *work, int result)
{
	vu_prober *prober = work->data;
	(void)result;
	prober->cleaning = false;
}

bool vu_prober_cleanup(vu_prober *prober)
{
	if (prober->cleaning)
		return false;
	prober->cleaning = uv_queue_work(prober->loop, &prober->cleanup_work, clean_up, end_cleanup) == 0;
	return prober->cleaning;
}

vu_channel *vu_prober_channel(vu_prober *prober)
{
	return prober->channel;
}

vu_status vu_prober_reload(vu_prober *prober, int64_t timeout_us, vu_error *error)
{
	Vu__Empty request = VU__EMPTY__INIT;
	ProtobufCMessage *response = NULL;
	vu_call_options options = {.timeout_us = timeout_us, .idempotent = true};
	vu_status status = vu_channel_call(prober->channel, &vu__process__descriptor, "Reload", &request.base,
	                                   &response, &options, error);

	if (status == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
	return status;
}
