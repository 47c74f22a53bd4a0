/*
 * vu-features: turns the audio of a capture session into numbers about the
 * speaker, while it is still arriving.
 *
 *   main.c        this table of contents
 *   service.c     state, counters, the table of methods
 *   extract.c     one Extract: pull, push, finish, place
 *   background.c  the background model, mapped at first use
 *   answer.c      what the extractor found, as a message
 *
 * The signal processing itself is common/dsp/extractor.h.
 */
#include "service.h"

#include "runtime/runtime.h"

int main(int argc, char **argv)
{
	static const vu_service_definition definition = {
	    .id = VU_SERVICE_FEATURES,
	    .in_flight_max = 32,
	    .workers_max = 8,
	    .start = vu_features_start,
	    .reload = vu_features_reload,
	    .cleanup = vu_features_cleanup,
	    .stop = vu_features_stop,
	};
	return vu_runtime_main(&definition, argc, argv);
}
