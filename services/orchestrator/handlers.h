/* The handlers of voiceunlock.v1.Orchestrator; context is the vu_orchestrator. Each may block up to the call's
 * deadline. */
#ifndef VU_ORCHESTRATOR_HANDLERS_H
#define VU_ORCHESTRATOR_HANDLERS_H

#include "rpc/server.h"

void vu_handle_authenticate(void *context, vu_rpc_call *call, const ProtobufCMessage *request);  /* authenticate.c */
void vu_handle_identify(void *context, vu_rpc_call *call, const ProtobufCMessage *request);      /* identify.c */
void vu_handle_run_trials(void *context, vu_rpc_call *call, const ProtobufCMessage *request);    /* trials.c */
void vu_handle_watch_attempt(void *context, vu_rpc_call *call, const ProtobufCMessage *request); /* watch.c */
void vu_handle_cancel_attempt(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_begin_enrollment(void *context, vu_rpc_call *call, const ProtobufCMessage *request); /* enroll.c */
void vu_handle_commit_enrollment(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_cancel_enrollment(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_add_sample(void *context, vu_rpc_call *call, const ProtobufCMessage *request); /* sample.c */
void vu_handle_list_users(void *context, vu_rpc_call *call, const ProtobufCMessage *request); /* users.c */
void vu_handle_unlock_user(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_remove_user(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_remove_namespace(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_history(void *context, vu_rpc_call *call, const ProtobufCMessage *request); /* report.c */
void vu_handle_status(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_report(void *context, vu_rpc_call *call, const ProtobufCMessage *request); /* performance.c */
void vu_handle_metric(void *context, vu_rpc_call *call, const ProtobufCMessage *request);
void vu_handle_watch_alerts(void *context, vu_rpc_call *call, const ProtobufCMessage *request);

#endif
