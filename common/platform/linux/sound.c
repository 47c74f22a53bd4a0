/* ALSA's own files: whatever sound server or program plays, it ends there. */
#include "platform/platform.h"
#include "platform/sound_streams.h"

bool vu_platform_plays_sound(void)
{
	return vu_sound_streams_run("/proc/asound");
}
