/* Landmarks from peaks. Nothing can fail. */
#include "landmarks.h"

#include <math.h>
#include <stdlib.h>

size_t vu_landmarks_make(const vu_imprint_peak *peaks, size_t peak_count, double tempo, vu_landmark *out)
{
	size_t written = 0;

	for (size_t i = 0; i < peak_count; i++) {
		unsigned pairs = 0;
		for (size_t j = i + 1; j < peak_count && pairs < VU_LANDMARK_FAN_OUT; j++) {
			int rows = peaks[j].row - peaks[i].row;
			int bands = (int)peaks[j].band - (int)peaks[i].band;
			unsigned half_rows;

			if (rows < 2 || abs(bands) > VU_LANDMARK_BANDS)
				continue;
			if (rows > VU_LANDMARK_ROWS_MAX || written == VU_LANDMARKS_MAX)
				break;
			half_rows = (unsigned)lround(rows * tempo / 2);
			if (half_rows > VU_LANDMARK_ROWS_MAX / 2 + 1)
				half_rows = VU_LANDMARK_ROWS_MAX / 2 + 1;
			out[written].name = (uint16_t)((peaks[i].band * (2 * VU_LANDMARK_BANDS + 1) +
			                                (unsigned)(bands + VU_LANDMARK_BANDS)) *
			                                   (VU_LANDMARK_ROWS_MAX / 2 + 2) +
			                               half_rows);
			out[written].time = (uint16_t)lround(peaks[i].row * tempo / 2);
			written++;
			pairs++;
		}
	}
	return written;
}
