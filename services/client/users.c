/* Who is enrolled, and what happened before. */
#include "internal.h"

#include "base/user_name.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static vu_status ask(voiceunlock_client *client, const char *method, const ProtobufCMessage *request,
                     ProtobufCMessage **response_out, vu_error *error)
{
	vu_client_call_options call = {.timeout_us = VU_CLIENT_LOOKUP_US, .idempotent = true};

	return vu_client_call(client, VU_SERVICE_ORCHESTRATOR, &vu__orchestrator__descriptor, method, request,
	                      response_out, &call, error);
}

/* Appends a page to the list; false without memory. */
static bool take_page(voiceunlock_user_list *list, const Vu__ListUsersResponse *page)
{
	bool out_of_memory = false;
	voiceunlock_user *users;

	if (page->n_users == 0)
		return true;
	users = realloc(list->users, (list->count + page->n_users) * sizeof *users);
	if (!users)
		return false;
	list->users = users;
	for (size_t i = 0; i < page->n_users; i++) {
		const Vu__UserInfo *from = page->users[i];
		voiceunlock_user *to = &list->users[list->count++];
		memset(to, 0, sizeof *to);
		to->user = vu_client_copy(from->user, &out_of_memory);
		to->samples = from->samples;
		to->bytes = from->bytes;
		to->path = vu_client_copy(from->path, &out_of_memory);
		to->present = from->present;
		to->verified = from->verified;
		to->enrolled_us = from->enrolled_us;
		to->last_used_us = from->last_used_us;
		to->expires_us = from->expires_us;
		to->background = vu_client_copy(from->background, &out_of_memory);
	}
	return !out_of_memory;
}

voiceunlock_code voiceunlock_list(voiceunlock_client *client, voiceunlock_user_list **list_out,
                                  voiceunlock_error *error)
{
	char token[VU_USER_NAME_MAX + 1] = "";
	voiceunlock_user_list *list = calloc(1, sizeof *list);
	vu_error inner = {.status = VU_OK};
	vu_status status = VU_OK;

	if (!list)
		status = vu_fail(&inner, VU_RESOURCE_EXHAUSTED, "unable to list the users: out of memory");
	/* Page by page: there may be more users than one message holds. */
	do {
		Vu__ListUsersRequest request = VU__LIST_USERS_REQUEST__INIT;
		const Vu__ListUsersResponse *page;
		ProtobufCMessage *response = NULL;

		request.page_token = token;
		if (status == VU_OK)
			status = ask(client, "ListUsers", &request.base, &response, &inner);
		if (status != VU_OK)
			break;
		page = (const Vu__ListUsersResponse *)response;
		/* Names come in order: a token that does not go on would never end. */
		if (*page->next_page_token &&
		    (strcmp(page->next_page_token, token) <= 0 || strlen(page->next_page_token) >= sizeof token))
			status = vu_fail(&inner, VU_DATA_LOSS,
			                 "unable to list the users: the pages of the list do not go on");
		else if (!take_page(list, page))
			status = vu_fail(&inner, VU_RESOURCE_EXHAUSTED, "unable to list the users: out of memory");
		else
			strcpy(token, page->next_page_token);
		protobuf_c_message_free_unpacked(response, NULL);
	} while (status == VU_OK && *token);
	if (status != VU_OK) {
		voiceunlock_user_list_free(list);
		return vu_client_return(status, &inner, error);
	}
	*list_out = list;
	return VOICEUNLOCK_OK;
}

void voiceunlock_user_list_free(voiceunlock_user_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++) {
		free(list->users[i].user);
		free(list->users[i].path);
		free(list->users[i].background);
	}
	free(list->users);
	free(list);
}

void voiceunlock_text_list_free(voiceunlock_text_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		free(list->texts[i]);
	free(list->texts);
	free(list);
}

