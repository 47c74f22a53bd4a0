/* The places of the master key. Whatever cannot be told for sure is an error. */
#include "store/key_place.h"

#include "base/file.h"
#include "platform/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER_MAX 64
/* So that the same bytes, used elsewhere as well, are another secret there. */
#define CONTEXT "voice-unlock master key, place 1"

vu_status vu_key_place_chosen(const char *key_path, vu_key_choice *choice_out, vu_error *error)
{
	static const struct {
		const char *word;
		vu_key_choice choice;
	} WORDS[] = {
	    {"file", {VU_KEY_PLACE_FILE, true, false}},
	    {"systemd-creds+tpm2", {VU_KEY_PLACE_CREDENTIAL, true, true}},
	    {"systemd-creds+host", {VU_KEY_PLACE_CREDENTIAL, true, false}},
	    {"keychain", {VU_KEY_PLACE_KEYCHAIN, true, false}},
	};
	char path[PATH_MAX];
	char *text = NULL;
	size_t bytes;
	vu_status status;

	*choice_out = (vu_key_choice){VU_KEY_PLACE_FILE, false, false};
	if ((size_t)snprintf(path, sizeof path, "%s.place", key_path) >= sizeof path)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to find the master key's place: its path is too long");
	status = vu_file_read(path, MARKER_MAX, &text, &bytes, error);
	if (status == VU_NOT_FOUND)
		return VU_OK;
	if (status != VU_OK)
		return status;
	text[strcspn(text, "\r\n")] = '\0';
	status = VU_INVALID_ARGUMENT;
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
		if (strcmp(text, WORDS[i].word) == 0) {
			*choice_out = WORDS[i].choice;
			status = VU_OK;
		}
	}
	free(text);
	if (status != VU_OK)
		return vu_fail(error, status,
		               "unable to find the master key's place: %s holds none of file, systemd-creds+tpm2, "
		               "systemd-creds+host, keychain; write the one that was chosen at the installation",
		               path);
	return VU_OK;
}

bool vu_key_place_credential_path(char path[PATH_MAX])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	return folder && folder[0] == '/' &&
	       (size_t)snprintf(path, PATH_MAX, "%s/%s", folder, VU_KEY_CREDENTIAL) < PATH_MAX;
}

static vu_status read_credential(const char *key_path, uint8_t secret[VU_KEY_SECRET_BYTES], vu_error *error)
{
	uint8_t bytes[VU_KEY_CREDENTIAL_MAX];
	char path[PATH_MAX];
	struct stat info;
	uint64_t size;
	ssize_t got;
	int fd;
	vu_status status;

	if (!vu_key_place_credential_path(path))
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to open the master key %s: systemd keeps its secret, and gave none to this "
		               "process; start the suite by its unit, with LoadCredentialEncrypted=%s:FILE",
		               key_path, VU_KEY_CREDENTIAL);
	status = vu_file_open_safely(path, sizeof bytes, &fd, &size, error);
	if (status == VU_NOT_FOUND)
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to open the master key %s: systemd gave no credential %s; add "
		               "LoadCredentialEncrypted=%s:FILE to the unit again, or restore FILE",
		               key_path, path, VU_KEY_CREDENTIAL);
	if (status != VU_OK)
		return status;
	/* Group's bits are the mask of the list by which systemd lets the unit's user in. */
	if (fstat(fd, &info) != 0 || (info.st_mode & 0007) != 0)
		status = vu_fail(
		    error, VU_PERMISSION_DENIED,
		    "unable to trust the credential %s: everybody can read it; it has to come from systemd", path);
	got = status == VU_OK ? read(fd, bytes, sizeof bytes) : 0;
	close(fd);
	if (status == VU_OK && got < VU_KEY_SECRET_BYTES)
		status = vu_fail(error, VU_PERMISSION_DENIED,
		                 "unable to use the credential %s: it has fewer than %d bytes; restore it", path,
		                 VU_KEY_SECRET_BYTES);
	if (status == VU_OK)
		crypto_generichash(secret, VU_KEY_SECRET_BYTES, bytes, (size_t)got, (const uint8_t *)CONTEXT,
		                   sizeof CONTEXT - 1);
	sodium_memzero(bytes, sizeof bytes);
	return status;
}

static vu_status read_keychain(const char *key_path, bool make, uint8_t secret[VU_KEY_SECRET_BYTES], vu_error *error)
{
	vu_status status = vu_platform_key_load(key_path, secret, VU_KEY_SECRET_BYTES, error);

	if (status != VU_NOT_FOUND)
		return status;
	if (!make)
		return vu_fail(error, VU_PERMISSION_DENIED,
		               "unable to open the master key %s: the Keychain has its secret no more; restore the "
		               "keychain from a backup, or move the key away and enrol everybody again",
		               key_path);
	randombytes_buf(secret, VU_KEY_SECRET_BYTES);
	status = vu_platform_key_store(key_path, secret, VU_KEY_SECRET_BYTES, error);
	/* Somebody else was faster, or it was stored: what it holds from now on is what counts. */
	if (status == VU_OK || status == VU_ALREADY_EXISTS)
		status = vu_platform_key_load(key_path, secret, VU_KEY_SECRET_BYTES, error);
	return status == VU_NOT_FOUND ? vu_fail(error, VU_INTERNAL,
	                                        "unable to keep a secret in the Keychain: it is not there afterwards")
	                              : status;
}

vu_status vu_key_place_secret(const char *key_path, vu_key_place place, bool make,
                              uint8_t secret[VU_KEY_SECRET_BYTES], vu_error *error)
{
	vu_status status;

	if (sodium_init() < 0)
		return vu_fail(error, VU_INTERNAL, "unable to use libsodium: it cannot be initialized");
	switch (place) {
	case VU_KEY_PLACE_CREDENTIAL:
		status = read_credential(key_path, secret, error);
		break;
	case VU_KEY_PLACE_KEYCHAIN:
		status = read_keychain(key_path, make, secret, error);
		break;
	default:
		return vu_fail(error, VU_DATA_LOSS,
		               "unable to open the master key %s: it is sealed by what this version does not know",
		               key_path);
	}
	if (status != VU_OK)
		sodium_memzero(secret, VU_KEY_SECRET_BYTES);
	return status;
}
