/*
 * vu-antispoof: says whether a session's audio came from a live person.
 *
 *   service.c             the RPC service: pulls audio, answers
 *   assessment.c          joins the detectors that a level asks for
 *   detector.h            what a detector is
 *   replay_detector.c     the same recording again
 *     imprint.c           what stays of an utterance when it is played back
 *     landmarks.c         pairs of an imprint's peaks
 *     replay_memory.c     imprints of past attempts, on disk
 *       replay_record.c   one of them, packed and sealed
 *       replay_index.c    finds those that share landmarks
 *       imprint_match.c   how alike two are
 *   injection_detector.c  audio that no microphone delivered
 *     injection.c         its traces
 *   trained_detector.c    synthetic speech, and loudspeakers
 *     trained_model.c     their models, opened at first use
 */
#include "service.h"

static vu_status start(vu_runtime *runtime, void **state_out, vu_error *error)
{
	vu_antispoof *antispoof = NULL;
	vu_status status = vu_antispoof_create(runtime, &antispoof, error);
	*state_out = antispoof;
	return status;
}

static void stop(void *state)
{
	vu_antispoof_destroy(state);
}

int main(int argc, char **argv)
{
	static const vu_service_definition definition = {
	    .id = VU_SERVICE_ANTISPOOF,
	    .start = start,
	    .stop = stop,
	};
	return vu_runtime_main(&definition, argc, argv);
}
