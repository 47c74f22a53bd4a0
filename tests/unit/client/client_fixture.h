/*
 * What tests of the client share: a suite that does as it is told, a client of
 * it, samples to send. A header of static functions, because aids in .c files
 * are linked into the tests of all services.
 */
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

/* As the services' threads read it. */
#define SET(assignment)                                                                                              \
	do {                                                                                                         \
		pthread_mutex_lock(&suite.mutex);                                                                    \
		assignment;                                                                                          \
		pthread_mutex_unlock(&suite.mutex);                                                                  \
	} while (0)

static client_aid suite;
static voiceunlock_client *client;
static float *samples; /* FRAMES x CHANNELS, all different enough */

__attribute__((unused)) static voiceunlock_audio fixture_in_memory(void)
{
	return (voiceunlock_audio){.kind = VOICEUNLOCK_AUDIO_SAMPLES,
	                           .samples = samples,
	                           .frame_count = FRAMES,
	                           .sample_rate = 44100,
	                           .channels = CHANNELS};
}

__attribute__((unused)) static voiceunlock_client *fixture_connect(const char *folder)
{
	voiceunlock_options options = {.size = sizeof options, .runtime_folder = folder};
	voiceunlock_client *made = NULL;
	voiceunlock_error error;

	if (voiceunlock_create(&options, &made, &error) != VOICEUNLOCK_OK)
		fail_msg("%s", error.message);
	return made;
}

__attribute__((unused)) static int fixture_set_up(void **state)
{
	(void)state;
	client_aid_start(&suite);
	client = fixture_connect(suite.folder);
	return 0;
}

__attribute__((unused)) static int fixture_tear_down(void **state)
{
	(void)state;
	voiceunlock_destroy(client);
	client_aid_stop(&suite);
	return 0;
}

/* What the services' threads wrote before they answered is there to be read once their lock was taken. */
__attribute__((unused)) static void fixture_settle(void)
{
	pthread_mutex_lock(&suite.mutex);
	pthread_mutex_unlock(&suite.mutex);
}

__attribute__((unused)) static voiceunlock_attempt *fixture_authenticate(const voiceunlock_audio *audio,
                                                                         const voiceunlock_attempt_options *options)
{
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;

	if (voiceunlock_authenticate(client, "maria", audio, options, &attempt, &error) != VOICEUNLOCK_OK)
		fail_msg("%s", error.message);
	return attempt;
}

__attribute__((unused)) static int fixture_make_samples(void **state)
{
	uint32_t random = 1;

	(void)state;
	samples = malloc(FRAMES * CHANNELS * sizeof *samples);
	if (!samples)
		return -1;
	for (size_t i = 0; i < FRAMES * CHANNELS; i++) {
		random = random * 1664525u + 1013904223u;
		samples[i] = (float)(random >> 8) / (float)(1u << 24) - 0.5f;
	}
	/* No configuration of the person who runs this. */
	unsetenv("VOICE_UNLOCK_CONFIG");
	setenv("XDG_CONFIG_HOME", "/tmp/vu-there-is-no-such-folder", 1);
	return 0;
}

__attribute__((unused)) static int fixture_free_samples(void **state)
{
	(void)state;
	free(samples);
	return 0;
}

#define WITH_SUITE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

#endif
