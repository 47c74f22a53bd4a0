/* The meter's line for given moments. */
#include "meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static char line[1024];

static const char *render(voiceunlock_phase phase, float dbfs, uint32_t speech_ms, double done, unsigned columns)
{
	voiceunlock_progress progress = {
	    .phase = phase, .level_dbfs = dbfs, .peak_dbfs = dbfs, .speech_ms = speech_ms, .done = done};

	return meter_render(&progress, dbfs, columns, false, false, line, sizeof line);
}

static void level_fills_the_bar(void **state)
{
	(void)state;
	assert_string_equal(render(VOICEUNLOCK_PHASE_LISTENING, -60, 0, 0, 52),
	                    "speak now   [--------------------] -60 dB");
	assert_string_equal(render(VOICEUNLOCK_PHASE_SPEECH, -30, 1500, 0, 52),
	                    "listening   [##########----------] -30 dB  1.5 s");
	assert_string_equal(render(VOICEUNLOCK_PHASE_SPEECH, 0, 1500, 0, 52),
	                    "listening   [####################]   0 dB  1.5 s");
	assert_string_equal(render(VOICEUNLOCK_PHASE_SPEECH, 12, 1500, 0, 52),
	                    "listening   [####################]  12 dB  1.5 s");
	assert_string_equal(render(VOICEUNLOCK_PHASE_LISTENING, -120, 0, 0, 52),
	                    "speak now   [--------------------]");
}

static void other_phases_have_no_level(void **state)
{
	(void)state;
	assert_string_equal(render(VOICEUNLOCK_PHASE_OPENING, -20, 0, 0, 80), "opening the microphone");
	assert_string_equal(render(VOICEUNLOCK_PHASE_DECIDING, -20, 900, 0, 80), "deciding   ");
	assert_string_equal(render(VOICEUNLOCK_PHASE_UPLOADING, -120, 0, 0.5, 52),
	                    "sending     [##########----------]  50 %");
}

static void never_wider_than_the_terminal(void **state)
{
	(void)state;
	for (unsigned columns = 12; columns < 200; columns++)
		assert_true(strlen(render(VOICEUNLOCK_PHASE_SPEECH, -120, 99900, 0, columns)) <= columns);
	for (unsigned columns = 12; columns < 200; columns++)
		assert_true(strlen(render(VOICEUNLOCK_PHASE_UPLOADING, 0, 0, 1, columns)) <= columns);
}

static void loud_and_quiet_have_colours(void **state)
{
	voiceunlock_progress progress = {.phase = VOICEUNLOCK_PHASE_SPEECH, .level_dbfs = -3};

	(void)state;
	assert_non_null(strstr(meter_render(&progress, -3, 60, true, true, line, sizeof line), "\033[31m█"));
	assert_non_null(strstr(meter_render(&progress, -20, 60, true, true, line, sizeof line), "\033[32m█"));
	assert_non_null(strstr(meter_render(&progress, -50, 60, true, true, line, sizeof line), "\033[33m█"));
	assert_null(strchr(meter_render(&progress, -3, 60, true, false, line, sizeof line), '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(level_fills_the_bar),
	    cmocka_unit_test(other_phases_have_no_level),
	    cmocka_unit_test(never_wider_than_the_terminal),
	    cmocka_unit_test(loud_and_quiet_have_colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
