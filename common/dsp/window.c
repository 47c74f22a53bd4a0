/* Analysis windows; computed in double precision, nothing can fail. */
#include "dsp/window.h"

#include <math.h>

void vu_window_fill(vu_window_kind kind, float *window, size_t count)
{
	double offset = kind == VU_WINDOW_HANN ? 0.5 : 0.54;

	if (count == 1) {
		window[0] = 1.0f;
		return;
	}
	for (size_t n = 0; n < count; n++)
		window[n] = (float)(offset - (1.0 - offset) * cos(2.0 * M_PI * (double)n / (double)(count - 1)));
}
