/*
 * The spoken challenge: what is drawn, and attempts at level maximum against
 * scripted peers over real RPC. Whatever is missing or goes wrong lets nobody in.
 */
#include "front_fixture.h"

#include "challenge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state)
{
	(void)state;
	start_front(FAKE_ALL);
	return 0;
}

static Vu__AuthenticateResponse *authenticate(front_ids *ids, const char *user, bool microphone)
{
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;

	request.attempt_id = ids->attempt;
	request.user = front_text(user);
	request.session_id = front_text(microphone ? "" : ids->session);
	request.anti_spoofing = front_text("maximum");
	return front_call_ok("Authenticate", &request.base);
}

static Vu__AuthenticateResponse *expect(const char *user, bool microphone, Vu__Verdict verdict, const char *words)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateResponse *r = authenticate(&ids, user, microphone);

	if (r->verdict != verdict)
		fail_msg("verdict %d (%s), expected %d", r->verdict, r->reason, verdict);
	if (!strstr(r->reason, words))
		fail_msg("\"%s\" does not say \"%s\"", r->reason, words);
	assert_int_equal(r->may_unlock, verdict == VU__VERDICT__VERDICT_ACCEPT);
	return r;
}

static const Vu__DetectorResult *finding(const Vu__AuthenticateResponse *r)
{
	for (size_t i = 0; r->antispoof && i < r->antispoof->n_detectors; i++)
		if (strcmp(r->antispoof->detectors[i]->name, "challenge") == 0)
			return r->antispoof->detectors[i];
	return NULL;
}

static uint32_t answers[2];
static unsigned asked_random;

static uint32_t scripted(uint32_t below)
{
	uint32_t answer = answers[asked_random++];
	assert_true(answer < below);
	return answer;
}

static void every_ordered_choice_is_drawn_once(void **state)
{
	bool seen[5][5] = {{false}};
	unsigned count = 0;
	(void)state;
	for (answers[0] = 0; answers[0] < 5; answers[0]++) {
		for (answers[1] = 0; answers[1] < 4; answers[1]++) {
			uint32_t drawn[VU_CHALLENGE_PHRASES];
			asked_random = 0;
			vu_challenge_draw(5, scripted, drawn);
			assert_true(drawn[0] < 5 && drawn[1] < 5 && drawn[0] != drawn[1]);
			assert_false(seen[drawn[0]][drawn[1]]);
			seen[drawn[0]][drawn[1]] = true;
			count++;
		}
	}
	assert_int_equal(count, 20);
}

static void a_right_answer_is_accepted(void **state)
{
	Vu__AuthenticateResponse *r = expect("carl", true, VU__VERDICT__VERDICT_ACCEPT, "");
	fake_script s = fake_script_now();
	(void)state;
	assert_non_null(finding(r));
	assert_int_equal(finding(r)->verdict, VU__SPOOF_VERDICT__SPOOF_BONAFIDE);
	assert_true(fabs((double)finding(r)->score - 0.47) < 1e-4);
	assert_true(s.last_challenged && s.last_frames);
	assert_int_equal(s.checked, 1);
	assert_true(strncmp(s.asked[0], "phrase ", 7) == 0 && strncmp(s.asked[1], "phrase ", 7) == 0);
	assert_string_not_equal(s.asked[0], s.asked[1]);
	assert_true(s.last_timeout_ms <= VU_CHALLENGE_BEGIN_MS);
	assert_int_equal(s.last_silence_ms, VU_CHALLENGE_SILENCE_MS);
	front_free(r);
}

static void a_wrong_answer_is_a_spoof(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(said = false);
	CHANGE(margin = -0.1F);
	r = expect("dora", true, VU__VERDICT__VERDICT_SPOOF, "not what was asked for");
	assert_int_equal(finding(r)->verdict, VU__SPOOF_VERDICT__SPOOF_SPOOF);
	assert_true(r->antispoof->score <= -1 && r->antispoof->verdict == VU__SPOOF_VERDICT__SPOOF_SPOOF);
	front_free(r);
}

