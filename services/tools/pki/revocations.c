/*
 * The revocation list (RFC 5280, section 5, version 1), which mbed TLS reads
 * but does not write. Like all ASN.1 with mbed TLS it is written from its end.
 */
#include "certificate.h"
#include "mbed.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/version.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Tag, length, serial and date of one entry, with room to spare. */
#define ENTRY_BYTES         64
#define FRAME_BYTES         2048
#define SIGNATURE_BYTES_MAX 160

/* Where writing goes on; `result` keeps the first failure. */
typedef struct writing {
	unsigned char *start, *at;
	int result;
} writing;

static void put_raw(writing *out, const void *data, size_t bytes)
{
	if (out->result >= 0)
		out->result = mbedtls_asn1_write_raw_buffer(&out->at, out->start, data, bytes);
}

/* Length and tag around all that was written since `end`. */
static void put_frame(writing *out, const unsigned char *end, unsigned char tag)
{
	if (out->result >= 0)
		out->result = mbedtls_asn1_write_len(&out->at, out->start, (size_t)(end - out->at));
	if (out->result >= 0)
		out->result = mbedtls_asn1_write_tag(&out->at, out->start, tag);
}

/* UTCTime has two digits of the year, and is what is to be used until 2049. */
static void put_time(writing *out, int64_t time_s)
{
	const unsigned char *end = out->at;
	char text[15];
	bool utc;

	pki_time_text(time_s, text);
	utc = memcmp(text, "2050", 4) < 0;
	put_raw(out, "Z", 1);
	put_raw(out, utc ? text + 2 : text, utc ? 12 : 14);
	put_frame(out, end, utc ? MBEDTLS_ASN1_UTC_TIME : MBEDTLS_ASN1_GENERALIZED_TIME);
}

/* ecdsa-with-SHA256, without parameters. */
static void put_algorithm(writing *out)
{
	const unsigned char *end = out->at;

	if (out->result >= 0)
		out->result = mbedtls_asn1_write_oid(&out->at, out->start, MBEDTLS_OID_ECDSA_SHA256,
		                                     MBEDTLS_OID_SIZE(MBEDTLS_OID_ECDSA_SHA256));
	put_frame(out, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

static void put_entry(writing *out, const pki_revocation *revocation)
{
	const unsigned char *end = out->at;
	const unsigned char *serial_end;

	put_time(out, revocation->at_s);
	serial_end = out->at;
	put_raw(out, revocation->serial, PKI_SERIAL_BYTES);
	put_frame(out, serial_end, MBEDTLS_ASN1_INTEGER);
	put_frame(out, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

static int sign(mbedtls_pk_context *key, const unsigned char *hash, unsigned char *signature, size_t *bytes_out)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, crypto_hash_sha256_BYTES, signature, SIGNATURE_BYTES_MAX,
	                       bytes_out, pki_random, NULL);
#else
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, crypto_hash_sha256_BYTES, signature, bytes_out,
	                       pki_random, NULL);
#endif
}

static vu_status to_pem(const unsigned char *der, size_t bytes, char **pem_out, vu_error *error)
{
	size_t room = bytes * 2 + 128;
	char *pem = malloc(room);
	size_t written;
	int result;

	if (!pem)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write the revocation list: no memory");
	result = mbedtls_pem_write_buffer("-----BEGIN X509 CRL-----\n", "-----END X509 CRL-----\n", der, bytes,
	                                  (unsigned char *)pem, room, &written);
	if (result != 0) {
		free(pem);
		return pki_fail(error, VU_INTERNAL, "write the revocation list", result);
	}
	*pem_out = pem;
	return VU_OK;
}

vu_status pki_revocations_write(const pki_revocation *revocations, size_t count, const char *root_pem,
                                const char *root_key, int64_t from_s, int64_t until_s, char **pem_out,
                                vu_error *error)
{
	size_t room = FRAME_BYTES + count * ENTRY_BYTES;
	unsigned char *tbs = malloc(room);
	unsigned char *whole = malloc(room + FRAME_BYTES);
	unsigned char hash[crypto_hash_sha256_BYTES];
	unsigned char signature[SIGNATURE_BYTES_MAX];
	size_t signature_bytes = 0;
	mbedtls_x509_crt root;
	mbedtls_pk_context key;
	const unsigned char *end;
	writing out;
	vu_status status;

	*pem_out = NULL;
	mbedtls_x509_crt_init(&root);
	mbedtls_pk_init(&key);
	if (!tbs || !whole || count > PKI_REVOCATIONS_MAX) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED,
		                 "unable to write the revocation list: no memory for %zu entries", count);
		goto out;
	}
	status = pki_root_read(root_pem, root_key, &root, &key, error);
	if (status)
		goto out;

	/* What is signed. */
	out = (writing){tbs, tbs + room, 0};
	end = out.at;
	for (size_t i = count; i > 0; i--)
		put_entry(&out, &revocations[i - 1]);
	/* An empty list is left out altogether. */
	if (count > 0)
		put_frame(&out, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
	put_time(&out, until_s);
	put_time(&out, from_s);
	put_raw(&out, root.subject_raw.p, root.subject_raw.len);
	put_algorithm(&out);
	put_frame(&out, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
	if (out.result >= 0) {
		crypto_hash_sha256(hash, out.at, (size_t)(end - out.at));
		out.result = sign(&key, hash, signature, &signature_bytes);
	}
	if (out.result >= 0) {
		const unsigned char *signed_at = out.at;
		size_t signed_bytes = (size_t)(end - out.at);

		out = (writing){whole, whole + room + FRAME_BYTES, 0};
		end = out.at;
		out.result = mbedtls_asn1_write_bitstring(&out.at, out.start, signature, signature_bytes * 8);
		put_algorithm(&out);
		put_raw(&out, signed_at, signed_bytes);
		put_frame(&out, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
	}
	status = out.result >= 0 ? to_pem(out.at, (size_t)(end - out.at), pem_out, error)
	                         : pki_fail(error, VU_INTERNAL, "write the revocation list", out.result);
out:
	mbedtls_pk_free(&key);
	mbedtls_x509_crt_free(&root);
	free(whole);
	free(tbs);
	return status;
}
