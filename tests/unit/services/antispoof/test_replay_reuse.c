/*
 * Which re-uses of a past attempt the replay memory knows again, and that it
 * takes fresh utterances for fresh: real words of Debian's ktuberling-data,
 * joined to utterances.
 *
 * With VOICE_UNLOCK_REPLAY_CLIPS, a file that names sound files, the same
 * program measures instead: it remembers the first half (600 at the most),
 * presents every kind of re-use of them (VOICE_UNLOCK_ROOMS and
 * VOICE_UNLOCK_NOISES name files likewise) and all of the other half, and
 * prints counts; `make evaluate-replay` runs it so.
 */
#include "replay_memory.h"

#include "reuse.h"

#include "audio/load.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

/* The likeness at which the detector refuses. */
#define REFUSED 0.38
#define SOUNDS  "/usr/share/ktuberling/sounds"

#define CLIPS_MAX      4000
#define REMEMBERED_MAX 600
#define SOUNDS_MAX     64

typedef struct clip {
	reuse_sound sound;
} clip;

static clip clips[CLIPS_MAX];
static size_t clip_count;
static reuse_sound rooms[SOUNDS_MAX];
static size_t room_count;
static reuse_sound noises[SOUNDS_MAX];
static size_t noise_count;
static char folder[64];

static const char *const KINDS[] = {"the same",
                                    "shifted",
                                    "rescaled",
                                    "room",
                                    "telephone",
                                    "noise 10 dB",
                                    "cut",
                                    "padded",
                                    "3 % faster",
                                    "3 % slower",
                                    "tempo +3 %",
                                    "tempo -3 %",
                                    "room, telephone, noise 15 dB"};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

static void corrupt(reuse_sound *s, const reuse_sound *room, const reuse_sound *noise, double snr_db, size_t seed)
{
	vu_error error = {0};
	char text[32];
	snprintf(text, sizeof text, "%zu", seed);
	if (room && vu_corrupt_room(s->samples, s->count, room->samples, room->count, &error) != VU_OK)
		fail_msg("%s", error.message);
	if (noise && vu_corrupt_noise(s->samples, s->count, noise->samples, noise->count,
	                              vu_corrupt_choose(1, text) % noise->count, snr_db, &error) != VU_OK)
		fail_msg("%s", error.message);
}

/* The clip `i` as it comes back in a certain way. */
static reuse_sound reuse(size_t i, size_t kind)
{
	const float *x = clips[i].sound.samples;
	size_t count = clips[i].sound.count;
	const reuse_sound *room = &rooms[i % room_count];
	const reuse_sound *noise = &noises[i % noise_count];
	reuse_sound s;

	switch (kind) {
	case 6:
		return reuse_part(x, count / 4, count / 2);
	case 7:
		return reuse_pad(x, count, 12345, 16000);
	case 8:
		return reuse_speed(x, count, 1.03);
	case 9:
		return reuse_speed(x, count, 0.97);
	case 10:
		return reuse_tempo(x, count, 1.03);
	case 11:
		return reuse_tempo(x, count, 0.97);
	default:
		break;
	}
	s = kind == 1 ? reuse_part(x, 2128 + i * 37 % 997, count - 2128 - i * 37 % 997) : reuse_part(x, 0, count);
	if (kind == 2) {
		for (size_t k = 0; k < s.count; k++)
			s.samples[k] *= 0.2F;
	}
	if (kind == 3 || kind == 12)
		corrupt(&s, room, NULL, 0, i);
	if (kind == 4 || kind == 12)
		reuse_telephone(&s);
	if (kind == 5 || kind == 12)
		corrupt(&s, NULL, noise, kind == 5 ? 10 : 15, i);
	return s;
}