static void a_right_answer_by_another_voice_is_rejected(void **state)
{
	(void)state;
	CHANGE(fused = 0);
	front_free(expect("emil", true, VU__VERDICT__VERDICT_REJECT, ""));
}

static void a_right_answer_does_not_make_up_for_a_spoof(void **state)
{
	(void)state;
	CHANGE(spoof = VU__SPOOF_VERDICT__SPOOF_SPOOF);
	front_free(expect("frida", true, VU__VERDICT__VERDICT_SPOOF, ""));
}

static void what_cannot_be_checked_is_unavailable(void **state)
{
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(check_status = VU_INTERNAL);
	r = expect("gerd", true, VU__VERDICT__VERDICT_UNAVAILABLE, "cannot check phrases");
	assert_int_equal(finding(r)->verdict, VU__SPOOF_VERDICT__SPOOF_UNAVAILABLE);
	front_free(r);
	CHANGE(check_status = VU_OK);
	CHANGE(margin = NAN);
	front_free(expect("gerd", true, VU__VERDICT__VERDICT_UNAVAILABLE, "no usable answer"));
	/* A verdict that its own numbers speak against. */
	CHANGE(margin = -0.5F);
	front_free(expect("gerd", true, VU__VERDICT__VERDICT_UNAVAILABLE, "no usable answer"));
}

static void what_cannot_be_put_is_unavailable(void **state)
{
	(void)state;
	CHANGE(phrases_status = VU_INTERNAL);
	front_free(expect("hilde", true, VU__VERDICT__VERDICT_UNAVAILABLE, "trouble with phrases"));
	assert_false(fake_script_now().last_challenged);
	assert_int_equal(fake_script_now().checked, 0);
}

static void too_few_phrases_are_refused(void **state)
{
	(void)state;
	CHANGE(phrases = 2);
	/* At once, without the microphone, with the remedy, and without counting: nobody spoke. */
	for (int i = 0; i < 5; i++) {
		Vu__AuthenticateResponse *r =
		    expect("ida", true, VU__VERDICT__VERDICT_SPOOF, "enrolled with 2 of the 3");
		assert_non_null(strstr(r->reason, "enroll ida --replace"));
		assert_null(strstr(r->reason, "left before a lockout"));
		assert_int_equal(r->locked_for_s, 0);
		assert_null(r->quality);
		front_free(r);
	}
	assert_int_equal(fake_script_now().opened, 0);
	CHANGE(phrases = 3);
	front_free(expect("ida", true, VU__VERDICT__VERDICT_ACCEPT, ""));
}

static void an_upload_is_refused(void **state)
{
	(void)state;
	front_free(expect("jan", false, VU__VERDICT__VERDICT_SPOOF, ""));
	assert_false(fake_script_now().last_challenged);
	assert_int_equal(fake_script_now().checked, 0);
}

static void an_unknown_user_is_not_asked(void **state)
{
	(void)state;
	CHANGE(enrolled = false);
	front_free(expect("karl", true, VU__VERDICT__VERDICT_NOT_ENROLLED, ""));
	assert_int_equal(fake_script_now().checked, 0);
}

