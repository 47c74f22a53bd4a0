/*
 * Microphones through PortAudio. The callback runs on a real-time thread of
 * the sound system: it copies frames into a lock-free queue, notes the time
 * and returns. That the device is gone is seen from outside, by the stream
 * having stopped or by no frames for a second; what PortAudio then says is for
 * programmers, so the messages are our own.
 */
#include "audio/device.h"

#include "audio/device_name.h"
#include "audio/frame_queue.h"
#include "base/clock.h"
#include "base/user_name.h"

#include <dlfcn.h>
#include <portaudio.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SECONDS       2
#define STALL_US            1000000
#define FIRST_FRAMES_US     3000000 /* Bluetooth headsets take this long to switch over */
#define SUGGESTED_LATENCY_S 0.02
#define DEVICE_CHANNELS_MAX 8u

struct vu_microphone {
	PaStream *stream;
	vu_frame_queue *queue;
	char device[VU_DEVICE_NAME_MAX];
	_Atomic int64_t last_frames_us; /* written by the callback */
	_Atomic bool started;           /* the callback ran */
	_Atomic bool overflowed;        /* the queue was full */
};

static bool initialized;
static bool microphone_is_open;
static FILE *own_stderr; /* while PortAudio is muted */

/* ---- silence ---- */

static void ignore_alsa(const char *file, int line, const char *function, int problem, const char *format, ...)
{
	(void)file;
	(void)line;
	(void)function;
	(void)problem;
	(void)format;
}

static void ignore_jack(const char *message)
{
	(void)message;
}

/*
 * Both libraries are there only because PortAudio links them, on some systems
 * neither, so their setters are looked up in the running program.
 */
static void silence_libraries(void)
{
	typedef void (*jack_setter)(void (*)(const char *));
	typedef int (*alsa_setter)(void (*)(const char *, int, const char *, int, const char *, ...));
	void *found;

	found = dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler");
	if (found) {
		alsa_setter set;
		memcpy(&set, &found, sizeof set);
		set(ignore_alsa);
	}
	for (unsigned i = 0; i < 2; i++) {
		found = dlsym(RTLD_DEFAULT, i == 0 ? "jack_set_error_function" : "jack_set_info_function");
		if (found) {
			jack_setter set;
			memcpy(&set, &found, sizeof set);
			set(ignore_jack);
		}
	}
}

/*
 * PortAudio opens every device of ALSA's configuration to see what it can do.
 * Those that only play can be no microphone, and one of them, the AC-3 encoder,
 * brings sixty libraries with it: 12 MB and 50 ms. So they are taken out of this
 * process's copy of the configuration, which PortAudio then does not read again.
 */
static void forget_players(void)
{
	static const char *const PLAYERS[] = {"pcm.a52", "pcm.upmix", "pcm.vdownmix"};
	typedef int (*config_update)(void);
	typedef int (*config_search)(void *, const char *, void **);
	typedef int (*config_delete)(void *);
	static const char *const NAMES[] = {"snd_config_update", "snd_config_search", "snd_config_delete"};
	void *found[3];
	void **top = dlsym(RTLD_DEFAULT, "snd_config");
	config_update update;
	config_search search;
	config_delete forget;

	for (unsigned i = 0; i < 3; i++) {
		found[i] = dlsym(RTLD_DEFAULT, NAMES[i]);
		if (!found[i])
			return;
	}
	memcpy(&update, &found[0], sizeof update);
	memcpy(&search, &found[1], sizeof search);
	memcpy(&forget, &found[2], sizeof forget);
	if (!top || update() < 0 || !*top)
		return;
	for (size_t i = 0; i < sizeof PLAYERS / sizeof *PLAYERS; i++) {
		void *node;
		if (search(*top, PLAYERS[i], &node) == 0)
			forget(node);
	}
}

/*
 * PortAudio itself prints "Expression … failed" to the C library's stderr, at
 * any time and from its own threads; both C libraries we run on let the stream
 * be exchanged. The log writes to the descriptor and is not concerned.
 */
static void mute(void)
{
	FILE *nowhere = own_stderr ? NULL : fopen("/dev/null", "we");

	if (!nowhere)
		return;
	own_stderr = stderr;
	stderr = nowhere;
}

static void unmute(void)
{
	FILE *nowhere = stderr;

	if (!own_stderr)
		return;
	stderr = own_stderr;
	own_stderr = NULL;
	fclose(nowhere);
}

/* ---- starting and ending PortAudio ---- */

