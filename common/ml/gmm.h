/*
 * A Gaussian mixture with diagonal covariances: the model of everybody's
 * speech ("universal background model"; Reynolds, Quatieri, Dunn 2000), and
 * how one utterance differs from it.
 */
#ifndef VU_ML_GMM_H
#define VU_ML_GMM_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_GMM_COMPONENTS_MAX 1024
#define VU_GMM_DIMENSIONS_MAX 64

typedef struct vu_gmm {
	size_t components; /* a multiple of 8 */
	size_t dimensions;
	float *weight;    /* components, summing to 1 */
	float *mean;      /* components x dimensions */
	float *precision; /* components x dimensions: 1 / variance */
	/* For scoring, by dimension so that components lie side by side: see vu_gmm_prepare. */
	float *quadratic; /* dimensions x components */
	float *linear;    /* dimensions x components */
	float *constant;  /* components */
} vu_gmm;

/* All arrays, uninitialized. RESOURCE_EXHAUSTED; INVALID_ARGUMENT for sizes out of range. */
vu_status vu_gmm_create(size_t components, size_t dimensions, vu_gmm **gmm_out);
void vu_gmm_destroy(vu_gmm *gmm);

/* Computes what scoring needs from weight, mean and precision. INVALID_ARGUMENT: one of them is not positive or
 * finite. */
vu_status vu_gmm_prepare(vu_gmm *gmm);
size_t vu_gmm_bytes(const vu_gmm *gmm);

/*
 * Fits to `count` frames by splitting, from one component to all, with
 * `iterations` of expectation and maximization at each size. Deterministic.
 * INVALID_ARGUMENT: fewer than 10 frames per component.
 */
vu_status vu_gmm_train(const float *frames, size_t count, size_t dimensions, size_t components, unsigned iterations,
                       vu_gmm **gmm_out);

/*
 * Adds the frames' posterior counts to `zeroth` (components) and posterior-
 * weighted sums to `first` (components x dimensions). Any thread. Returns the
 * mean log-likelihood of a frame.
 */
double vu_gmm_accumulate(const vu_gmm *gmm, const float *frames, size_t count, float *zeroth, float *first);

/*
 * The same from nothing, and as everybody's: `first` is centered by the means
 * and divided by the deviations of the mixture. Any thread.
 */
void vu_gmm_statistics(const vu_gmm *gmm, const float *frames, size_t count, float *zeroth, float *first);

/*
 * How the utterance differs from everybody: for each component the shift of
 * its mean under relevance MAP (factor `relevance`), in standard deviations,
 * times the root of the weight; so that a dot product of two is their
 * Kullback-Leibler kernel (Campbell and others 2006). `out`: components x
 * dimensions. Any thread.
 */
vu_status vu_gmm_supervector(const vu_gmm *gmm, const float *frames, size_t count, float relevance, float *out);

/* The same from an utterance's vu_gmm_statistics; `out` may be `first`. */
void vu_gmm_supervector_of(const vu_gmm *gmm, const float *zeroth, const float *first, float relevance, float *out);

#endif
