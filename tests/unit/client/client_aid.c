/* The handlers of the suite for tests. */
#include "client_aid.h"

#include "rpc/endpoint.h"

#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void on_supervisor_status(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	Vu__SupervisorStatusResponse response = VU__SUPERVISOR_STATUS_RESPONSE__INIT;
	bool slow;

	(void)message;
	pthread_mutex_lock(&suite->mutex);
	slow = suite->slow_statuses > 0;
	suite->slow_statuses -= slow;
	pthread_mutex_unlock(&suite->mutex);
	if (slow)
		usleep(CLIENT_AID_SLOW_US);
	response.uptime_s = 1;
	vu_rpc_reply(call, &response.base);
}

static void on_open(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	const Vu__OpenSessionRequest *request = (const Vu__OpenSessionRequest *)message;
	Vu__OpenSessionResponse response = VU__OPEN_SESSION_RESPONSE__INIT;

	pthread_mutex_lock(&suite->mutex);
	suite->opened++;
	suite->sample_rate = request->sample_rate;
	suite->channels = request->channels;
	suite->format = request->format;
	suite->whole_upload = request->whole_upload;
	suite->audio_bytes = 0;
	suite->ended = false;
	pthread_mutex_unlock(&suite->mutex);
	response.session_id = request->session_id;
	response.sample_rate = 16000;
	vu_rpc_reply(call, &response.base);
}

static void on_append(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	const Vu__AppendRequest *request = (const Vu__AppendRequest *)message;
	Vu__AppendResponse response = VU__APPEND_RESPONSE__INIT;
	size_t frame_bytes, bytes = request->pcm.len;

	pthread_mutex_lock(&suite->mutex);
	if (suite->forget_sessions > 0) {
		suite->forget_sessions--;
		pthread_mutex_unlock(&suite->mutex);
		vu_rpc_fail(call, VU_NOT_FOUND, "there is no such session");
		return;
	}
	frame_bytes = suite->channels *
	              (suite->format == VU__SAMPLE_FORMAT__SAMPLE_FORMAT_S16LE ? sizeof(int16_t) : sizeof(float));
	if (request->offset_frames * frame_bytes == suite->audio_bytes &&
	    suite->audio_bytes + bytes <= CLIENT_AID_AUDIO_MAX) {
		if (suite->take_at_most > 0 && bytes > suite->take_at_most * frame_bytes)
			bytes = (size_t)suite->take_at_most * frame_bytes;
		if (bytes > 0)
			memcpy(suite->audio + suite->audio_bytes, request->pcm.data, bytes);
		suite->audio_bytes += bytes;
		suite->ended = request->last && bytes == request->pcm.len;
	} else {
		suite->rewinds++;
	}
	if (suite->lose_place_at > 0 && suite->audio_bytes >= suite->lose_place_at * frame_bytes) {
		suite->lose_place_at = 0;
		suite->audio_bytes = 0;
		suite->ended = false;
	}
	response.next_offset_frames = suite->audio_bytes / frame_bytes;
	response.enough = suite->enough_at > 0 && response.next_offset_frames >= suite->enough_at;
	pthread_mutex_unlock(&suite->mutex);
	vu_rpc_reply(call, &response.base);
}

static void on_get_session(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__SessionInfo response = VU__SESSION_INFO__INIT;

	(void)context;
	(void)message;
	response.level_dbfs = -20;
	response.speech_ms = 700;
	vu_rpc_reply(call, &response.base);
}

static void on_close(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	Vu__Empty response = VU__EMPTY__INIT;

	(void)message;
	pthread_mutex_lock(&suite->mutex);
	suite->closed++;
	pthread_mutex_unlock(&suite->mutex);
	vu_rpc_reply(call, &response.base);
}

static void on_authenticate(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	const Vu__AuthenticateRequest *request = (const Vu__AuthenticateRequest *)message;
	Vu__AuthenticateResponse response = VU__AUTHENTICATE_RESPONSE__INIT;
	char reason[] = "because";
	bool keep;

	pthread_mutex_lock(&suite->mutex);
	suite->authenticated++;
	snprintf(suite->authenticated_session, sizeof suite->authenticated_session, "%s", request->session_id);
	response.verdict = (Vu__Verdict)suite->verdict;
	keep = suite->keep_authenticate;
	pthread_mutex_unlock(&suite->mutex);
	while (keep && !vu_rpc_is_cancelled(call)) {
		usleep(1000);
		pthread_mutex_lock(&suite->mutex);
		keep = suite->keep_authenticate && suite->attempts_cancelled == 0;
		pthread_mutex_unlock(&suite->mutex);
	}
	/* Still kept: the caller's time is over. What is said in that very moment may yet reach him, so no verdict.
	 */
	if (keep) {
		vu_rpc_fail(call, VU_DEADLINE_EXCEEDED, "kept for too long");
		return;
	}
	response.attempt_id = request->attempt_id;
	response.user = request->user;
	response.reason = reason;
	response.score = 1.5;
	response.threshold = NAN;
	response.may_unlock = true;
	vu_rpc_reply(call, &response.base);
}

