/* Whether sound is played, as ALSA tells it, apart from where it tells it. */
#ifndef VU_PLATFORM_SOUND_STREAMS_H
#define VU_PLATFORM_SOUND_STREAMS_H

#include <stdbool.h>

/* True when a playback stream of any card below `folder`, laid out as /proc/asound, is running. */
bool vu_sound_streams_run(const char *folder);

#endif
