/* Evaluation: uploads that are scored against many claims, and namespaces that go away afterwards. */
#include "internal.h"

#include "base/user_name.h"

#include <stdlib.h>
#include <string.h>

#define TRIALS_US     (120 * 1000000LL)
#define NAMESPACE_MAX 64

voiceunlock_code voiceunlock_upload(voiceunlock_client *client, const voiceunlock_audio *audio, bool whole,
                                    voiceunlock_cancel *cancel, char session_id_out[VOICEUNLOCK_SESSION_ID_SIZE],
                                    voiceunlock_error *error)
{
	vu_client_upload_options options = {.whole = whole, .cancel = cancel};
	char session_id[VU_ID_HEX_SIZE];
	bool bad_audio;
	vu_error inner = {.status = VU_OK};
	vu_status status;

	_Static_assert(VU_ID_HEX_SIZE == VOICEUNLOCK_SESSION_ID_SIZE, "a session is named by an identifier");
	if (!audio || (audio->kind != VOICEUNLOCK_AUDIO_FILE && audio->kind != VOICEUNLOCK_AUDIO_SAMPLES))
		return vu_client_return(
		    vu_fail(&inner, VU_INVALID_ARGUMENT, "unable to upload: give a file or samples"), &inner, error);
	vu_id_generate_hex(session_id);
	status = vu_client_upload(client, audio, &options, session_id, &bad_audio, &inner);
	if (status == VU_OK)
		memcpy(session_id_out, session_id, sizeof session_id);
	return vu_client_return(status, &inner, error);
}

void voiceunlock_session_close(voiceunlock_client *client, const char *session_id)
{
	vu_client_close_session(client, session_id);
}

static vu_status run_trials(voiceunlock_client *client, const char *session_id, const char *name_space,
                            const char *const *users, size_t user_count, const voiceunlock_attempt_options *options,
                            voiceunlock_attempt_list **list_out, vu_error *error)
{
	Vu__TrialsRequest request = VU__TRIALS_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__TrialsResponse *answer;
	char session[VU_ID_HEX_SIZE], space[NAMESPACE_MAX + 1] = "", level[32] = "", anti_spoofing[32] = "";
	vu_client_call_options call = {.timeout_us = TRIALS_US, .idempotent = true};
	voiceunlock_attempt_list *list = NULL;
	char **names = NULL;
	bool out_of_memory = false;
	vu_status status = VU_OK;

	if (!vu_id_is_hex(session_id) || !name_space || name_space[0] == '\0' || strlen(name_space) > NAMESPACE_MAX ||
	    user_count == 0 || user_count > VOICEUNLOCK_TRIALS_MAX || (options && options->size != sizeof *options))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to run the trials: a session, a namespace and 1 to %d users are needed",
		               VOICEUNLOCK_TRIALS_MAX);
	memcpy(session, session_id, sizeof session);
	strcpy(space, name_space);
	names = vu_client_array(user_count, sizeof *names, &out_of_memory);
	for (size_t i = 0; names && i < user_count; i++)
		names[i] = vu_client_copy(users[i], &out_of_memory);
	if (out_of_memory) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to run the trials: out of memory");
		goto out;
	}
	if (options) {
		if (options->level)
			strncat(level, options->level, sizeof level - 1);
		if (options->anti_spoofing)
			strncat(anti_spoofing, options->anti_spoofing, sizeof anti_spoofing - 1);
		if (options->timeout_s > 0)
			call.timeout_us = (int64_t)(options->timeout_s * 1e6);
		call.cancel = options->cancel;
	}
	request.session_id = session;
	request.namespace_ = space;
	request.users = names;
	request.n_users = user_count;
	request.level = level;
	request.anti_spoofing = anti_spoofing;
	status = vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, "RunTrials",
	                        &request.base, &response, &call, error);
	if (status != VU_OK)
		goto out;
	answer = (const Vu__TrialsResponse *)response;
	if (answer->n_results != user_count) {
		status = vu_fail(error, VU_INTERNAL, "unable to use the results: %zu came for %zu trials",
		                 answer->n_results, user_count);
		goto out;
	}
	list = vu_client_array(1, sizeof *list, &out_of_memory);
	if (list)
		list->attempts = vu_client_array(user_count, sizeof *list->attempts, &out_of_memory);
	for (size_t i = 0; !out_of_memory && status == VU_OK && i < user_count; i++) {
		status = vu_client_convert_attempt(answer->results[i], &list->attempts[i], error);
		list->count += status == VU_OK;
	}
	if (out_of_memory)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep the results: out of memory");
	if (status != VU_OK)
		voiceunlock_attempt_list_free(list);
	else
		*list_out = list;
out:
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	for (size_t i = 0; names && i < user_count; i++)
		free(names[i]);
	free(names);
	return status;
}

voiceunlock_code voiceunlock_run_trials(voiceunlock_client *client, const char *session_id, const char *name_space,
                                        const char *const *users, size_t user_count,
                                        const voiceunlock_attempt_options *options,
                                        voiceunlock_attempt_list **list_out, voiceunlock_error *error)
{
	vu_error inner = {.status = VU_OK};

	return vu_client_return(
	    run_trials(client, session_id, name_space, users, user_count, options, list_out, &inner), &inner, error);
}

void voiceunlock_attempt_list_free(voiceunlock_attempt_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		voiceunlock_attempt_free(list->attempts[i]);
	free(list->attempts);
	free(list);
}

voiceunlock_code voiceunlock_remove_namespace(voiceunlock_client *client, const char *name_space,
                                              voiceunlock_error *error)
{
	Vu__RemoveNamespaceRequest request = VU__REMOVE_NAMESPACE_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	vu_client_call_options call = {.timeout_us = VU_CLIENT_WORK_US, .idempotent = true};
	char space[NAMESPACE_MAX + 1];
	vu_error inner = {.status = VU_OK};
	vu_status status;

	if (!name_space || name_space[0] == '\0' || strlen(name_space) > NAMESPACE_MAX)
		return vu_client_return(vu_fail(&inner, VU_INVALID_ARGUMENT,
		                                "unable to remove the namespace: give its name, of 1 to %d bytes",
		                                NAMESPACE_MAX),
		                        &inner, error);
	strcpy(space, name_space);
	request.namespace_ = space;
	status = vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, "RemoveNamespace",
	                        &request.base, &response, &call, &inner);
	if (status == VU_OK)
		protobuf_c_message_free_unpacked(response, NULL);
	return vu_client_return(status, &inner, error);
}
