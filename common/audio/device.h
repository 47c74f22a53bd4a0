/*
 * Microphones, through PortAudio.
 *
 * PortAudio takes 15 to 50 ms and some MB to start, so it starts with the first
 * call that needs it and ends with vu_device_shutdown. It is not made for
 * several threads: all functions of this file belong to one thread. At most one
 * microphone is open at a time.
 *
 * The warnings that ALSA and JACK print while they look for devices are
 * silenced; what matters of them is in the errors of these functions.
 */
#ifndef VU_AUDIO_DEVICE_H
#define VU_AUDIO_DEVICE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_DEVICE_NAME_MAX 128
#define VU_DEVICES_MAX     64

typedef struct vu_device_info {
	char name[VU_DEVICE_NAME_MAX];
	char host_api[32];
	uint32_t channels; /* that it can record */
	double default_rate;
	bool is_default;
} vu_device_info;

/*
 * Devices that can record, into `devices` (room for VU_DEVICES_MAX). Looks
 * again for devices that came or went, unless a microphone is open.
 */
vu_status vu_device_list(vu_device_info *devices, size_t *count_out, vu_error *error);

typedef struct vu_microphone vu_microphone;

typedef struct vu_microphone_config {
	const char *device;   /* "default", a device's name, or a part that only one device's name has */
	uint32_t sample_rate; /* wished for; a device that cannot gets its own */
	uint32_t channels;    /* wished for; a device that has fewer gives what it has */
} vu_microphone_config;

typedef struct vu_microphone_info {
	char device[VU_DEVICE_NAME_MAX];
	uint32_t sample_rate; /* what vu_microphone_read delivers */
	uint32_t channels;
} vu_microphone_info;

/*
 * Opens and starts the device; samples arrive some milliseconds later.
 * NOT_FOUND: no such device (the message names those there are) or none at
 * all; INVALID_ARGUMENT: the name fits several; UNAVAILABLE: the device refuses.
 */
vu_status vu_microphone_open(const vu_microphone_config *config, vu_microphone **microphone_out,
                             vu_microphone_info *info_out, vu_error *error);

/*
 * Frames that arrived since the last call, interleaved, at most `frames_max`;
 * *frames_out may be 0. Never waits. UNAVAILABLE: the device was unplugged or
 * stopped delivering; ABORTED: frames were lost because nobody read for
 * seconds (the machine slept). After an error only close is useful.
 */
vu_status vu_microphone_read(vu_microphone *microphone, float *out, size_t frames_max, size_t *frames_out,
                             vu_error *error);

/* NULL is ignored. */
void vu_microphone_close(vu_microphone *microphone);

/* Ends PortAudio and gives its memory back. The microphone must be closed. May be called at any time. */
void vu_device_shutdown(void);

#endif
