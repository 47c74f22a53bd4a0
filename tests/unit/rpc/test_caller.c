/* The table of callers: complete, and strict where it matters. */
#include "rpc/caller.h"
#include "rpc/credentials.h"

#include "grpc/health/v1/health.pb-c.h"
#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/rpc.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const ProtobufCServiceDescriptor *const OWN[] = {
    [VU_SERVICE_CAPTURE] = &vu__capture__descriptor,
    [VU_SERVICE_FEATURES] = &vu__features__descriptor,
    [VU_SERVICE_MODELS] = &vu__models__descriptor,
    [VU_SERVICE_ANTISPOOF] = &vu__antispoof__descriptor,
    [VU_SERVICE_ORCHESTRATOR] = &vu__orchestrator__descriptor,
    [VU_SERVICE_SUPERVISOR] = &vu__supervisor__descriptor,
};

static vu_caller_set callers_of(const char *service, const char *short_name)
{
	char method[160];
	snprintf(method, sizeof method, "/voiceunlock.v1.%s", short_name);
	return vu_callers_of(service, method);
}

static bool may(vu_caller caller, const char *service, const char *short_name)
{
	return (callers_of(service, short_name) & (1u << caller)) != 0;
}

static void assert_each_is_listed(const char *service, const ProtobufCServiceDescriptor *descriptor)
{
	for (unsigned i = 0; i < descriptor->n_methods; i++) {
		char method[160];
		snprintf(method, sizeof method, "/%s/%s", descriptor->name, descriptor->methods[i].name);
		if (vu_callers_of(service, method) == 0)
			fail_msg("nobody may call %s of %s: add it to common/rpc/caller.c", method, service);
	}
}

static void every_method_is_listed(void **state)
{
	(void)state;
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
		const char *service = vu_service_name((vu_service_id)id);
		assert_each_is_listed(service, OWN[id]);
		assert_each_is_listed(service, &vu__process__descriptor);
		assert_each_is_listed(service, &vu__reflection__descriptor);
		assert_each_is_listed(service, &vu_health__health__descriptor);
	}
}

static void what_is_not_listed_is_for_nobody(void **state)
{
	(void)state;
	assert_int_equal(callers_of("models", "Models/ReadTemplate"), 0);
	assert_int_equal(callers_of("capture", "Models/Score"), 0);
	assert_int_equal(callers_of("models", "Models/Scor"), 0);
	assert_int_equal(vu_callers_of("models", ""), 0);
}

static void only_the_orchestrator_reaches_templates(void **state)
{
	static const char *const METHODS[] = {"Enroll",          "Agreement",  "Score",        "ScoreMany",
	                                      "Identify",        "Adapt",      "Revert",       "ListUsers",
	                                      "Remove",          "Phrases",    "CheckPhrases", "Observe",
	                                      "RemoveNamespace", "CountGuess", "ForgetGuesses"};
	(void)state;
	for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
		char method[64];
		snprintf(method, sizeof method, "Models/%s", METHODS[i]);
		assert_int_equal(callers_of("models", method), 1u << VU_CALLER_ORCHESTRATOR | 1u << VU_CALLER_REMOTE);
	}
}

static void only_who_computes_on_audio_reads_it(void **state)
{
	(void)state;
	assert_int_equal(callers_of("capture", "Capture/Read"), 1u << VU_CALLER_FEATURES | 1u << VU_CALLER_ANTISPOOF |
	                                                            1u << VU_CALLER_REMOTE_FEATURES |
	                                                            1u << VU_CALLER_REMOTE_ANTISPOOF);
}

static void those_who_read_foreign_bytes_reach_nothing_but_audio(void **state)
{
	static const vu_caller CALLERS[] = {VU_CALLER_CAPTURE, VU_CALLER_FEATURES, VU_CALLER_MODELS,
	                                    VU_CALLER_ANTISPOOF};
	(void)state;
	for (size_t c = 0; c < sizeof CALLERS / sizeof CALLERS[0]; c++) {
		for (unsigned id = 0; id < VU_SERVICE_COUNT; id++) {
			for (unsigned i = 0; i < OWN[id]->n_methods; i++) {
				char method[160];
				bool reads =
				    id == VU_SERVICE_CAPTURE &&
				    (CALLERS[c] == VU_CALLER_FEATURES || CALLERS[c] == VU_CALLER_ANTISPOOF) &&
				    strcmp(OWN[id]->methods[i].name, "Read") == 0;
				snprintf(method, sizeof method, "/%s/%s", OWN[id]->name, OWN[id]->methods[i].name);
				assert_int_equal(
				    (vu_callers_of(vu_service_name((vu_service_id)id), method) >> CALLERS[c]) & 1u,
				    reads);
			}
		}
	}
}