static vu_status initialize(vu_error *error)
{
	PaError problem;

	if (initialized)
		return VU_OK;
	silence_libraries();
	forget_players();
	mute();
	problem = Pa_Initialize();
	if (problem != paNoError) {
		unmute();
		return vu_fail(error, VU_UNAVAILABLE,
		               "unable to start the sound system: %s; check that the sound server runs",
		               Pa_GetErrorText(problem));
	}
	initialized = true;
	return VU_OK;
}

void vu_device_shutdown(void)
{
	if (!initialized || microphone_is_open)
		return;
	Pa_Terminate();
	unmute();
	initialized = false;
}

/* ---- devices ---- */

/* Names come from drivers and travel in messages, which must be UTF-8: the first byte that is not ends the name. */
static void copy_name(char *out, size_t size, const char *name)
{
	size_t length;

	snprintf(out, size, "%s", name);
	for (length = strlen(out); length > 0 && !vu_utf8_is_valid(out); length--)
		out[length - 1] = '\0';
}

/* What can record, with PortAudio's own index of each in `indices`. */
static size_t collect_devices(vu_device_info *devices, PaDeviceIndex *indices)
{
	PaDeviceIndex total = Pa_GetDeviceCount();
	PaDeviceIndex preferred = Pa_GetDefaultInputDevice();
	size_t count = 0;

	for (PaDeviceIndex i = 0; i < total && count < VU_DEVICES_MAX; i++) {
		const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
		const PaHostApiInfo *api;
		if (!info || info->maxInputChannels <= 0)
			continue;
		api = Pa_GetHostApiInfo(info->hostApi);
		copy_name(devices[count].name, sizeof devices[count].name, info->name);
		copy_name(devices[count].host_api, sizeof devices[count].host_api, api ? api->name : "");
		devices[count].channels = (uint32_t)info->maxInputChannels;
		devices[count].default_rate = info->defaultSampleRate;
		devices[count].is_default = i == preferred;
		indices[count] = i;
		count++;
	}
	return count;
}

vu_status vu_device_list(vu_device_info *devices, size_t *count_out, vu_error *error)
{
	PaDeviceIndex indices[VU_DEVICES_MAX];
	vu_status status;

	*count_out = 0;
	/* PortAudio sees what came or went only when it starts anew. */
	vu_device_shutdown();
	status = initialize(error);
	if (status == VU_OK)
		*count_out = collect_devices(devices, indices);
	return status;
}

/* ---- recording ---- */

static int on_frames(const void *input, void *output, unsigned long frames, const PaStreamCallbackTimeInfo *times,
                     PaStreamCallbackFlags flags, void *context)
{
	vu_microphone *microphone = context;

	(void)output;
	(void)times;
	(void)flags;
	if (input && frames > 0) {
		if (vu_frame_queue_write(microphone->queue, input, frames) == 0)
			atomic_store_explicit(&microphone->overflowed, true, memory_order_relaxed);
		atomic_store_explicit(&microphone->last_frames_us, vu_clock_monotonic_us(), memory_order_relaxed);
		atomic_store_explicit(&microphone->started, true, memory_order_release);
	}
	return paContinue;
}

static PaError open_stream(vu_microphone *microphone, PaDeviceIndex index, uint32_t channels, double rate)
{
	const PaDeviceInfo *info = Pa_GetDeviceInfo(index);
	PaStreamParameters parameters = {0};
	PaError problem;

	parameters.device = index;
	parameters.channelCount = (int)channels;
	parameters.sampleFormat = paFloat32;
	parameters.suggestedLatency =
	    info->defaultLowInputLatency > SUGGESTED_LATENCY_S ? info->defaultLowInputLatency : SUGGESTED_LATENCY_S;
	problem = Pa_OpenStream(&microphone->stream, &parameters, NULL, rate, paFramesPerBufferUnspecified, paNoFlag,
	                        on_frames, microphone);
	if (problem != paNoError) {
		microphone->stream = NULL;
		return problem;
	}
	problem = Pa_StartStream(microphone->stream);
	if (problem != paNoError) {
		Pa_CloseStream(microphone->stream);
		microphone->stream = NULL;
	}
	return problem;
}

