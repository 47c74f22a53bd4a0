/* Identifiers. getentropy is in glibc, musl and macOS alike, and never short. */
#include "base/id.h"

#include "base/log.h"

#include <string.h>
#include <unistd.h>
#ifdef __has_include
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif
#endif

void vu_id_generate(uint8_t id[VU_ID_BYTES])
{
	if (getentropy(id, VU_ID_BYTES) != 0)
		vu_log_panic("unable to read the system's random source");
}

void vu_id_to_hex(const uint8_t id[VU_ID_BYTES], char hex[VU_ID_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (int i = 0; i < VU_ID_BYTES; i++) {
		hex[2 * i] = digits[id[i] >> 4];
		hex[2 * i + 1] = digits[id[i] & 15];
	}
	hex[VU_ID_HEX_SIZE - 1] = '\0';
}

void vu_id_generate_hex(char hex[VU_ID_HEX_SIZE])
{
	uint8_t id[VU_ID_BYTES];
	vu_id_generate(id);
	vu_id_to_hex(id, hex);
}

bool vu_id_is_hex(const char *text)
{
	size_t length = text ? strlen(text) : 0;
	return length == VU_ID_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == length;
}
