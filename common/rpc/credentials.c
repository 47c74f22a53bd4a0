/*
 * Reading credentials. All is read and checked before anything is used; what is
 * doubtful is refused.
 *
 * What was read is never changed: new files make a new set, and the one before
 * is kept for RETIRED_US, as other threads may be in the midst of using it.
 */
#include "rpc/credentials.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#define PATH_BYTES     4096
#define FILE_BYTES_MAX (1024 * 1024)
#define SECRET_BYTES   crypto_scalarmult_SCALARBYTES
#define LOOK_US        1000000
#define RETIRED_US     INT64_C(60000000)

static const char *const FILES[] = {"ca.pem", "crl.pem", "cert.pem", "key.pem", "identity.key", "peers"};
#define FILE_COUNT (sizeof FILES / sizeof FILES[0])

static const struct {
	const char *name;
	unsigned role;
} ROLES[] = {
    {"none", 0},
    {"orchestrator", VU_HOST_ORCHESTRATOR},
    {"features", VU_HOST_FEATURES},
    {"antispoof", VU_HOST_ANTISPOOF},
};

typedef struct allowed_peer {
	char name[VU_PEER_NAME_BYTES_MAX + 1];
	uint8_t identity[VU_IDENTITY_BYTES];
	unsigned roles;
} allowed_peer;

typedef struct credential_set {
	struct credential_set *before; /* retired at retired_us, for whoever still uses it */
	int64_t retired_us;
	char *authority, *revoked, *certificate, *key;
	uint8_t *secret; /* of vu_secret_alloc */
	uint8_t identity[VU_IDENTITY_BYTES];
	allowed_peer *peers;
	size_t peer_count;
	size_t own; /* our place among them */
} credential_set;

/* How the files looked, each by inode, times of change and size. */
typedef struct folder_look {
	uint64_t parts[FILE_COUNT][4];
} folder_look;

struct vu_credentials {
	char folder[PATH_BYTES];
	_Atomic(credential_set *) current;
	uv_mutex_t lock;
	/* Guarded by lock. */
	int64_t look_at_us;
	folder_look taken, seen;
	uint64_t generation;
};

static credential_set *set_of(const vu_credentials *credentials)
{
	return atomic_load(&credentials->current);
}

bool vu_host_roles_parse(const char *text, unsigned *roles_out)
{
	unsigned roles = 0;

	for (;;) {
		size_t bytes = strcspn(text, ",");
		size_t i = 0;
		while (i < sizeof ROLES / sizeof ROLES[0] &&
		       (strlen(ROLES[i].name) != bytes || strncmp(text, ROLES[i].name, bytes) != 0))
			i++;
		if (i == sizeof ROLES / sizeof ROLES[0])
			return false;
		roles |= ROLES[i].role;
		if (text[bytes] == '\0')
			break;
		text += bytes + 1;
	}
	*roles_out = roles;
	return true;
}

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

/* "NAME KEY ROLES" */
static bool parse_peer(char *line, allowed_peer *peer)
{
	char *key = strchr(line, ' ');
	char *roles = key ? strchr(key + 1, ' ') : NULL;

	if (!roles || key == line || key - line > VU_PEER_NAME_BYTES_MAX ||
	    !from_hex(key + 1, (size_t)(roles - key - 1), peer->identity, sizeof peer->identity) ||
	    !vu_host_roles_parse(roles + 1, &peer->roles))
		return false;
	memcpy(peer->name, line, (size_t)(key - line));
	return true;
}

static vu_status read_peers(credential_set *set, char *text, vu_error *error)
{
	char *rest = NULL;
	size_t lines = 0;

	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	if (lines > VU_PEERS_MAX)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to read the allow-list: it has over %d lines",
		               VU_PEERS_MAX);
	set->peers = calloc(lines + 1, sizeof *set->peers);
	if (!set->peers)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the allow-list: no memory");
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!parse_peer(line, &set->peers[set->peer_count]))
			return vu_fail(
			    error, VU_DATA_LOSS,
			    "unable to read the allow-list: line %zu of \"peers\" is damaged; copy it from "
			    "the authority again",
			    set->peer_count + 1);
		set->peer_count++;
	}
	return VU_OK;
}

