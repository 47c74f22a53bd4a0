/*
 * What this process shows to other machines, and whom it lets in: the folder
 * that vu-pki made for this host.
 *
 *   ca.pem crl.pem cert.pem key.pem   for TLS: both sides must have a
 *                                     certificate of this authority that was
 *                                     not revoked and has not expired
 *   identity.key peers                for sessions (session.h): our own X25519
 *                                     key and the allow-list, in lines of
 *                                     NAME KEY ROLES
 *
 * Files that others can write, or keys that others can read, are refused. When
 * they change on disk they are read again (vu_credentials_refresh): for the
 * connections that are dialled from then on, and the allow-list for all. Shared by all channels and servers
 * of a process, which it must outlive. Any thread.
 */
#ifndef VU_RPC_CREDENTIALS_H
#define VU_RPC_CREDENTIALS_H

#include "base/status.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <stdbool.h>
#include <stdint.h>

#define VU_IDENTITY_BYTES      32
#define VU_PEER_NAME_BYTES_MAX 64
#define VU_PEERS_MAX           4096

/* What a host may call for: the services that run on it and need others. See caller.h. */
typedef enum vu_host_role {
	VU_HOST_ORCHESTRATOR = 1,
	VU_HOST_FEATURES = 2,
	VU_HOST_ANTISPOOF = 4,
} vu_host_role;

/* "orchestrator,features" to VU_HOST_ORCHESTRATOR | VU_HOST_FEATURES, "none" to 0. False: no such role. */
bool vu_host_roles_parse(const char *text, unsigned *roles_out);

typedef struct vu_credentials vu_credentials;

/*
 * NOT_FOUND when a file is missing; PERMISSION_DENIED when one cannot be
 * trusted; DATA_LOSS when one does not parse; FAILED_PRECONDITION when our own
 * identity is not in the allow-list: it was revoked.
 */
vu_status vu_credentials_load(const char *folder, vu_credentials **credentials_out, vu_error *error);

/*
 * Looks whether the files have changed, at most once a second, and reads them
 * again once they have stayed the same for two looks, so that what is being
 * copied is left alone. What cannot be read or trusted is logged and the old
 * stays. Returns a number that grows whenever new ones were taken.
 */
uint64_t vu_credentials_refresh(vu_credentials *credentials);

/* Wipes the keys. NULL is allowed. */
void vu_credentials_free(vu_credentials *credentials);

/* What these return stays for a minute after new ones were taken: long enough for an exchange of keys. */
const char *vu_credentials_name(const vu_credentials *credentials);
const uint8_t *vu_credentials_secret(const vu_credentials *credentials);
const uint8_t *vu_credentials_identity(const vu_credentials *credentials);
/* The public key of a peer, NULL when the allow-list does not have it. */
const uint8_t *vu_credentials_find(const vu_credentials *credentials, const char *name, unsigned *roles_out);

/*
 * Settings for a listener (`host` NULL) or for a dialer of `host`, whose
 * certificate must be for that name. The caller frees them with
 * nng_tls_config_free. FAILED_PRECONDITION when NNG was built without TLS or
 * does not take the certificates.
 */
vu_status vu_credentials_tls(const vu_credentials *credentials, const char *host, nng_tls_config **config_out,
                             vu_error *error);

#endif
