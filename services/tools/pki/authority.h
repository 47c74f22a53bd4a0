/*
 * A small certificate authority in a folder (0700):
 *
 *   ca.key ca.pem      the authority itself; ca.key never leaves this folder
 *   crl.pem            what was revoked, signed
 *   index              one line per certificate ever issued
 *   issued/NAME/       what goes to host NAME, whole: ca.pem crl.pem cert.pem
 *                      key.pem identity.key peers
 *
 * `identity.key` and `peers` are what common/rpc/session.h knows a host by: the
 * allow-list `peers` names every host whose certificate holds, with its public
 * key and the roles in which it may call others (vu_host_role). Whenever something is issued or revoked, crl.pem and
 * peers are renewed in all of issued/, and are then to be copied to the hosts again.
 *
 * Files are written to a temporary one and renamed; the index last, so that an
 * interruption leaves at worst a certificate that nobody was given. Times are
 * seconds since 1970 and given by the caller. One process at a time: the
 * folder is locked meanwhile (UNAVAILABLE when another one holds it).
 */
#ifndef PKI_AUTHORITY_H
#define PKI_AUTHORITY_H

#include "certificate.h"

#include <stdbool.h>

#define PKI_ROOT_DAYS     1825
#define PKI_HOST_DAYS     30
#define PKI_HOST_DAYS_MAX 397
#define PKI_LIST_DAYS     30
#define PKI_IDENTITY_HEX  65 /* 32 bytes and the NUL */
#define PKI_HOSTS_TEXT    1024
#define PKI_ROLES_TEXT    64

typedef struct pki_entry {
	uint8_t serial[PKI_SERIAL_BYTES];
	char name[PKI_NAME_BYTES_MAX + 1];
	int64_t from_s, until_s;
	int64_t revoked_s; /* 0: it was not */
	char identity[PKI_IDENTITY_HEX];
	char roles[PKI_ROLES_TEXT]; /* as vu_host_roles_parse takes them */
	char hosts[PKI_HOSTS_TEXT]; /* with commas between */
} pki_entry;

typedef struct pki_authority pki_authority;

/* ALREADY_EXISTS when the folder has an authority, which is never overwritten. */
vu_status pki_authority_init(const char *folder, const char *name, int64_t now_s, vu_error *error);

/* NOT_FOUND when there is none in the folder; DATA_LOSS when its index cannot be read. */
vu_status pki_authority_open(const char *folder, pki_authority **authority_out, vu_error *error);
void pki_authority_close(pki_authority *authority);

/*
 * A new certificate for `name`, reachable as `hosts` (as dialled: names or
 * addresses; none means `name` itself), that may call others in `roles` (like
 * "orchestrator", NULL: as before, or "none"). Issuing again renews: the
 * identity is kept unless it was revoked. INVALID_ARGUMENT names what is wrong.
 */
vu_status pki_authority_issue(pki_authority *authority, const char *name, const char *const *hosts,
                              unsigned host_count, const char *roles, unsigned days, int64_t now_s, vu_error *error);

/* All certificates of `name` that still hold. NOT_FOUND when there is none. */
vu_status pki_authority_revoke(pki_authority *authority, const char *name, int64_t now_s, vu_error *error);

/* Signs the revocation list anew, and the allow-list without what has expired. */
vu_status pki_authority_refresh(pki_authority *authority, int64_t now_s, vu_error *error);

size_t pki_authority_count(const pki_authority *authority);
const pki_entry *pki_authority_entry(const pki_authority *authority, size_t index);

#endif
