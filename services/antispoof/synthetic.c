/* One lock guards the opening; what is open stays open. */
#include "synthetic.h"

#include "base/log.h"
#include "dsp/vocoder_traces.h"
#include "platform/platform.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beside the executable's folder, both in the build tree and where it is installed. */
#define BUILT_IN "share/voice-unlock/synthetic.vum"

struct vu_synthetic {
	pthread_mutex_t lock; /* guards `detector` */
	char *path;
	bool map;
	vu_voice_detector *detector;
};

static char *find_built_in(void)
{
	char *executable = vu_platform_executable_path();
	char *path = NULL;

	for (int up = 0; executable && up < 2; up++) {
		char *slash = strrchr(executable, '/');
		if (slash)
			*slash = '\0';
	}
	if (executable) {
		size_t size = strlen(executable) + sizeof "/" BUILT_IN;
		path = malloc(size);
		if (path)
			snprintf(path, size, "%s/" BUILT_IN, executable);
	}
	free(executable);
	return path;
}

vu_status vu_synthetic_create(const char *path, bool map, vu_synthetic **synthetic_out, vu_error *error)
{
	vu_synthetic *s = calloc(1, sizeof *s);

	*synthetic_out = NULL;
	if (s)
		s->path = path ? strdup(path) : find_built_in();
	if (!s || !s->path) {
		free(s);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED,
		               "unable to find the detector of synthetic speech: out of memory");
	}
	s->map = map;
	pthread_mutex_init(&s->lock, NULL);
	*synthetic_out = s;
	return VU_OK;
}

void vu_synthetic_destroy(vu_synthetic *s)
{
	if (!s)
		return;
	vu_voice_detector_destroy(s->detector);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

vu_status vu_synthetic_get(vu_synthetic *s, const vu_voice_detector **detector_out, vu_error *error)
{
	vu_status status = VU_OK;

	pthread_mutex_lock(&s->lock);
	if (!s->detector) {
		status = vu_voice_detector_open(s->path, s->map, VU_VOCODER_TRACES_VERSION, VU_VOCODER_TRACES,
		                                &s->detector, error);
		if (status == VU_OK)
			vu_log_info("loaded detector of synthetic speech %.12s from %s",
			            vu_voice_detector_id(s->detector), s->path);
		else if (status == VU_NOT_FOUND)
			status = vu_fail(error, VU_FAILED_PRECONDITION,
			                 "the detector of synthetic speech is missing (%s); build or install again",
			                 s->path);
		if (status != VU_OK)
			vu_log_error("%s", error->message);
	}
	*detector_out = s->detector;
	pthread_mutex_unlock(&s->lock);
	return status;
}
