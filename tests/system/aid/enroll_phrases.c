/*
 * Enrols from files that are known to say something, so that they can be asked
 * for at level maximum: what reading out does by microphone, in less time.
 *
 * usage: enroll_phrases USER PHRASE FILE [PHRASE FILE]…
 *
 * Asks the suite of VOICE_UNLOCK_RUNTIME_DIR. Status 1, with the reason, when
 * somebody is not enrolled afterwards.
 */
#include "voiceunlock.h"

#include <stdio.h>

static int fail(const char *what, const voiceunlock_error *error)
{
	fprintf(stderr, "enroll_phrases: %s: %s\n", what, error->message);
	return 1;
}

int main(int argc, char **argv)
{
	voiceunlock_client *client = NULL;
	voiceunlock_enrollment *enrollment = NULL;
	voiceunlock_enroll_options options = {.size = sizeof options, .replace = true};
	voiceunlock_enrolled *enrolled = NULL;
	voiceunlock_error error;

	if (argc < 4 || argc % 2 != 0) {
		fputs("usage: enroll_phrases USER PHRASE FILE [PHRASE FILE]...\n", stderr);
		return 2;
	}
	if (voiceunlock_create(NULL, &client, &error) != VOICEUNLOCK_OK)
		return fail("no client", &error);
	if (voiceunlock_enrollment_begin(client, argv[1], &options, &enrollment, &error) != VOICEUNLOCK_OK)
		return fail("not begun", &error);
	for (int i = 2; i + 1 < argc; i += 2) {
		voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = argv[i + 1]};
		voiceunlock_sample sample;

		if (voiceunlock_enrollment_ask(enrollment, argv[i], &error) != VOICEUNLOCK_OK ||
		    voiceunlock_enrollment_add(enrollment, &audio, &sample, &error) != VOICEUNLOCK_OK)
			return fail(argv[i + 1], &error);
		if (!sample.accepted)
			fprintf(stderr, "enroll_phrases: %s was not taken: %s\n", argv[i + 1], sample.advice);
	}
	if (voiceunlock_enrollment_commit(enrollment, &enrolled, &error) != VOICEUNLOCK_OK)
		return fail("not enrolled", &error);
	voiceunlock_enrolled_free(enrolled);
	voiceunlock_enrollment_close(enrollment);
	voiceunlock_destroy(client);
	return 0;
}