voiceunlock_code voiceunlock_remove(voiceunlock_client *client, const char *user, voiceunlock_text_list **erased_out,
                                    voiceunlock_error *error)
{
	Vu__RemoveUserRequest request = VU__REMOVE_USER_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__RemoveResponse *answer;
	char user_copy[VU_USER_NAME_MAX + 1];
	vu_error inner = {.status = VU_OK};
	voiceunlock_text_list *list = NULL;
	bool out_of_memory = false;
	vu_status status = vu_user_name_check(user, &inner);

	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	strcpy(user_copy, user);
	request.user = user_copy;
	status = ask(client, "RemoveUser", &request.base, &response, &inner);
	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	answer = (const Vu__RemoveResponse *)response;
	if (erased_out) {
		list = calloc(1, sizeof *list);
		if (list)
			list->texts = vu_client_array(answer->n_erased, sizeof *list->texts, &out_of_memory);
		for (size_t i = 0; list && list->texts && i < answer->n_erased; i++)
			list->texts[list->count++] = vu_client_copy(answer->erased[i], &out_of_memory);
		if (!list || out_of_memory) {
			voiceunlock_text_list_free(list);
			status = vu_fail(&inner, VU_RESOURCE_EXHAUSTED,
			                 "the user is removed, but the answer could not be kept: out of memory");
		} else {
			*erased_out = list;
		}
	}
	protobuf_c_message_free_unpacked(response, NULL);
	return vu_client_return(status, &inner, error);
}

voiceunlock_code voiceunlock_get_history(voiceunlock_client *client, uint32_t limit, const char *user,
                                         voiceunlock_history **history_out, voiceunlock_error *error)
{
	Vu__HistoryRequest request = VU__HISTORY_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	const Vu__HistoryResponse *answer;
	char user_copy[VU_USER_NAME_MAX + 1] = "";
	vu_error inner = {.status = VU_OK};
	voiceunlock_history *history;
	bool out_of_memory = false;
	vu_status status = user ? vu_user_name_check(user, &inner) : VU_OK;

	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	if (user)
		strcpy(user_copy, user);
	request.user = user_copy;
	request.limit = limit;
	status = ask(client, "History", &request.base, &response, &inner);
	if (status != VU_OK)
		return vu_client_return(status, &inner, error);
	answer = (const Vu__HistoryResponse *)response;
	history = calloc(1, sizeof *history);
	if (history)
		history->attempts = vu_client_array(answer->n_attempts, sizeof *history->attempts, &out_of_memory);
	for (size_t i = 0; history && history->attempts && i < answer->n_attempts; i++) {
		const Vu__Attempt *from = answer->attempts[i];
		voiceunlock_past_attempt *to = &history->attempts[history->count++];
		to->attempt_id = vu_client_copy(from->attempt_id, &out_of_memory);
		to->time_us = from->time_us;
		to->user = vu_client_copy(from->user, &out_of_memory);
		to->kind = vu_client_copy(from->kind, &out_of_memory);
		to->source = vu_client_copy(from->source, &out_of_memory);
		to->verdict = vu_client_copy(from->verdict, &out_of_memory);
		to->reason = vu_client_copy(from->reason, &out_of_memory);
		to->score = from->score;
		to->threshold = from->threshold;
		to->antispoof_score = from->antispoof_score;
		to->total_ms = from->total_ms;
	}
	protobuf_c_message_free_unpacked(response, NULL);
	if (!history || out_of_memory) {
		voiceunlock_history_free(history);
		status = vu_fail(&inner, VU_RESOURCE_EXHAUSTED, "unable to show the history: out of memory");
		return vu_client_return(status, &inner, error);
	}
	*history_out = history;
	return VOICEUNLOCK_OK;
}

void voiceunlock_history_free(voiceunlock_history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i < history->count; i++) {
		free(history->attempts[i].attempt_id);
		free(history->attempts[i].user);
		free(history->attempts[i].kind);
		free(history->attempts[i].source);
		free(history->attempts[i].verdict);
		free(history->attempts[i].reason);
	}
	free(history->attempts);
	free(history);
}
