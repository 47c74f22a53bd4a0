/*
 * Checks a real vu-capture process over its socket: uploads, long polls, bad
 * input, and what a kill in the middle leaves. Prints TAP.
 *
 * usage: check_capture PROGRAM
 */
#include "capture_process.h"

#include <math.h>
#include <pthread.h>

#define RATE          16000
#define SOURCE_FRAMES 48000

static int16_t source[SOURCE_FRAMES];

/* Noise with a swelling tone in it: what is in it does not matter here, only that every sample differs. */
static void make_source(void)
{
	uint32_t state = 1;

	for (size_t i = 0; i < SOURCE_FRAMES; i++) {
		state = state * 1664525u + 1013904223u;
		source[i] = (int16_t)((int)(state >> 18) - 8192 + (int)(4000 * sin((double)i * 0.05)));
	}
}

static bool appended(char *id, uint64_t from, uint64_t to, bool last, uint64_t next, bool enough)
{
	Vu__AppendResponse *response = append_chunk(id, from, source + from, (size_t)(to - from), last);
	bool good = response && response->next_offset_frames == next && response->enough == enough;

	if (!good)
		diagnose("append %llu: %s, next %lld", (unsigned long long)from, capture.error.message,
		         response ? (long long)response->next_offset_frames : -1);
	capture_free(response);
	return good;
}

/* Reads the session from its first sample to its end in pieces of `piece`; true when it is the source. */
static bool reads_source(char *id, uint32_t piece)
{
	uint64_t offset = 0;
	bool over = false;

	while (!over) {
		Vu__ReadResponse *response = read_from(id, offset, piece, 1, 5000);
		size_t count;
		bool same;
		if (!response) {
			diagnose("read %llu: %s", (unsigned long long)offset, capture.error.message);
			return false;
		}
		count = response->pcm_s16le.len / 2;
		same = response->offset == offset && count <= piece && offset + count <= SOURCE_FRAMES &&
		       memcmp(response->pcm_s16le.data, source + offset, count * 2) == 0;
		offset += count;
		over = !same || (response->info->state >= VU__SESSION_STATE__SESSION_ENDED &&
		                 offset >= response->info->total_samples);
		capture_free(response);
		if (!same)
			return false;
	}
	return offset == SOURCE_FRAMES;
}

static void check_upload(void)
{
	char id[VU_ID_HEX_SIZE];
	Vu__SessionInfo *info;
	Vu__ReadResponse *read;
	Vu__AppendResponse *response;

	vu_id_generate_hex(id);
	check(open_upload(id, RATE, 1, false), "an upload is opened");
	check(open_upload(id, RATE, 1, false), "opening it again is the same session");
	check(!open_upload(id, 44100, 1, false) && refused(VU_ALREADY_EXISTS, "open with other parameters"),
	      "opening it otherwise is refused");
	check(appended(id, 0, 20000, false, 20000, false), "a chunk is taken");
	check(appended(id, 0, 20000, false, 20000, false), "the same chunk again changes nothing");
	check(appended(id, 30000, 40000, false, 20000, false), "a chunk behind a gap is asked for again");
	read = read_from(id, 0, 0, 0, 0);
	check(read && read->pcm_s16le.len == 2 * 20000 && read->info->total_samples == 20000 &&
	          memcmp(read->pcm_s16le.data, source, 40000) == 0,
	      "what has arrived can be read");
	capture_free(read);
	check(appended(id, 20000, SOURCE_FRAMES, true, SOURCE_FRAMES, true), "the last chunk is enough");
	check(reads_source(id, 5000), "all samples come back as they were");
	info = about_session("GetSession", id);
	check(info && info->state == VU__SESSION_STATE__SESSION_ENDED &&
	          info->end_reason == VU__END_REASON__END_OF_UPLOAD && info->total_samples == SOURCE_FRAMES &&
	          info->source_rate == RATE && info->first_sample_us > 0 && info->ended_us >= info->first_sample_us &&
	          info->peak_dbfs > -20 && info->peak_dbfs <= 0,
	      "and the session says how it ended");
	capture_free(info);
	read = read_from(id, SOURCE_FRAMES + 1, 0, 0, 0);
	check(!read && refused(VU_OUT_OF_RANGE, "from sample 48001: the session has 48000"),
	      "reading beyond the end is refused");
	capture_free(read);
	check(close_it(id), "it is closed");
	check(close_it(id), "closing again succeeds");
	read = read_from(id, 0, 0, 0, 0);
	check(!read && refused(VU_NOT_FOUND, "it was closed or never opened"), "then there is nothing to read");
	capture_free(read);
	response = append_chunk(id, 0, source, 10, false);
	check(!response && refused(VU_NOT_FOUND, "open a new one"), "nor to add to");
	capture_free(response);
}

