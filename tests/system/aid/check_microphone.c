/*
 * Checks a real vu-capture process at a real (virtual) microphone: what is
 * played into it is heard, its end is found, and everything that happens to
 * microphones is told clearly. Prints TAP.
 *
 * usage: check_microphone PROGRAM VIRTUAL_MIC SOUND_FILE
 */
#include "capture_process.h"

#include "audio/reader.h"
#include "audio/resampler.h"

#include <math.h>

#define HOP      160
#define HOPS_MAX 3000

static const char *virtual_mic;
static char mic_folder[64];

/* ---- the virtual microphone ---- */

/* Runs `virtual-mic VERB FOLDER ARGUMENT`; start's exports become ours. */
static bool mic_run(const char *verb, const char *argument)
{
	char command[512];
	char line[512];
	FILE *out;

	snprintf(command, sizeof command, "'%s' %s '%s' %s", virtual_mic, verb, mic_folder, argument);
	out = popen(command, "r");
	if (!out)
		return false;
	while (fgets(line, sizeof line, out)) {
		char *name = line + strlen("export ");
		char *value = strchr(line, '=');
		if (strncmp(line, "export ", strlen("export ")) != 0 || !value)
			continue;
		*value++ = '\0';
		value[strcspn(value, "\n")] = '\0';
		if (*value == '\'') {
			value++;
			value[strlen(value) - 1] = '\0';
		}
		setenv(name, value, 1);
	}
	return pclose(out) == 0;
}

static pid_t mic_pid(void)
{
	char command[256];
	int pid = 0;
	FILE *out;

	snprintf(command, sizeof command, "'%s' pid '%s'", virtual_mic, mic_folder);
	out = popen(command, "r");
	if (!out || fscanf(out, "%d", &pid) != 1)
		give_up("the virtual microphone does not run");
	pclose(out);
	return pid;
}

