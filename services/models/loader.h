/*
 * Custom loaders: the bytes of a model from a file of known hash, or from
 * foreign code that runs in vu-loader-host (common/ml/vu_loader.h). Whatever
 * that code does (fail, hang, crash, lie about its size) ends in an error here.
 */
#ifndef VU_MODELS_LOADER_H
#define VU_MODELS_LOADER_H

#include "base/config.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct loader_limits {
	size_t bytes_max;
	int timeout_ms;
} loader_limits;

/*
 * Runs the loader; *data_out is aligned to 64 and freed with free(). `host` is
 * the path of vu-loader-host.
 *
 *   PERMISSION_DENIED    another object or file than was listed
 *   INVALID_ARGUMENT     the object is no loader
 *   DEADLINE_EXCEEDED    it took too long and was killed
 *   RESOURCE_EXHAUSTED   it foretold more than the limit
 *   OUT_OF_RANGE         it made more than it foretold, or nothing
 *   DATA_LOSS            it crashed, or ended before all was there
 *   UNAVAILABLE          it could not load
 */
vu_status loader_run(const vu_loader_config *loader, const char *host, const loader_limits *limits, void **data_out,
                     size_t *bytes_out, vu_error *error);

#endif