static void check_limits(void)
{
	char id[VU_ID_HEX_SIZE];
	Vu__SessionInfo *info;

	vu_id_generate_hex(id);
	setenv("VOICE_UNLOCK_MAX_DURATION", "2", 1);
	capture_restart();
	check(open_upload(id, RATE, 1, false) && appended(id, 0, SOURCE_FRAMES, true, SOURCE_FRAMES, true),
	      "an upload that is too long is enough");
	info = about_session("GetSession", id);
	check(info && info->total_samples == 32000 && info->end_reason == VU__END_REASON__END_MAX_DURATION,
	      "and stops at max_duration_s");
	capture_free(info);
	close_it(id);
	vu_id_generate_hex(id);
	check(open_upload(id, RATE, 1, true) && appended(id, 0, SOURCE_FRAMES, true, SOURCE_FRAMES, true) &&
	          reads_source(id, 32768),
	      "a whole upload does not");
	close_it(id);
	unsetenv("VOICE_UNLOCK_MAX_DURATION");
	capture_restart();
}

static void check_bad_input(void)
{
	char id[VU_ID_HEX_SIZE];
	char bad_id[] = "../../etc/passwd";
	static int16_t large[600000];
	Vu__OpenSessionRequest open = VU__OPEN_SESSION_REQUEST__INIT;
	Vu__AppendResponse *response;

	vu_id_generate_hex(id);
	check(!open_upload(bad_id, RATE, 1, false) &&
	          refused(VU_INVALID_ARGUMENT, "'../../etc/passwd' as a session id: it must be 32"),
	      "a bad id is refused");
	check(!about_session("GetSession", bad_id) && refused(VU_INVALID_ARGUMENT, "32 lower-case hex digits"),
	      "by every method");
	check(!open_upload(id, 7999, 1, false) && refused(VU_INVALID_ARGUMENT, "must be 8000 to 192000 Hz"),
	      "an absurd rate is refused");
	check(!open_upload(id, RATE, 9, false) && refused(VU_INVALID_ARGUMENT, "1 to 8 are supported"),
	      "too many channels are refused");
	open.session_id = id;
	check(!capture_call("OpenSession", &open.base, CALL_US) &&
	          refused(VU_INVALID_ARGUMENT, "use the microphone (1) or an upload (2)"),
	      "no source is refused");
	open.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_UPLOAD;
	open.sample_rate = RATE;
	open.channels = 1;
	open.format = 7;
	check(!capture_call("OpenSession", &open.base, CALL_US) &&
	          refused(VU_INVALID_ARGUMENT, "unable to take samples of format 7"),
	      "an unknown format is refused");
	open.source = VU__AUDIO_SOURCE__AUDIO_SOURCE_MICROPHONE;
	open.timeout_ms = 90001;
	check(!capture_call("OpenSession", &open.base, CALL_US) &&
	          refused(VU_INVALID_ARGUMENT, "unable to wait 90001 ms for speech"),
	      "an absurd timeout is refused");
	check(open_upload(id, RATE, 2, false), "(a stereo session)");
	response = append_chunk(id, 0, source, 3, false);
	check(!response && refused(VU_INVALID_ARGUMENT, "a frame has 4; send whole frames"),
	      "half a frame is refused");
	capture_free(response);
	response = append_chunk(id, 0, large, 600000, false);
	check(!response && refused(VU_INVALID_ARGUMENT, "at most 1048576 are allowed"),
	      "a chunk that is too large is refused");
	capture_free(response);
	check(close_it(id), "and the session can be closed");
}

