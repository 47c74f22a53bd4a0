/*
 * Linux: the kernel's keyring forgets at a restart, so it keeps no secret. What
 * systemd keeps for a unit comes as a file and needs nothing of the platform.
 */
#include "platform/platform.h"

static vu_status refuse(vu_error *error)
{
	return vu_fail(error, VU_UNIMPLEMENTED,
	               "unable to use a keychain: this system has none; choose systemd-creds or file");
}

vu_status vu_platform_key_load(const char *account, void *secret, size_t bytes, vu_error *error)
{
	(void)account;
	(void)secret;
	(void)bytes;
	return refuse(error);
}

vu_status vu_platform_key_store(const char *account, const void *secret, size_t bytes, vu_error *error)
{
	(void)account;
	(void)secret;
	(void)bytes;
	return refuse(error);
}
