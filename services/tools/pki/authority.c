/* See authority.h for the folder. Nothing is changed before all that is to be written has been made. */
#include "authority.h"

#include "base/file.h"
#include "rpc/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PATH_BYTES     4096
#define FILE_BYTES_MAX (4u * 1024 * 1024)
#define LINE_BYTES_MAX 2048
#define DAY_S          86400
/* Clocks of hosts differ: certificates begin a little earlier. */
#define CLOCK_SKEW_S 300
#define ENTRIES_MAX  65536

struct pki_authority {
	char folder[PATH_BYTES / 4];
	int lock_fd;
	char *root_pem;
	char *root_key;
	pki_entry *entries;
	size_t count, room;
};

static vu_status path_of(const pki_authority *authority, const char *host, const char *file, char path[PATH_BYTES],
                         vu_error *error)
{
	int bytes = host ? snprintf(path, PATH_BYTES, "%s/issued/%s/%s", authority->folder, host, file)
	                 : snprintf(path, PATH_BYTES, "%s/%s", authority->folder, file);
	return bytes > 0 && bytes < PATH_BYTES
	           ? VU_OK
	           : vu_fail(error, VU_OUT_OF_RANGE, "unable to use %s: the path is too long", file);
}

static vu_status write_text(const pki_authority *authority, const char *host, const char *file, const char *text,
                            vu_error *error)
{
	char path[PATH_BYTES];
	vu_status status = path_of(authority, host, file, path, error);
	return status ? status : vu_file_write_atomically(path, text, strlen(text), error);
}

static vu_status read_text(const pki_authority *authority, const char *host, const char *file, char **text_out,
                           vu_error *error)
{
	char path[PATH_BYTES];
	size_t bytes;
	vu_status status = path_of(authority, host, file, path, error);
	return status ? status : vu_file_read(path, FILE_BYTES_MAX, text_out, &bytes, error);
}

static bool is_word(const char *text, size_t bytes_max, const char *more)
{
	size_t bytes = strlen(text);
	char allowed[80];

	snprintf(allowed, sizeof allowed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_%s",
	         more);
	return bytes > 0 && bytes <= bytes_max && text[0] != '.' && text[0] != '-' && strspn(text, allowed) == bytes;
}

