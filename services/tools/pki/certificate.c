/*
 * Writing keys and certificates with mbed TLS.
 *
 * Names of hosts are entered as dNSName even where they are addresses: mbed TLS
 * 2.28 compares what was dialled with entries of that kind alone.
 */
#include "certificate.h"

#include "mbed.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAMES_BYTES_MAX (PKI_HOSTS_MAX * (PKI_HOST_BYTES_MAX + 4) + 8)

int pki_random(void *unused, unsigned char *out, size_t bytes)
{
	(void)unused;
	randombytes_buf(out, bytes);
	return 0;
}

vu_status pki_fail(vu_error *error, vu_status status, const char *what, int result)
{
	char reason[128];

	mbedtls_strerror(result, reason, sizeof reason);
	return vu_fail(error, status, "unable to %s: %s", what, reason);
}

void pki_time_text(int64_t time_s, char text[15])
{
	time_t time = (time_t)time_s;
	struct tm parts;

	if (!gmtime_r(&time, &parts) || strftime(text, 15, "%Y%m%d%H%M%S", &parts) != 14)
		snprintf(text, 15, "19700101000000");
}

void pki_serial_generate(uint8_t serial[PKI_SERIAL_BYTES])
{
	randombytes_buf(serial, PKI_SERIAL_BYTES);
	/* Positive as a signed number, and of the same length always. */
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
}

vu_status pki_key_generate(char **pem_out, vu_error *error)
{
	mbedtls_pk_context key;
	char *pem = malloc(PKI_PEM_BYTES_MAX);
	int result;

	*pem_out = NULL;
	if (!pem)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to make a key: no memory");
	mbedtls_pk_init(&key);
	result = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
	if (result == 0)
		result = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), pki_random, NULL);
	if (result == 0)
		result = mbedtls_pk_write_key_pem(&key, (unsigned char *)pem, PKI_PEM_BYTES_MAX);
	mbedtls_pk_free(&key);
	if (result != 0) {
		free(pem);
		return pki_fail(error, VU_INTERNAL, "make a key", result);
	}
	*pem_out = pem;
	return VU_OK;
}

void pki_key_text_free(char *pem)
{
	if (pem)
		sodium_memzero(pem, strlen(pem));
	free(pem);
}

vu_status pki_key_read(const char *pem, mbedtls_pk_context *key_out, vu_error *error)
{
	const unsigned char *bytes = (const unsigned char *)pem;
#if MBEDTLS_VERSION_MAJOR >= 3
	int result = mbedtls_pk_parse_key(key_out, bytes, strlen(pem) + 1, NULL, 0, pki_random, NULL);
#else
	int result = mbedtls_pk_parse_key(key_out, bytes, strlen(pem) + 1, NULL, 0);
#endif
	return result == 0 ? VU_OK : pki_fail(error, VU_INVALID_ARGUMENT, "read the private key", result);
}

