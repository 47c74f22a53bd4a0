/*
 * The microphone's thread. Whatever goes wrong with the device ends the
 * sessions that listen to it with the reason; one that had not begun to listen
 * is closed altogether, its opening having been refused.
 */
#include "microphone.h"

#include "base/clock.h"
#include "base/log.h"
#include "platform/platform.h"

#include "voiceunlock/v1/capture.pb-c.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define STACK_BYTES  (1024 * 1024) /* ALSA's configuration parser is deep */
#define PUMP_MS      5
#define IDLE_US      (10 * 1000000ll)
#define RELEASE_US   1000000
#define READ_SAMPLES 8192u
/* How often is looked whether this machine plays sound. */
#define PLAYING_US 200000

typedef struct list_call {
	struct list_call *next;
	vu_rpc_call *call;
} list_call;

struct microphone {
	capture_sessions *sessions;
	const microphone_driver *driver;

	uv_mutex_t lock;
	uv_cond_t changed;
	uv_cond_t ended;
	/* Under lock. */
	uv_thread_t thread;
	bool running;
	bool joinable;
	bool stopping;
	bool woken;
	bool release;
	list_call *lists;
	char device[VU_DEVICE_NAME_MAX];
	uint32_t sample_rate;
	uint32_t channels;

	/* The thread's own. */
	vu_microphone *open;
	vu_microphone_info info;
	bool plays;
	int64_t looked_us;
	float frames[READ_SAMPLES];
};

const microphone_driver *microphone_portaudio(void)
{
	static const microphone_driver driver = {
	    vu_microphone_open, vu_microphone_read, vu_microphone_close,
	    vu_device_list,     vu_device_shutdown, vu_platform_plays_sound,
	};
	return &driver;
}

/* ---- listing ---- */

static void answer_list(vu_rpc_call *call, const vu_device_info *devices, size_t count)
{
	Vu__DevicesResponse response = VU__DEVICES_RESPONSE__INIT;
	Vu__DeviceInfo infos[VU_DEVICES_MAX];
	Vu__DeviceInfo *pointers[VU_DEVICES_MAX];
	char names[VU_DEVICES_MAX][VU_DEVICE_NAME_MAX];
	char apis[VU_DEVICES_MAX][sizeof devices->host_api];

	for (size_t i = 0; i < count; i++) {
		vu__device_info__init(&infos[i]);
		memcpy(names[i], devices[i].name, sizeof names[i]);
		memcpy(apis[i], devices[i].host_api, sizeof apis[i]);
		infos[i].name = names[i];
		infos[i].host_api = apis[i];
		infos[i].channels = devices[i].channels;
		infos[i].default_rate = devices[i].default_rate;
		infos[i].is_default = devices[i].is_default;
		pointers[i] = &infos[i];
	}
	response.devices = pointers;
	response.n_devices = count;
	vu_rpc_reply(call, &response.base);
}

static list_call *take_lists(microphone *mic)
{
	list_call *lists;

	uv_mutex_lock(&mic->lock);
	lists = mic->lists;
	mic->lists = NULL;
	uv_mutex_unlock(&mic->lock);
	return lists;
}

static void answer_lists(microphone *mic)
{
	list_call *lists = take_lists(mic);
	vu_device_info devices[VU_DEVICES_MAX];
	size_t count = 0;
	vu_error error;
	vu_status status;

	if (!lists)
		return;
	status = mic->driver->list(devices, &count, &error);
	while (lists) {
		list_call *answered = lists;
		lists = lists->next;
		if (status == VU_OK)
			answer_list(answered->call, devices, count);
		else
			vu_rpc_fail_error(answered->call, &error);
		free(answered);
	}
}

/* ---- sessions ---- */

static bool any_live(microphone *mic)
{
	for (unsigned i = 0; i < VU_RING_SLOTS; i++)
		if (atomic_load(&sessions_at(mic->sessions, i)->live))
			return true;
	return false;
}

static void fail_session(microphone *mic, capture_session *session, const vu_error *error)
{
	if (session->record.state == VU_RING_OPENING) {
		sessions_close(mic->sessions, session, error->status, error->message);
		return;
	}
	session_fail(session, error->status, error->message);
	uv_mutex_unlock(&session->writer);
}

