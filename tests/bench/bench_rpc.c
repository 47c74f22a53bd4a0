/*
 * Round trips over common/rpc against bare NNG req/rep.
 *
 * Both sides serve from a process of their own; client and servers share one
 * CPU. The two are measured in alternating blocks of one run, so that whatever
 * disturbs the machine disturbs both. The bare client does the least that can
 * be done: one context and aio, the payload copied into a message, no timeout;
 * its server answers from the callback. Reported: the median round trip.
 *
 *   rpc_64b    64 bytes up, 64 bytes down
 *   rpc_128k   128 KiB up, 64 bytes down
 *
 * Prints one JSON object per line: name, value (ours), unit, baseline (bare),
 * ratio.
 */
#include "base/log.h"
#include "platform/platform.h"
#include "rpc/channel.h"
#include "rpc/server.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES    64
#define BLOCKS          40
#define WARM_UP_CALLS   500
#define SERVER_CONTEXTS 8
#define TIMEOUT_US      5000000

/* ---- servers: this program again, with an argument ---- */

static void on_identify(void *context, vu_rpc_call *call, const ProtobufCMessage *request)
{
	/* Tag and length take two bytes of the answer. */
	static char name[ANSWER_BYTES - 2 + 1];
	Vu__IdentifyResponse response = VU__IDENTIFY_RESPONSE__INIT;
	(void)context;
	(void)request;
	if (!name[0])
		memset(name, 'a', sizeof name - 1);
	response.user = name;
	vu_rpc_reply(call, &response.base);
}

static void serve_rpc(const char *path)
{
	static const vu_rpc_method methods[] = {{"Identify", on_identify, VU_RPC_INLINE | VU_RPC_IDEMPOTENT}};
	static const vu_rpc_service service = {&vu__models__descriptor, methods, 1, NULL};
	vu_endpoint endpoint;
	vu_rpc_server_config config = {.service = "models", .endpoint = &endpoint};
	vu_rpc_server *server;
	vu_error error;
	char text[VU_ENDPOINT_URI_MAX];

	snprintf(text, sizeof text, "ipc://%s", path);
	if (vu_endpoint_parse(text, &endpoint, &error) != VU_OK ||
	    vu_rpc_server_create(&config, &server, &error) != VU_OK ||
	    vu_rpc_server_add(server, &service, &error) != VU_OK || vu_rpc_server_listen(server, &error) != VU_OK)
		vu_log_fatal("%s", error.message);
	pause();
}

typedef struct bare_context {
	nng_ctx context;
	nng_aio *aio;
	bool sending;
} bare_context;

static void on_bare(void *argument)
{
	bare_context *bare = argument;
	nng_msg *msg;

	if (nng_aio_result(bare->aio) != 0)
		vu_log_fatal("bare server: %s", nng_strerror(nng_aio_result(bare->aio)));
	if (bare->sending) {
		bare->sending = false;
		nng_ctx_recv(bare->context, bare->aio);
		return;
	}
	nng_msg_free(nng_aio_get_msg(bare->aio));
	if (nng_msg_alloc(&msg, ANSWER_BYTES) != 0)
		vu_log_fatal("bare server: no memory");
	memset(nng_msg_body(msg), 'a', ANSWER_BYTES);
	bare->sending = true;
	nng_aio_set_msg(bare->aio, msg);
	nng_ctx_send(bare->context, bare->aio);
}

static void serve_bare(const char *path)
{
	static bare_context contexts[SERVER_CONTEXTS];
	nng_socket socket;
	char url[VU_ENDPOINT_URI_MAX];

	snprintf(url, sizeof url, "ipc://%s", path);
	if (nng_rep0_open(&socket) != 0 ||
	    nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, VU_RPC_MESSAGE_BYTES_MAX) != 0)
		vu_log_fatal("bare server: unable to open a socket");
	for (int i = 0; i < SERVER_CONTEXTS; i++) {
		if (nng_aio_alloc(&contexts[i].aio, on_bare, &contexts[i]) != 0 ||
		    nng_ctx_open(&contexts[i].context, socket) != 0)
			vu_log_fatal("bare server: no memory");
		nng_ctx_recv(contexts[i].context, contexts[i].aio);
	}
	if (nng_listen(socket, url, NULL, 0) != 0)
		vu_log_fatal("bare server: unable to listen");
	pause();
}

static pid_t start_server(const char *executable, const char *kind, const char *path)
{
	pid_t child = fork();
	if (child < 0)
		vu_log_fatal("unable to start a server");
	if (child == 0) {
		execl(executable, executable, kind, path, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 5000 && access(path, F_OK) != 0; i++)
		usleep(1000);
	return child;
}

/* ---- clients ---- */

typedef struct bare_client {
	nng_ctx context;
	nng_aio *aio;
} bare_client;

static void open_bare_client(bare_client *client, const char *path)
{
	nng_socket socket;
	char url[VU_ENDPOINT_URI_MAX];
	snprintf(url, sizeof url, "ipc://%s", path);
	if (nng_req0_open(&socket) != 0 ||
	    nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, VU_RPC_MESSAGE_BYTES_MAX) != 0 ||
	    nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE) != 0 ||
	    nng_dial(socket, url, NULL, 0) != 0 || nng_ctx_open(&client->context, socket) != 0 ||
	    nng_aio_alloc(&client->aio, NULL, NULL) != 0)
		vu_log_fatal("bare client: unable to connect");
}