static vu_status take_lock(pki_authority *authority, vu_error *error)
{
	char path[PATH_BYTES];
	vu_status status = path_of(authority, NULL, "lock", path, error);

	if (status)
		return status;
	authority->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (authority->lock_fd < 0)
		return vu_fail_errno(error, errno, "unable to open lock file %s", path);
	if (flock(authority->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return vu_fail(error, VU_UNAVAILABLE,
		               "unable to use the authority in %s: another vu-pki is at work there; try again",
		               authority->folder);
	return VU_OK;
}

static pki_authority *allocate(const char *folder, vu_error *error)
{
	pki_authority *authority = calloc(1, sizeof *authority);

	if (!authority) {
		vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to open the authority: no memory");
		return NULL;
	}
	authority->lock_fd = -1;
	if (strlen(folder) >= sizeof authority->folder) {
		vu_fail(error, VU_OUT_OF_RANGE, "unable to open the authority: the name of its folder is too long");
		free(authority);
		return NULL;
	}
	snprintf(authority->folder, sizeof authority->folder, "%s", folder);
	return authority;
}

void pki_authority_close(pki_authority *authority)
{
	if (!authority)
		return;
	pki_key_text_free(authority->root_key);
	free(authority->root_pem);
	free(authority->entries);
	if (authority->lock_fd >= 0)
		close(authority->lock_fd);
	free(authority);
}

size_t pki_authority_count(const pki_authority *authority)
{
	return authority->count;
}

const pki_entry *pki_authority_entry(const pki_authority *authority, size_t index)
{
	return &authority->entries[index];
}

/* A zeroed entry at the end, counted only once the caller says so; NULL without memory. */
static pki_entry *next_entry(pki_authority *authority)
{
	if (authority->count == ENTRIES_MAX)
		return NULL;
	if (authority->count == authority->room) {
		size_t room = authority->room ? authority->room * 2 : 16;
		pki_entry *entries = realloc(authority->entries, room * sizeof *entries);
		if (!entries)
			return NULL;
		authority->entries = entries;
		authority->room = room;
	}
	memset(&authority->entries[authority->count], 0, sizeof(pki_entry));
	return &authority->entries[authority->count];
}

/* "SERIAL NAME FROM UNTIL REVOKED IDENTITY ROLES HOSTS" */
static bool parse_line(const char *line, pki_entry *entry)
{
	char serial[2 * PKI_SERIAL_BYTES + 1];
	uint8_t identity[32];
	unsigned roles;
	size_t bytes;
	int end = 0;

	return sscanf(line, "%32s %64s %" SCNd64 " %" SCNd64 " %" SCNd64 " %64s %63s %1023s%n", serial, entry->name,
	              &entry->from_s, &entry->until_s, &entry->revoked_s, entry->identity, entry->roles, entry->hosts,
	              &end) == 8 &&
	       vu_host_roles_parse(entry->roles, &roles) && line[end] == '\0' &&
	       is_word(entry->name, PKI_NAME_BYTES_MAX, "") &&
	       sodium_hex2bin(entry->serial, PKI_SERIAL_BYTES, serial, strlen(serial), NULL, &bytes, NULL) == 0 &&
	       bytes == PKI_SERIAL_BYTES &&
	       sodium_hex2bin(identity, sizeof identity, entry->identity, strlen(entry->identity), NULL, &bytes,
	                      NULL) == 0 &&
	       bytes == sizeof identity;
}

static vu_status read_index(pki_authority *authority, vu_error *error)
{
	char *text = NULL;
	char *rest;
	char *line;
	unsigned number = 0;
	vu_status status = read_text(authority, NULL, "index", &text, error);

	for (line = status ? NULL : strtok_r(text, "\n", &rest); line && !status;
	     line = strtok_r(NULL, "\n", &rest)) {
		pki_entry *entry = next_entry(authority);
		number++;
		if (!entry)
			status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read %s/index: no memory",
			                 authority->folder);
		else if (!parse_line(line, entry))
			status = vu_fail(error, VU_DATA_LOSS,
			                 "unable to read %s/index: line %u is damaged; restore it from a backup",
			                 authority->folder, number);
		else
			authority->count++;
	}
	free(text);
	return status;
}

static vu_status write_index(const pki_authority *authority, vu_error *error)
{
	char *text = malloc(authority->count * LINE_BYTES_MAX + 1);
	size_t at = 0;
	vu_status status;

	if (!text)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to write the index: no memory");
	text[0] = '\0';
	for (size_t i = 0; i < authority->count; i++) {
		const pki_entry *entry = &authority->entries[i];
		char serial[2 * PKI_SERIAL_BYTES + 1];
		sodium_bin2hex(serial, sizeof serial, entry->serial, PKI_SERIAL_BYTES);
		at += (size_t)snprintf(text + at, LINE_BYTES_MAX,
		                       "%s %s %" PRId64 " %" PRId64 " %" PRId64 " %s %s %s\n", serial, entry->name,
		                       entry->from_s, entry->until_s, entry->revoked_s, entry->identity, entry->roles,
		                       entry->hosts);
	}
	status = write_text(authority, NULL, "index", text, error);
	free(text);
	return status;
}

/* The last entry of a name that holds at `now_s`, or NULL. */
static const pki_entry *holding(const pki_authority *authority, const char *name, int64_t now_s)
{
	for (size_t i = authority->count; i > 0; i--) {
		const pki_entry *entry = &authority->entries[i - 1];
		if (strcmp(entry->name, name) == 0 && entry->revoked_s == 0 && entry->until_s > now_s)
			return entry;
	}
	return NULL;
}

/* "NAME IDENTITY ROLES" of every host that has a certificate. The caller frees it. */
static char *peers_text(const pki_authority *authority, int64_t now_s)
{
	size_t line_bytes = PKI_NAME_BYTES_MAX + PKI_IDENTITY_HEX + PKI_ROLES_TEXT + 3;
	char *text = malloc(authority->count * line_bytes + 1);
	size_t at = 0;

	if (!text)
		return NULL;
	text[0] = '\0';
	for (size_t i = 0; i < authority->count; i++) {
		const pki_entry *entry = &authority->entries[i];
		if (holding(authority, entry->name, now_s) == entry)
			at += (size_t)snprintf(text + at, line_bytes, "%s %s %s\n", entry->name, entry->identity,
			                       entry->roles);
	}
	return text;
}

static vu_status list_revoked(const pki_authority *authority, int64_t now_s, char **pem_out, vu_error *error)
{
	pki_revocation *revoked = calloc(authority->count + 1, sizeof *revoked);
	size_t count = 0;
	vu_status status;

	if (!revoked)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list what was revoked: no memory");
	for (size_t i = 0; i < authority->count; i++) {
		const pki_entry *entry = &authority->entries[i];
		/* What has expired is refused for that. */
		if (entry->revoked_s == 0 || entry->until_s + DAY_S < now_s)
			continue;
		memcpy(revoked[count].serial, entry->serial, PKI_SERIAL_BYTES);
		revoked[count++].at_s = entry->revoked_s;
	}
	status = pki_revocations_write(revoked, count, authority->root_pem, authority->root_key, now_s - CLOCK_SKEW_S,
	                               now_s + PKI_LIST_DAYS * DAY_S, pem_out, error);
	free(revoked);
	return status;
}

vu_status pki_authority_refresh(pki_authority *authority, int64_t now_s, vu_error *error)
{
	char *peers = peers_text(authority, now_s);
	char *revoked = NULL;
	vu_status status = peers ? list_revoked(authority, now_s, &revoked, error)
	                         : vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to list the peers: no memory");

	if (!status)
		status = write_text(authority, NULL, "crl.pem", revoked, error);
	for (size_t i = 0; i < authority->count && !status; i++) {
		const pki_entry *entry = &authority->entries[i];
		if (holding(authority, entry->name, now_s) != entry)
			continue;
		status = write_text(authority, entry->name, "crl.pem", revoked, error);
		if (!status)
			status = write_text(authority, entry->name, "peers", peers, error);
	}
	free(revoked);
	free(peers);
	return status;
}

vu_status pki_authority_init(const char *folder, const char *name, int64_t now_s, vu_error *error)
{
	pki_certificate root = {
	    .name = name, .from_s = now_s - CLOCK_SKEW_S, .until_s = now_s + PKI_ROOT_DAYS * DAY_S};
	pki_authority *authority;
	char path[PATH_BYTES];
	vu_status status;

	if (!is_word(name, PKI_NAME_BYTES_MAX, ""))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to name the authority \"%.80s\": use 1 to %d letters, digits, . - and _", name,
		               PKI_NAME_BYTES_MAX);
	authority = allocate(folder, error);
	if (!authority)
		return VU_RESOURCE_EXHAUSTED;
	status = vu_file_make_folder(folder, error);
	if (!status)
		status = take_lock(authority, error);
	if (!status)
		status = path_of(authority, NULL, "ca.key", path, error);
	/* The key comes last but one and the index last: what has a key is an authority. */
	if (!status && access(path, F_OK) == 0)
		status =
		    vu_fail(error, VU_ALREADY_EXISTS,
		            "unable to make an authority in %s: there is one already; choose another folder", folder);
	if (!status)
		status = pki_key_generate(&authority->root_key, error);
	pki_serial_generate(root.serial);
	if (!status)
		status = pki_certificate_write_root(&root, authority->root_key, &authority->root_pem, error);
	if (!status)
		status = write_text(authority, NULL, "ca.pem", authority->root_pem, error);
	if (!status)
		status = pki_authority_refresh(authority, now_s, error);
	if (!status)
		status = write_text(authority, NULL, "index", "", error);
	if (!status)
		status = write_text(authority, NULL, "ca.key", authority->root_key, error);
	pki_authority_close(authority);
	return status;
}

