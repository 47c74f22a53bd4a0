/*
 * An example of libvoiceunlock: enrolls somebody from recordings, then asks
 * whether another recording is theirs. It includes voiceunlock.h and nothing
 * else of Voice Unlock.
 *
 *	voiceunlock-example USER ENROLL.wav… -- TEST.wav
 *
 * The suite must be running. The user is enrolled anew and removed at the end.
 * Exit 0 accepted, 1 refused, 2 wrong arguments, 3 something went wrong.
 */
#include <voiceunlock.h>

#include <stdio.h>
#include <string.h>

#define RECORDINGS_MAX 10

static int enroll(voiceunlock_client *client, const char *user, char **files, size_t count)
{
	voiceunlock_audio audios[RECORDINGS_MAX] = {{0}};
	voiceunlock_sample judged[RECORDINGS_MAX];
	voiceunlock_enroll_options options = {.size = sizeof options, .replace = true};
	voiceunlock_enrolled *enrolled = NULL;
	voiceunlock_error error;

	for (size_t i = 0; i < count; i++) {
		audios[i].kind = VOICEUNLOCK_AUDIO_FILE;
		audios[i].path = files[i];
	}
	if (voiceunlock_enroll(client, user, audios, count, &options, judged, &enrolled, &error) != VOICEUNLOCK_OK) {
		fprintf(stderr, "%s: %s\n", voiceunlock_code_name(error.code), error.message);
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		printf("%s: %s %s\n", files[i],
		       judged[i].accepted ? "good" : "not used:", judged[i].accepted ? "" : judged[i].advice);
	printf("enrolled %s from %u samples, %llu bytes\n", user, enrolled->samples,
	       (unsigned long long)enrolled->template_bytes);
	voiceunlock_enrolled_free(enrolled);
	return 0;
}

static int authenticate(voiceunlock_client *client, const char *user, const char *file)
{
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = file};
	voiceunlock_attempt_options options = {.size = sizeof options, .timeout_s = 10};
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;
	int accepted;

	if (voiceunlock_authenticate(client, user, &audio, &options, &attempt, &error) != VOICEUNLOCK_OK) {
		fprintf(stderr, "%s: %s\n", voiceunlock_code_name(error.code), error.message);
		return -1;
	}
	printf("%s: %s, score %.2f of %.2f needed\n%s\n", user, voiceunlock_verdict_name(attempt->verdict),
	       attempt->score, attempt->threshold, attempt->reason);
	accepted = attempt->verdict == VOICEUNLOCK_ACCEPT;
	voiceunlock_attempt_free(attempt);
	return accepted;
}

int main(int argc, char **argv)
{
	voiceunlock_client *client = NULL;
	voiceunlock_error error;
	int result = 3;
	int accepted;

	if (argc < 5 || argc - 4 > RECORDINGS_MAX || strcmp(argv[argc - 2], "--") != 0) {
		fprintf(stderr, "usage: %s USER ENROLL.wav… -- TEST.wav\n", argv[0]);
		return 2;
	}
	if (voiceunlock_create(NULL, &client, &error) != VOICEUNLOCK_OK) {
		fprintf(stderr, "%s: %s\n", voiceunlock_code_name(error.code), error.message);
		return 3;
	}
	if (enroll(client, argv[1], argv + 2, (size_t)argc - 4) == 0) {
		accepted = authenticate(client, argv[1], argv[argc - 1]);
		result = accepted < 0 ? 3 : accepted ? 0 : 1;
		if (voiceunlock_remove(client, argv[1], NULL, &error) != VOICEUNLOCK_OK)
			fprintf(stderr, "%s: %s\n", voiceunlock_code_name(error.code), error.message);
	}
	voiceunlock_destroy(client);
	return result;
}
