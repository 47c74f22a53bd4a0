/* Random 128-bit identifiers (sessions, attempts, requests) and their 32 hex digits. */
#ifndef VU_BASE_ID_H
#define VU_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define VU_ID_BYTES    16
#define VU_ID_HEX_SIZE 33 /* with the final NUL */

/* Fills `id` from the system's random source; the process panics where there is none. */
void vu_id_generate(uint8_t id[VU_ID_BYTES]);

/* A new identifier as text. */
void vu_id_generate_hex(char hex[VU_ID_HEX_SIZE]);

void vu_id_to_hex(const uint8_t id[VU_ID_BYTES], char hex[VU_ID_HEX_SIZE]);

/* True when `text` is exactly 32 lower-case hex digits. NULL is not. */
bool vu_id_is_hex(const char *text);

#endif
