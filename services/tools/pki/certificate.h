/*
 * Keys and certificates of EC P-256, as NNG's TLS takes them: PEM text.
 *
 * Everything here is memory to memory; files are authority.c's. Times are
 * seconds since 1970 and given by the caller, so that tests need not wait.
 * Text that is returned ends in a NUL and is the caller's to free; the text of
 * a private key with pki_key_text_free, which wipes it.
 */
#ifndef PKI_CERTIFICATE_H
#define PKI_CERTIFICATE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define PKI_SERIAL_BYTES    16
#define PKI_HOSTS_MAX       16
#define PKI_HOST_BYTES_MAX  253
#define PKI_NAME_BYTES_MAX  64
#define PKI_PEM_BYTES_MAX   8192
#define PKI_REVOCATIONS_MAX 4096

typedef struct pki_certificate {
	uint8_t serial[PKI_SERIAL_BYTES];
	const char *name; /* CN */
	const char *hosts[PKI_HOSTS_MAX];
	unsigned host_count;
	int64_t from_s, until_s;
} pki_certificate;

typedef struct pki_revocation {
	uint8_t serial[PKI_SERIAL_BYTES];
	int64_t at_s;
} pki_revocation;

/* A positive number that nobody can foresee. */
void pki_serial_generate(uint8_t serial[PKI_SERIAL_BYTES]);

vu_status pki_key_generate(char **pem_out, vu_error *error);
void pki_key_text_free(char *pem);

/* A certificate that signs itself and may sign others, but no further authority. */
vu_status pki_certificate_write_root(const pki_certificate *root, const char *root_key, char **pem_out,
                                     vu_error *error);

/*
 * A certificate for a host, which may serve and call. INVALID_ARGUMENT when
 * `root_pem` and `root_key` are no pair that can be read.
 */
vu_status pki_certificate_write_host(const pki_certificate *host, const char *host_key, const char *root_pem,
                                     const char *root_key, char **pem_out, vu_error *error);

/* The list of certificates that are valid no more, signed. It is itself good until `until_s`. */
vu_status pki_revocations_write(const pki_revocation *revocations, size_t count, const char *root_pem,
                                const char *root_key, int64_t from_s, int64_t until_s, char **pem_out,
                                vu_error *error);

#endif
