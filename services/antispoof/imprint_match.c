/* Correlation of imprints. */
#include "imprint_match.h"

#include <math.h>

/* Rows compared at the least: 0.4 s. */
#define ROWS_MIN 25
/* Mean square of the cells below which an imprint is nearly empty. */
#define POWER_MIN 0.25

/* Sum of products of two rows: of cells so small it fits 16 bits, of which a processor adds up eight at a time. */
static int32_t product(const int8_t *a, const int8_t *b)
{
	int16_t sum = 0;
	_Static_assert(VU_IMPRINT_STRIDE * (VU_IMPRINT_CELL_MAX + 1) * (VU_IMPRINT_CELL_MAX + 1) <= INT16_MAX,
	               "the sum of a row");

	for (int i = 0; i < VU_IMPRINT_STRIDE; i++)
		sum = (int16_t)(sum + a[i] * b[i]);
	return sum;
}

static double correlate(const vu_imprint *query, const vu_imprint *past, double tempo, int offset, size_t step)
{
	size_t shorter = query->rows < past->rows ? query->rows : past->rows;
	int64_t both = 0;
	int64_t query_power = 0;
	int64_t past_power = 0;
	double weight_sum = 1e-9;
	double weight_squares = 1e-9;
	size_t rows = 0;
	double least;

	for (size_t r = 0; r < query->rows; r += step) {
		/* Rounded; never negative, and a call of lround would cost as much as the comparison. */
		long at = offset + (long)((double)r * tempo + 0.5);
		const int8_t *a = query->cells + r * VU_IMPRINT_STRIDE;
		const int8_t *b;
		double weight;

		if (at < 0)
			continue;
		if ((size_t)at >= past->rows)
			break;
		b = past->cells + (size_t)at * VU_IMPRINT_STRIDE;
		both += product(a, b);
		query_power += query->powers[r];
		past_power += past->powers[at];
		weight = (double)query->roots[r] * (double)past->roots[at];
		weight_sum += weight;
		weight_squares += weight * weight;
		rows += step;
	}
	least = POWER_MIN * VU_IMPRINT_BANDS * (double)(rows / step);
	if (rows < ROWS_MIN || (double)rows < VU_IMPRINT_OVERLAP_MIN * (double)shorter ||
	    (double)query_power < least || (double)past_power < least)
		return 0;
	/* Silent rows say nothing: so many rows of equal weight would say as much. */
	return (double)both / sqrt((double)query_power * (double)past_power) *
	       fmin(1, sqrt((double)step * weight_sum * weight_sum / weight_squares / VU_IMPRINT_ROWS_FULL));
}

double vu_imprint_match(const vu_imprint *query, const vu_imprint *past, double tempo, int offset, int slack,
                        size_t step, int *offset_out)
{
	double best = 0;

	if (offset_out)
		*offset_out = offset;
	for (int o = offset - slack; o <= offset + slack; o++) {
		double match = correlate(query, past, tempo, o, step);
		if (match > best) {
			best = match;
			if (offset_out)
				*offset_out = o;
		}
	}
	return best;
}
