/*
 * One process of one service, from spawn to exit. Loop thread only.
 *
 * The child gets its own session, /dev/null as standard input, the log pipe as
 * standard output and error, and by inheritance the descriptors that the
 * runtime knows of: the readiness pipe and, for capture, the session rings.
 * Every other descriptor of ours is close-on-exec.
 */
#ifndef VU_SUPERVISOR_CHILD_H
#define VU_SUPERVISOR_CHILD_H

#include "base/status.h"

#include <sys/types.h>
#include <uv.h>

typedef struct vu_child vu_child;

typedef struct vu_child_config {
	uv_loop_t *loop;
	const char *program; /* absolute path */
	int log_fd;          /* written to by the child */
	int ring_fd;         /* or -1 */
	int roster_fd;       /* for the child to read */
	uint32_t memory_mb;  /* its ceiling; 0: it knows it from the configuration */
	void (*on_ready)(void *context);
	/* Called once, after which the child is gone and its memory is not to be touched. */
	void (*on_exit)(void *context, int exit_code, int signal);
	void *context;
} vu_child_config;

/* NOT_FOUND, PERMISSION_DENIED, … say why there is no process. */
vu_status vu_child_spawn(const vu_child_config *config, vu_child **child_out, vu_error *error);

pid_t vu_child_pid(const vu_child *child);

/* A child that has just died is no error: its exit is about to be reported. */
void vu_child_signal(vu_child *child, int signal);

#endif
