/* The settings of LFCC. */
#include "dsp/lfcc.h"

#include "dsp/dsp.h"

vu_status vu_lfcc_create(vu_cepstrum **lfcc_out)
{
	const vu_cepstrum_config config = {
	    .frame_samples = VU_LFCC_FRAME_SAMPLES,
	    .window = VU_WINDOW_HAMMING,
	    .pre_emphasis = 0.97f,
	    .filters = {VU_FILTERBANK_LINEAR, VU_LFCC_FILTERS, 0.0, VU_SAMPLE_RATE / 2.0, VU_FFT_SIZE},
	    .coefficient_count = VU_LFCC_COEFFICIENTS,
	    .lifter = 0.0,
	};
	return vu_cepstrum_create(&config, lfcc_out);
}
