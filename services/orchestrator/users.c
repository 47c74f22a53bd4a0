/* ListUsers, RemoveUser, RemoveNamespace, and the questions that attempts ask about users. */
#include "users.h"

#include "handlers.h"
#include "request.h"
#include "settle.h"

#include "base/clock.h"
#include "base/user_name.h"

#include <stdio.h>
#include <string.h>

static char *writable(const char *text, char *copy, size_t size)
{
	snprintf(copy, size, "%s", text);
	return copy;
}

vu_check vu_users_check(vu_orchestrator *orchestrator, const vu_user_query *query, vu_error *error)
{
	char name_space[VU_USER_NAME_MAX + 1];
	char user[VU_USER_NAME_MAX + 1];
	Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
	Vu__ListUsersResponse *response;
	vu_peer_plan plan = {.deadline_us = query->deadline_us, .wait_for_ready = true, .cancel = query->cancel};
	vu_check check = VU_CHECK_REFUSED;

	error->message[0] = '\0';
	request.namespace_ = writable(query->name_space, name_space, sizeof name_space);
	request.user = writable(query->user, user, sizeof user);
	response =
	    (Vu__ListUsersResponse *)vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor,
	                                          "ListUsers", &request.base, &plan, error);
	if (!response)
		return VU_CHECK_FAILED;
	for (size_t i = 0; i < response->n_users; i++) {
		const Vu__UserInfo *found = response->users[i];
		if (strcmp(found->user, query->user) != 0)
			continue;
		check = found->expired ? VU_CHECK_REFUSED : VU_CHECK_PASSED;
		if (query->guesses)
			query->guesses->locked_for_s = found->locked_for_s;
		if (found->expired)
			snprintf(
			    error->message, sizeof error->message,
			    "Nobody used %s's template for a year: it has expired. Run jarvis-voice-unlock enroll "
			    "%s --replace.",
			    query->user, query->user);
	}
	if (query->guesses)
		query->guesses->known = true;
	error->status = VU_OK;
	vu_peer_free(&response->base);
	return check;
}

void vu_users_preload(vu_orchestrator *orchestrator, const vu_user_query *query)
{
	char name_space[VU_USER_NAME_MAX + 1];
	char user[VU_USER_NAME_MAX + 1];
	vu_error error;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__UserKey *keys[] = {&key};
	Vu__PreloadRequest request = VU__PRELOAD_REQUEST__INIT;
	vu_peer_plan plan = {.deadline_us = query->deadline_us, .cancel = query->cancel};

	key.namespace_ = writable(query->name_space, name_space, sizeof name_space);
	key.user = writable(query->user, user, sizeof user);
	request.keys = keys;
	request.n_keys = 1;
	vu_peer_free(vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, "Preload",
	                          &request.base, &plan, &error));
}

/* Hands a request on to models under the caller's request id, and its answer back. */
static ProtobufCMessage *forward(vu_orchestrator *orchestrator, vu_rpc_call *call, const char *method,
                                 const ProtobufCMessage *request)
{
	vu_error error;
	vu_peer_plan plan = {
	    .deadline_us = vu_rpc_deadline_us(call),
	    .wait_for_ready = true,
	    .request_id = vu_rpc_request_id(call),
	};
	ProtobufCMessage *response = vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor,
	                                          method, request, &plan, &error);

	if (!response)
		vu_rpc_fail_error(call, &error);
	return response;
}

void vu_handle_list_users(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__ListUsersRequest *request = (const Vu__ListUsersRequest *)message;
	ProtobufCMessage *response;
	vu_error error;

	if (vu_request_check_namespace(request->namespace_, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	response = forward(context, call, "ListUsers", message);
	if (response)
		vu_rpc_reply(call, response);
	vu_peer_free(response);
}

void vu_handle_remove_user(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__RemoveUserRequest *request = (const Vu__RemoveUserRequest *)message;
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__RemoveRequest remove = VU__REMOVE_REQUEST__INIT;
	ProtobufCMessage *response;
	char event_id[VU_ID_HEX_SIZE];
	vu_error error;

	if (vu_user_name_check(request->user, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	key.user = request->user;
	remove.key = &key;
	response = forward(orchestrator, call, "Remove", &remove.base);
	if (!response)
		return;
	vu_id_to_hex(vu_rpc_request_id(call), event_id);
	vu_settle_note(orchestrator, event_id, request->user, "remove", "removed",
	               "The user's templates were erased.");
	vu_rpc_reply(call, response);
	vu_peer_free(response);
}

void vu_handle_unlock_user(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__UnlockUserRequest *request = (const Vu__UnlockUserRequest *)message;
	Vu__UnlockUserResponse response = VU__UNLOCK_USER_RESPONSE__INIT;
	vu_policy policy = vu_orchestrator_policy(orchestrator);
	char event_id[VU_ID_HEX_SIZE];
	bool was_locked = false;
	bool was_locked_elsewhere = false;
	vu_error error;
	vu_error reason;
	vu_status status = vu_user_name_check(request->user, &error);

	/* Who is root was authenticated by the operating system; our own user may be whoever sits at the machine. */
	if (status == VU_OK && (vu_rpc_peer_uid(call) != 0 || vu_rpc_peer_pid(call) == 0))
		status = vu_fail(&error, VU_PERMISSION_DENIED,
		                 "unable to unlock user '%s': only root may; run sudo jarvis-voice-unlock "
		                 "unlock-user",
		                 request->user);
	vu_id_to_hex(vu_rpc_request_id(call), event_id);
	if (status == VU_OK)
		status = vu_settle_unlock(orchestrator, &policy, event_id, request->user, &was_locked, &error);
	if (status == VU_OK && policy.shares_models &&
	    vu_guesses_forget(orchestrator, request->user, true, &was_locked_elsewhere, &reason) != VU_OK)
		status = vu_fail(&error, reason.status,
		                 "user '%s' is unlocked on this computer and not where the templates are: %s; run it "
		                 "again when that answers",
		                 request->user, reason.message);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	was_locked = was_locked || was_locked_elsewhere;
	response.was_locked = was_locked;
	vu_rpc_reply(call, &response.base);
}

void vu_handle_remove_namespace(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	const Vu__RemoveNamespaceRequest *request = (const Vu__RemoveNamespaceRequest *)message;
	ProtobufCMessage *response;
	vu_error error;

	if (!*request->namespace_) {
		vu_rpc_fail(call, VU_INVALID_ARGUMENT,
		            "unable to remove a namespace: it is not named; real users are removed "
		            "one by one with RemoveUser");
		return;
	}
	if (vu_request_check_namespace(request->namespace_, &error) != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	response = forward(context, call, "RemoveNamespace", message);
	if (response)
		vu_rpc_reply(call, response);
	vu_peer_free(response);
}
