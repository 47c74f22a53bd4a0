/* The kernel makes a random identifier at each boot; reading it never blocks. And time that sleep does not stop. */
#include "platform/platform.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

int64_t vu_platform_steady_us(void)
{
	struct timespec now = {0, 0};

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
