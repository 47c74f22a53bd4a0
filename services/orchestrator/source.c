/* Names of sources. */
#include "source.h"

#include <stdio.h>
#include <string.h>

#define DOOR_PREFIX "/pam:"

void vu_source_write(char *source, size_t size, uid_t uid, const char *door, const char *user)
{
	if (uid == 0 && *door)
		snprintf(source, size, DOOR_PREFIX "%s:%s", door, user);
	else
		snprintf(source, size, "/uid/%lu", (unsigned long)uid);
}

bool vu_source_is_door(const char *source)
{
	return strncmp(source, DOOR_PREFIX, sizeof DOOR_PREFIX - 1) == 0;
}
