/* Homebrew's NNG tells a failed handshake from the end of its listener by itself. */
#include "platform/platform.h"

void vu_platform_keep_listening(void)
{
}

bool vu_platform_keeps_dialling(void)
{
	return true;
}
