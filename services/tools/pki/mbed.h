/* What certificate.c and revocations.c share of mbed TLS. Versions 2.28 and 3 differ in a few signatures. */
#ifndef PKI_MBED_H
#define PKI_MBED_H

#include "base/status.h"

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stddef.h>
#include <stdint.h>

/* libsodium's random bytes in the shape that mbed TLS asks for. */
int pki_random(void *unused, unsigned char *out, size_t bytes);
/* Fails with the library's own words for `result`. */
vu_status pki_fail(vu_error *error, vu_status status, const char *what, int result);
vu_status pki_key_read(const char *pem, mbedtls_pk_context *key_out, vu_error *error);
/* Both, and that they are a pair. The contexts are initialised by the caller. */
vu_status pki_root_read(const char *pem, const char *key_pem, mbedtls_x509_crt *root_out, mbedtls_pk_context *key_out,
                        vu_error *error);
/* "YYYYMMDDhhmmss" in UTC. */
void pki_time_text(int64_t time_s, char text[15]);

#endif
