/*
 * An imprint as it is kept: packed and sealed (XSalsa20-Poly1305) in two
 * parts, the peaks that the index is made of and the cells that are compared.
 */
#ifndef VU_ANTISPOOF_REPLAY_RECORD_H
#define VU_ANTISPOOF_REPLAY_RECORD_H

#include "imprint.h"

#include <sodium.h>

#define VU_REPLAY_SEED_BYTES 16
#define VU_REPLAY_KEY_BYTES  crypto_secretbox_KEYBYTES

typedef struct vu_replay_part {
	uint8_t *data;
	size_t bytes;
} vu_replay_part;

/* RESOURCE_EXHAUSTED without memory. The caller frees data. */
vu_status vu_replay_seal_peaks(const vu_imprint *imprint, const uint8_t *key, vu_replay_part *out);
vu_status vu_replay_seal_cells(const vu_imprint *imprint, const uint8_t *key, vu_replay_part *out);

/* DATA_LOSS: it was not sealed with this key, or was changed since. */
vu_status vu_replay_open_peaks(const uint8_t *data, size_t bytes, const uint8_t *key, vu_imprint_peak *peaks_out,
                               size_t *count_out);
/* Without peaks; vu_imprint_destroy the result. */
vu_status vu_replay_open_cells(const uint8_t *data, size_t bytes, const uint8_t *key, vu_imprint **imprint_out);

#endif
