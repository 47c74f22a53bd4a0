/*
 * The microphone: one thread that owns the device and feeds every session
 * that is live (capture_session.live).
 *
 * The thread starts with the first session or listing of devices, opens the
 * device when a session wants it, closes it as soon as none does, and ends,
 * together with PortAudio, after 10 s without use. Several sessions may listen
 * to the one device at once.
 *
 * The device is reached through a table of functions, so that tests can hold
 * one of their own.
 */
#ifndef CAPTURE_MICROPHONE_H
#define CAPTURE_MICROPHONE_H

#include "audio/device.h"
#include "base/config.h"
#include "rpc/server.h"
#include "sessions.h"

typedef struct microphone_driver {
	vu_status (*open)(const vu_microphone_config *config, vu_microphone **microphone_out,
	                  vu_microphone_info *info_out, vu_error *error);
	vu_status (*read)(vu_microphone *microphone, float *out, size_t frames_max, size_t *frames_out,
	                  vu_error *error);
	void (*close)(vu_microphone *microphone);
	vu_status (*list)(vu_device_info *devices, size_t *count_out, vu_error *error);
	void (*shutdown)(void);
	bool (*plays)(void); /* whether this machine plays sound; NULL: not known */
} microphone_driver;

/* The real one, audio/device.h. */
const microphone_driver *microphone_portaudio(void);

typedef struct microphone microphone;

vu_status microphone_create(capture_sessions *sessions, const microphone_driver *driver, microphone **microphone_out,
                            vu_error *error);
/* Closes the device, ends the thread and waits for it. NULL is ignored. */
void microphone_destroy(microphone *mic);

/*
 * A session has become live: see to it. `config` says which device is opened
 * if none is open yet. The session's writer may be held.
 */
vu_status microphone_attend(microphone *mic, const vu_config *config, vu_error *error);

/* Answers `call` with the devices there are. */
void microphone_list(microphone *mic, vu_rpc_call *call);

/* Gives PortAudio's memory back now if no session is live, and waits, not long, until it has. */
void microphone_release(microphone *mic);

#endif