static void check_slots(void)
{
	static char ids[VU_RING_SLOTS][VU_ID_HEX_SIZE];
	char one_more[VU_ID_HEX_SIZE];
	bool all = true;

	for (unsigned i = 0; i < VU_RING_SLOTS; i++) {
		vu_id_generate_hex(ids[i]);
		all = open_upload(ids[i], RATE, 1, false) && all;
	}
	vu_id_generate_hex(one_more);
	check(all, "64 sessions can be open at once");
	check(!open_upload(one_more, RATE, 1, false) && refused(VU_RESOURCE_EXHAUSTED, "all 64 are in use"),
	      "one more is refused");
	check(close_it(ids[40]) && open_upload(one_more, RATE, 1, false), "until one is closed");
	close_it(one_more);
	for (unsigned i = 0; i < VU_RING_SLOTS; i++)
		close_it(ids[i]);
}

/* ---- long polls ---- */

typedef struct reader {
	pthread_t thread;
	char id[VU_ID_HEX_SIZE];
	uint32_t min_samples;
	uint32_t wait_ms;
	vu_status status;
	size_t samples;
	int64_t took_us;
	bool whole;
} reader;

/* capture_call keeps its error in one place, so threads call on their own. */
static void *read_waiting(void *context)
{
	reader *r = context;
	Vu__ReadRequest request = VU__READ_REQUEST__INIT;
	vu_call_options options = {.timeout_us = CALL_US, .wait_for_ready = true, .idempotent = true};
	ProtobufCMessage *answer = NULL;
	int64_t began_us = vu_clock_monotonic_us();
	vu_error error;

	request.session_id = r->id;
	request.min_samples = r->min_samples;
	request.wait_ms = r->wait_ms;
	r->status = vu_channel_call(capture.channel, &vu__capture__descriptor, "Read", &request.base, &answer,
	                            &options, &error);
	r->took_us = vu_clock_monotonic_us() - began_us;
	if (answer) {
		const Vu__ReadResponse *response = (const Vu__ReadResponse *)answer;
		r->samples = response->pcm_s16le.len / 2;
		capture_free(answer);
	}
	return NULL;
}

static void start_reader(reader *r, const char *id, uint32_t min_samples, uint32_t wait_ms)
{
	snprintf(r->id, sizeof r->id, "%s", id);
	r->min_samples = min_samples;
	r->wait_ms = wait_ms;
	if (pthread_create(&r->thread, NULL, read_waiting, r) != 0)
		give_up("no thread");
}

/* More readers than capture has threads wait, and still others are served. */
#define READERS 12

