/* The settings of MFCC. */
#include "dsp/mfcc.h"

#include "dsp/dsp.h"

vu_status vu_mfcc_create(vu_cepstrum **mfcc_out)
{
	const vu_cepstrum_config config = {
	    .frame_samples = VU_FRAME_SAMPLES,
	    .window = VU_WINDOW_HAMMING,
	    .pre_emphasis = VU_MFCC_PRE_EMPHASIS,
	    .filters = {VU_FILTERBANK_MEL, VU_MFCC_FILTERS, VU_MFCC_LOW_HZ, VU_MFCC_HIGH_HZ, VU_FFT_SIZE},
	    .coefficient_count = VU_MFCC_COEFFICIENTS,
	    .lifter = VU_MFCC_LIFTER,
	};
	return vu_cepstrum_create(&config, mfcc_out);
}
