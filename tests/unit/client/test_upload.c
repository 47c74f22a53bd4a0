/* Audio on its way from a client to capture. */
#include "client_fixture.h"

#include "voiceunlock/v1/capture.pb-c.h"

#include <math.h>
#include <sndfile.h>

static void upload_all(void)
{
	voiceunlock_audio audio = fixture_in_memory();
	char session[VOICEUNLOCK_SESSION_ID_SIZE];
	voiceunlock_error error;

	if (voiceunlock_upload(client, &audio, true, NULL, session, &error) != VOICEUNLOCK_OK)
		fail_msg("%s", error.message);
	assert_int_equal(strlen(session), 32);
}

static void assert_all_arrived(void)
{
	fixture_settle();
	assert_true(suite.ended);
	assert_int_equal(suite.audio_bytes, FRAMES * CHANNELS * sizeof(float));
	assert_memory_equal(suite.audio, samples, suite.audio_bytes);
}

static void samples_arrive_whole(void **state)
{
	(void)state;
	upload_all();
	assert_all_arrived();
	fixture_settle();
	assert_int_equal(suite.sample_rate, 44100);
	assert_int_equal(suite.channels, CHANNELS);
	assert_true(suite.whole_upload);
	assert_int_equal(suite.opened, 1);
	assert_int_equal(suite.closed, 0);
}

static void a_lost_place_is_begun_again(void **state)
{
	(void)state;
	SET(suite.lose_place_at = 150000);
	upload_all();
	assert_all_arrived();
	fixture_settle();
	assert_int_equal(suite.opened, 1);
}

static void a_lost_session_is_opened_again(void **state)
{
	(void)state;
	SET(suite.forget_sessions = 2);
	upload_all();
	assert_all_arrived();
	fixture_settle();
	assert_int_equal(suite.opened, 3);
}

static void a_session_lost_for_ever_is_an_error(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	char session[VOICEUNLOCK_SESSION_ID_SIZE];
	voiceunlock_error error;

	(void)state;
	SET(suite.forget_sessions = 1000);
	assert_int_equal(voiceunlock_upload(client, &audio, true, NULL, session, &error), VOICEUNLOCK_NOT_FOUND);
	assert_string_equal(error.message, "there is no such session");
}

static void chunks_may_be_taken_in_part(void **state)
{
	(void)state;
	SET(suite.take_at_most = 7777);
	upload_all();
	assert_all_arrived();
	fixture_settle();
	assert_int_equal(suite.rewinds, 0);
}

static void enough_is_enough(void **state)
{
	(void)state;
	SET(suite.enough_at = 65536);
	upload_all();
	fixture_settle();
	assert_int_equal(suite.audio_bytes, 65536 * CHANNELS * sizeof(float));
}

static void files_go_the_same_way(void **state)
{
	char path[128];
	SF_INFO info = {.samplerate = 22050, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *file;
	voiceunlock_audio audio = {.kind = VOICEUNLOCK_AUDIO_FILE, .path = path};
	char session[VOICEUNLOCK_SESSION_ID_SIZE];

	(void)state;
	snprintf(path, sizeof path, "%s/a.wav", suite.folder);
	file = sf_open(path, SFM_WRITE, &info);
	assert_non_null(file);
	assert_int_equal(sf_writef_float(file, samples, FRAMES), FRAMES);
	sf_close(file);
	SET(suite.lose_place_at = 270000);
	assert_int_equal(voiceunlock_upload(client, &audio, true, NULL, session, NULL), VOICEUNLOCK_OK);
	fixture_settle();
	assert_int_equal(suite.sample_rate, 22050);
	assert_int_equal(suite.format, VU__SAMPLE_FORMAT__SAMPLE_FORMAT_S16LE);
	assert_int_equal(suite.audio_bytes, FRAMES * sizeof(int16_t));
	for (size_t i = 0; i < FRAMES; i += 997) {
		int16_t value;
		memcpy(&value, suite.audio + i * sizeof value, sizeof value);
		assert_true(fabs((double)value - (double)samples[i] * 32768.0) <= 1.0);
	}
}

static void assert_bad_audio(voiceunlock_audio audio, const char *message)
{
	char session[VOICEUNLOCK_SESSION_ID_SIZE] = "unchanged";
	voiceunlock_error error = {.code = VOICEUNLOCK_OK};

	assert_int_equal(voiceunlock_upload(client, &audio, true, NULL, session, &error),
	                 VOICEUNLOCK_INVALID_ARGUMENT);
	assert_int_equal(error.code, VOICEUNLOCK_INVALID_ARGUMENT);
	assert_string_equal(error.message, message);
	assert_string_equal(session, "unchanged");
	fixture_settle();
	assert_int_equal(suite.opened, 0);
}

static void bad_samples_are_named(void **state)
{
	voiceunlock_audio audio = fixture_in_memory();
	float bad[4] = {0, 0, NAN, 0};

	(void)state;
	audio.frame_count = 0;
	assert_bad_audio(audio, "unable to use the samples: there are none");
	audio = fixture_in_memory();
	audio.channels = 9;
	assert_bad_audio(audio, "unable to use the samples: 9 channels are not 1 to 8");
	audio = fixture_in_memory();
	audio.sample_rate = 7999;
	assert_bad_audio(audio, "unable to use the samples: 7999 Hz is not 8000 to 192000");
	audio = fixture_in_memory();
	audio.samples = bad;
	audio.frame_count = 2;
	assert_bad_audio(audio,
	                 "unable to use the samples: some are not numbers or of another scale; full scale is -1 "
	                 "to 1");
	audio = (voiceunlock_audio){.kind = VOICEUNLOCK_AUDIO_MICROPHONE};
	assert_bad_audio(audio, "unable to upload: give a file or samples");
	audio = (voiceunlock_audio){.kind = VOICEUNLOCK_AUDIO_FILE};
	assert_bad_audio(audio, "unable to read a file: no path was given");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SUITE(samples_arrive_whole),           WITH_SUITE(a_lost_place_is_begun_again),
	    WITH_SUITE(a_lost_session_is_opened_again), WITH_SUITE(a_session_lost_for_ever_is_an_error),
	    WITH_SUITE(chunks_may_be_taken_in_part),    WITH_SUITE(enough_is_enough),
	    WITH_SUITE(files_go_the_same_way),          WITH_SUITE(bad_samples_are_named),
	};

	return cmocka_run_group_tests(tests, fixture_make_samples, fixture_free_samples);
}
