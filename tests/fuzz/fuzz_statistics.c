/*
 * Any bytes as a statistics blob: refused with a reason, or every frame
 * expands to finite values.
 */
#include "dsp/statistics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	vu_statistics_view view;
	vu_error error = {VU_OK, ""};
	vu_status status = vu_statistics_open(data, size, &view, &error);
	float *values;

	if (status != VU_OK) {
		if (error.status != status || error.message[0] == '\0')
			abort();
		return 0;
	}
	values = malloc((view.frames + 1) * VU_MFCC_COEFFICIENTS * sizeof *values);
	if (!values)
		return 0;
	vu_statistics_expand(&view, values);
	for (size_t i = 0; i < view.frames * VU_MFCC_COEFFICIENTS; i++) {
		if (!isfinite(values[i]))
			abort();
	}
	free(values);
	return 0;
}
