/*
 * DET plot (Martin et al. 1997): FRR against FAR, both axes by their normal
 * deviates, so that normally distributed scores make straight lines. As SVG.
 */
#ifndef VU_FIGURES_DET_H
#define VU_FIGURES_DET_H

#include "ml/trial_scores.h"

#include <stdbool.h>
#include <stdio.h>

/* The ends of both axes, as shares; what lies beyond is drawn at the edge. */
#define DET_SHARE_MIN 0.0005
#define DET_SHARE_MAX 0.8

/*
 * A curve is named "HOW" or "HOW-WHAT": curves of one WHAT share a colour, those
 * of one HOW a pattern of dashes. Without any "-" each curve has its own colour.
 */
typedef struct det_curve {
	const char *name;
	const vu_scores *scores;
} det_curve;

/* Curves without both classes are named in the legend without a line. False when out of memory. */
bool det_draw(const char *title, const det_curve *curves, size_t count, FILE *out);

#endif