static void feed_session(microphone *mic, capture_session *session, size_t frames)
{
	vu_error error;

	if (!session->record.device[0] && session_set_source(session, mic->info.device, mic->info.sample_rate,
	                                                     mic->info.channels, &error) != VU_OK) {
		fail_session(mic, session, &error);
		return;
	}
	if (mic->plays)
		session_note_playing(session);
	session_add_frames(session, mic->frames, frames, false);
	uv_mutex_unlock(&session->writer);
}

/* Hands `frames` frames to every live session, or the failure. */
static void distribute(microphone *mic, size_t frames, const vu_error *failure)
{
	for (unsigned i = 0; i < VU_RING_SLOTS; i++) {
		capture_session *session = sessions_at(mic->sessions, i);
		if (!atomic_load(&session->live))
			continue;
		uv_mutex_lock(&session->writer);
		if (!atomic_load(&session->live))
			uv_mutex_unlock(&session->writer);
		else if (failure)
			fail_session(mic, session, failure);
		else
			feed_session(mic, session, frames);
	}
}

/* ---- the device ---- */

static void open_device(microphone *mic)
{
	char device[VU_DEVICE_NAME_MAX];
	vu_microphone_config config = {.device = device};
	vu_error error;
	int64_t began_us = vu_clock_monotonic_us();

	uv_mutex_lock(&mic->lock);
	memcpy(device, mic->device, sizeof device);
	config.sample_rate = mic->sample_rate;
	config.channels = mic->channels;
	uv_mutex_unlock(&mic->lock);
	if (mic->driver->open(&config, &mic->open, &mic->info, &error) != VU_OK) {
		mic->open = NULL;
		vu_log_warn("%s", error.message);
		distribute(mic, 0, &error);
		return;
	}
	mic->looked_us = 0;
	vu_log_info("opened microphone '%s' at %u Hz in %lld ms", mic->info.device, mic->info.sample_rate,
	            (long long)(vu_clock_monotonic_us() - began_us) / 1000);
}

static void close_device(microphone *mic)
{
	if (!mic->open)
		return;
	mic->driver->close(mic->open);
	mic->open = NULL;
	memset(mic->frames, 0, sizeof mic->frames);
}

static void look_for_sound(microphone *mic)
{
	int64_t now_us = vu_clock_monotonic_us();

	if (!mic->driver->plays || (mic->looked_us != 0 && now_us < mic->looked_us + PLAYING_US))
		return;
	mic->looked_us = now_us;
	mic->plays = mic->driver->plays();
}

/* Passes on what has arrived. */
static void pump(microphone *mic)
{
	vu_error error;
	size_t frames = 0;
	look_for_sound(mic);
	vu_status status =
	    mic->driver->read(mic->open, mic->frames, READ_SAMPLES / mic->info.channels, &frames, &error);

	if (status == VU_OK) {
		if (frames > 0)
			distribute(mic, frames, NULL);
		return;
	}
	vu_log_warn("%s", error.message);
	distribute(mic, 0, &error);
	close_device(mic);
}

/* ---- the thread ---- */

/*
 * Waits for something to do. False when the thread should end, which nobody
 * can undo then: who comes later starts a new one.
 */
static bool rest(microphone *mic, int64_t until_us)
{
	bool going = true;

	uv_mutex_lock(&mic->lock);
	while (!mic->woken && going) {
		int64_t left_us = until_us - vu_clock_monotonic_us();
		if (left_us <= 0 || mic->stopping || mic->release)
			going = false;
		else
			uv_cond_timedwait(&mic->changed, &mic->lock, (uint64_t)left_us * 1000);
	}
	mic->woken = false;
	mic->release = false;
	mic->running = going;
	if (!going)
		uv_cond_broadcast(&mic->ended);
	uv_mutex_unlock(&mic->lock);
	return going;
}

static bool is_stopping(microphone *mic)
{
	bool stopping;

	uv_mutex_lock(&mic->lock);
	stopping = mic->stopping;
	uv_mutex_unlock(&mic->lock);
	return stopping;
}