/* Tries the rate that is wished for, then the device's own. */
static vu_status start_recording(vu_microphone *microphone, const vu_device_info *device, PaDeviceIndex index,
                                 uint32_t wished_rate, vu_microphone_info *info, vu_error *error)
{
	const double rates[2] = {wished_rate, device->default_rate};
	PaError problem = paNoError;

	for (unsigned i = 0; i < 2; i++) {
		double rate = rates[i];
		if (vu_frame_queue_create((size_t)(rate * QUEUE_SECONDS), info->channels, &microphone->queue) !=
		    VU_OK)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to record: out of memory");
		atomic_store(&microphone->last_frames_us, vu_clock_monotonic_us());
		problem = open_stream(microphone, index, info->channels, rate);
		if (problem == paNoError) {
			info->sample_rate = (uint32_t)rate;
			return VU_OK;
		}
		vu_frame_queue_destroy(microphone->queue);
		microphone->queue = NULL;
	}
	if (problem == paUnanticipatedHostError)
		return vu_fail(
		    error, VU_UNAVAILABLE,
		    "unable to open microphone '%s': %s; close other programs that record, or choose another "
		    "with audio.device",
		    device->name, Pa_GetLastHostErrorInfo()->errorText);
	return vu_fail(error, VU_UNAVAILABLE,
	               "unable to open microphone '%s': %s; close other programs that record, or choose another with "
	               "audio.device",
	               device->name, Pa_GetErrorText(problem));
}

static vu_status try_open(const vu_microphone_config *config, vu_microphone *microphone, vu_microphone_info *info,
                          vu_error *error)
{
	vu_device_info devices[VU_DEVICES_MAX];
	PaDeviceIndex indices[VU_DEVICES_MAX];
	size_t count;
	size_t chosen = 0;
	vu_status status = initialize(error);

	if (status != VU_OK)
		return status;
	count = collect_devices(devices, indices);
	status = vu_device_choose(devices, count, config->device, &chosen, error);
	if (status != VU_OK)
		return status;
	snprintf(microphone->device, sizeof microphone->device, "%s", devices[chosen].name);
	snprintf(info->device, sizeof info->device, "%s", devices[chosen].name);
	info->channels = config->channels < devices[chosen].channels ? config->channels : devices[chosen].channels;
	if (info->channels > DEVICE_CHANNELS_MAX)
		info->channels = DEVICE_CHANNELS_MAX;
	return start_recording(microphone, &devices[chosen], indices[chosen], config->sample_rate, info, error);
}

vu_status vu_microphone_open(const vu_microphone_config *config, vu_microphone **microphone_out,
                             vu_microphone_info *info_out, vu_error *error)
{
	vu_microphone *microphone;
	bool list_may_be_old = initialized;
	vu_status status;

	if (microphone_is_open)
		return vu_fail(error, VU_FAILED_PRECONDITION, "unable to open a second microphone");
	microphone = calloc(1, sizeof *microphone);
	if (!microphone)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to record: out of memory");
	status = try_open(config, microphone, info_out, error);
	if (status != VU_OK && list_may_be_old) {
		/* PortAudio keeps the list it made when it started; the device may have come since. */
		vu_device_shutdown();
		status = try_open(config, microphone, info_out, error);
	}
	if (status != VU_OK) {
		free(microphone);
		return status;
	}
	microphone_is_open = true;
	*microphone_out = microphone;
	return VU_OK;
}

vu_status vu_microphone_read(vu_microphone *microphone, float *out, size_t frames_max, size_t *frames_out,
                             vu_error *error)
{
	int64_t silent_us;
	bool started;

	*frames_out = vu_frame_queue_read(microphone->queue, out, frames_max);
	if (atomic_load_explicit(&microphone->overflowed, memory_order_relaxed))
		return vu_fail(
		    error, VU_ABORTED,
		    "unable to record without a gap: the machine slept or was too busy; please say it again");
	if (*frames_out > 0)
		return VU_OK;
	started = atomic_load_explicit(&microphone->started, memory_order_acquire);
	silent_us = vu_clock_monotonic_us() - atomic_load_explicit(&microphone->last_frames_us, memory_order_relaxed);
	if (Pa_IsStreamActive(microphone->stream) != 1 || silent_us > (started ? STALL_US : FIRST_FRAMES_US))
		return vu_fail(error, VU_UNAVAILABLE,
		               started
		                   ? "unable to go on recording: microphone '%s' stopped delivering; check that it "
		                     "is plugged in and that the sound server runs, then try again"
		                   : "unable to record: microphone '%s' delivers nothing; check that it is plugged "
		                     "in and that the sound server runs, then try again",
		               microphone->device);
	return VU_OK;
}

void vu_microphone_close(vu_microphone *microphone)
{
	if (!microphone)
		return;
	/* Abort, not stop: nobody waits for what is still on its way. */
	Pa_AbortStream(microphone->stream);
	Pa_CloseStream(microphone->stream);
	vu_frame_queue_destroy(microphone->queue);
	free(microphone);
	microphone_is_open = false;
}