/* Meets and, unless told to keep it, forgets again. */
static double meet(vu_replay_memory *memory, const char *id, const reuse_sound *s, bool keep)
{
	vu_imprinter *imprinter;
	vu_replay_match match;
	vu_error error = {0};
	int16_t *pcm = malloc((s->count + 1) * sizeof *pcm);

	assert_non_null(pcm);
	for (size_t i = 0; i < s->count; i++)
		pcm[i] = (int16_t)lrintf(fmaxf(-1, fminf(1, s->samples[i])) * 32767);
	assert_int_equal(vu_imprinter_create(&imprinter), VU_OK);
	assert_int_equal(vu_imprinter_push(imprinter, pcm, s->count), VU_OK);
	free(pcm);
	if (vu_replay_memory_meet(memory, id, imprinter, &match, &error) != VU_OK)
		fail_msg("%s", error.message);
	vu_imprinter_destroy(imprinter);
	if (!keep)
		assert_int_equal(vu_replay_memory_forget(memory, id, NULL), VU_OK);
	return match.likeness;
}

static vu_replay_memory *open_memory(void)
{
	vu_replay_memory *memory = NULL;
	vu_error error = {0};
	snprintf(folder, sizeof folder, "/tmp/vu-reuse-XXXXXX");
	assert_non_null(mkdtemp(folder));
	if (vu_replay_memory_open(folder, vu_clock_system(), NULL, &memory, &error) != VU_OK)
		fail_msg("%s", error.message);
	return memory;
}

