/* Only CoreAudio knows, which this layer does without. */
#include "platform/platform.h"

bool vu_platform_plays_sound(void)
{
	return false;
}
