/*
 * Endpoints: where a service listens, as configuration writes it.
 *
 *   ipc:///run/user/1000/voice-unlock/models.sock   on this machine
 *   tls+tcp://mac-2.local:8641                      another machine
 *
 * Plain tcp does not exist. Who has no credentials (credentials.h) is refused
 * tls+tcp with FAILED_PRECONDITION.
 */
#ifndef VU_RPC_ENDPOINT_H
#define VU_RPC_ENDPOINT_H

#include "base/config.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest socket path that every platform takes (macOS: 104 bytes with its NUL). */
#define VU_SOCKET_PATH_MAX  103
#define VU_ENDPOINT_URI_MAX 320

typedef enum vu_transport { VU_TRANSPORT_IPC, VU_TRANSPORT_TLS } vu_transport;

typedef struct vu_endpoint {
	vu_transport transport;
	char uri[VU_ENDPOINT_URI_MAX];     /* as NNG takes it */
	char path[VU_SOCKET_PATH_MAX + 1]; /* ipc */
	char host[256];                    /* tls */
	uint16_t port;                     /* tls */
} vu_endpoint;

/* INVALID_ARGUMENT names what is wrong with the text and what would be right. */
vu_status vu_endpoint_parse(const char *text, vu_endpoint *out, vu_error *error);

/* ipc://<runtime folder>/<service>.sock; OUT_OF_RANGE when the path would be too long. */
vu_status vu_endpoint_local(const char *runtime_folder, const char *service, vu_endpoint *out, vu_error *error);

/* OK when the transport can be used with or without credentials, else FAILED_PRECONDITION with the reason. */
vu_status vu_endpoint_usable(const vu_endpoint *endpoint, bool has_credentials, vu_error *error);

#endif