static void on_watch(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	const Vu__WatchAttemptRequest *request = (const Vu__WatchAttemptRequest *)message;
	Vu__WatchAttemptResponse response = VU__WATCH_ATTEMPT_RESPONSE__INIT;
	char session[] = "00112233445566778899aabbccddeeff";

	pthread_mutex_lock(&suite->mutex);
	response.phase = (Vu__AttemptPhase)suite->phase;
	pthread_mutex_unlock(&suite->mutex);
	if (response.phase == request->known)
		usleep(request->wait_ms * 1000);
	response.session_id = session;
	vu_rpc_reply(call, &response.base);
}

static void on_cancel_attempt(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	Vu__Empty response = VU__EMPTY__INIT;

	(void)message;
	pthread_mutex_lock(&suite->mutex);
	suite->attempts_cancelled++;
	pthread_mutex_unlock(&suite->mutex);
	vu_rpc_reply(call, &response.base);
}

static void on_begin(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__BeginEnrollmentRequest *request = (const Vu__BeginEnrollmentRequest *)message;
	Vu__BeginEnrollmentResponse response = VU__BEGIN_ENROLLMENT_RESPONSE__INIT;
	char first[] = "one", second[] = "two";
	char *phrases[] = {first, second};

	(void)context;
	if (strcmp(request->user, "taken") == 0 && !request->replace) {
		vu_rpc_fail(call, VU_ALREADY_EXISTS, "taken is enrolled already");
		return;
	}
	response.samples_wanted = 2;
	response.samples_max = 3;
	response.phrases = phrases;
	response.n_phrases = 2;
	vu_rpc_reply(call, &response.base);
}

static void on_add_sample(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	Vu__AddSampleResponse response = VU__ADD_SAMPLE_RESPONSE__INIT;

	(void)message;
	pthread_mutex_lock(&suite->mutex);
	response.samples = ++suite->samples;
	pthread_mutex_unlock(&suite->mutex);
	response.accepted = true;
	response.agreement = 0.5f;
	response.enough = response.samples >= 2;
	vu_rpc_reply(call, &response.base);
}

static void on_commit(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	Vu__EnrollResponse response = VU__ENROLL_RESPONSE__INIT;
	vu_status status;

	(void)message;
	pthread_mutex_lock(&suite->mutex);
	status = suite->commit_status;
	response.samples = suite->samples;
	pthread_mutex_unlock(&suite->mutex);
	if (status != VU_OK) {
		vu_rpc_fail(call, status, "too few good samples");
		return;
	}
	response.template_bytes = 4711;
	vu_rpc_reply(call, &response.base);
}

static void on_cancel_enrollment(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	Vu__Empty response = VU__EMPTY__INIT;

	(void)message;
	pthread_mutex_lock(&suite->mutex);
	suite->enrollments_cancelled++;
	pthread_mutex_unlock(&suite->mutex);
	vu_rpc_reply(call, &response.base);
}

static void on_history(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__HistoryRequest *request = (const Vu__HistoryRequest *)message;
	Vu__HistoryResponse response = VU__HISTORY_RESPONSE__INIT;
	Vu__Attempt attempt = VU__ATTEMPT__INIT;
	Vu__Attempt *attempts[] = {&attempt};
	char verdict[] = "accept";

	(void)context;
	attempt.user = request->user;
	attempt.verdict = verdict;
	attempt.time_us = request->limit;
	response.attempts = attempts;
	response.n_attempts = 1;
	vu_rpc_reply(call, &response.base);
}

static void on_list_users(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	client_aid *suite = context;
	const Vu__ListUsersRequest *request = (const Vu__ListUsersRequest *)message;
	Vu__ListUsersResponse response = VU__LIST_USERS_RESPONSE__INIT;
	Vu__UserInfo infos[3];
	Vu__UserInfo *users[3];
	char names[3][8];
	char first[] = "u000";
	unsigned next = 0;
	unsigned enrolled;
	bool circle_pages;

	pthread_mutex_lock(&suite->mutex);
	enrolled = suite->users;
	circle_pages = suite->circle_pages;
	pthread_mutex_unlock(&suite->mutex);
	if (*request->page_token && sscanf(request->page_token, "u%u", &next) == 1)
		next++;
	for (; response.n_users < 3 && next < enrolled; next++) {
		size_t at = response.n_users++;
		vu__user_info__init(&infos[at]);
		snprintf(names[at], sizeof names[at], "u%03u", next % 1000);
		infos[at].user = names[at];
		infos[at].samples = next;
		users[at] = &infos[at];
	}
	response.users = users;
	if (circle_pages)
		response.next_page_token = first;
	else if (next < enrolled)
		response.next_page_token = names[response.n_users - 1];
	vu_rpc_reply(call, &response.base);
}

