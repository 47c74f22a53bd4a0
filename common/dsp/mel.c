/* The HTK mel scale. */
#include "dsp/mel.h"

#include <math.h>

double vu_mel_from_hz(double hz)
{
	return 2595.0 * log10(1.0 + hz / 700.0);
}

double vu_mel_to_hz(double mel)
{
	return 700.0 * (pow(10.0, mel / 2595.0) - 1.0);
}
