/* The JSON shapes of the interface, key by key and in their order. */
#include "output.h"

#include "cli.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, JSON_REAL_PRECISION(9));

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

static char NOTHING[] = "", LEVEL[] = "high", USER[] = "maria", REASON[] = "welcome", ID[] = "0123",
            MODELS[] = "models", STATE[] = "running", HEALTH[] = "SERVING", REPLAY[] = "replay", PATH[] = "/x";

static void an_attempt(void **state)
{
	voiceunlock_detector detector = {
	    .name = REPLAY, .score = 2.5, .verdict = VOICEUNLOCK_SPOOF_BONAFIDE, .reason = NOTHING};
	voiceunlock_attempt attempt = {
	    .attempt_id = ID,
	    .user = USER,
	    .verdict = VOICEUNLOCK_ACCEPT,
	    .reason = REASON,
	    .score = 4.5,
	    .threshold = 2.25,
	    .speaker = {.svm = 1.5, .second = NAN, .fused = 4.5},
	    .antispoof = {.verdict = VOICEUNLOCK_SPOOF_BONAFIDE,
	                  .score = 3,
	                  .level = LEVEL,
	                  .reason = NOTHING,
	                  .detectors = &detector,
	                  .detector_count = 1},
	    .quality = {.speech_ms = 2900, .snr_db = 24, .clipped_pct = 0},
	    .timing_ms = {.capture = 1, .features = 2, .antispoof = 3, .score = 4, .decision = 5, .total = 6}};

	(void)state;
	assert_json(
	    output_attempt(&attempt),
	    "{\"attempt_id\": \"0123\", \"user\": \"maria\", \"verdict\": \"accept\", \"reason\": \"welcome\", "
	    "\"score\": 4.5, \"threshold\": 2.25, "
	    "\"speaker\": {\"svm\": 1.5, \"second\": null, \"fused\": 4.5}, "
	    "\"antispoof\": {\"verdict\": \"bonafide\", \"score\": 3.0, \"level\": \"high\", "
	    "\"detectors\": [{\"name\": \"replay\", \"score\": 2.5, \"verdict\": \"bonafide\"}]}, "
	    "\"quality\": {\"speech_ms\": 2900, \"snr_db\": 24.0, \"clipped_pct\": 0.0}, "
	    "\"timing_ms\": {\"capture\": 1.0, \"features\": 2.0, \"antispoof\": 3.0, \"score\": 4.0, "
	    "\"decision\": 5.0, \"total\": 6.0}}");
}

static void identifying(void **state)
{
	voiceunlock_candidate candidates[] = {{USER, 3.5}, {MODELS, -1}};
	voiceunlock_identification somebody = {
	    .user = USER, .score = 3.5, .margin = 4.5, .candidates = candidates, .candidate_count = 2};
	voiceunlock_identification nobody = {.score = NAN, .margin = NAN};

	(void)state;
	assert_json(output_identification(&somebody),
	            "{\"user\": \"maria\", \"score\": 3.5, \"margin\": 4.5, \"candidates\": [{\"user\": \"maria\", "
	            "\"score\": 3.5}, {\"user\": \"models\", \"score\": -1.0}]}");
	assert_json(output_identification(&nobody),
	            "{\"user\": null, \"score\": null, \"margin\": null, \"candidates\": []}");
}

static void the_suite(void **state)
{
	voiceunlock_service service = {.name = MODELS,
	                               .pid = 42,
	                               .state = STATE,
	                               .health = HEALTH,
	                               .restarts = 1,
	                               .rss_bytes = 4096,
	                               .limit_bytes = 8192,
	                               .uptime_s = 2.5,
	                               .reason = NOTHING};
	voiceunlock_cache cache = {.name = MODELS, .bytes = 1, .items = 2, .hits = 3, .misses = 4};
	voiceunlock_lockout lockout = {.user = USER, .remaining_s = 299, .failures = 5};
	voiceunlock_expected expected = {.user = USER, .p = 0.5, .reason = REASON};
	voiceunlock_suite suite = {.ready = true,
	                           .complete = true,
	                           .uptime_s = 3,
	                           .services = &service,
	                           .service_count = 1,
	                           .model_server_rss_bytes = 4096,
	                           .max_bytes = 1000,
	                           .caches = &cache,
	                           .cache_count = 1,
	                           .users = 7,
	                           .lockouts = &lockout,
	                           .lockout_count = 1,
	                           .expected = &expected,
	                           .expected_count = 1};

	(void)state;
	assert_json(
	    output_suite(&suite),
	    "{\"ready\": true, \"uptime_s\": 3.0, \"services\": [{\"name\": \"models\", \"pid\": 42, \"state\": "
	    "\"running\", \"health\": \"SERVING\", \"restarts\": 1, \"rss_bytes\": 4096, \"limit_bytes\": 8192, "
	    "\"uptime_s\": 2.5, \"reason\": \"\"}], \"memory\": {\"model_server_rss_bytes\": 4096, \"max_bytes\": "
	    "1000, "
	    "\"cache\": {\"models\": {\"bytes\": 1, \"items\": 2, \"hits\": 3, \"misses\": 4}, \"scalers\": "
	    "{\"bytes\": 0, "
	    "\"items\": 0, \"hits\": 0, \"misses\": 0}, \"pca\": {\"bytes\": 0, \"items\": 0, \"hits\": 0, "
	    "\"misses\": "
	    "0}}}, \"users\": 7, \"lockouts\": [{\"user\": \"maria\", \"remaining_s\": 299, \"failures\": 5}], "
	    "\"expected\": [{\"user\": \"maria\", \"p\": 0.5, \"reason\": \"welcome\"}]}");
}

