/* Whether the memory ceiling leaves room for what serving takes. */
#include "models.h"

#include <sys/stat.h>

#define MB (UINT64_C(1024) * 1024)
/*
 * What serving takes beside the background: an idle process, a template or two,
 * an enrolment being trained, and the distance to the limits at which loads are
 * refused. Measured with the built-in background, with which 32 MB suffice.
 */
#define SERVING_BYTES (24 * MB)

vu_status models_check_ceiling(const models_settings *settings, vu_error *error)
{
	struct stat info;
	uint64_t background;
	uint64_t least_mb;

	/* A background that is not there is told of when it is needed. */
	if (settings->max_memory_bytes == 0 || stat(settings->background_path, &info) != 0 || info.st_size < 0)
		return VU_OK;
	/* Read instead of mapped, it is held once more while it is checked. */
	background = (uint64_t)info.st_size * (settings->map ? 1 : 2);
	least_mb = (SERVING_BYTES + background + MB - 1) / MB;
	if (settings->max_memory_bytes >= least_mb * MB)
		return VU_OK;
	/* Numbers first: status has room for few words. */
	return vu_fail(
	    error, VU_INVALID_ARGUMENT,
	    "unable to serve within performance.max_memory_mb %llu: set it to %llu or more, which is needed with "
	    "the background model of %llu MB%s (%s)",
	    (unsigned long long)(settings->max_memory_bytes / MB), (unsigned long long)least_mb,
	    (unsigned long long)(((uint64_t)info.st_size + MB - 1) / MB),
	    settings->map ? "" : " that ml.enable_mmap has read into memory", settings->background_path);
}
