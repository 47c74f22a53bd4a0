/* Drawing, putting and judging challenges. */
#include "challenge.h"

#include "base/clock.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vu_challenge_draw(uint32_t count, uint32_t (*random)(uint32_t below), uint32_t drawn[VU_CHALLENGE_PHRASES])
{
	drawn[0] = random ? random(count) : randombytes_uniform(count);
	/* Among the others: those from the first one drawn on move up. */
	drawn[1] = random ? random(count - 1) : randombytes_uniform(count - 1);
	drawn[1] += drawn[1] >= drawn[0];
}

static char *writable(const char *text, char *copy, size_t size)
{
	snprintf(copy, size, "%s", text);
	return copy;
}

static ProtobufCMessage *ask(vu_orchestrator *orchestrator, const vu_challenge_claim *claim, const char *method,
                             const ProtobufCMessage *request, vu_error *error)
{
	vu_peer_plan plan = {.deadline_us = claim->deadline_us, .wait_for_ready = true, .cancel = claim->cancel};

	return vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, method, request, &plan,
	                    error);
}

void vu_challenge_put(vu_orchestrator *orchestrator, const vu_challenge_claim *claim, vu_attempt *attempt,
                      vu_challenge *challenge)
{
	char name_space[VU_USER_NAME_MAX + 1];
	char user[VU_USER_NAME_MAX + 1];
	char *shown[VU_CHALLENGE_PHRASES];
	uint32_t drawn[VU_CHALLENGE_PHRASES];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__PhrasesRequest request = VU__PHRASES_REQUEST__INIT;
	Vu__PhrasesResponse *response;

	memset(challenge, 0, sizeof *challenge);
	key.namespace_ = writable(claim->name_space, name_space, sizeof name_space);
	key.user = writable(claim->user, user, sizeof user);
	request.key = &key;
	response = (Vu__PhrasesResponse *)ask(orchestrator, claim, "Phrases", &request.base, &challenge->error);
	if (!response)
		return;
	challenge->error.status = VU_OK;
	if (response->n_phrases < VU_CHALLENGE_PHRASES_MIN) {
		vu_fail(&challenge->error, VU_FAILED_PRECONDITION,
		        "%s phrases of the enrolment, and %s was enrolled with %zu of the %d that "
		        "it takes: run jarvis-voice-unlock enroll %s --replace and read out what is shown",
		        claim->playing ? "this machine is playing sound: stop it, or answer with"
		                       : "level maximum asks for",
		        claim->user, response->n_phrases, VU_CHALLENGE_PHRASES_MIN, claim->user);
		goto out;
	}
	vu_challenge_draw((uint32_t)response->n_phrases, NULL, drawn);
	for (size_t i = 0; i < VU_CHALLENGE_PHRASES; i++) {
		shown[i] = response->phrases[drawn[i]];
		if (strlen(shown[i]) >= VU_CHALLENGE_PHRASE_SIZE) {
			vu_fail(&challenge->error, VU_INTERNAL,
			        "a phrase of the enrolment is too long to ask for it");
			goto out;
		}
		snprintf(challenge->phrases[i], sizeof challenge->phrases[i], "%s", shown[i]);
	}
	vu_attempt_set_challenge(orchestrator->attempts, attempt, shown, VU_CHALLENGE_PHRASES);
	challenge->put_us = vu_clock_monotonic_us();
	challenge->put = true;
out:
	vu_peer_free(&response->base);
}

static void judge(const Vu__CheckPhrasesResponse *answer, vu_challenge *challenge)
{
	float by_distance = 1 - answer->distance / answer->distance_max;
	float by_margin = answer->margin - answer->margin_min;
	float score = by_distance < by_margin ? by_distance : by_margin;

	/* The verdict and the numbers that it is said to come from have to agree. */
	if (!isfinite(by_distance) || !isfinite(by_margin) || answer->matches != (score >= 0)) {
		vu_fail(&challenge->error, VU_INTERNAL, "the check of the spoken phrases gave no usable answer");
		return;
	}
	challenge->checked = true;
	challenge->score = score;
	challenge->matches = answer->matches;
	snprintf(challenge->reason, sizeof challenge->reason, "%s",
	         answer->matches ? "the phrases that were asked for were said"
	                         : "what was said is not what was asked for: say the phrases that are shown, in "
	                           "their order and nothing else");
}

void vu_challenge_check(vu_orchestrator *orchestrator, const vu_challenge_claim *claim,
                        const Vu__ExtractResponse *features, vu_challenge *challenge)
{
	char name_space[VU_USER_NAME_MAX + 1];
	char user[VU_USER_NAME_MAX + 1];
	char *asked[VU_CHALLENGE_PHRASES];
	Vu__UserKey key = VU__USER_KEY__INIT;
	Vu__CheckPhrasesRequest request = VU__CHECK_PHRASES_REQUEST__INIT;
	Vu__CheckPhrasesResponse *response;

	if (!challenge->put || challenge->checked)
		return;
	if ((int64_t)features->ended_us > challenge->put_us + VU_CHALLENGE_WINDOW_US) {
		challenge->checked = true;
		challenge->score = -1;
		snprintf(challenge->reason, sizeof challenge->reason,
		         "the answer to the challenge came too late: begin again and speak at once");
		return;
	}
	key.namespace_ = writable(claim->name_space, name_space, sizeof name_space);
	key.user = writable(claim->user, user, sizeof user);
	for (size_t i = 0; i < VU_CHALLENGE_PHRASES; i++)
		asked[i] = challenge->phrases[i];
	request.key = &key;
	request.extractor = features->extractor;
	request.statistics = features->statistics;
	request.phrases = asked;
	request.n_phrases = VU_CHALLENGE_PHRASES;
	response =
	    (Vu__CheckPhrasesResponse *)ask(orchestrator, claim, "CheckPhrases", &request.base, &challenge->error);
	if (!response)
		return;
	challenge->error.status = VU_OK;
	judge(response, challenge);
	vu_peer_free(&response->base);
}

vu_check vu_challenge_join(vu_challenge *challenge, const Vu__AssessResponse *antispoof, vu_check antispoof_check)
{
	Vu__AssessResponse *joined = &challenge->assessment;
	Vu__DetectorResult *mine = &challenge->detector;
	size_t count = antispoof->n_detectors;

	*joined = *antispoof;
	if (count >= sizeof challenge->detectors / sizeof *challenge->detectors)
		return VU_CHECK_FAILED;
	for (size_t i = 0; i < count; i++)
		challenge->detectors[i] = antispoof->detectors[i];
	vu__detector_result__init(mine);
	mine->name = (char *)(uintptr_t) "challenge";
	mine->score = challenge->score;
	mine->reason = challenge->checked ? challenge->reason : challenge->error.message;
	mine->verdict = !challenge->checked  ? VU__SPOOF_VERDICT__SPOOF_UNAVAILABLE
	                : challenge->matches ? VU__SPOOF_VERDICT__SPOOF_BONAFIDE
	                                     : VU__SPOOF_VERDICT__SPOOF_SPOOF;
	challenge->detectors[count] = mine;
	joined->detectors = challenge->detectors;
	joined->n_detectors = count + 1;
	if (challenge->checked && challenge->matches)
		return antispoof_check;
	/* What failed or was refused before keeps its own reason. */
	if (antispoof_check != VU_CHECK_PASSED)
		return antispoof_check;
	joined->verdict = mine->verdict;
	joined->reason = mine->reason;
	if (joined->score > -1)
		joined->score = -1;
	return challenge->checked ? VU_CHECK_REFUSED : VU_CHECK_FAILED;
}
