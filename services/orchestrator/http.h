/*
 * HTTP on the loopback address: GET and HEAD of the pages, nothing else.
 *
 * Requests must name this machine in their Host header, so that a page in a
 * browser cannot be made to read ours under another name. Few connections,
 * which are closed when idle. The port in use is in <runtime folder>/http.port.
 */
#ifndef VU_ORCHESTRATOR_HTTP_H
#define VU_ORCHESTRATOR_HTTP_H

#include "orchestrator.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct vu_http vu_http;

#define VU_HTTP_CONNECTIONS_MAX 16
#define VU_HTTP_IDLE_S          10

/*
 * Starts serving on the policy's port; with port 0 it starts nothing and
 * *http_out is NULL. When the default port is taken a free one is chosen; a
 * configured one that is taken is FAILED_PRECONDITION.
 */
vu_status vu_http_start(vu_orchestrator *orchestrator, const char *runtime_folder, vu_http **http_out,
                        vu_error *error);

/* The port that is served. */
uint16_t vu_http_port(const vu_http *http);

/* Ends open requests and removes http.port. NULL is allowed. */
void vu_http_stop(vu_http *http);

/* True when a Host header names this machine and `port`. NULL (no header) does not. */
bool vu_http_host_is_ours(const char *host, uint16_t port);

#endif