static pid_t play(const char *file)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(virtual_mic, virtual_mic, "play", mic_folder, file, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* ---- sessions ---- */

static Vu__OpenSessionResponse *listen_for(char *id, uint32_t timeout_ms)
{
	Vu__OpenSessionRequest request = VU__OPEN_SESSION_REQUEST__INIT;

	request.session_id = id;
	request.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_MICROPHONE;
	request.timeout_ms = timeout_ms;
	return capture_call("OpenSession", &request.base, CALL_US);
}

/* Reads to the end of the session into `out`; the last answer's info is checked by the caller. */
static Vu__ReadResponse *read_until_over(char *id, float *out, size_t max, size_t *count_out)
{
	size_t count = 0;

	for (;;) {
		Vu__ReadResponse *response = read_from(id, count, 0, 1600, 1000);
		size_t got;
		if (!response) {
			diagnose("read: %s", capture.error.message);
			return NULL;
		}
		got = response->pcm_s16le.len / 2;
		for (size_t i = 0; i < got && count + i < max; i++) {
			const uint8_t *bytes = response->pcm_s16le.data + 2 * i;
			out[count + i] = (float)(int16_t)(bytes[0] | bytes[1] << 8) / 32768.0f;
		}
		count += got;
		*count_out = count;
		if (response->info->state >= VU__SESSION_STATE__SESSION_ENDED &&
		    count >= response->info->total_samples)
			return response;
		capture_free(response);
	}
}

/* ---- comparing ---- */

typedef struct sound {
	float *samples;
	size_t count;
} sound;

static bool append_samples(void *context, const float *samples, size_t count)
{
	sound *all = context;

	all->samples = realloc(all->samples, (all->count + count) * sizeof *samples);
	if (!all->samples)
		give_up("out of memory");
	memcpy(all->samples + all->count, samples, count * sizeof *samples);
	all->count += count;
	return true;
}

/* A sound file as 16 kHz mono. */
static sound load(const char *path)
{
	static float frames[4096 * 8];
	sound all = {0};
	vu_reader *reader = NULL;
	vu_reader_info info;
	vu_resampler *resampler = NULL;
	vu_error error;
	size_t got;

	if (vu_reader_open(path, &reader, &info, &error) != VU_OK ||
	    vu_resampler_create(info.sample_rate, info.channels, &resampler, &error) != VU_OK)
		give_up(error.message);
	do {
		if (vu_reader_next(reader, frames, 4096, &got, &error) != VU_OK ||
		    vu_resampler_push(resampler, frames, got, got == 0, append_samples, &all, &error) != VU_OK)
			give_up(error.message);
	} while (got > 0);
	vu_resampler_destroy(resampler);
	vu_reader_close(reader);
	return all;
}

static size_t envelope(const float *samples, size_t count, float *out)
{
	size_t hops = count / HOP < HOPS_MAX ? count / HOP : HOPS_MAX;

	for (size_t h = 0; h < hops; h++) {
		double energy = 0;
		for (size_t i = 0; i < HOP; i++)
			energy += (double)samples[h * HOP + i] * samples[h * HOP + i];
		out[h] = (float)sqrt(energy / HOP);
	}
	return hops;
}

static double correlation(const float *a, const float *b, size_t count)
{
	double mean_a = 0;
	double mean_b = 0;
	double aa = 0;
	double bb = 0;
	double ab = 0;

	for (size_t i = 0; i < count; i++) {
		mean_a += a[i] / (double)count;
		mean_b += b[i] / (double)count;
	}
	for (size_t i = 0; i < count; i++) {
		aa += (a[i] - mean_a) * (a[i] - mean_a);
		bb += (b[i] - mean_b) * (b[i] - mean_b);
		ab += (a[i] - mean_a) * (b[i] - mean_b);
	}
	return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* The best correlation of the envelopes at any delay; *delay_hops_out says which. */
static double best_correlation(const sound *played, const sound *heard, size_t *delay_hops_out)
{
	static float a[HOPS_MAX];
	static float b[HOPS_MAX];
	size_t played_hops = envelope(played->samples, played->count, a);
	size_t heard_hops = envelope(heard->samples, heard->count, b);
	double best = -1;

	for (size_t delay = 0; delay + 50 < heard_hops; delay++) {
		size_t common = heard_hops - delay < played_hops ? heard_hops - delay : played_hops;
		double now;
		/* Nearly all of what was played must be there. */
		if (common < played_hops * 3 / 4)
			break;
		now = correlation(a, b + delay, common);
		if (now > best) {
			best = now;
			*delay_hops_out = delay;
		}
	}
	return best;
}

/* ---- checks ---- */

static void check_hearing(const char *file)
{
	char id[VU_ID_HEX_SIZE];
	sound played = load(file);
	sound heard = {calloc(VU_RING_SLOT_SAMPLES, sizeof(float)), 0};
	int64_t began_us = vu_clock_monotonic_us();
	Vu__OpenSessionResponse *opened;
	Vu__ReadResponse *over;
	Vu__SessionInfo *info;
	size_t delay = 0;
	double likeness;
	pid_t player;

	vu_id_generate_hex(id);
	opened = listen_for(id, 10000);
	if (!check(opened && opened->device[0], "the microphone opens"))
		diagnose("%s", capture.error.message);
	diagnose("opened '%s' in %lld ms, PortAudio started", opened ? opened->device : "",
	         (long long)(vu_clock_monotonic_us() - began_us) / 1000);
	info = about_session("GetSession", id);
	check(info && info->total_samples > 0 && info->state == VU__SESSION_STATE__SESSION_LISTENING,
	      "and has delivered before the opening is answered");
	capture_free(info);
	capture_free(opened);
	opened = listen_for(id, 10000);
	check(opened != NULL, "opening it again is the same session");
	capture_free(opened);

	player = play(file);
	over = read_until_over(id, heard.samples, VU_RING_SLOT_SAMPLES, &heard.count);
	if (!check(over && over->info->state == VU__SESSION_STATE__SESSION_ENDED &&
	               over->info->end_reason == VU__END_REASON__END_OF_SPEECH,
	           "the end of speech is found") &&
	    over)
		diagnose("state %d, reason %d, %s", (int)over->info->state, (int)over->info->end_reason,
		         over->info->failure);
	likeness = best_correlation(&played, &heard, &delay);
	diagnose("envelope correlation %.4f at a delay of %zu ms", likeness, delay * 10);
	check(likeness > 0.9, "what was played is what was heard");
	if (over) {
		double silence_s = (double)(over->info->total_samples - over->info->speech_end) / 16000;
		diagnose("%.2f s of %.2f s are speech, then %.2f s of silence", (double)over->info->speech_ms / 1000,
		         (double)over->info->total_samples / 16000, silence_s);
		check(silence_s > 0.6 && silence_s < 1.1, "0.8 s of silence end it");
		check(over->info->source_rate >= 16000 && over->info->device[0] && over->info->speech_ms > 1000,
		      "and it says from where and how much it heard");
	}
	capture_free(over);
	close_it(id);
	waitpid(player, NULL, 0);
	free(heard.samples);
	free(played.samples);
}

static void check_nobody_speaks(void)
{
	char id[VU_ID_HEX_SIZE];
	static float samples[160000];
	size_t count = 0;
	int64_t began_us = vu_clock_monotonic_us();
	Vu__OpenSessionResponse *opened;
	Vu__ReadResponse *over;

	vu_id_generate_hex(id);
	opened = listen_for(id, 1000);
	diagnose("opened in %lld ms, PortAudio running", (long long)(vu_clock_monotonic_us() - began_us) / 1000);
	capture_free(opened);
	over = read_until_over(id, samples, 160000, &count);
	check(over && over->info->end_reason == VU__END_REASON__END_NO_SPEECH && over->info->total_samples == 16000 &&
	          over->info->peak_dbfs < -50,
	      "nobody speaks until the timeout");
	capture_free(over);
	close_it(id);
}

static void check_finishing(void)
{
	char id[VU_ID_HEX_SIZE];
	Vu__SessionInfo *info;

	vu_id_generate_hex(id);
	capture_free(listen_for(id, 10000));
	info = about_session("FinishSession", id);
	check(info && info->state == VU__SESSION_STATE__SESSION_ENDED &&
	          info->end_reason == VU__END_REASON__END_CLOSED && info->total_samples > 0,
	      "a session can be finished early");
	capture_free(info);
	close_it(id);
}

/* Whether capture has mapped a file whose path contains `part`; false where maps cannot be read. */
static bool has_mapped(const char *part)
{
	char text[1024];
	bool found = false;
	FILE *maps;

	snprintf(text, sizeof text, "/proc/%d/maps", (int)capture.pid);
	maps = fopen(text, "re");
	while (maps && !found && fgets(text, sizeof text, maps))
		found = strstr(text, part) != NULL;
	if (maps)
		fclose(maps);
	return found;
}

static void check_devices(void)
{
	Vu__Empty request = VU__EMPTY__INIT;
	Vu__DevicesResponse *devices = capture_call("ListDevices", &request.base, CALL_US);
	unsigned preferred = 0;

	for (size_t i = 0; devices && i < devices->n_devices; i++) {
		diagnose("device '%s' (%s), %u channels at %g Hz%s", devices->devices[i]->name,
		         devices->devices[i]->host_api, devices->devices[i]->channels,
		         devices->devices[i]->default_rate, devices->devices[i]->is_default ? ", default" : "");
		preferred += devices->devices[i]->is_default;
	}
	check(devices && devices->n_devices > 0 && preferred == 1, "devices are listed, one is the default");
	/* ALSA's AC-3 encoder would; it takes more memory than all the rest of capture. */
	check(!has_mapped("/libavcodec"), "and looking for them loads no codecs");
	capture_free(devices);
}

static void check_restart(const char *file)
{
	char id[VU_ID_HEX_SIZE];
	static float samples[160000];
	size_t count = 0;
	Vu__ReadResponse *over;
	pid_t player;

	vu_id_generate_hex(id);
	capture_free(listen_for(id, 10000));
	player = play(file);
	usleep(700000);
	capture_restart();
	over = read_until_over(id, samples, 160000, &count);
	check(over && over->info->state == VU__SESSION_STATE__SESSION_FAILED &&
	          over->info->failure_status == VU_ABORTED && strstr(over->info->failure, "please say it again"),
	      "after kill -9 the speaker is asked to say it again");
	check(count > 8000, "and what was recorded is still there");
	capture_free(over);
	close_it(id);
	waitpid(player, NULL, 0);
}

static void check_unknown_device(void)
{
	char id[VU_ID_HEX_SIZE];

	vu_id_generate_hex(id);
	setenv("VOICE_UNLOCK_DEVICE", "Nosuch microphone", 1);
	capture_restart();
	check(!listen_for(id, 1000) &&
	          refused(VU_NOT_FOUND, "unable to find microphone 'Nosuch microphone': there are '"),
	      "an unknown device is refused, naming those there are");
	unsetenv("VOICE_UNLOCK_DEVICE");
	capture_restart();
	check(!about_session("GetSession", id) && refused(VU_NOT_FOUND, ""), "and leaves no session");
}

static void check_unplugged(void)
{
	char id[VU_ID_HEX_SIZE];
	static float samples[160000];
	size_t count = 0;
	Vu__ReadResponse *over;
	int64_t began_us;

	vu_id_generate_hex(id);
	capture_free(listen_for(id, 10000));
	usleep(300000);
	began_us = vu_clock_monotonic_us();
	kill(mic_pid(), SIGKILL);
	over = read_until_over(id, samples, 160000, &count);
	if (!check(over && over->info->state == VU__SESSION_STATE__SESSION_FAILED &&
	               over->info->failure_status == VU_UNAVAILABLE &&
	               strstr(over->info->failure, "stopped delivering; check that it is plugged in"),
	           "a microphone that is unplugged is told") &&
	    over)
		diagnose("state %d: %s", (int)over->info->state, over->info->failure);
	diagnose("after %lld ms", (long long)(vu_clock_monotonic_us() - began_us) / 1000);
	capture_free(over);
	close_it(id);
	vu_id_generate_hex(id);
	check(!listen_for(id, 1000) && (refused(VU_NOT_FOUND, "check that the sound server runs") ||
	                                refused(VU_UNAVAILABLE, "unable to open microphone")),
	      "without a sound server the microphone does not open");
	mic_run("stop", "");
	if (!mic_run("start", ""))
		give_up("the virtual microphone does not start again");
	{
		Vu__OpenSessionResponse *opened = listen_for(id, 1000);
		if (!check(opened != NULL, "plugged in again, it opens"))
			diagnose("%s", capture.error.message);
		capture_free(opened);
	}
	close_it(id);
}

static void check_permission(void)
{
	char id[VU_ID_HEX_SIZE];
	static float samples[160000];
	size_t count = 0;
	Vu__OpenSessionResponse *opened;
	Vu__ReadResponse *over;

	mic_run("stop", "");
	if (!mic_run("start", "silent"))
		give_up("the virtual microphone does not start again");
	vu_id_generate_hex(id);
	opened = listen_for(id, 5000);
	over = opened ? read_until_over(id, samples, 160000, &count) : NULL;
	check(over && over->info->state == VU__SESSION_STATE__SESSION_FAILED &&
	          over->info->failure_status == VU_PERMISSION_DENIED && over->info->total_samples < 8000 &&
	          strstr(over->info->failure, "allow Voice Unlock to use the microphone"),
	      "digital silence is told as a missing permission");
	capture_free(opened);
	capture_free(over);
	close_it(id);
}

int main(int argc, char **argv)
{
	char command[96];

	if (argc != 4) {
		fprintf(stderr, "usage: check_microphone PROGRAM VIRTUAL_MIC SOUND_FILE\n");
		return 2;
	}
	virtual_mic = argv[2];
	snprintf(mic_folder, sizeof mic_folder, "/tmp/vu-mic-XXXXXX");
	if (!mkdtemp(mic_folder) || !mic_run("start", ""))
		give_up("the virtual microphone does not start");
	capture_prepare(argv[1]);
	check_hearing(argv[3]);
	check_nobody_speaks();
	check_finishing();
	check_devices();
	check_restart(argv[3]);
	check_unknown_device();
	check_unplugged();
	check_permission();
	mic_run("stop", "");
	snprintf(command, sizeof command, "rm -rf '%s'", mic_folder);
	if (system(command) != 0)
		diagnose("unable to remove %s", mic_folder);
	return capture_finish();
}
