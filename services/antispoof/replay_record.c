/* Packing and sealing of imprints: three bytes a peak, half a byte a cell. */
#include "replay_record.h"

#include <stdlib.h>
#include <string.h>

#define PEAK_BYTES 3
#define ROW_BYTES  (VU_IMPRINT_BANDS / 2)
#define EXTRA      (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)

/* Nonce first, then the sealed bytes. Takes `plain` over. */
static vu_status seal(uint8_t *plain, size_t bytes, const uint8_t *key, vu_replay_part *out)
{
	out->bytes = bytes + EXTRA;
	out->data = malloc(out->bytes);
	if (!plain || !out->data) {
		free(plain);
		free(out->data);
		out->data = NULL;
		return VU_RESOURCE_EXHAUSTED;
	}
	randombytes_buf(out->data, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(out->data + crypto_secretbox_NONCEBYTES, plain, bytes, out->data, key);
	sodium_memzero(plain, bytes);
	free(plain);
	return VU_OK;
}

/* The caller frees *plain_out. */
static vu_status unseal(const uint8_t *data, size_t bytes, const uint8_t *key, uint8_t **plain_out,
                        size_t *plain_bytes)
{
	uint8_t *plain;

	if (!data || bytes < EXTRA)
		return VU_DATA_LOSS;
	*plain_bytes = bytes - EXTRA;
	plain = malloc(*plain_bytes + 1);
	if (!plain)
		return VU_RESOURCE_EXHAUSTED;
	if (crypto_secretbox_open_easy(plain, data + crypto_secretbox_NONCEBYTES, bytes - crypto_secretbox_NONCEBYTES,
	                               data, key) != 0) {
		free(plain);
		return VU_DATA_LOSS;
	}
	*plain_out = plain;
	return VU_OK;
}

vu_status vu_replay_seal_peaks(const vu_imprint *imprint, const uint8_t *key, vu_replay_part *out)
{
	uint8_t *plain = malloc(imprint->peak_count * PEAK_BYTES + 1);

	for (size_t i = 0; i < imprint->peak_count && plain; i++) {
		plain[i * PEAK_BYTES] = (uint8_t)imprint->peaks[i].row;
		plain[i * PEAK_BYTES + 1] = (uint8_t)(imprint->peaks[i].row >> 8);
		plain[i * PEAK_BYTES + 2] = (uint8_t)imprint->peaks[i].band;
	}
	return seal(plain, imprint->peak_count * PEAK_BYTES, key, out);
}

vu_status vu_replay_seal_cells(const vu_imprint *imprint, const uint8_t *key, vu_replay_part *out)
{
	uint8_t *plain = malloc(imprint->rows * ROW_BYTES + 1);

	for (size_t r = 0; r < imprint->rows && plain; r++) {
		const int8_t *cells = imprint->cells + r * VU_IMPRINT_STRIDE;
		for (size_t i = 0; i < ROW_BYTES; i++)
			plain[r * ROW_BYTES + i] = (uint8_t)((cells[2 * i] + 8) << 4 | (cells[2 * i + 1] + 8));
	}
	return seal(plain, imprint->rows * ROW_BYTES, key, out);
}

vu_status vu_replay_open_peaks(const uint8_t *data, size_t bytes, const uint8_t *key, vu_imprint_peak *peaks_out,
                               size_t *count_out)
{
	uint8_t *plain = NULL;
	size_t plain_bytes = 0;
	vu_status status = unseal(data, bytes, key, &plain, &plain_bytes);

	if (status != VU_OK)
		return status;
	*count_out = plain_bytes / PEAK_BYTES;
	if (*count_out > VU_IMPRINT_PEAKS_MAX || plain_bytes % PEAK_BYTES != 0)
		status = VU_DATA_LOSS;
	for (size_t i = 0; i < *count_out && status == VU_OK; i++) {
		const uint8_t *p = plain + i * PEAK_BYTES;
		peaks_out[i] = (vu_imprint_peak){(uint16_t)(p[0] | p[1] << 8), p[2]};
		if (p[2] >= VU_IMPRINT_BANDS || peaks_out[i].row >= VU_IMPRINT_ROWS_MAX ||
		    (i > 0 && peaks_out[i].row < peaks_out[i - 1].row))
			status = VU_DATA_LOSS;
	}
	free(plain);
	return status;
}

vu_status vu_replay_open_cells(const uint8_t *data, size_t bytes, const uint8_t *key, vu_imprint **imprint_out)
{
	vu_imprint *imprint = NULL;
	uint8_t *plain = NULL;
	size_t plain_bytes = 0;
	vu_status status = unseal(data, bytes, key, &plain, &plain_bytes);

	if (status != VU_OK)
		return status;
	if (plain_bytes % ROW_BYTES != 0 || plain_bytes / ROW_BYTES > VU_IMPRINT_ROWS_MAX) {
		status = VU_DATA_LOSS;
		goto out;
	}
	status = VU_RESOURCE_EXHAUSTED;
	imprint = calloc(1, sizeof *imprint);
	if (!imprint)
		goto out;
	status = vu_imprint_make_room(imprint, plain_bytes / ROW_BYTES);
	if (status != VU_OK)
		goto out;
	for (size_t r = 0; r < imprint->rows; r++) {
		int8_t *cells = imprint->cells + r * VU_IMPRINT_STRIDE;
		for (size_t i = 0; i < ROW_BYTES; i++) {
			cells[2 * i] = (int8_t)((plain[r * ROW_BYTES + i] >> 4) - 8);
			cells[2 * i + 1] = (int8_t)((plain[r * ROW_BYTES + i] & 15) - 8);
		}
	}
	vu_imprint_measure(imprint);
	*imprint_out = imprint;
	imprint = NULL;
	status = VU_OK;
out:
	vu_imprint_destroy(imprint);
	free(plain);
	return status;
}
