/* The kernel makes a random identifier at each boot; reading it never blocks. */
#include "platform/platform.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

vu_status vu_platform_boot_id(char id[VU_BOOT_ID_SIZE], vu_error *error)
{
	static const char PATH[] = "/proc/sys/kernel/random/boot_id";
	FILE *file = fopen(PATH, "re");
	char *line;

	if (!file)
		return vu_fail_errno(error, errno, "unable to open %s", PATH);
	line = fgets(id, VU_BOOT_ID_SIZE, file);
	fclose(file);
	if (!line)
		return vu_fail(error, VU_DATA_LOSS, "unable to read %s: it is empty", PATH);
	id[strcspn(id, "\n")] = '\0';
	return VU_OK;
}