vu_status pki_authority_open(const char *folder, pki_authority **authority_out, vu_error *error)
{
	pki_authority *authority = allocate(folder, error);
	char path[PATH_BYTES];
	vu_status status;

	*authority_out = NULL;
	if (!authority)
		return VU_RESOURCE_EXHAUSTED;
	status = path_of(authority, NULL, "ca.key", path, error);
	if (!status && access(path, F_OK) != 0)
		status = vu_fail(error, VU_NOT_FOUND,
		                 "unable to find an authority in %s; make one with: vu-pki init --folder %s", folder,
		                 folder);
	if (!status)
		status = take_lock(authority, error);
	if (!status)
		status = read_text(authority, NULL, "ca.key", &authority->root_key, error);
	if (!status)
		status = read_text(authority, NULL, "ca.pem", &authority->root_pem, error);
	if (!status)
		status = read_index(authority, error);
	if (status) {
		pki_authority_close(authority);
		return status;
	}
	*authority_out = authority;
	return VU_OK;
}

/* The identity of a host: the one it has, if that was never revoked, else a new one. */
static vu_status make_identity(const pki_authority *authority, const char *name, int64_t now_s, pki_entry *entry,
                               char secret_hex[PKI_IDENTITY_HEX], vu_error *error)
{
	uint8_t secret[crypto_scalarmult_SCALARBYTES];
	uint8_t public[crypto_scalarmult_BYTES];
	char *kept = NULL;
	size_t bytes = 0;
	bool usable = false;
	vu_status status = VU_OK;

	if (holding(authority, name, now_s)) {
		status = read_text(authority, name, "identity.key", &kept, error);
		if (status)
			return status;
		usable = strlen(kept) >= PKI_IDENTITY_HEX - 1 &&
		         sodium_hex2bin(secret, sizeof secret, kept, PKI_IDENTITY_HEX - 1, NULL, &bytes, NULL) == 0 &&
		         bytes == sizeof secret;
	}
	if (!usable)
		randombytes_buf(secret, sizeof secret);
	(void)crypto_scalarmult_base(public, secret);
	sodium_bin2hex(entry->identity, sizeof entry->identity, public, sizeof public);
	sodium_bin2hex(secret_hex, PKI_IDENTITY_HEX, secret, sizeof secret);
	sodium_memzero(secret, sizeof secret);
	pki_key_text_free(kept);
	return status;
}

