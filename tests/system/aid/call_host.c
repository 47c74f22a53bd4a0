/*
 * Calls a service on another host, for tests: as any service would, or as
 * somebody who has got hold of bytes that went over the wire.
 *
 * usage: call_host call FOLDER URI METHOD [TIMEOUT_MS]   prints "OK" or "STATUS: message"; exit code: the status
 *        call_host loop FOLDER URI FILE                  calls while FILE is there; prints "CALLS calls, LOST lost"
 *        call_host wire FOLDER URI                       replays, reorders and edits frames; a line each
 *        call_host bare FOLDER URI                       without a certificate: prints "connected" or "refused"
 *
 * FOLDER is a tls folder as vu-pki makes it, URI one or several endpoints with
 * commas between, METHOD a full name; what is sent is empty.
 */
#include "base/clock.h"
#include "rpc/channel.h"
#include "rpc/credentials.h"
#include "rpc/frame.h"
#include "rpc/session.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEALTH      "/grpc.health.v1.Health/Check"
#define ENDPOINTS   4
#define TIMEOUT_US  INT64_C(30000000)
#define WIRE_MS     5000
#define PAUSE_US    20000
#define FRAME_BYTES (VU_SESSION_ENVELOPE_BYTES + VU_FRAME_HEAD_BYTES_MAX)

/* Ends without closing sockets, as every short-lived client does. */
static _Noreturn void leave(int code)
{
	fflush(NULL);
	_exit(code);
}

static _Noreturn void die(const char *what, const vu_error *error)
{
	fprintf(stderr, "call_host: %s: %s\n", what, error ? error->message : "failed");
	leave(70);
}

static vu_channel *open_channel(const char *folder, char *uris)
{
	vu_endpoint endpoints[ENDPOINTS];
	vu_channel_config config = {.service = "models", .caller = "orchestrator", .endpoints = endpoints};
	vu_channel *channel;
	vu_error error;
	char *rest = NULL;

	for (char *uri = strtok_r(uris, ",", &rest); uri && config.endpoint_count < ENDPOINTS;
	     uri = strtok_r(NULL, ",", &rest)) {
		if (vu_endpoint_parse(uri, &endpoints[config.endpoint_count++], &error) != VU_OK)
			die(uri, &error);
	}
	if (vu_credentials_load(folder, &config.credentials, &error) != VU_OK ||
	    vu_channel_create(&config, &channel, &error) != VU_OK)
		die(folder, &error);
	return channel;
}

static vu_status call(vu_channel *channel, const char *method, int64_t timeout_us, vu_error *error)
{
	vu_call_options options = {.timeout_us = timeout_us, .idempotent = true, .wait_for_ready = true};
	uint8_t *response;
	size_t bytes;
	vu_status status = vu_channel_call_bytes(channel, method, NULL, 0, &response, &bytes, &options, error);

	free(response);
	return status;
}

static int run_call(const char *folder, char *uris, const char *method, int64_t timeout_us)
{
	vu_error error = {VU_OK, ""};
	vu_status status = call(open_channel(folder, uris), method, timeout_us, &error);

	if (status == VU_OK)
		puts("OK");
	else
		printf("%s: %s\n", vu_status_name(status), error.message);
	return (int)status;
}

static int run_loop(const char *folder, char *uris, const char *file)
{
	vu_channel *channel = open_channel(folder, uris);
	unsigned calls = 0;
	unsigned lost = 0;

	while (access(file, F_OK) == 0) {
		vu_error error = {VU_OK, ""};
		calls++;
		if (call(channel, HEALTH, TIMEOUT_US, &error) != VU_OK) {
			fprintf(stderr, "lost: %s\n", error.message);
			lost++;
		}
		usleep(PAUSE_US);
	}
	printf("%u calls, %u lost\n", calls, lost);
	return lost > 0;
}

/* ---- on the wire ---- */

static void dial(const char *uri, nng_tls_config *tls, nng_socket *socket)
{
	nng_dialer dialer;

	if (nng_req0_open(socket) != 0 || nng_socket_set_ms(*socket, NNG_OPT_RECVTIMEO, WIRE_MS) != 0 ||
	    nng_socket_set_ms(*socket, NNG_OPT_SENDTIMEO, WIRE_MS) != 0 ||
	    nng_dialer_create(&dialer, *socket, uri) != 0 ||
	    nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, tls) != 0 ||
	    nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) != 0)
		die("unable to dial", NULL);
}

/* Bytes out and bytes in; NULL when nothing came. */
static nng_msg *exchange(nng_socket socket, const uint8_t *data, size_t bytes)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, bytes) != 0)
		die("no memory", NULL);
	memcpy(nng_msg_body(msg), data, bytes);
	if (nng_sendmsg(socket, msg, 0) != 0) {
		nng_msg_free(msg);
		return NULL;
	}
	return nng_recvmsg(socket, &msg, 0) == 0 ? msg : NULL;
}

