/* See capture_aid.h. Whatever goes wrong here ends the test program. */
#include "capture_aid.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_faulty(const capture_aid *aid, capture_aid_fault fault, uint64_t offset)
{
	return aid->fault == fault && offset >= aid->fault_from;
}

static void fill_info(const capture_aid *aid, uint64_t offset, uint64_t end, Vu__SessionInfo *info)
{
	vu__session_info__init(info);
	/* As if the audio arrived with the reads, and ended with the last. */
	info->total_samples = end;
	info->state = VU__SESSION_STATE__SESSION_SPEECH;
	if (end == aid->total && aid->fault != CAPTURE_AID_NEVER_ENDS) {
		info->state = VU__SESSION_STATE__SESSION_ENDED;
		info->end_reason = VU__END_REASON__END_OF_SPEECH;
		info->ended_us = 4242;
		info->speech_start = 100;
		info->speech_end = 900;
	}
	info->source = VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD;
	info->source_rate = 44100;
	if (is_faulty(aid, CAPTURE_AID_FAILED, offset)) {
		info->state = VU__SESSION_STATE__SESSION_FAILED;
		info->failure_status = VU_NOT_FOUND;
		info->failure = (char *)(uintptr_t) "unable to record: the microphone was unplugged";
	}
	if (is_faulty(aid, CAPTURE_AID_FAILED_MUTE, offset))
		info->state = VU__SESSION_STATE__SESSION_FAILED;
}

static void on_read(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	capture_aid *aid = context;
	const Vu__ReadRequest *request = (const void *)message;
	Vu__ReadResponse response = VU__READ_RESPONSE__INIT;
	Vu__SessionInfo info;
	size_t left, take;

	atomic_fetch_add(&aid->reads, 1);
	if (atomic_load(&aid->unavailable) > 0) {
		atomic_fetch_sub(&aid->unavailable, 1);
		vu_rpc_fail(call, VU_UNAVAILABLE, "restarting");
		return;
	}
	if (is_faulty(aid, CAPTURE_AID_NOT_FOUND, request->offset) || request->offset > aid->total) {
		vu_rpc_fail(call, VU_NOT_FOUND, "unable to read session %s: there is none", request->session_id);
		return;
	}
	left = aid->total - (size_t)request->offset;
	take = left < aid->chunk ? left : aid->chunk;
	if (take > request->max_samples)
		take = request->max_samples;
	if (left == 0 && aid->fault == CAPTURE_AID_NEVER_ENDS)
		usleep(request->wait_ms * 1000);
	fill_info(aid, request->offset, request->offset + take, &info);
	response.info = &info;
	response.offset = request->offset;
	/* Little-endian on the wire; so is every machine that runs these tests. */
	response.pcm_s16le.data = (uint8_t *)(uintptr_t)(aid->samples + request->offset);
	response.pcm_s16le.len = 2 * take;
	if (is_faulty(aid, CAPTURE_AID_NO_INFO, request->offset))
		response.info = NULL;
	if (is_faulty(aid, CAPTURE_AID_ODD_BYTES, request->offset))
		response.pcm_s16le.len--;
	if (is_faulty(aid, CAPTURE_AID_WRONG_OFFSET, request->offset))
		response.offset++;
	if (is_faulty(aid, CAPTURE_AID_MORE_THAN_ALL, request->offset))
		info.total_samples--;
	if (is_faulty(aid, CAPTURE_AID_WITHHELD, request->offset)) {
		info.state = VU__SESSION_STATE__SESSION_ENDED;
		info.total_samples = aid->total;
		response.pcm_s16le.len = 0;
	}
	vu_rpc_reply(call, &response.base);
}

static const vu_rpc_method METHODS[] = {{"Read", on_read, VU_RPC_IDEMPOTENT}};

static void serve(capture_aid *aid)
{
	vu_rpc_server_config config = {.service = "capture", .endpoint = &aid->endpoint};
	vu_error error = {VU_OK, ""};

	aid->service.descriptor = &vu__capture__descriptor;
	aid->service.methods = METHODS;
	aid->service.method_count = 1;
	aid->service.context = aid;
	if (vu_rpc_server_create(&config, &aid->server, &error) != VU_OK ||
	    vu_rpc_server_add(aid->server, &aid->service, &error) != VU_OK ||
	    vu_rpc_server_listen(aid->server, &error) != VU_OK)
		vu_log_panic("unable to serve as capture: %s", error.message);
}

void capture_aid_start(capture_aid *aid, const int16_t *samples, size_t total, size_t chunk)
{
	vu_error error;

	memset(aid, 0, sizeof *aid);
	aid->samples = samples;
	aid->total = total;
	aid->chunk = chunk;
	test_folder_create(aid->folder);
	if (vu_endpoint_local(aid->folder, "capture", &aid->endpoint, &error) != VU_OK)
		vu_log_panic("%s", error.message);
	serve(aid);
}

static void end(capture_aid *aid)
{
	if (vu_rpc_server_drain(aid->server, 5000) != 0)
		vu_log_panic("calls are left in the server");
	vu_rpc_server_destroy(aid->server);
}

void capture_aid_restart(capture_aid *aid)
{
	end(aid);
	serve(aid);
}

void capture_aid_stop(capture_aid *aid)
{
	end(aid);
	test_folder_remove(aid->folder);
}

vu_channel *capture_aid_channel(const capture_aid *aid)
{
	vu_channel_config config = {
	    .service = "capture", .caller = "test", .endpoints = &aid->endpoint, .endpoint_count = 1};
	vu_channel *channel;
	vu_error error;

	if (vu_channel_create(&config, &channel, &error) != VU_OK)
		vu_log_panic("%s", error.message);
	return channel;
}