static vu_status take_hosts(const char *name, const char *const *hosts, unsigned count, pki_certificate *what,
                            pki_entry *entry, vu_error *error)
{
	size_t at = 0;

	if (count > PKI_HOSTS_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to issue a certificate: it may have %d hosts",
		               PKI_HOSTS_MAX);
	what->host_count = count ? count : 1;
	what->hosts[0] = name;
	for (unsigned i = 0; i < what->host_count; i++) {
		if (count)
			what->hosts[i] = hosts[i];
		if (!is_word(what->hosts[i], PKI_HOST_BYTES_MAX, ":"))
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to issue a certificate for host \"%.80s\": write a name or an address",
			               what->hosts[i]);
		if (at + strlen(what->hosts[i]) + 2 > sizeof entry->hosts)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "unable to issue a certificate: its hosts are over %d bytes together",
			               PKI_HOSTS_TEXT - 2);
		at += (size_t)snprintf(entry->hosts + at, sizeof entry->hosts - at, "%s%s", i ? "," : "",
		                       what->hosts[i]);
	}
	return VU_OK;
}

/* What was asked for, else what the host had, else none. */
static vu_status take_roles(const pki_authority *authority, const char *roles, int64_t now_s, pki_entry *entry,
                            vu_error *error)
{
	const pki_entry *before = holding(authority, entry->name, now_s);
	unsigned parsed;

	if (!roles)
		roles = before ? before->roles : "none";
	if (!vu_host_roles_parse(roles, &parsed) || strlen(roles) >= sizeof entry->roles)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to issue a certificate for roles \"%.80s\": write orchestrator, features or "
		               "antispoof, with commas between, or none",
		               roles);
	snprintf(entry->roles, sizeof entry->roles, "%s", roles);
	return VU_OK;
}

