/*
 * Requests of a service without sockets: the handlers of common/rpc's server.h
 * as they are called there, over calls of our own.
 *
 * The bytes of one input are a few requests, one after the other:
 *   method u8, of the service's, wrapping around
 *   flags  u8, 1: another user asks · 2: two seconds of time instead of 30 ms
 *   length u16, little-endian, cut to what there is
 *   payload
 * so that what one leaves behind meets the next. Aborts when a handler answers
 * twice, never, or with another method's message.
 */
#ifndef VU_TESTS_FUZZ_FAKE_CALL_H
#define VU_TESTS_FUZZ_FAKE_CALL_H

#include "rpc/server.h"

#include <stddef.h>
#include <stdint.h>

#define FAKE_CALLS_MAX 6

void fake_calls_run(const vu_rpc_service *service, const uint8_t *data, size_t size);

/* The service that was given to vu_rpc_server_add; aborts when none of this descriptor was. */
const vu_rpc_service *fake_calls_added(const ProtobufCServiceDescriptor *descriptor);

/* Called again and again while an answer is waited for; NULL: nothing to do. For services with a loop. */
extern void (*fake_calls_turn)(void);

/* A folder in memory (where there is one) that is removed at exit; it exists until then. */
const char *fake_calls_folder(void);

#endif
