/* History and Status: what was and what is. */
#include "handlers.h"
#include "history.h"
#include "orchestrator.h"
#include "suite.h"

#include "base/user_name.h"

void vu_handle_history(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	vu_orchestrator *orchestrator = context;
	const Vu__HistoryRequest *request = (const Vu__HistoryRequest *)message;
	Vu__HistoryResponse response = VU__HISTORY_RESPONSE__INIT;
	vu_store *store;
	vu_error error;
	vu_status status = VU_OK;

	if (*request->user)
		status = vu_user_name_check(request->user, &error);
	if (status == VU_OK)
		status = vu_ledger_begin(orchestrator->ledger, &store, &error);
	if (status == VU_OK) {
		status = vu_history_list(store, request->user, request->limit, &response, &error);
		vu_ledger_rollback(orchestrator->ledger, status);
	}
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	vu_rpc_reply(call, &response.base);
	vu_history_free(&response);
}

void vu_handle_status(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	Vu__SuiteStatusResponse *response = vu_suite_status(context);

	(void)message;
	if (!response) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to describe the suite: out of memory; try again");
		return;
	}
	vu_rpc_reply(call, &response->base);
	vu__suite_status_response__free_unpacked(response, NULL);
}