static void people_steer_the_suite_and_services_do_not(void **state)
{
	static const char *const STEERING[] = {"Supervisor/Restart", "Supervisor/Stop", "Supervisor/Reload",
	                                       "Supervisor/WhoIs"};
	(void)state;
	for (size_t i = 0; i < sizeof STEERING / sizeof STEERING[0]; i++)
		assert_int_equal(callers_of("supervisor", STEERING[i]), 1u << VU_CALLER_CLIENT);
	assert_int_equal(callers_of("supervisor", "Process/Reload"), 1u << VU_CALLER_CLIENT);
	assert_int_equal(callers_of("models", "Process/Reload"), 1u << VU_CALLER_SUPERVISOR);
	assert_int_equal(callers_of("models", "Models/SetPressure"), 1u << VU_CALLER_SUPERVISOR);
	assert_false(may(VU_CALLER_ORCHESTRATOR, "orchestrator", "Orchestrator/Authenticate"));
	assert_false(may(VU_CALLER_REMOTE, "supervisor", "Supervisor/Status"));
	assert_false(may(VU_CALLER_REMOTE, "orchestrator", "Orchestrator/Authenticate"));
}

static bool host_may(unsigned roles, const char *service, const char *method)
{
	vu_error error;
	vu_status status = vu_caller_check_host(roles, callers_of(service, method), method, "mac-2", &error);

	if (status != VU_OK) {
		assert_int_equal(status, VU_PERMISSION_DENIED);
		assert_non_null(strstr(error.message, "from host mac-2"));
	}
	return status == VU_OK;
}

static void a_host_may_what_its_roles_need(void **state)
{
	static const char *const NEVER[] = {"Models/SetPressure", "Models/Hot",    "Models/Activate",
	                                    "Models/RotateKey",   "Models/States", "Process/Reload",
	                                    "Process/Cleanup",    "Process/Info",  "Reflection/Describe"};
	unsigned all = VU_HOST_ORCHESTRATOR | VU_HOST_FEATURES | VU_HOST_ANTISPOOF;

	(void)state;
	assert_true(host_may(VU_HOST_ORCHESTRATOR, "models", "Models/Score"));
	assert_true(host_may(all, "models", "Models/Enroll"));
	assert_false(host_may(VU_HOST_FEATURES | VU_HOST_ANTISPOOF, "models", "Models/Score"));
	assert_false(host_may(0, "models", "Models/Score"));
	assert_true(host_may(VU_HOST_FEATURES, "capture", "Capture/Read"));
	assert_false(host_may(VU_HOST_ORCHESTRATOR, "capture", "Capture/Read"));
	/* No machine opens another one's microphone. */
	assert_false(host_may(all, "capture", "Capture/OpenSession"));
	for (size_t i = 0; i < sizeof NEVER / sizeof NEVER[0]; i++)
		assert_false(host_may(all, "models", NEVER[i]));
	assert_int_equal(
	    vu_caller_check_host(0, vu_callers_of("models", "/grpc.health.v1.Health/Check"), "", "h", NULL), VU_OK);
}

static void refusals_name_method_caller_and_who_may(void **state)
{
	vu_error error;
	(void)state;
	assert_int_equal(vu_caller_check(VU_CALLER_FEATURES, 1u << VU_CALLER_FEATURES, "/x.Y/Z", 1, &error), VU_OK);
	assert_int_equal(vu_caller_check(VU_CALLER_ANTISPOOF, callers_of("models", "Models/Score"),
	                                 "/voiceunlock.v1.Models/Score", 1, &error),
	                 VU_PERMISSION_DENIED);
	assert_string_equal(error.message, "unable to call /voiceunlock.v1.Models/Score as antispoof: it is for "
	                                   "orchestrator, an orchestrator elsewhere only");
	assert_int_equal(vu_caller_check(VU_CALLER_CLIENT, 0, "/x.Y/Z", 1, &error), VU_PERMISSION_DENIED);
	assert_string_equal(error.message, "unable to call /x.Y/Z as a client: it is for nobody only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_method_is_listed),
	    cmocka_unit_test(what_is_not_listed_is_for_nobody),
	    cmocka_unit_test(only_the_orchestrator_reaches_templates),
	    cmocka_unit_test(only_who_computes_on_audio_reads_it),
	    cmocka_unit_test(those_who_read_foreign_bytes_reach_nothing_but_audio),
	    cmocka_unit_test(people_steer_the_suite_and_services_do_not),
	    cmocka_unit_test(a_host_may_what_its_roles_need),
	    cmocka_unit_test(refusals_name_method_caller_and_who_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