vu_status pki_authority_issue(pki_authority *authority, const char *name, const char *const *hosts,
                              unsigned host_count, const char *roles, unsigned days, int64_t now_s, vu_error *error)
{
	pki_certificate what = {
	    .name = name, .from_s = now_s - CLOCK_SKEW_S, .until_s = now_s + (int64_t)days * DAY_S};
	char secret[PKI_IDENTITY_HEX] = "";
	char *key = NULL;
	char *pem = NULL;
	char folder[PATH_BYTES];
	pki_entry *entry;
	vu_status status;

	if (!is_word(name, PKI_NAME_BYTES_MAX, ""))
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to issue a certificate for \"%.80s\": use 1 to %d letters, digits, . - and _",
		               name, PKI_NAME_BYTES_MAX);
	if (days < 1 || days > PKI_HOST_DAYS_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to issue a certificate for %u days: it may hold for 1 to %d", days,
		               PKI_HOST_DAYS_MAX);
	entry = next_entry(authority);
	if (!entry)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to issue a certificate: no room in the index");
	pki_serial_generate(what.serial);
	memcpy(entry->serial, what.serial, PKI_SERIAL_BYTES);
	snprintf(entry->name, sizeof entry->name, "%s", name);
	entry->from_s = what.from_s;
	entry->until_s = what.until_s;
	status = take_roles(authority, roles, now_s, entry, error);
	if (!status)
		status = take_hosts(name, hosts, host_count, &what, entry, error);
	if (!status)
		status = make_identity(authority, name, now_s, entry, secret, error);
	if (!status)
		status = pki_key_generate(&key, error);
	if (!status)
		status =
		    pki_certificate_write_host(&what, key, authority->root_pem, authority->root_key, &pem, error);
	if (!status)
		status = path_of(authority, name, "", folder, error);
	if (!status)
		status = vu_file_make_folder(folder, error);
	if (!status)
		status = write_text(authority, name, "ca.pem", authority->root_pem, error);
	if (!status)
		status = write_text(authority, name, "key.pem", key, error);
	if (!status)
		status = write_text(authority, name, "identity.key", secret, error);
	if (!status)
		status = write_text(authority, name, "cert.pem", pem, error);
	if (!status) {
		authority->count++;
		status = write_index(authority, error);
		if (status)
			authority->count--;
	}
	if (!status)
		status = pki_authority_refresh(authority, now_s, error);
	sodium_memzero(secret, sizeof secret);
	pki_key_text_free(key);
	free(pem);
	return status;
}

vu_status pki_authority_revoke(pki_authority *authority, const char *name, int64_t now_s, vu_error *error)
{
	unsigned found = 0;
	vu_status status;

	for (size_t i = 0; i < authority->count; i++) {
		pki_entry *entry = &authority->entries[i];
		if (strcmp(entry->name, name) != 0 || entry->revoked_s != 0 || entry->until_s <= now_s)
			continue;
		entry->revoked_s = now_s;
		found++;
	}
	if (found == 0)
		return vu_fail(error, VU_NOT_FOUND,
		               "unable to revoke %.80s: it has no certificate that holds; see: vu-pki list", name);
	/* The record first: a list that was not signed can be made anew from it. */
	status = write_index(authority, error);
	return status ? status : pki_authority_refresh(authority, now_s, error);
}
