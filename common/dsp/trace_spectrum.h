/*
 * Power spectra of overlapping windows, as several traces look at them. An
 * object belongs to one thread at a time.
 */
#ifndef VU_DSP_TRACE_SPECTRUM_H
#define VU_DSP_TRACE_SPECTRUM_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct vu_trace_spectrum vu_trace_spectrum;

/* `power` has size / 2 + 1 bins, valid within the call; windows are counted from 0. */
typedef void (*vu_trace_spectrum_take)(void *context, const float *power, uint64_t index);

/* Hann windows of `size` samples, one each `hop`. RESOURCE_EXHAUSTED: no memory. */
vu_status vu_trace_spectrum_create(size_t size, size_t hop, vu_trace_spectrum **out);
/* NULL is allowed. */
void vu_trace_spectrum_free(vu_trace_spectrum *spectrum);

/* Calls `take` for each window that these samples complete. */
void vu_trace_spectrum_push(vu_trace_spectrum *spectrum, const float *samples, size_t count,
                            vu_trace_spectrum_take take, void *context);

#endif
