/* One lock guards the opening; what is open stays open. */
#include "trained_model.h"

#include "base/log.h"
#include "platform/platform.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beside the executable's folder, both in the build tree and where it is installed. */
#define BUILT_IN "share/voice-unlock"

struct vu_trained_model {
	pthread_mutex_t lock; /* guards `detector` */
	const char *what;
	const vu_traces_kind *traces;
	char *path;
	bool map;
	vu_voice_detector *detector;
};

static char *join(const char *folder, const char *below, const char *name)
{
	size_t size = strlen(folder) + strlen(below) + strlen(name) + sizeof "//.vum";
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s/%s%s%s.vum", folder, below, *below ? "/" : "", name);
	return path;
}

static char *find_built_in(const char *name)
{
	char *executable = vu_platform_executable_path();
	char *path = NULL;

	for (int up = 0; executable && up < 2; up++) {
		char *slash = strrchr(executable, '/');
		if (slash)
			*slash = '\0';
	}
	if (executable)
		path = join(executable, BUILT_IN, name);
	free(executable);
	return path;
}

vu_status vu_trained_model_create(const char *name, const char *what, const vu_traces_kind *traces,
                                  const char *folder, bool map, vu_trained_model **model_out, vu_error *error)
{
	vu_trained_model *m = calloc(1, sizeof *m);

	*model_out = NULL;
	if (m)
		m->path = folder ? join(folder, "", name) : find_built_in(name);
	if (!m || !m->path) {
		free(m);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to find the detector of %s: out of memory",
		               what);
	}
	m->what = what;
	m->traces = traces;
	m->map = map;
	pthread_mutex_init(&m->lock, NULL);
	*model_out = m;
	return VU_OK;
}

void vu_trained_model_destroy(vu_trained_model *m)
{
	if (!m)
		return;
	vu_voice_detector_destroy(m->detector);
	pthread_mutex_destroy(&m->lock);
	free(m->path);
	free(m);
}

vu_status vu_trained_model_get(vu_trained_model *m, const vu_voice_detector **detector_out, vu_error *error)
{
	vu_status status = VU_OK;

	pthread_mutex_lock(&m->lock);
	if (!m->detector) {
		status = vu_voice_detector_open(m->path, m->map, m->traces->version, (uint32_t)m->traces->size,
		                                &m->detector, error);
		if (status == VU_OK)
			vu_log_info("loaded detector of %s %.12s from %s", m->what, vu_voice_detector_id(m->detector),
			            m->path);
		else if (status == VU_NOT_FOUND)
			status =
			    vu_fail(error, VU_FAILED_PRECONDITION,
			            "the detector of %s is missing (%s); build or install again", m->what, m->path);
		if (status != VU_OK)
			vu_log_error("%s", error->message);
	}
	*detector_out = m->detector;
	pthread_mutex_unlock(&m->lock);
	return status;
}

const vu_traces_kind *vu_trained_model_traces(const vu_trained_model *m)
{
	return m->traces;
}

const char *vu_trained_model_what(const vu_trained_model *m)
{
	return m->what;
}
