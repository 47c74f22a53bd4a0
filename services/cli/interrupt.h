/*
 * Ctrl-C during work that must be told to stop: the first signal triggers a
 * cancel token, so that the services hear of it and the verb ends in order; a
 * second one ends the process at once.
 */
#ifndef VU_CLI_INTERRUPT_H
#define VU_CLI_INTERRUPT_H

#include "voiceunlock.h"

#include <stdbool.h>

/*
 * Begins to catch SIGINT, SIGTERM and SIGHUP. Call before anything that makes
 * threads, once. NULL when out of resources: signals then end the process.
 * The token lives as long as the process.
 */
voiceunlock_cancel *interrupt_catch(void);

/* True once a signal came. Any thread. */
bool interrupt_happened(void);

#endif