static void call_bare(bare_client *client, const void *payload, size_t bytes)
{
	nng_msg *msg;
	if (nng_msg_alloc(&msg, bytes) != 0)
		vu_log_fatal("bare client: no memory");
	memcpy(nng_msg_body(msg), payload, bytes);
	nng_aio_set_msg(client->aio, msg);
	nng_ctx_send(client->context, client->aio);
	nng_aio_wait(client->aio);
	if (nng_aio_result(client->aio) == 0) {
		nng_ctx_recv(client->context, client->aio);
		nng_aio_wait(client->aio);
	}
	if (nng_aio_result(client->aio) != 0)
		vu_log_fatal("bare client: %s", nng_strerror(nng_aio_result(client->aio)));
	msg = nng_aio_get_msg(client->aio);
	if (nng_msg_len(msg) != ANSWER_BYTES)
		vu_log_fatal("bare client: wrong answer");
	nng_msg_free(msg);
}

static void call_rpc(vu_channel *channel, const Vu__IdentifyRequest *request)
{
	Vu__IdentifyResponse *response;
	vu_call_options options = {.timeout_us = TIMEOUT_US, .idempotent = true};
	vu_error error;
	vu_status status = vu_channel_call(channel, &vu__models__descriptor, "Identify", &request->base,
	                                   (ProtobufCMessage **)&response, &options, &error);
	if (status != VU_OK || strlen(response->user) != ANSWER_BYTES - 2)
		vu_log_fatal("rpc client: %s", status ? error.message : "wrong answer");
	protobuf_c_message_free_unpacked(&response->base, NULL);
}

/* ---- measuring ---- */

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left;
	int64_t b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

static double median_us(int64_t *samples, size_t count)
{
	qsort(samples, count, sizeof *samples, compare);
	return (double)samples[count / 2] / 1000.0;
}

/* `payload_bytes` is the size of the request message as packed. */
static void measure(const char *name, vu_channel *channel, bare_client *bare, size_t payload_bytes,
                    int calls_per_block)
{
	size_t count = (size_t)calls_per_block * BLOCKS;
	int64_t *ours = malloc(count * sizeof *ours);
	int64_t *theirs = malloc(count * sizeof *theirs);
	uint8_t *payload = malloc(payload_bytes);
	Vu__IdentifyRequest request = VU__IDENTIFY_REQUEST__INIT;
	size_t taken = 0;
	double value;
	double baseline;

	if (!ours || !theirs || !payload)
		vu_log_fatal("no memory");
	memset(payload, 'x', payload_bytes);
	request.statistics.data = payload;
	request.statistics.len = payload_bytes;
	while (protobuf_c_message_get_packed_size(&request.base) > payload_bytes)
		request.statistics.len--;
	for (int i = 0; i < WARM_UP_CALLS; i++) {
		call_rpc(channel, &request);
		call_bare(bare, payload, payload_bytes);
	}
	for (int block = 0; block < BLOCKS; block++) {
		for (int i = 0; i < calls_per_block; i++) {
			int64_t began = now_ns();
			call_rpc(channel, &request);
			ours[taken + (size_t)i] = now_ns() - began;
		}
		for (int i = 0; i < calls_per_block; i++) {
			int64_t began = now_ns();
			call_bare(bare, payload, payload_bytes);
			theirs[taken + (size_t)i] = now_ns() - began;
		}
		taken += (size_t)calls_per_block;
	}
	value = median_us(ours, count);
	baseline = median_us(theirs, count);
	printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"us\",\"baseline\":%.2f,\"ratio\":%.3f}\n", name, value,
	       baseline, value / baseline);
	free(ours);
	free(theirs);
	free(payload);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/vu-bench-XXXXXX";
	char rpc_path[64];
	char bare_path[64];
	char lock_path[80];
	char text[VU_ENDPOINT_URI_MAX];
	char *executable = vu_platform_executable_path();
	vu_endpoint endpoint;
	vu_channel_config config = {
	    .service = "models", .caller = "bench", .endpoints = &endpoint, .endpoint_count = 1};
	vu_channel *channel;
	bare_client bare;
	vu_error error;
	pid_t servers[2];

	if (argc == 3) {
		if (strcmp(argv[1], "serve-rpc") == 0)
			serve_rpc(argv[2]);
		else
			serve_bare(argv[2]);
		return 0;
	}
	if (vu_platform_pin_to_one_cpu() != VU_OK)
		vu_log_warn("unable to stay on one CPU: figures will vary");
	if (!executable || !mkdtemp(folder))
		vu_log_fatal("unable to make a folder");
	snprintf(rpc_path, sizeof rpc_path, "%s/rpc.sock", folder);
	snprintf(bare_path, sizeof bare_path, "%s/bare.sock", folder);
	snprintf(lock_path, sizeof lock_path, "%s.lock", rpc_path);
	servers[0] = start_server(executable, "serve-rpc", rpc_path);
	servers[1] = start_server(executable, "serve-bare", bare_path);

	snprintf(text, sizeof text, "ipc://%s", rpc_path);
	if (vu_endpoint_parse(text, &endpoint, &error) != VU_OK ||
	    vu_channel_create(&config, &channel, &error) != VU_OK)
		vu_log_fatal("%s", error.message);
	open_bare_client(&bare, bare_path);
	measure("rpc_64b", channel, &bare, 64, 250);
	measure("rpc_128k", channel, &bare, 128 * 1024, 150);

	for (int i = 0; i < 2; i++) {
		kill(servers[i], SIGKILL);
		waitpid(servers[i], NULL, 0);
	}
	unlink(rpc_path);
	unlink(bare_path);
	unlink(lock_path);
	rmdir(folder);
	free(executable);
	return 0;
}