static vu_status find_own(credential_set *set, vu_error *error)
{
	for (size_t i = 0; i < set->peer_count; i++) {
		if (sodium_memcmp(set->peers[i].identity, set->identity, VU_IDENTITY_BYTES) == 0) {
			set->own = i;
			return VU_OK;
		}
	}
	return vu_fail(
	    error, VU_FAILED_PRECONDITION,
	    "unable to use these credentials: the allow-list does not have this host's identity, which was "
	    "revoked or has expired; issue a new one with: vu-pki issue NAME");
}

static void free_set(credential_set *set)
{
	if (!set)
		return;
	if (set->key)
		sodium_memzero(set->key, strlen(set->key));
	free(set->key);
	free(set->certificate);
	free(set->revoked);
	free(set->authority);
	free(set->peers);
	vu_secret_free(set->secret, SECRET_BYTES);
	free(set);
}

static vu_status read_set(const char *folder, credential_set **set_out, vu_error *error)
{
	credential_set *set = calloc(1, sizeof *set);
	char *secret = NULL;
	char *peers = NULL;
	vu_status status = VU_OK;

	*set_out = NULL;
	if (!set)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read credentials: no memory");
	set->secret = vu_secret_alloc(SECRET_BYTES);
	if (!set->secret)
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read credentials: no memory");
	if (!status)
		status = read_file(folder, "ca.pem", false, &set->authority, error);
	if (!status)
		status = read_file(folder, "crl.pem", false, &set->revoked, error);
	if (!status)
		status = read_file(folder, "cert.pem", false, &set->certificate, error);
	if (!status)
		status = read_file(folder, "key.pem", true, &set->key, error);
	if (!status)
		status = read_file(folder, "identity.key", true, &secret, error);
	if (!status)
		status = read_file(folder, "peers", false, &peers, error);
	/* A newline at the end does no harm. */
	if (!status && !from_hex(secret, strcspn(secret, "\n"), set->secret, SECRET_BYTES))
		status = vu_fail(error, VU_DATA_LOSS, "unable to read %s/identity.key: it is damaged", folder);
	if (!status) {
		(void)crypto_scalarmult_base(set->identity, set->secret);
		status = read_peers(set, peers, error);
	}
	if (!status)
		status = find_own(set, error);
	if (secret)
		sodium_memzero(secret, strlen(secret));
	free(secret);
	free(peers);
	if (status)
		free_set(set);
	else
		*set_out = set;
	return status;
}

static void look(const char *folder, folder_look *out)
{
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < FILE_COUNT; i++) {
		char path[PATH_BYTES];
		struct stat info;
		if (snprintf(path, sizeof path, "%s/%s", folder, FILES[i]) >= (int)sizeof path ||
		    stat(path, &info) != 0)
			continue;
		out->parts[i][0] = (uint64_t)info.st_ino;
		out->parts[i][1] = (uint64_t)info.st_mtime;
		out->parts[i][2] = (uint64_t)info.st_ctime;
		out->parts[i][3] = (uint64_t)info.st_size;
	}
}

vu_status vu_credentials_load(const char *folder, vu_credentials **credentials_out, vu_error *error)
{
	vu_credentials *credentials = calloc(1, sizeof *credentials);
	credential_set *set = NULL;
	vu_status status = VU_OK;

	*credentials_out = NULL;
	if (!credentials || sodium_init() < 0 || uv_mutex_init(&credentials->lock) != 0) {
		free(credentials);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read credentials: no memory");
	}
	if (strlen(folder) >= sizeof credentials->folder)
		status = vu_fail(error, VU_OUT_OF_RANGE, "unable to read credentials: the folder's name is too long");
	if (!status) {
		snprintf(credentials->folder, sizeof credentials->folder, "%s", folder);
		/* First, so that what changes meanwhile is seen as a change. */
		look(folder, &credentials->taken);
		credentials->seen = credentials->taken;
		status = read_set(folder, &set, error);
	}
	if (status) {
		vu_credentials_free(credentials);
		return status;
	}
	atomic_store(&credentials->current, set);
	*credentials_out = credentials;
	return VU_OK;
}

