/*
 * What goes into the audit log (store/audit.h): an intent before anybody has
 * to speak, the verdict before it is answered, and what is done to users and
 * to the suite. Without a log, or where the configuration wants none, all of
 * these succeed and do nothing. Any thread.
 */
#ifndef VU_ORCHESTRATOR_RECORD_H
#define VU_ORCHESTRATOR_RECORD_H

#include "settle.h"

vu_status vu_record_open(vu_orchestrator *orchestrator, const char *home, const char *key_path, vu_error *error);

vu_status vu_record_intent(vu_orchestrator *orchestrator, const vu_policy *policy, const char *attempt_id,
                           const char *user, vu_error *error);
vu_status vu_record_verdict(vu_orchestrator *orchestrator, const vu_policy *policy, const vu_case *attempt,
                            const vu_settlement *settlement, vu_error *error);
/* What was recorded could not be done after all. */
void vu_record_undone(vu_orchestrator *orchestrator, const vu_policy *policy, const char *attempt_id,
                      const char *reason);
/* Something that is no attempt; a failure is logged and returned. */
vu_status vu_record_note(vu_orchestrator *orchestrator, const char *event_id, const char *user, const char *event,
                         const char *reason);
/* Forgets what is older. */
void vu_record_forget(vu_orchestrator *orchestrator, int64_t oldest_us);

#endif