static size_t make_frame(const vu_session *session, uint64_t number, uint8_t frame[FRAME_BYTES])
{
	vu_request_header header = {
	    .method = {(const uint8_t *)HEALTH, strlen(HEALTH)}, .timeout_us = WIRE_MS * 1000, .attempt = 1};
	size_t bytes = vu_frame_write_request(frame + VU_SESSION_ENVELOPE_BYTES, &header);

	vu_session_seal(session, 0, number, frame, VU_SESSION_ENVELOPE_BYTES + bytes);
	return VU_SESSION_ENVELOPE_BYTES + bytes;
}

/* What the server makes of a frame that says to have this number. */
static void try_frame(const char *name, nng_socket socket, const vu_session *session, uint64_t number,
                      const uint8_t *frame, size_t bytes)
{
	nng_msg *msg = exchange(socket, frame, bytes);
	const char *outcome = "no answer";
	vu_span answer;
	vu_error error;

	if (msg && vu_session_kind_of(nng_msg_body(msg), nng_msg_len(msg)) == VU_SESSION_REFUSED)
		outcome = "refused";
	else if (msg && vu_session_open_response(session, 0, number, nng_msg_body(msg), nng_msg_len(msg), &answer,
	                                         &error) == VU_OK)
		outcome = "answered";
	printf("%s: %s\n", name, outcome);
}

static int run_wire(const char *folder, const char *uri)
{
	vu_endpoint endpoint;
	vu_credentials *credentials;
	vu_session *session;
	nng_tls_config *tls;
	nng_socket socket;
	nng_msg *msg;
	uint8_t hello[VU_SESSION_HELLO_BYTES_MAX];
	uint8_t first[FRAME_BYTES], second[FRAME_BYTES], third[FRAME_BYTES], fourth[FRAME_BYTES];
	size_t bytes;
	vu_error error;

	if (vu_endpoint_parse(uri, &endpoint, &error) != VU_OK ||
	    vu_credentials_load(folder, &credentials, &error) != VU_OK ||
	    vu_credentials_tls(credentials, endpoint.host, &tls, &error) != VU_OK ||
	    vu_session_offer(credentials, hello, &bytes, &session, &error) != VU_OK)
		die("unable to begin", &error);
	dial(uri, tls, &socket);
	msg = exchange(socket, hello, bytes);
	if (!msg || vu_session_complete(session, nng_msg_body(msg), nng_msg_len(msg), &error) != VU_OK)
		die("no session", msg ? &error : NULL);
	bytes = make_frame(session, 1, first);
	make_frame(session, 2, second);
	make_frame(session, 3, third);
	make_frame(session, 4, fourth);
	try_frame("first", socket, session, 1, first, bytes);
	try_frame("replayed", socket, session, 1, first, bytes);
	try_frame("third", socket, session, 3, third, bytes);
	try_frame("overtaken", socket, session, 2, second, bytes);
	fourth[bytes - 1] ^= 1;
	try_frame("edited", socket, session, 4, fourth, bytes);
	fourth[bytes - 1] ^= 1;
	try_frame("as it was", socket, session, 4, fourth, bytes);
	return 0;
}

static int run_bare(const char *folder, const char *uri)
{
	char path[4096];
	char authority[16384];
	nng_tls_config *tls;
	nng_socket socket;
	nng_msg *msg;
	FILE *file;
	size_t bytes;

	snprintf(path, sizeof path, "%s/ca.pem", folder);
	file = fopen(path, "r");
	if (!file)
		die(path, NULL);
	bytes = fread(authority, 1, sizeof authority - 1, file);
	fclose(file);
	authority[bytes] = '\0';
	if (nng_tls_config_alloc(&tls, NNG_TLS_MODE_CLIENT) != 0 ||
	    nng_tls_config_ca_chain(tls, authority, NULL) != 0)
		die("unable to set up TLS", NULL);
	dial(uri, tls, &socket);
	(void)nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, 1500);
	if (nng_msg_alloc(&msg, 4) != 0)
		die("no memory", NULL);
	puts(nng_sendmsg(socket, msg, 0) == 0 ? "connected" : "refused");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[1], "call") == 0)
		leave(run_call(argv[2], argv[3], argv[4], argc > 5 ? atoll(argv[5]) * 1000 : TIMEOUT_US));
	if (argc == 5 && strcmp(argv[1], "loop") == 0)
		leave(run_loop(argv[2], argv[3], argv[4]));
	if (argc == 4 && strcmp(argv[1], "wire") == 0)
		leave(run_wire(argv[2], argv[3]));
	if (argc == 4 && strcmp(argv[1], "bare") == 0)
		leave(run_bare(argv[2], argv[3]));
	fputs("usage: call_host call|loop|wire|bare FOLDER URI …\n", stderr);
	return 2;
}
