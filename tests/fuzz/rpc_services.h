/* Every service of the suite, for the fuzz targets of common/rpc. */
#ifndef VU_TESTS_FUZZ_RPC_SERVICES_H
#define VU_TESTS_FUZZ_RPC_SERVICES_H

#include "grpc/health/v1/health.pb-c.h"
#include "voiceunlock/v1/antispoof.pb-c.h"
#include "voiceunlock/v1/capture.pb-c.h"
#include "voiceunlock/v1/features.pb-c.h"
#include "voiceunlock/v1/models.pb-c.h"
#include "voiceunlock/v1/orchestrator.pb-c.h"
#include "voiceunlock/v1/process.pb-c.h"
#include "voiceunlock/v1/rpc.pb-c.h"
#include "voiceunlock/v1/supervisor.pb-c.h"

static const ProtobufCServiceDescriptor *const SERVICES[] = {
    &vu__antispoof__descriptor,  &vu__capture__descriptor,      &vu__features__descriptor,
    &vu__models__descriptor,     &vu__orchestrator__descriptor, &vu__process__descriptor,
    &vu__reflection__descriptor, &vu__supervisor__descriptor,   &vu_health__health__descriptor,
};
#define SERVICE_COUNT (sizeof SERVICES / sizeof *SERVICES)

/* The n-th method of all of them, wrapping around. */
static inline const ProtobufCMethodDescriptor *method_number(unsigned number)
{
	unsigned total = 0;
	for (unsigned i = 0; i < SERVICE_COUNT; i++)
		total += SERVICES[i]->n_methods;
	number %= total;
	for (unsigned i = 0; i < SERVICE_COUNT; i++) {
		if (number < SERVICES[i]->n_methods)
			return &SERVICES[i]->methods[number];
		number -= SERVICES[i]->n_methods;
	}
	return NULL;
}

#endif
