/* What tests of the client share: a suite that does as it is told, a client of it, samples to send. */
#ifndef VU_TESTS_CLIENT_FIXTURE_H
#define VU_TESTS_CLIENT_FIXTURE_H

#include "client_aid.h"
#include "voiceunlock.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FRAMES   300000u
#define CHANNELS 2u

extern client_aid suite;
extern voiceunlock_client *client;
extern float *samples; /* FRAMES x CHANNELS, all different enough */

/* Around each test: starts the suite and connects. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
#define WITH_SUITE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

/* Around all tests. */
int fixture_make_samples(void **state);
int fixture_free_samples(void **state);

/* What the services' threads wrote before they answered is there to be read once their lock was taken. */
void fixture_settle(void);

/* As the services' threads read it. */
#define SET(assignment)                                                                                              \
	do {                                                                                                         \
		pthread_mutex_lock(&suite.mutex);                                                                    \
		assignment;                                                                                          \
		pthread_mutex_unlock(&suite.mutex);                                                                  \
	} while (0)

voiceunlock_audio fixture_in_memory(void);
voiceunlock_client *fixture_connect(const char *folder);
/* Of maria; fails the test when there is no answer. */
voiceunlock_attempt *fixture_authenticate(const voiceunlock_audio *audio, const voiceunlock_attempt_options *options);

#endif