/* It could ask for nobody's phrases in particular. */
static void identification_is_refused_before_anybody_speaks(void **state)
{
	vu_config *config = load_config();
	vu_error error;
	(void)state;
	config->security.anti_spoofing = VU_ANTISPOOF_MAXIMUM;
	assert_int_equal(vu_orchestrator_configure(orchestrator, config, &error), VU_OK);
	CHANGE(identified = "mona");
	for (int upload = 0; upload < 2; upload++) {
		front_ids ids = front_new_ids();
		Vu__IdentifySessionRequest request = VU__IDENTIFY_SESSION_REQUEST__INIT;
		Vu__IdentifySessionResponse *r;
		request.attempt_id = ids.attempt;
		request.session_id = front_text(upload ? ids.session : "");
		r = front_call_ok("Identify", &request.base);
		assert_int_equal(r->verdict, VU__VERDICT__VERDICT_SPOOF);
		assert_non_null(strstr(r->reason, "test --user USER, or set security.anti_spoofing to high."));
		assert_null(r->result);
		front_free(r);
	}
	assert_int_equal(fake_script_now().opened, 0);
	assert_int_equal(fake_script_now().extracted, 0);
	vu_config_free(config);
	config = load_config();
	assert_int_equal(vu_orchestrator_configure(orchestrator, config, &error), VU_OK);
	vu_config_free(config);
}

static Vu__AuthenticateResponse *ask_at(const char *level, const char *user, bool microphone)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateRequest request = VU__AUTHENTICATE_REQUEST__INIT;

	request.attempt_id = ids.attempt;
	request.user = front_text(user);
	request.session_id = front_text(microphone ? "" : ids.session);
	request.anti_spoofing = front_text(level);
	return front_call_ok("Authenticate", &request.base);
}

/* A video or a call must not unlock: at level high somebody has to say what nobody could play in advance. */
static void while_the_machine_plays_sound_a_challenge_is_put(void **state)
{
	Vu__AuthenticateResponse *r;
	unsigned opened;
	(void)state;
	sound = true;
	r = ask_at("high", "olga", true);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_ACCEPT);
	assert_non_null(finding(r));
	assert_true(fake_script_now().last_challenged);
	assert_string_equal(fake_script_now().last_antispoof_level, "high");
	front_free(r);
	CHANGE(said = false);
	CHANGE(margin = -0.1F);
	r = ask_at("high", "olga", true);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_SPOOF);
	front_free(r);
	CHANGE(phrases = 0);
	opened = fake_script_now().opened;
	r = ask_at("high", "olga", true);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_SPOOF);
	assert_non_null(strstr(r->reason, "playing sound: stop it"));
	assert_int_equal(fake_script_now().opened, opened);
	front_free(r);
	/* Not below, not for files, and not in silence. */
	for (int i = 0; i < 3; i++) {
		sound = i < 2;
		CHANGE(source = i == 1 ? VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD
		                       : VU__AUDIO_SOURCE__AUDIO_SOURCE_MICROPHONE);
		r = ask_at(i == 0 ? "medium" : "high", "olga", i != 1);
		assert_int_equal(r->verdict, VU__VERDICT__VERDICT_ACCEPT);
		assert_null(finding(r));
		front_free(r);
	}
	sound = false;
}

static void a_repeated_attempt_is_not_asked_again(void **state)
{
	front_ids ids = front_new_ids();
	Vu__AuthenticateResponse *r;
	(void)state;
	CHANGE(said = false);
	CHANGE(margin = -0.1F);
	r = authenticate(&ids, "lena", true);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_SPOOF);
	front_free(r);
	CHANGE(said = true);
	CHANGE(margin = 0.5F);
	r = authenticate(&ids, "lena", true);
	assert_int_equal(r->verdict, VU__VERDICT__VERDICT_SPOOF);
	assert_int_equal(fake_script_now().checked, 1);
	front_free(r);
}

typedef struct running {
	front_ids ids;
	Vu__AuthenticateResponse *response;
} running;

static void *run(void *argument)
{
	running *r = argument;
	r->response = authenticate(&r->ids, "mina", true);
	return NULL;
}