static const vu_rpc_method SUPERVISOR_METHODS[] = {{"Status", on_supervisor_status, VU_RPC_IDEMPOTENT}};
static const vu_rpc_method CAPTURE_METHODS[] = {{"OpenSession", on_open, 0},
                                                {"Append", on_append, 0},
                                                {"GetSession", on_get_session, 0},
                                                {"CloseSession", on_close, 0}};
static const vu_rpc_method ORCHESTRATOR_METHODS[] = {{"Authenticate", on_authenticate, 0},
                                                     {"WatchAttempt", on_watch, 0},
                                                     {"CancelAttempt", on_cancel_attempt, 0},
                                                     {"BeginEnrollment", on_begin, 0},
                                                     {"AddSample", on_add_sample, 0},
                                                     {"CommitEnrollment", on_commit, 0},
                                                     {"CancelEnrollment", on_cancel_enrollment, 0},
                                                     {"ListUsers", on_list_users, VU_RPC_IDEMPOTENT},
                                                     {"History", on_history, VU_RPC_IDEMPOTENT}};

static void start_server(client_aid *suite, int index, const char *name, const ProtobufCServiceDescriptor *descriptor,
                         const vu_rpc_method *methods, size_t count)
{
	vu_endpoint endpoint;
	vu_rpc_server_config config = {.service = name, .endpoint = &endpoint};

	assert_int_equal(vu_endpoint_local(suite->folder, name, &endpoint, NULL), VU_OK);
	assert_int_equal(vu_rpc_server_create(&config, &suite->servers[index], NULL), VU_OK);
	suite->services[index] =
	    (vu_rpc_service){.descriptor = descriptor, .methods = methods, .method_count = count, .context = suite};
	assert_int_equal(vu_rpc_server_add(suite->servers[index], &suite->services[index], NULL), VU_OK);
	assert_int_equal(vu_rpc_server_listen(suite->servers[index], NULL), VU_OK);
}

void client_aid_start(client_aid *suite)
{
	memset(suite, 0, sizeof *suite);
	pthread_mutex_init(&suite->mutex, NULL);
	suite->audio = malloc(CLIENT_AID_AUDIO_MAX);
	assert_non_null(suite->audio);
	snprintf(suite->folder, sizeof suite->folder, "/tmp/vu-suite-XXXXXX");
	assert_non_null(mkdtemp(suite->folder));
	start_server(suite, 0, "supervisor", &vu__supervisor__descriptor, SUPERVISOR_METHODS,
	             sizeof SUPERVISOR_METHODS / sizeof *SUPERVISOR_METHODS);
	start_server(suite, 1, "capture", &vu__capture__descriptor, CAPTURE_METHODS,
	             sizeof CAPTURE_METHODS / sizeof *CAPTURE_METHODS);
	client_aid_start_orchestrator(suite);
}

void client_aid_start_orchestrator(client_aid *suite)
{
	start_server(suite, 2, "orchestrator", &vu__orchestrator__descriptor, ORCHESTRATOR_METHODS,
	             sizeof ORCHESTRATOR_METHODS / sizeof *ORCHESTRATOR_METHODS);
}

void client_aid_stop_orchestrator(client_aid *suite)
{
	vu_rpc_server_destroy(suite->servers[2]);
	suite->servers[2] = NULL;
}

unsigned client_aid_slow_statuses_left(client_aid *suite)
{
	unsigned left;

	pthread_mutex_lock(&suite->mutex);
	left = suite->slow_statuses;
	pthread_mutex_unlock(&suite->mutex);
	return left;
}

/* NNG 1.5 never ends the closing of a socket that cuts a message between its head and its body. */
static void let_clients_go(vu_rpc_server *server)
{
	vu_rpc_server_stats stats;

	for (int tries = 0; server && tries < 1000; tries++) {
		vu_rpc_server_get_stats(server, &stats);
		if (stats.connections == 0)
			break;
		usleep(2000);
	}
}

/* The client has been destroyed. */
void client_aid_stop(client_aid *suite)
{
	char command[128];

	for (int i = 0; i < 3; i++) {
		let_clients_go(suite->servers[i]);
		vu_rpc_server_destroy(suite->servers[i]);
	}
	free(suite->audio);
	snprintf(command, sizeof command, "rm -rf %s", suite->folder);
	assert_int_equal(system(command), 0);
	pthread_mutex_destroy(&suite->mutex);
}

void client_aid_hold(client_aid *suite, bool keep)
{
	pthread_mutex_lock(&suite->mutex);
	suite->keep_authenticate = keep;
	pthread_mutex_unlock(&suite->mutex);
}
