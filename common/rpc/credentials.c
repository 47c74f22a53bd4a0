/* Reading credentials. All is read and checked before anything is used; what is doubtful is refused. */
#include "rpc/credentials.h"

#include "base/file.h"
#include "base/secret.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES     4096
#define FILE_BYTES_MAX (1024 * 1024)
#define SECRET_BYTES   crypto_scalarmult_SCALARBYTES

typedef struct allowed_peer {
	char name[VU_PEER_NAME_BYTES_MAX + 1];
	uint8_t identity[VU_IDENTITY_BYTES];
} allowed_peer;

struct vu_credentials {
	char *authority, *revoked, *certificate, *key;
	uint8_t *secret; /* of vu_secret_alloc */
	uint8_t identity[VU_IDENTITY_BYTES];
	allowed_peer *peers;
	size_t peer_count;
	size_t own; /* our place among them */
};

static vu_status read_file(const char *folder, const char *name, bool secret, char **text_out, vu_error *error)
{
	char path[PATH_BYTES];
	struct stat info;
	size_t bytes;
	vu_status status;
	int length = snprintf(path, sizeof path, "%s/%s", folder, name);

	if (length < 0 || (size_t)length >= sizeof path)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to read credentials: the folder's name is too long");
	status = vu_file_read(path, FILE_BYTES_MAX, text_out, &bytes, error);
	if (status)
		return status;
	if (secret && (stat(path, &info) != 0 || (info.st_mode & 077) != 0))
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to trust %s: others can read it; run chmod 600 on it, and issue a new one if "
		               "somebody may have",
		               path);
	return VU_OK;
}

static bool from_hex(const char *hex, size_t hex_bytes, uint8_t *out, size_t bytes)
{
	size_t got;
	return hex_bytes == 2 * bytes && sodium_hex2bin(out, bytes, hex, hex_bytes, NULL, &got, NULL) == 0 &&
	       got == bytes;
}

static vu_status read_peers(vu_credentials *credentials, char *text, vu_error *error)
{
	char *rest = NULL;
	unsigned number = 0;

	credentials->peers = calloc(VU_PEERS_MAX, sizeof *credentials->peers);
	if (!credentials->peers)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the allow-list: no memory");
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		allowed_peer *peer = &credentials->peers[credentials->peer_count];
		const char *space = strchr(line, ' ');
		number++;
		if (credentials->peer_count == VU_PEERS_MAX)
			return vu_fail(error, VU_OUT_OF_RANGE, "unable to read the allow-list: it has over %d lines",
			               VU_PEERS_MAX);
		if (!space || space == line || space - line > VU_PEER_NAME_BYTES_MAX ||
		    !from_hex(space + 1, strlen(space + 1), peer->identity, sizeof peer->identity))
			return vu_fail(error, VU_DATA_LOSS,
			               "unable to read the allow-list: line %u of \"peers\" is damaged; copy it from "
			               "the authority again",
			               number);
		memcpy(peer->name, line, (size_t)(space - line));
		credentials->peer_count++;
	}
	return VU_OK;
}

static vu_status find_own(vu_credentials *credentials, vu_error *error)
{
	for (size_t i = 0; i < credentials->peer_count; i++) {
		if (sodium_memcmp(credentials->peers[i].identity, credentials->identity, VU_IDENTITY_BYTES) == 0) {
			credentials->own = i;
			return VU_OK;
		}
	}
	return vu_fail(
	    error, VU_FAILED_PRECONDITION,
	    "unable to use these credentials: the allow-list does not have this host's identity, which was "
	    "revoked or has expired; issue a new one with: vu-pki issue NAME");
}

vu_status vu_credentials_load(const char *folder, vu_credentials **credentials_out, vu_error *error)
{
	vu_credentials *credentials = calloc(1, sizeof *credentials);
	char *secret = NULL;
	char *peers = NULL;
	vu_status status = VU_OK;

	*credentials_out = NULL;
	if (!credentials || sodium_init() < 0) {
		free(credentials);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read credentials: no memory");
	}
	credentials->secret = vu_secret_alloc(SECRET_BYTES);
	if (!credentials->secret)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read credentials: no memory");
	if (!status)
		status = read_file(folder, "ca.pem", false, &credentials->authority, error);
	if (!status)
		status = read_file(folder, "crl.pem", false, &credentials->revoked, error);
	if (!status)
		status = read_file(folder, "cert.pem", false, &credentials->certificate, error);
	if (!status)
		status = read_file(folder, "key.pem", true, &credentials->key, error);
	if (!status)
		status = read_file(folder, "identity.key", true, &secret, error);
	if (!status)
		status = read_file(folder, "peers", false, &peers, error);
	/* A newline at the end does no harm. */
	if (!status && !from_hex(secret, strcspn(secret, "\n"), credentials->secret, SECRET_BYTES))
		status = vu_fail(error, VU_DATA_LOSS, "unable to read %s/identity.key: it is damaged", folder);
	if (!status) {
		(void)crypto_scalarmult_base(credentials->identity, credentials->secret);
		status = read_peers(credentials, peers, error);
	}
	if (!status)
		status = find_own(credentials, error);
	if (secret)
		sodium_memzero(secret, strlen(secret));
	free(secret);
	free(peers);
	if (status) {
		vu_credentials_free(credentials);
		return status;
	}
	*credentials_out = credentials;
	return VU_OK;
}

void vu_credentials_free(vu_credentials *credentials)
{
	if (!credentials)
		return;
	if (credentials->key)
		sodium_memzero(credentials->key, strlen(credentials->key));
	free(credentials->key);
	free(credentials->certificate);
	free(credentials->revoked);
	free(credentials->authority);
	free(credentials->peers);
	vu_secret_free(credentials->secret, SECRET_BYTES);
	free(credentials);
}

const char *vu_credentials_name(const vu_credentials *credentials)
{
	return credentials->peers[credentials->own].name;
}

const uint8_t *vu_credentials_secret(const vu_credentials *credentials)
{
	return credentials->secret;
}

const uint8_t *vu_credentials_identity(const vu_credentials *credentials)
{
	return credentials->identity;
}

const uint8_t *vu_credentials_find(const vu_credentials *credentials, const char *name)
{
	for (size_t i = 0; i < credentials->peer_count; i++) {
		if (strcmp(credentials->peers[i].name, name) == 0)
			return credentials->peers[i].identity;
	}
	return NULL;
}

vu_status vu_credentials_tls(const vu_credentials *credentials, const char *host, nng_tls_config **config_out,
                             vu_error *error)
{
	nng_tls_config *config = NULL;
	int result = nng_tls_config_alloc(&config, host ? NNG_TLS_MODE_CLIENT : NNG_TLS_MODE_SERVER);

	*config_out = NULL;
	/* A server does not ask for a certificate unless told to. */
	if (result == 0)
		result = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
	if (result == 0)
		result = nng_tls_config_ca_chain(config, credentials->authority, credentials->revoked);
	if (result == 0)
		result = nng_tls_config_own_cert(config, credentials->certificate, credentials->key, NULL);
	if (result == 0 && host)
		result = nng_tls_config_server_name(config, host);
	if (result == 0) {
		*config_out = config;
		return VU_OK;
	}
	if (config)
		nng_tls_config_free(config);
	if (result == NNG_ENOTSUP)
		return vu_fail(error, VU_FAILED_PRECONDITION,
		               "unable to use tls+tcp:// endpoints: this NNG was built without TLS; install one that "
		               "was built with mbed TLS");
	return vu_fail(error, VU_FAILED_PRECONDITION, "unable to use the certificates for TLS: %s",
	               nng_strerror(result));
}