static void who_watches_sees_it_while_it_counts(void **state)
{
	running r = {.ids = front_new_ids()};
	pthread_t thread;
	Vu__WatchAttemptRequest watch = VU__WATCH_ATTEMPT_REQUEST__INIT;
	Vu__WatchAttemptResponse *seen = NULL;
	(void)state;
	CHANGE(extract_ms = 1500);
	CHANGE(session_state = VU__SESSION_STATE__SESSION_LISTENING);
	assert_int_equal(pthread_create(&thread, NULL, run, &r), 0);
	watch.attempt_id = r.ids.attempt;
	for (int i = 0; i < 1000; i++) {
		seen = front_call_ok("WatchAttempt", &watch.base);
		if (seen->phase == VU__ATTEMPT_PHASE__PHASE_LISTENING)
			break;
		front_free(seen);
		usleep(5000);
	}
	assert_int_equal(seen->phase, VU__ATTEMPT_PHASE__PHASE_LISTENING);
	assert_int_equal(seen->n_challenge, 2);
	pthread_join(thread, NULL);
	assert_int_equal(r.response->verdict, VU__VERDICT__VERDICT_ACCEPT);
	assert_string_equal(seen->challenge[0], fake_script_now().asked[0]);
	assert_string_equal(seen->challenge[1], fake_script_now().asked[1]);
	front_free(seen);
	seen = front_call_ok("WatchAttempt", &watch.base);
	assert_int_equal(seen->n_challenge, 0);
	front_free(seen);
	front_free(r.response);
}

static void an_answer_that_comes_too_late_is_refused(void **state)
{
	vu_challenge challenge = {.put = true, .put_us = 1000};
	vu_challenge_claim claim = {.name_space = "", .user = "nora"};
	Vu__ExtractResponse features = VU__EXTRACT_RESPONSE__INIT;
	Vu__AssessResponse antispoof = VU__ASSESS_RESPONSE__INIT;
	(void)state;
	features.ended_us = 1001 + VU_CHALLENGE_WINDOW_US;
	vu_challenge_check(NULL, &claim, &features, &challenge);
	assert_int_equal(vu_challenge_join(&challenge, &antispoof, VU_CHECK_PASSED), VU_CHECK_REFUSED);
	assert_non_null(strstr(challenge.assessment.reason, "too late"));
}

static void nothing_checked_is_no_pass(void **state)
{
	vu_challenge challenge = {.put = true};
	Vu__AssessResponse antispoof = VU__ASSESS_RESPONSE__INIT;
	(void)state;
	assert_int_equal(vu_challenge_join(&challenge, &antispoof, VU_CHECK_PASSED), VU_CHECK_FAILED);
	assert_int_equal(vu_challenge_join(&challenge, &antispoof, VU_CHECK_NOT_RUN), VU_CHECK_NOT_RUN);
	assert_int_equal(vu_challenge_join(&challenge, &antispoof, VU_CHECK_REFUSED), VU_CHECK_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(every_ordered_choice_is_drawn_once, reset),
	    cmocka_unit_test_setup(a_right_answer_is_accepted, reset),
	    cmocka_unit_test_setup(a_wrong_answer_is_a_spoof, reset),
	    cmocka_unit_test_setup(a_right_answer_by_another_voice_is_rejected, reset),
	    cmocka_unit_test_setup(a_right_answer_does_not_make_up_for_a_spoof, reset),
	    cmocka_unit_test_setup(what_cannot_be_checked_is_unavailable, reset),
	    cmocka_unit_test_setup(what_cannot_be_put_is_unavailable, reset),
	    cmocka_unit_test_setup(too_few_phrases_are_refused, reset),
	    cmocka_unit_test_setup(an_upload_is_refused, reset),
	    cmocka_unit_test_setup(an_unknown_user_is_not_asked, reset),
	    cmocka_unit_test_setup(identification_is_refused_before_anybody_speaks, reset),
	    cmocka_unit_test_setup(while_the_machine_plays_sound_a_challenge_is_put, reset),
	    cmocka_unit_test_setup(a_repeated_attempt_is_not_asked_again, reset),
	    cmocka_unit_test_setup(who_watches_sees_it_while_it_counts, reset),
	    cmocka_unit_test_setup(an_answer_that_comes_too_late_is_refused, reset),
	    cmocka_unit_test_setup(nothing_checked_is_no_pass, reset),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
