/*
 * The description of services that Reflection.Describe answers with, for
 * whoever has the descriptors at hand and no server to ask.
 */
#ifndef VU_RPC_REFLECTION_H
#define VU_RPC_REFLECTION_H

#include "rpc/server.h"
#include "voiceunlock/v1/rpc.pb-c.h"

/*
 * Fills `response`, which was initialized by the caller, with the services and
 * all messages and enums that they reach. Names are those of the descriptors,
 * not copies. To be freed by vu_reflection_free in either case;
 * RESOURCE_EXHAUSTED: no memory.
 */
vu_status vu_reflection_describe(const vu_rpc_service *const *services, size_t count, Vu__DescribeResponse *response);
void vu_reflection_free(Vu__DescribeResponse *response);

#endif