static void close_memory(vu_replay_memory *memory)
{
	char command[128];
	vu_replay_memory_close(memory);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

static void load_sounds(const char *list, reuse_sound *out, size_t room, size_t *count)
{
	char path[1024];
	FILE *file = list ? fopen(list, "r") : NULL;

	while (file && *count < room && fgets(path, sizeof path, file)) {
		vu_error error = {0};
		path[strcspn(path, "\n")] = '\0';
		if (vu_audio_load(path, 10, &out[*count].samples, &out[*count].count, &error) == VU_OK)
			(*count)++;
	}
	if (file)
		fclose(file);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(const char *name, double *likeness, size_t count, bool fresh)
{
	size_t refused = 0;
	qsort(likeness, count, sizeof *likeness, compare);
	for (size_t i = 0; i < count; i++)
		refused += likeness[i] > REFUSED;
	printf("%-30s %5zu of %5zu refused (%6.2f %%), likeness %.3f to %.3f, median %.3f, %s %.3f\n", name, refused,
	       count, 100.0 * (double)refused / (double)count, likeness[0], likeness[count - 1], likeness[count / 2],
	       fresh ? "99th percentile" : "1st percentile", likeness[fresh ? count - 1 - count / 100 : count / 100]);
	fflush(stdout);
}

/* Prints what is refused of each kind. */
static void measure(void)
{
	static double likeness[CLIPS_MAX];
	vu_replay_memory *memory = open_memory();
	size_t remembered = clip_count / 2 < REMEMBERED_MAX ? clip_count / 2 : REMEMBERED_MAX;
	size_t fresh = 0;
	char id[33];

	printf("%zu clips, %zu rooms, %zu noises; %zu remembered\n", clip_count, room_count, noise_count, remembered);
	for (size_t i = 0; i < remembered; i++) {
		snprintf(id, sizeof id, "%zu", i);
		likeness[i] = meet(memory, id, &clips[i].sound, true);
	}
	report("fresh, while remembering", likeness, remembered, true);
	for (size_t i = remembered; i < clip_count; i++)
		likeness[fresh++] = meet(memory, "query", &clips[i].sound, false);
	report("fresh", likeness, fresh, true);
	for (size_t i = 0; i < remembered; i++) {
		reuse_sound s = reuse_retake(clips[i].sound.samples, clips[i].sound.count, i);
		likeness[i] = meet(memory, "query", &s, false);
		free(s.samples);
	}
	report("second takes (made)", likeness, remembered, true);
	for (size_t kind = 0; kind < KIND_COUNT; kind++) {
		for (size_t i = 0; i < remembered; i++) {
			reuse_sound s = reuse(i, kind);
			likeness[i] = meet(memory, "query", &s, false);
			if (likeness[i] <= REFUSED)
				printf("missed %s: clip %zu, %.1f s, %.3f\n", KINDS[kind], i, (double)s.count / 16000,
				       likeness[i]);
			free(s.samples);
		}
		report(KINDS[kind], likeness, remembered, false);
	}
	close_memory(memory);
}

/* ---- utterances of words ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Cuts off what lies more than 26 dB below the peak, before and after the word. */
static void trim(reuse_sound *word)
{
	float peak = 0;
	size_t first = 0;
	size_t last = word->count;

	for (size_t i = 0; i < word->count; i++)
		peak = fmaxf(peak, fabsf(word->samples[i]));
	while (first < last && fabsf(word->samples[first]) < 0.05F * peak)
		first++;
	while (last > first && fabsf(word->samples[last - 1]) < 0.05F * peak)
		last--;
	word->count = last - first;
	memmove(word->samples, word->samples + first, word->count * sizeof(float));
}

static size_t list_words(const char *person, char **names, size_t room)
{
	size_t count = 0;
	char path[512];
	const struct dirent *entry;
	DIR *words;

	snprintf(path, sizeof path, "%s/%s", SOUNDS, person);
	words = opendir(path);
	while (words && (entry = readdir(words)) && count < room)
		if (strstr(entry->d_name, ".ogg") || strstr(entry->d_name, ".wav"))
			names[count++] = strdup(entry->d_name);
	if (words)
		closedir(words);
	qsort(names, count, sizeof *names, by_name);
	return count;
}

/* Appends a word; nothing when it cannot be read. */
static void append_word(reuse_sound *joined, const char *person, const char *name)
{
	reuse_sound word;
	vu_error error = {0};
	char path[512];

	snprintf(path, sizeof path, "%s/%s/%s", SOUNDS, person, name);
	if (vu_audio_load(path, 3, &word.samples, &word.count, &error) != VU_OK)
		return;
	trim(&word);
	joined->samples = realloc(joined->samples, (joined->count + word.count) * sizeof(float));
	assert_non_null(joined->samples);
	memcpy(joined->samples + joined->count, word.samples, word.count * sizeof(float));
	joined->count += word.count;
	free(word.samples);
}

/* Joins words of one person to utterances of at least three seconds. */
static void join_words(const char *person, size_t utterances)
{
	char *names[512];
	size_t name_count = list_words(person, names, 512);
	size_t next = 0;

	for (size_t u = 0; u < utterances; u++) {
		reuse_sound joined = {NULL, 0};
		while (joined.count < 48000 && next < name_count)
			append_word(&joined, person, names[next++]);
		if (joined.count >= 48000)
			clips[clip_count++].sound = joined;
		else
			free(joined.samples);
	}
	for (size_t i = 0; i < name_count; i++)
		free(names[i]);
}

/* The word itself: "tv_femme.wav" and "egypte_femme.wav" are two takes of one. */
static const char *word_of(const char *name)
{
	const char *last = strrchr(name, '_');
	return last ? last + 1 : name;
}

/*
 * Two takes of one sentence by one person, made of `limit` words that the
 * folder holds twice, from the word number `skip_words` on; false when there are fewer.
 */
static bool two_takes(const char *person, size_t skip_words, size_t limit, reuse_sound *first, reuse_sound *second)
{
	char *names[512];
	size_t name_count = list_words(person, names, 512);
	size_t words = 0;

	*first = *second = (reuse_sound){NULL, 0};
	for (size_t i = 0; i < name_count && words < skip_words + limit; i++) {
		for (size_t k = i + 1; k < name_count; k++) {
			reuse_sound a = {NULL, 0};
			reuse_sound b = {NULL, 0};
			bool same;
			if (strcmp(word_of(names[i]), word_of(names[k])) != 0)
				continue;
			append_word(&a, person, names[i]);
			append_word(&b, person, names[k]);
			/* Some folders hold one recording under two names. */
			same = a.count == b.count &&
			       (a.count == 0 || memcmp(a.samples, b.samples, a.count * sizeof(float)) == 0);
			free(a.samples);
			free(b.samples);
			if (same)
				continue;
			if (words++ >= skip_words) {
				append_word(first, person, names[i]);
				append_word(second, person, names[k]);
			}
			break;
		}
	}
	for (size_t i = 0; i < name_count; i++)
		free(names[i]);
	return words == skip_words + limit;
}

static int set_up(void **state)
{
	static const char *const people[] = {"da", "en", "fr", "lt", "ru", "uk"};
	uint64_t noise_state = 4;

	(void)state;
	for (size_t i = 0; i < sizeof people / sizeof people[0]; i++)
		join_words(people[i], 6);
	for (; room_count < 6; room_count++)
		rooms[room_count] = reuse_make_room(room_count);
	noises[0] = (reuse_sound){malloc(48000 * sizeof(float)), 48000};
	for (size_t i = 0; noises[0].samples && i < 48000; i++)
		noises[0].samples[i] = (float)(test_random(&noise_state) - 0.5);
	noise_count = 1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < clip_count; i++)
		free(clips[i].sound.samples);
	for (size_t i = 0; i < room_count; i++)
		free(rooms[i].samples);
	for (size_t i = 0; i < noise_count; i++)
		free(noises[i].samples);
	return 0;
}

static void test_fresh_utterances_are_not_met(void **state)
{
	vu_replay_memory *memory = open_memory();
	char id[33];

	(void)state;
	if (clip_count < 12)
		skip();
	for (size_t i = 0; i < clip_count; i++) {
		snprintf(id, sizeof id, "%zu", i);
		assert_true(meet(memory, id, &clips[i].sound, true) < REFUSED);
	}
	close_memory(memory);
}

static void test_a_second_take_of_a_sentence_is_not_met(void **state)
{
	static const char *const people[] = {"fr", "uk", "nn", "ru", "lt", "da"};
	size_t pairs = 0;

	(void)state;
	if (clip_count < 12)
		skip();
	for (size_t i = 0; i < sizeof people / sizeof people[0]; i++) {
		for (size_t words = 0;; words += 3) {
			reuse_sound first;
			reuse_sound second;
			bool both = two_takes(people[i], words, 3, &first, &second);
			if (both) {
				vu_replay_memory *memory = open_memory();
				meet(memory, "first", &first, true);
				double likeness = meet(memory, "second", &second, true);
				if (likeness >= REFUSED)
					fail_msg("two takes of %s, word %zu on, are %.3f alike", people[i], words,
					         likeness);
				pairs++;
				close_memory(memory);
			}
			free(first.samples);
			free(second.samples);
			if (!both)
				break;
		}
	}
	assert_true(pairs >= 6);
}

static void test_every_kind_of_reuse_is_met(void **state)
{
	vu_replay_memory *memory = open_memory();
	char id[33];

	(void)state;
	if (clip_count < 12)
		skip();
	for (size_t i = 0; i < clip_count; i++) {
		snprintf(id, sizeof id, "%zu", i);
		meet(memory, id, &clips[i].sound, true);
	}
	for (size_t kind = 0; kind < KIND_COUNT; kind++) {
		for (size_t i = kind % 4; i < clip_count; i += 4) {
			reuse_sound s = reuse(i, kind);
			double likeness = meet(memory, "query", &s, false);
			if (likeness <= REFUSED)
				fail_msg("%s: clip %zu is only %.3f alike", KINDS[kind], i, likeness);
			free(s.samples);
		}
	}
	close_memory(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fresh_utterances_are_not_met),
	    cmocka_unit_test(test_a_second_take_of_a_sentence_is_not_met),
	    cmocka_unit_test(test_every_kind_of_reuse_is_met),
	};
	const char *list = getenv("VOICE_UNLOCK_REPLAY_CLIPS");

	if (!list)
		return cmocka_run_group_tests(tests, set_up, tear_down);
	FILE *file = fopen(list, "r");
	char path[1024];
	while (file && clip_count < CLIPS_MAX && fgets(path, sizeof path, file)) {
		vu_error error = {0};
		path[strcspn(path, "\n")] = '\0';
		if (vu_audio_load(path, 10, &clips[clip_count].sound.samples, &clips[clip_count].sound.count,
		                  &error) == VU_OK)
			clip_count++;
	}
	if (file)
		fclose(file);
	load_sounds(getenv("VOICE_UNLOCK_ROOMS"), rooms, SOUNDS_MAX, &room_count);
	load_sounds(getenv("VOICE_UNLOCK_NOISES"), noises, SOUNDS_MAX, &noise_count);
	if (clip_count < 2 || room_count == 0 || noise_count == 0) {
		fprintf(stderr, "unable to measure: no clips, rooms or noises\n");
		return 2;
	}
	measure();
	return 0;
}
