/* The login name, from the password database: variables like $LOGNAME can be set by anybody. */
#include "platform/platform.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWD_BUFFER_BYTES 16384

vu_status vu_platform_login_name(char *name, size_t size)
{
	return vu_platform_user_name(geteuid(), name, size);
}

vu_status vu_platform_user_name(uid_t uid, char *name, size_t size)
{
	struct passwd entry;
	struct passwd *found = NULL;
	vu_status status = VU_OK;
	char *buffer = malloc(PASSWD_BUFFER_BYTES);
	int failure;

	if (!buffer)
		return VU_RESOURCE_EXHAUSTED;
	failure = getpwuid_r(uid, &entry, buffer, PASSWD_BUFFER_BYTES, &found);
	if (failure != 0)
		status = vu_status_from_errno(failure);
	else if (!found)
		status = VU_NOT_FOUND;
	else if (strlen(found->pw_name) >= size)
		status = VU_OUT_OF_RANGE;
	else
		memcpy(name, found->pw_name, strlen(found->pw_name) + 1);
	free(buffer);
	return status;
}