static void run(void *context)
{
	microphone *mic = context;
	int64_t used_us = vu_clock_monotonic_us();

	while (!is_stopping(mic)) {
		answer_lists(mic);
		if (any_live(mic)) {
			if (!mic->open)
				open_device(mic);
			if (mic->open) {
				pump(mic);
				uv_sleep(PUMP_MS);
			}
			used_us = vu_clock_monotonic_us();
			continue;
		}
		close_device(mic);
		if (!rest(mic, used_us + IDLE_US))
			break;
		used_us = vu_clock_monotonic_us();
	}
	close_device(mic);
	mic->driver->shutdown();
}

/* Under the lock: the thread runs and will look. */
static vu_status wake(microphone *mic, vu_error *error)
{
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};

	if (mic->stopping)
		return vu_fail(error, VU_UNAVAILABLE, "unable to use the microphone: capture is stopping; try again");
	mic->woken = true;
	if (mic->running) {
		uv_cond_signal(&mic->changed);
		return VU_OK;
	}
	/* The former thread is past its last look at the lock and only ends PortAudio. */
	if (mic->joinable)
		uv_thread_join(&mic->thread);
	mic->joinable = false;
	if (uv_thread_create_ex(&mic->thread, &options, run, mic) != 0)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to use the microphone: too many threads");
	mic->running = true;
	mic->joinable = true;
	return VU_OK;
}

/* ---- for the service ---- */

vu_status microphone_create(capture_sessions *sessions, const microphone_driver *driver, microphone **microphone_out,
                            vu_error *error)
{
	microphone *mic = calloc(1, sizeof *mic);

	if (!mic)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to prepare the microphone: out of memory");
	mic->sessions = sessions;
	mic->driver = driver;
	uv_mutex_init(&mic->lock);
	uv_cond_init(&mic->changed);
	uv_cond_init(&mic->ended);
	*microphone_out = mic;
	return VU_OK;
}

void microphone_destroy(microphone *mic)
{
	if (!mic)
		return;
	uv_mutex_lock(&mic->lock);
	mic->stopping = true;
	uv_cond_signal(&mic->changed);
	uv_mutex_unlock(&mic->lock);
	if (mic->joinable)
		uv_thread_join(&mic->thread);
	while (mic->lists) {
		list_call *refused = mic->lists;
		mic->lists = refused->next;
		vu_rpc_fail(refused->call, VU_UNAVAILABLE,
		            "unable to list microphones: capture is stopping; try again");
		free(refused);
	}
	uv_cond_destroy(&mic->ended);
	uv_cond_destroy(&mic->changed);
	uv_mutex_destroy(&mic->lock);
	free(mic);
}

vu_status microphone_attend(microphone *mic, const vu_config *config, vu_error *error)
{
	vu_status status;

	uv_mutex_lock(&mic->lock);
	snprintf(mic->device, sizeof mic->device, "%s", config->audio.device);
	mic->sample_rate = config->audio.sample_rate;
	mic->channels = config->audio.channels;
	status = wake(mic, error);
	uv_mutex_unlock(&mic->lock);
	return status;
}

void microphone_list(microphone *mic, vu_rpc_call *call)
{
	list_call *asked = malloc(sizeof *asked);
	vu_error error;
	vu_status status;

	if (!asked) {
		vu_rpc_fail(call, VU_RESOURCE_EXHAUSTED, "unable to list microphones: out of memory");
		return;
	}
	asked->call = call;
	uv_mutex_lock(&mic->lock);
	status = wake(mic, &error);
	if (status == VU_OK) {
		asked->next = mic->lists;
		mic->lists = asked;
	}
	uv_mutex_unlock(&mic->lock);
	if (status != VU_OK) {
		free(asked);
		vu_rpc_fail_error(call, &error);
	}
}

void microphone_release(microphone *mic)
{
	int64_t until_us = vu_clock_monotonic_us() + RELEASE_US;

	uv_mutex_lock(&mic->lock);
	mic->release = mic->running && !any_live(mic);
	uv_cond_signal(&mic->changed);
	while (mic->release && mic->running) {
		int64_t left_us = until_us - vu_clock_monotonic_us();
		if (left_us <= 0)
			break;
		uv_cond_timedwait(&mic->ended, &mic->lock, (uint64_t)left_us * 1000);
	}
	/* Its memory is back only when the thread has ended PortAudio. */
	if (!mic->running && mic->joinable) {
		uv_thread_join(&mic->thread);
		mic->joinable = false;
	}
	uv_mutex_unlock(&mic->lock);
}
