/*
 * Blobs that SQLite keeps: imprints of the replay memory and the quarter-hours
 * of prediction. The bytes as they lie in the file, and sealed as if the key
 * were known, so that what unpacks them is reached too.
 */
#include "../../services/antispoof/imprint_match.h"
#include "../../services/antispoof/landmarks.h"
#include "../../services/antispoof/replay_record.h"
#include "../../services/models/habit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t KEY[VU_REPLAY_KEY_BYTES] = {1, 2, 3};

static void open_peaks(const uint8_t *data, size_t size)
{
	static vu_imprint_peak peaks[VU_IMPRINT_PEAKS_MAX];
	size_t count = 0;

	if (vu_replay_open_peaks(data, size, KEY, peaks, &count) != VU_OK)
		return;
	if (count > VU_IMPRINT_PEAKS_MAX)
		abort();
	for (size_t i = 0; i < count; i++) {
		if (peaks[i].band >= VU_IMPRINT_BANDS || peaks[i].row >= VU_IMPRINT_ROWS_MAX)
			abort();
	}
}

static void open_cells(const uint8_t *data, size_t size)
{
	vu_imprint *imprint = NULL;

	if (vu_replay_open_cells(data, size, KEY, &imprint) != VU_OK)
		return;
	if (imprint->rows > VU_IMPRINT_ROWS_MAX)
		abort();
	for (size_t i = 0; i < imprint->rows * VU_IMPRINT_STRIDE; i++) {
		if (imprint->cells[i] < -8 || imprint->cells[i] > 8)
			abort();
	}
	vu_imprint_destroy(imprint);
}

/* A habit as a damaged row could make it. */
static void predict(const uint8_t *data, size_t size)
{
	static habit h;
	habit_moment now = {20000, 600};
	habit_forecast forecast;
	char text[96];

	memset(&h, 0, sizeof h);
	for (size_t i = 0; i < HABIT_QUARTERS && (i + 1) * sizeof(habit_slot) <= size; i++) {
		memcpy(&h.slots[i], data + i * sizeof(habit_slot), sizeof(habit_slot));
		h.slots[i].base &= 0xfffff;
	}
	h.visits = size;
	h.first_day = size > 8 ? (int32_t)data[size - 1] + 19800 : 0;
	h.last = (habit_moment){19999, size > 9 ? data[size - 2] : 0};
	habit_predict(&h, now, &forecast);
	if (!(forecast.p >= 0 && forecast.p <= 1))
		abort();
	habit_explain(&forecast, now, text);
	habit_visit(&h, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *sealed = malloc(size + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES);

	if (!sealed)
		return 0;
	open_peaks(data, size);
	open_cells(data, size);
	memset(sealed, 7, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES, data, size, sealed, KEY);
	open_peaks(sealed, size + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES);
	open_cells(sealed, size + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES);
	free(sealed);
	predict(data, size);
	return 0;
}