vu_status pki_root_read(const char *pem, const char *key_pem, mbedtls_x509_crt *root_out, mbedtls_pk_context *key_out,
                        vu_error *error)
{
	int result = mbedtls_x509_crt_parse(root_out, (const unsigned char *)pem, strlen(pem) + 1);
	vu_status status;

	if (result != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to read the certificate of the authority");
	status = pki_key_read(key_pem, key_out, error);
	if (status)
		return status;
#if MBEDTLS_VERSION_MAJOR >= 3
	result = mbedtls_pk_check_pair(&root_out->pk, key_out, pki_random, NULL);
#else
	result = mbedtls_pk_check_pair(&root_out->pk, key_out);
#endif
	if (result != 0)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to sign: the authority's key does not belong to its certificate");
	return VU_OK;
}

/* What both kinds have in common. */
static int begin(mbedtls_x509write_cert *writer, const pki_certificate *what)
{
	char subject[PKI_NAME_BYTES_MAX + 4];
	char from[15];
	char until[15];
	mbedtls_mpi serial;
	int result;

	mbedtls_x509write_crt_set_version(writer, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(writer, MBEDTLS_MD_SHA256);
	snprintf(subject, sizeof subject, "CN=%s", what->name);
	pki_time_text(what->from_s, from);
	pki_time_text(what->until_s, until);
	mbedtls_mpi_init(&serial);
	result = mbedtls_mpi_read_binary(&serial, what->serial, PKI_SERIAL_BYTES);
	if (result == 0)
		result = mbedtls_x509write_crt_set_serial(writer, &serial);
	mbedtls_mpi_free(&serial);
	if (result == 0)
		result = mbedtls_x509write_crt_set_validity(writer, from, until);
	if (result == 0)
		result = mbedtls_x509write_crt_set_subject_name(writer, subject);
	return result;
}

static vu_status finish(mbedtls_x509write_cert *writer, char **pem_out, vu_error *error)
{
	char *pem = malloc(PKI_PEM_BYTES_MAX);
	int result;

	if (!pem)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write a certificate: no memory");
	result = mbedtls_x509write_crt_pem(writer, (unsigned char *)pem, PKI_PEM_BYTES_MAX, pki_random, NULL);
	if (result != 0) {
		free(pem);
		return pki_fail(error, VU_INTERNAL, "write a certificate", result);
	}
	*pem_out = pem;
	return VU_OK;
}

vu_status pki_certificate_write_root(const pki_certificate *root, const char *root_key, char **pem_out,
                                     vu_error *error)
{
	mbedtls_x509write_cert writer;
	mbedtls_pk_context key;
	char issuer[PKI_NAME_BYTES_MAX + 4];
	vu_status status;
	int result;

	*pem_out = NULL;
	mbedtls_x509write_crt_init(&writer);
	mbedtls_pk_init(&key);
	status = pki_key_read(root_key, &key, error);
	if (status)
		goto out;
	snprintf(issuer, sizeof issuer, "CN=%s", root->name);
	mbedtls_x509write_crt_set_subject_key(&writer, &key);
	mbedtls_x509write_crt_set_issuer_key(&writer, &key);
	result = begin(&writer, root);
	if (result == 0)
		result = mbedtls_x509write_crt_set_issuer_name(&writer, issuer);
	if (result == 0)
		result = mbedtls_x509write_crt_set_basic_constraints(&writer, 1, 0);
	if (result == 0)
		result = mbedtls_x509write_crt_set_key_usage(&writer, MBEDTLS_X509_KU_KEY_CERT_SIGN |
		                                                          MBEDTLS_X509_KU_CRL_SIGN);
	if (result == 0)
		result = mbedtls_x509write_crt_set_subject_key_identifier(&writer);
	status = result == 0 ? finish(&writer, pem_out, error)
	                     : pki_fail(error, VU_INTERNAL, "write the certificate of the authority", result);
out:
	mbedtls_pk_free(&key);
	mbedtls_x509write_crt_free(&writer);
	return status;
}

/* The subject's other names: SEQUENCE of [2] IA5String. ASN.1 is written from its end. */
static int set_hosts(mbedtls_x509write_cert *writer, const pki_certificate *host)
{
	unsigned char buffer[NAMES_BYTES_MAX];
	unsigned char *at = buffer + sizeof buffer;
	size_t bytes = 0;
	int result = 0;

	for (unsigned i = host->host_count; i > 0 && result >= 0; i--) {
		const char *name = host->hosts[i - 1];
		size_t length = strlen(name);
		result = mbedtls_asn1_write_raw_buffer(&at, buffer, (const unsigned char *)name, length);
		if (result >= 0)
			result = mbedtls_asn1_write_len(&at, buffer, length);
		if (result >= 0)
			result = mbedtls_asn1_write_tag(&at, buffer, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2);
	}
	bytes = (size_t)(buffer + sizeof buffer - at);
	if (result >= 0)
		result = mbedtls_asn1_write_len(&at, buffer, bytes);
	if (result >= 0)
		result = mbedtls_asn1_write_tag(&at, buffer, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
	if (result < 0)
		return result;
	return mbedtls_x509write_crt_set_extension(writer, MBEDTLS_OID_SUBJECT_ALT_NAME,
	                                           MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0, at,
	                                           (size_t)(buffer + sizeof buffer - at));
}

/* Serves and calls, and nothing else: SEQUENCE of two identifiers. */
static int set_purposes(mbedtls_x509write_cert *writer)
{
	unsigned char buffer[64];
	unsigned char *at = buffer + sizeof buffer;
	int result =
	    mbedtls_asn1_write_oid(&at, buffer, MBEDTLS_OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH));

	if (result >= 0)
		result = mbedtls_asn1_write_oid(&at, buffer, MBEDTLS_OID_SERVER_AUTH,
		                                MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
	if (result >= 0)
		result = mbedtls_asn1_write_len(&at, buffer, (size_t)(buffer + sizeof buffer - at));
	if (result >= 0)
		result = mbedtls_asn1_write_tag(&at, buffer, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
	if (result < 0)
		return result;
	return mbedtls_x509write_crt_set_extension(writer, MBEDTLS_OID_EXTENDED_KEY_USAGE,
	                                           MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), 0, at,
	                                           (size_t)(buffer + sizeof buffer - at));
}

vu_status pki_certificate_write_host(const pki_certificate *host, const char *host_key, const char *root_pem,
                                     const char *root_key, char **pem_out, vu_error *error)
{
	mbedtls_x509write_cert writer;
	mbedtls_x509_crt root;
	mbedtls_pk_context signer;
	mbedtls_pk_context key;
	char issuer[256];
	vu_status status;
	int result;

	*pem_out = NULL;
	mbedtls_x509write_crt_init(&writer);
	mbedtls_x509_crt_init(&root);
	mbedtls_pk_init(&signer);
	mbedtls_pk_init(&key);
	status = pki_root_read(root_pem, root_key, &root, &signer, error);
	if (!status)
		status = pki_key_read(host_key, &key, error);
	if (status)
		goto out;
	mbedtls_x509write_crt_set_subject_key(&writer, &key);
	mbedtls_x509write_crt_set_issuer_key(&writer, &signer);
	result = mbedtls_x509_dn_gets(issuer, sizeof issuer, &root.subject);
	if (result >= 0)
		result = begin(&writer, host);
	if (result == 0)
		result = mbedtls_x509write_crt_set_issuer_name(&writer, issuer);
	if (result == 0)
		result = mbedtls_x509write_crt_set_basic_constraints(&writer, 0, -1);
	if (result == 0)
		result = mbedtls_x509write_crt_set_key_usage(&writer, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
	if (result == 0)
		result = set_purposes(&writer);
	if (result == 0)
		result = set_hosts(&writer, host);
	if (result == 0)
		result = mbedtls_x509write_crt_set_authority_key_identifier(&writer);
	status = result == 0 ? finish(&writer, pem_out, error)
	                     : pki_fail(error, VU_INTERNAL, "write a certificate", result);
out:
	mbedtls_pk_free(&key);
	mbedtls_pk_free(&signer);
	mbedtls_x509_crt_free(&root);
	mbedtls_x509write_crt_free(&writer);
	return status;
}
