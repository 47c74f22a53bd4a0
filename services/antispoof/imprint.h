/*
 * The imprint of an utterance: a coarse picture of its sound between 300 and
 * 3400 Hz, of which a recording of it, even through a room, a telephone or
 * noise, makes nearly the same one, and a second utterance of the same words
 * does not.
 *
 * A row every 16 ms holds one cell for each of 42 bands, a semitone wide: the
 * logarithm of the band's energy over a floor 20 dB below what the band reaches
 * in this utterance, less its mean over the 0.6 s and over the bands around.
 * So a gain, a microphone's colour, a steady noise and silence leave no trace,
 * and what stays is where pitch, formants and syllables are in time.
 *
 * A copy that was played faster or slower has its rows nearer together and its
 * cells moved along the bands: vu_imprinter_make takes by how much to undo it.
 */
#ifndef VU_ANTISPOOF_IMPRINT_H
#define VU_ANTISPOOF_IMPRINT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define VU_IMPRINT_HOP_SAMPLES 256 /* 16 ms at 16 kHz */
#define VU_IMPRINT_BANDS       42
#define VU_IMPRINT_STRIDE      48
/* 32 s; what follows of a longer utterance is not remembered. */
#define VU_IMPRINT_ROWS_MAX 2000
/* Cells are whole numbers within +-this. */
#define VU_IMPRINT_CELL_MAX 7

/* Where sound sets in most strikingly: by these an imprint is found, see landmarks.h. */
#define VU_IMPRINT_PEAKS_MAX 512

typedef struct vu_imprint_peak {
	uint16_t row;
	uint16_t band;
} vu_imprint_peak;

typedef struct vu_imprint {
	size_t rows;
	int8_t *cells;   /* rows x VU_IMPRINT_STRIDE; what is past VU_IMPRINT_BANDS is 0 */
	int32_t *powers; /* of each row, the sum of its cells' squares */
	float *roots;    /* of these */
	size_t peak_count;
	vu_imprint_peak peaks[VU_IMPRINT_PEAKS_MAX]; /* in order of time */
} vu_imprint;

typedef struct vu_imprinter vu_imprinter;

/* One utterance, one thread. RESOURCE_EXHAUSTED without memory. */
vu_status vu_imprinter_create(vu_imprinter **imprinter_out);
void vu_imprinter_destroy(vu_imprinter *imprinter);
vu_status vu_imprinter_push(vu_imprinter *imprinter, const int16_t *samples, size_t count);

/*
 * The imprint as it would be if every frequency were divided by
 * `pitch_scale` (1 for the utterance as it is; 0.9 to 1.1). Destroy it.
 */
vu_status vu_imprinter_make(const vu_imprinter *imprinter, double pitch_scale, vu_imprint **imprint_out);
void vu_imprint_destroy(vu_imprint *imprint);

/* For an imprint made elsewhere: room for its cells, and their powers once they are in. RESOURCE_EXHAUSTED. */
vu_status vu_imprint_make_room(vu_imprint *imprint, size_t rows);
void vu_imprint_measure(vu_imprint *imprint);

#endif
