/*
 * macOS records no session of another machine where a process could not forge
 * it; the PAM module looks at what PAM and sshd say. A closed lid turns the
 * built-in microphone off by hardware.
 */
#include "platform/platform.h"

bool vu_platform_session_is_remote(void)
{
	return false;
}

bool vu_platform_lid_is_closed(void)
{
	return false;
}
