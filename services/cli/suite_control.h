/* Starting and stopping the suite, for the verbs that do either. */
#ifndef VU_CLI_SUITE_CONTROL_H
#define VU_CLI_SUITE_CONTROL_H

#include <stdbool.h>

/*
 * Starts the suite under vu-supervisor, which is found beside this executable,
 * and returns when all is SERVING. Already running: says so and waits for
 * that. Returns an exit code (7, 8, 9 from the supervisor) after telling why.
 */
int suite_start(bool foreground);

/* Stops the suite and returns when its processes are gone. Not running: says so, CLI_OK. */
int suite_stop(void);

#endif