static void the_users(void **state)
{
	voiceunlock_user users[] = {{.user = USER,
	                             .samples = 5,
	                             .bytes = 31000,
	                             .path = PATH,
	                             .present = true,
	                             .verified = false,
	                             .last_used_us = 0,
	                             .background = NOTHING},
	                            {.user = MODELS,
	                             .samples = 6,
	                             .bytes = 1,
	                             .path = PATH,
	                             .present = true,
	                             .verified = true,
	                             .last_used_us = 1769864709ull * 1000000,
	                             .background = LEVEL}};
	voiceunlock_user_list list = {.users = users, .count = 2};

	(void)state;
	assert_json(
	    output_users(&list),
	    "{\"users\": [{\"user\": \"maria\", \"samples\": 5, \"bytes\": 31000, \"path\": \"/x\", \"present\": "
	    "true, \"verified\": false, \"last_used\": null, \"background\": \"\"}, {\"user\": \"models\", "
	    "\"samples\": 6, \"bytes\": 1, \"path\": \"/x\", \"present\": true, \"verified\": true, "
	    "\"last_used\": \"2026-01-31T13:05:09Z\", \"background\": \"high\"}]}");
}

static void numbers_that_json_has_not(void **state)
{
	(void)state;
	assert_true(json_is_null(output_number(NAN)));
	assert_true(json_is_null(output_number(INFINITY)));
	assert_true(json_is_null(output_text("")));
	assert_true(json_is_null(output_text(NULL)));
}

static void verdicts_have_their_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_ACCEPT), 0);
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_REJECT), 1);
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_SPOOF), 3);
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_NO_SPEECH), 4);
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_NOT_ENROLLED), 5);
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_LOCKED), 6);
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_VERDICT_UNAVAILABLE), 7);
	assert_int_equal(cli_exit_of_verdict(VOICEUNLOCK_VERDICT_UNKNOWN), 70);
	assert_int_equal(cli_exit_of_verdict((voiceunlock_verdict)99), 70);
	assert_int_equal(cli_exit_of_code(VOICEUNLOCK_ALREADY_EXISTS), 2);
	assert_int_equal(cli_exit_of_code(VOICEUNLOCK_NOT_FOUND), 5);
	assert_int_equal(cli_exit_of_code(VOICEUNLOCK_UNAVAILABLE), 7);
	assert_int_equal(cli_exit_of_code(VOICEUNLOCK_PERMISSION_DENIED), 9);
	assert_int_equal(cli_exit_of_code(VOICEUNLOCK_INTERNAL), 70);
	assert_int_equal(cli_exit_of_code(VOICEUNLOCK_CANCELLED), 130);
}

static void control_characters_are_not_shown(void **state)
{
	char text[16];

	(void)state;
	assert_string_equal(cli_printable("a\033[31m\nb\x7f", text, sizeof text), "a?[31m?b?");
	assert_string_equal(cli_printable("\xc2\x9b"
	                                  "31m \xc3\xa9",
	                                  text, sizeof text),
	                    "?31m \xc3\xa9");
	assert_string_equal(cli_printable("0123456789abcdefgh", text, sizeof text), "0123456789abcde");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_attempt),
	    cmocka_unit_test(identifying),
	    cmocka_unit_test(the_suite),
	    cmocka_unit_test(the_users),
	    cmocka_unit_test(numbers_that_json_has_not),
	    cmocka_unit_test(verdicts_have_their_exit_codes),
	    cmocka_unit_test(control_characters_are_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
