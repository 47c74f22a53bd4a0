/*
 * Nearest word: the optimal string alignment distance (Damerau 1964, Levenshtein
 * 1966), which counts a swap of two neighbours as one slip, since that is how
 * hands mistype. Nothing here fails or allocates.
 */
#include "base/text.h"

#include <ctype.h>
#include <string.h>

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int lower(char c)
{
	return tolower((unsigned char)c);
}

/* Three rows of the alignment table are enough: a swap looks back two. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][VU_TEXT_NEAREST_MAX + 1];

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *now = rows[i % 3];
		const unsigned *last = rows[(i + 2) % 3];
		const unsigned *before = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned cost = lower(a[i - 1]) != lower(b[j - 1]);
			now[j] = smaller(smaller(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				now[j] = smaller(now[j], before[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *vu_text_nearest(const char *word, const char *const *choices, size_t count)
{
	const char *nearest = NULL;
	size_t length = word ? strlen(word) : 0;
	unsigned best;

	if (length == 0 || length > VU_TEXT_NEAREST_MAX)
		return NULL;
	best = (unsigned)(length / 3 > 2 ? length / 3 : 2) + 1;
	/* Of a very short word two slips leave nothing in common. */
	if (length <= 2)
		best = 2;
	for (size_t i = 0; i < count; i++) {
		size_t choice_length = choices[i] ? strlen(choices[i]) : 0;
		unsigned found;

		if (choice_length == 0 || choice_length > VU_TEXT_NEAREST_MAX)
			continue;
		found = distance(word, length, choices[i], choice_length);
		if (found < best) {
			best = found;
			nearest = choices[i];
		}
	}
	return nearest;
}