/* With the lock held: those that were retired long ago. */
static void free_retired(credential_set *set, int64_t now_us)
{
	while (set->before) {
		credential_set *old = set->before;
		if (now_us - old->retired_us < RETIRED_US) {
			set = old;
			continue;
		}
		set->before = old->before;
		free_set(old);
	}
}

/* With the lock held: the files have changed and come to rest. */
static void take(vu_credentials *credentials, int64_t now_us)
{
	credential_set *old = set_of(credentials);
	credential_set *fresh;
	vu_error error;

	/* Looked at no more until they change again, whatever comes of it. */
	credentials->taken = credentials->seen;
	if (read_set(credentials->folder, &fresh, &error) != VU_OK) {
		vu_log_error("%s; what was read before stays in force", error.message);
		return;
	}
	fresh->before = old;
	old->retired_us = now_us;
	atomic_store(&credentials->current, fresh);
	free_retired(fresh, now_us);
	credentials->generation++;
	vu_log_info("read the certificates and the allow-list in %s again", credentials->folder);
}

uint64_t vu_credentials_refresh(vu_credentials *credentials)
{
	int64_t now_us = vu_clock_monotonic_us();
	folder_look now;
	uint64_t generation;

	uv_mutex_lock(&credentials->lock);
	if (now_us >= credentials->look_at_us) {
		credentials->look_at_us = now_us + LOOK_US;
		look(credentials->folder, &now);
		if (memcmp(&now, &credentials->seen, sizeof now) != 0)
			credentials->seen = now;
		else if (memcmp(&now, &credentials->taken, sizeof now) != 0)
			take(credentials, now_us);
	}
	generation = credentials->generation;
	uv_mutex_unlock(&credentials->lock);
	return generation;
}

void vu_credentials_free(vu_credentials *credentials)
{
	credential_set *set;

	if (!credentials)
		return;
	set = set_of(credentials);
	while (set) {
		credential_set *before = set->before;
		free_set(set);
		set = before;
	}
	uv_mutex_destroy(&credentials->lock);
	free(credentials);
}

const char *vu_credentials_name(const vu_credentials *credentials)
{
	const credential_set *set = set_of(credentials);
	return set->peers[set->own].name;
}

const uint8_t *vu_credentials_secret(const vu_credentials *credentials)
{
	return set_of(credentials)->secret;
}

const uint8_t *vu_credentials_identity(const vu_credentials *credentials)
{
	return set_of(credentials)->identity;
}

const uint8_t *vu_credentials_find(const vu_credentials *credentials, const char *name, unsigned *roles_out)
{
	const credential_set *set = set_of(credentials);

	for (size_t i = 0; i < set->peer_count; i++) {
		if (strcmp(set->peers[i].name, name) != 0)
			continue;
		if (roles_out)
			*roles_out = set->peers[i].roles;
		return set->peers[i].identity;
	}
	return NULL;
}

vu_status vu_credentials_tls(const vu_credentials *credentials, const char *host, nng_tls_config **config_out,
                             vu_error *error)
{
	const credential_set *set = set_of(credentials);
	nng_tls_config *config = NULL;
	int result = nng_tls_config_alloc(&config, host ? NNG_TLS_MODE_CLIENT : NNG_TLS_MODE_SERVER);

	*config_out = NULL;
	/* A server does not ask for a certificate unless told to. */
	if (result == 0)
		result = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
	if (result == 0)
		result = nng_tls_config_ca_chain(config, set->authority, set->revoked);
	if (result == 0)
		result = nng_tls_config_own_cert(config, set->certificate, set->key, NULL);
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
