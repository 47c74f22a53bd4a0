/*
 * How alike two imprints are when one is laid over the other.
 *
 * The measure is the correlation of their cells over the rows that lie on one
 * another. Two utterances of one sentence by one person differ in the course
 * of pitch and time, and laid over one another at one offset and tempo stay
 * far below a recording of either. Pure functions.
 */
#ifndef VU_ANTISPOOF_IMPRINT_MATCH_H
#define VU_ANTISPOOF_IMPRINT_MATCH_H

#include "imprint.h"

/* With less than this share of the shorter one on the other, they are not compared. */
#define VU_IMPRINT_OVERLAP_MIN 0.6
/* Over fewer rows of sound than this, chance makes more, and the correlation counts for less. */
#define VU_IMPRINT_ROWS_FULL 100

/*
 * Row r of `query` (every `step`th) is laid on row offset + r * tempo of `past`, for all offsets
 * from `offset` - `slack` to `offset` + `slack`; the highest correlation, -1 to
 * 1, 0 where nothing can be compared; where, in *offset_out (may be NULL).
 */
double vu_imprint_match(const vu_imprint *query, const vu_imprint *past, double tempo, int offset, int slack,
                        size_t step, int *offset_out);

#endif