static void check_waiting(void)
{
	reader readers[READERS] = {{0}};
	char id[VU_ID_HEX_SIZE];
	char other[VU_ID_HEX_SIZE];
	bool all = true;
	Vu__ReadResponse *read;
	int64_t began_us;

	vu_id_generate_hex(id);
	vu_id_generate_hex(other);
	open_upload(id, RATE, 1, false);
	began_us = vu_clock_monotonic_us();
	read = read_from(id, 0, 0, 100, 200);
	check(read && read->pcm_s16le.len == 0 && vu_clock_monotonic_us() - began_us >= 190000,
	      "a read without audio answers empty when its wait is over");
	capture_free(read);

	for (unsigned i = 0; i < READERS; i++)
		start_reader(&readers[i], id, 10000, 15000);
	usleep(300000);
	check(open_upload(other, RATE, 1, false) && appended(other, 0, SOURCE_FRAMES, true, SOURCE_FRAMES, true) &&
	          reads_source(other, 32768),
	      "while 12 readers wait, another session goes on");
	check(appended(id, 0, 9999, false, 9999, false), "(not enough for them)");
	usleep(100000);
	check(appended(id, 9999, 12000, false, 12000, false), "(enough)");
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		all = all && readers[i].status == VU_OK && readers[i].samples >= 10000 && readers[i].took_us > 50000;
	}
	check(all, "readers are answered when min_samples are there");

	start_reader(&readers[0], id, 40000, 15000);
	usleep(100000);
	capture_free(about_session("FinishSession", id));
	pthread_join(readers[0].thread, NULL);
	check(readers[0].status == VU_OK && readers[0].samples == 12000, "or when the session ends");
	close_it(id);

	vu_id_generate_hex(id);
	open_upload(id, RATE, 1, false);
	start_reader(&readers[0], id, 40000, 15000);
	usleep(100000);
	close_it(id);
	pthread_join(readers[0].thread, NULL);
	check(readers[0].status == VU_NOT_FOUND, "or refused when it is closed");
	close_it(other);
}

/* ---- restarts ---- */

static void check_restart(void)
{
	char cut[VU_ID_HEX_SIZE];
	char whole[VU_ID_HEX_SIZE];
	reader waiting = {0};
	Vu__SessionInfo *info;

	vu_id_generate_hex(cut);
	vu_id_generate_hex(whole);
	open_upload(whole, RATE, 1, false);
	appended(whole, 0, SOURCE_FRAMES, true, SOURCE_FRAMES, true);
	open_upload(cut, RATE, 1, false);
	appended(cut, 0, 30000, false, 30000, false);
	start_reader(&waiting, cut, 32000, 15000);
	usleep(100000);
	capture_restart();
	check(reads_source(whole, 32768), "after kill -9 a finished session is still there, bit for bit");
	info = about_session("GetSession", cut);
	check(info && info->total_samples == 30000 && info->state < VU__SESSION_STATE__SESSION_ENDED,
	      "an upload that was cut keeps what readers have");
	capture_free(info);
	check(appended(cut, 30000, 40000, false, 0, false), "and asks for its first frame");
	check(appended(cut, 0, 25000, false, 25000, false), "(sent again)");
	info = about_session("GetSession", cut);
	check(info && info->total_samples == 30000, "while it catches up, nothing is taken back");
	capture_free(info);
	check(appended(cut, 25000, SOURCE_FRAMES, true, SOURCE_FRAMES, true), "(to its end)");
	check(reads_source(cut, 32768), "and it is whole, bit for bit");
	pthread_join(waiting.thread, NULL);
	check(waiting.status == VU_OK && waiting.samples >= 32000,
	      "a reader that waited through the restart has its audio");
	close_it(cut);
	close_it(whole);
}

/* Anywhere in the rings: a stretch of the source. */
static bool rings_hold_source(void)
{
	vu_ring *ring = NULL;
	bool found = false;

	if (vu_ring_open(capture.ring_fd, &ring, NULL) != VU_OK)
		give_up("no ring");
	for (unsigned slot = 0; slot < VU_RING_SLOTS; slot++)
		if (memcmp(vu_ring_samples(ring, slot) + 1000, source + 1000, 2000) == 0)
			found = true;
	vu_ring_close(ring);
	return found;
}

static void check_wiping(void)
{
	char id[VU_ID_HEX_SIZE];
	bool before;

	vu_id_generate_hex(id);
	open_upload(id, RATE, 1, false);
	appended(id, 0, SOURCE_FRAMES, true, SOURCE_FRAMES, true);
	before = rings_hold_source();
	close_it(id);
	check(before && !rings_hold_source(), "closing wipes the audio");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: check_capture PROGRAM\n");
		return 2;
	}
	make_source();
	capture_prepare(argv[1]);
	check_upload();
	check_limits();
	check_bad_input();
	check_slots();
	check_waiting();
	check_restart();
	check_wiping();
	return capture_finish();
}
