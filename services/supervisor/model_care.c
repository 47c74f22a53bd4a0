/*
 * One job at a time. What fails is left: a list that could not be fetched stays
 * the one before, and a model that is not preloaded is loaded when it is needed.
 */
#include "model_care.h"

#include "base/clock.h"
#include "base/log.h"

#include "voiceunlock/v1/models.pb-c.h"

#include <stdlib.h>

#define ASK_TIMEOUT_US     (500 * 1000LL)
#define PRELOAD_TIMEOUT_US (5 * 1000000LL)

struct vu_model_care {
	uv_loop_t *loop;
	vu_channel *channel;
	uv_work_t work;
	bool busy;
	unsigned process; /* that the list is of; 0: none yet */
	int64_t fetched_us;
	/* What the job that runs is to do; the job's alone while busy. */
	bool preload;
	bool refuse_loads;
	bool fetch;
	Vu__HotResponse *hot; /* NULL: nothing is known to be loaded */
};

vu_status vu_model_care_create(uv_loop_t *loop, vu_channel *channel, vu_model_care **care_out, vu_error *error)
{
	vu_model_care *care = calloc(1, sizeof *care);

	if (!care)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to care for models: out of memory");
	care->loop = loop;
	care->channel = channel;
	care->work.data = care;
	*care_out = care;
	return VU_OK;
}

static vu_status ask(vu_model_care *care, const char *method, const ProtobufCMessage *request, int64_t timeout_us,
                     ProtobufCMessage **response_out, vu_error *error)
{
	vu_call_options options = {.timeout_us = timeout_us, .idempotent = true};

	return vu_channel_call(care->channel, &vu__models__descriptor, method, request, response_out, &options,
	                       error);
}

static void forget(vu_model_care *care)
{
	if (care->hot)
		vu__hot_response__free_unpacked(care->hot, NULL);
	care->hot = NULL;
}

/* Once per process: should loading them kill it again, the next one begins with none. */
static void preload(vu_model_care *care)
{
	Vu__PreloadRequest request = VU__PRELOAD_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	vu_error error = {0};
	vu_status status;

	if (!care->hot || care->hot->n_keys == 0)
		return;
	request.n_keys = care->hot->n_keys;
	request.keys = care->hot->keys;
	status = ask(care, "Preload", &request.base, PRELOAD_TIMEOUT_US, &response, &error);
	if (status == VU_OK) {
		vu_log_info("models has loaded %u of the %zu models again that it had before",
		            ((const Vu__PreloadResponse *)response)->loaded, request.n_keys);
		protobuf_c_message_free_unpacked(response, NULL);
	} else {
		vu_log_warn("unable to have models loaded again: %s", error.message);
	}
	forget(care);
}

static void refuse_loads(vu_model_care *care)
{
	Vu__PressureRequest request = VU__PRESSURE_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	vu_error error = {0};

	request.refuse_loads = 1;
	if (ask(care, "SetPressure", &request.base, ASK_TIMEOUT_US, &response, &error) == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
	else
		vu_log_warn("unable to keep models from loading more: %s", error.message);
}

static void fetch(vu_model_care *care)
{
	Vu__HotRequest request = VU__HOT_REQUEST__INIT;
	ProtobufCMessage *response = NULL;

	request.limit = VU_HOT_MAX;
	if (ask(care, "Hot", &request.base, ASK_TIMEOUT_US, &response, NULL) != VU_OK)
		return;
	forget(care);
	care->hot = (Vu__HotResponse *)response;
}

static void run(uv_work_t *work)
{
	vu_model_care *care = work->data;

	if (care->refuse_loads)
		refuse_loads(care);
	if (care->preload)
		preload(care);
	if (care->fetch)
		fetch(care);
}

static void finish(uv_work_t *work, int result)
{
	vu_model_care *care = work->data;
	(void)result;
	care->busy = false;
}

void vu_model_care_attend(vu_model_care *care, unsigned process, bool refuse)
{
	int64_t now_us = vu_clock_monotonic_us();

	if (care->busy)
		return;
	care->refuse_loads = refuse;
	care->preload = care->process != 0 && care->process != process && !refuse;
	care->fetch = now_us - care->fetched_us >= VU_HOT_INTERVAL_US;
	if (!care->refuse_loads && !care->preload && !care->fetch)
		return;
	if (care->fetch)
		care->fetched_us = now_us;
	care->process = process;
	care->busy = uv_queue_work(care->loop, &care->work, run, finish) == 0;
}
