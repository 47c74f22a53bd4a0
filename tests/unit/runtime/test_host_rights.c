/* The table of what other hosts may call: every line is a method that exists, and nothing else is let through. */
#include "rpc/credentials.h"
#include "runtime/host_rights.h"

#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those before it. */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const ProtobufCServiceDescriptor *const SERVICES[] = {
    &vu__capture__descriptor, &vu__features__descriptor,     &vu__models__descriptor,     &vu__antispoof__descriptor,
    &vu__process__descriptor, &vu__orchestrator__descriptor, &vu__supervisor__descriptor,
};
#define SERVICE_COUNT (sizeof SERVICES / sizeof SERVICES[0])

static unsigned roles_of(const char *service, const char *method)
{
	char name[VU_RPC_METHOD_NAME_MAX + 1];
	unsigned roles = 0;

	snprintf(name, sizeof name, "/voiceunlock.v1.%s/%s", service, method);
	for (size_t i = 0; i < VU_HOST_RIGHT_COUNT; i++)
		roles |= strcmp(VU_HOST_RIGHTS[i].method, name) == 0 ? VU_HOST_RIGHTS[i].roles : 0;
	return roles;
}

/* A name that is misspelt would refuse what is meant. */
static void every_line_is_a_method(void **state)
{
	(void)state;
	for (size_t i = 0; i < VU_HOST_RIGHT_COUNT; i++) {
		bool found = false;
		for (size_t s = 0; s < SERVICE_COUNT; s++) {
			for (unsigned m = 0; m < SERVICES[s]->n_methods; m++) {
				char name[VU_RPC_METHOD_NAME_MAX + 1];
				snprintf(name, sizeof name, "/%s/%s", SERVICES[s]->name,
				         SERVICES[s]->methods[m].name);
				found = found || strcmp(name, VU_HOST_RIGHTS[i].method) == 0;
			}
		}
		if (!found)
			fail_msg("there is no method %s", VU_HOST_RIGHTS[i].method);
		assert_int_not_equal(VU_HOST_RIGHTS[i].roles, 0);
	}
}

static void who_decides_may_ask_for_scores_and_not_for_more(void **state)
{
	static const char *const forbidden[] = {"SetPressure", "Hot", "Activate", "RotateKey", "States"};

	(void)state;
	assert_int_equal(roles_of("Models", "Score"), VU_HOST_ORCHESTRATOR);
	assert_int_equal(roles_of("Models", "Enroll"), VU_HOST_ORCHESTRATOR);
	for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
		assert_non_null(
		    protobuf_c_service_descriptor_get_method_by_name(&vu__models__descriptor, forbidden[i]));
		assert_int_equal(roles_of("Models", forbidden[i]), 0);
	}
	assert_int_equal(roles_of("Process", "Reload"), 0);
	assert_int_equal(roles_of("Process", "Cleanup"), 0);
}

static void no_host_decides_or_acts_for_another(void **state)
{
	(void)state;
	for (unsigned m = 0; m < vu__orchestrator__descriptor.n_methods; m++)
		assert_int_equal(roles_of("Orchestrator", vu__orchestrator__descriptor.methods[m].name), 0);
	for (unsigned m = 0; m < vu__supervisor__descriptor.n_methods; m++)
		assert_int_equal(roles_of("Supervisor", vu__supervisor__descriptor.methods[m].name), 0);
}

static void audio_is_for_those_who_compute_from_it(void **state)
{
	(void)state;
	for (unsigned m = 0; m < vu__capture__descriptor.n_methods; m++) {
		const char *name = vu__capture__descriptor.methods[m].name;
		assert_int_equal(roles_of("Capture", name),
		                 strcmp(name, "Read") == 0 ? VU_HOST_FEATURES | VU_HOST_ANTISPOOF : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_line_is_a_method),
	    cmocka_unit_test(who_decides_may_ask_for_scores_and_not_for_more),
	    cmocka_unit_test(no_host_decides_or_acts_for_another),
	    cmocka_unit_test(audio_is_for_those_who_compute_from_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
