/*
 * Phrases and CheckPhrases: what a person said at enrolment, and whether they
 * say it again (ml/phrase.h). A template keeps what each of its samples said in
 * a section of its own, kept.phrases: one line a sample, empty where it is not
 * known. A template without it, or without frames, answers no challenge.
 */
#include "internal.h"

#include "ml/phrase.h"
#include "ml/utterance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION         "kept.phrases"
#define PHRASE_MAX      200
#define ALL_PHRASES_MAX (VU_SCORER_SAMPLES_MAX * (PHRASE_MAX + 1))

/* What a template's samples said: each distinct text, and which of them each sample is. */
typedef struct spoken {
	char text[ALL_PHRASES_MAX + 1];
	char *phrases[VU_SCORER_SAMPLES_MAX];
	size_t phrase_count;
	vu_phrase_sample samples[VU_SCORER_SAMPLES_MAX];
	size_t sample_count;
} spoken;

vu_status check_phrase(const char *phrase, vu_error *error)
{
	if (!vu_utf8_is_valid(phrase) || strlen(phrase) > PHRASE_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "a phrase is no text of at most %d bytes in UTF-8: choose a shorter one", PHRASE_MAX);
	for (const unsigned char *c = (const unsigned char *)phrase; *c; c++)
		if (*c < 32 || *c == 127)
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "a phrase has a control character: write it as one line");
	return VU_OK;
}

void write_phrases(vu_model_writer *writer, Vu__EnrollSample *const *samples, size_t count)
{
	char text[ALL_PHRASES_MAX + 1];
	size_t used = 0;
	bool any = false;

	/* Both were checked: so many samples of so long phrases fit. */
	for (size_t i = 0; i < count && i < VU_SCORER_SAMPLES_MAX; i++) {
		any = any || *samples[i]->phrase;
		used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", samples[i]->phrase);
	}
	if (any)
		vu_model_writer_add(writer, SECTION, VU_ELEMENT_BYTES, 1, (uint32_t)used, text);
}

void copy_phrases(vu_model_writer *writer, const vu_model_file *from)
{
	vu_model_section section;

	if (vu_model_file_find(from, SECTION, &section) && section.element == VU_ELEMENT_BYTES)
		vu_model_writer_add(writer, SECTION, VU_ELEMENT_BYTES, 1, section.columns, section.data);
}

static size_t find_phrase(const spoken *said, const char *phrase)
{
	size_t i = 0;

	while (i < said->phrase_count && strcmp(said->phrases[i], phrase) != 0)
		i++;
	return i;
}

/* Reads a template's phrases; `said` points into the template, too. */
static vu_status read_spoken(const vu_template *t, spoken *said, vu_error *error)
{
	vu_model_section section;
	size_t sample = 0;
	size_t offset = 0;
	vu_status status;

	said->phrase_count = said->sample_count = 0;
	if (!vu_model_file_find(t->file, SECTION, &section) || t->kept_frames_count == 0)
		return VU_OK;
	status = vu_model_file_text(t->file, SECTION, said->text, sizeof said->text, error);
	if (status != VU_OK)
		return status;
	for (char *line = said->text; *line && sample < t->kept_frames_count; sample++) {
		char *end = strchr(line, '\n');
		size_t phrase;
		if (!end || sample == VU_SCORER_SAMPLES_MAX)
			break;
		*end = '\0';
		if (*line) {
			phrase = find_phrase(said, line);
			if (phrase == said->phrase_count)
				said->phrases[said->phrase_count++] = line;
			said->samples[said->sample_count++] = (vu_phrase_sample){
			    t->kept_frames + offset, (size_t)t->kept_lengths[sample], (uint32_t)phrase};
		}
		offset += (size_t)t->kept_lengths[sample];
		line = end + 1;
	}
	if (sample != t->kept_frames_count)
		return vu_fail(error, VU_DATA_LOSS,
		               "unable to use template %s: its phrases do not fit its samples; enrol again with "
		               "--replace",
		               vu_model_file_name(t->file));
	return VU_OK;
}

/* A held template's phrases. Whatever it returns, end_reading is called afterwards. */
typedef struct reading {
	settings with;
	held_scorer held;
	cache_entry *entry;
	spoken *said;
} reading;

static vu_status begin_reading(models *m, vu_rpc_call *call, user_key key, reading *r, vu_error *error)
{
	bool hit;
	vu_status status;

	r->said = malloc(sizeof *r->said);
	if (!r->said)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to read the phrases: out of memory");
	copy_settings(m, &r->with);
	status = hold_scorer(m, &r->with, vu_rpc_deadline_us(call), &r->held, error);
	if (status == VU_OK)
		status = hold_template(m, &r->with, &r->held, key, vu_rpc_deadline_us(call), &r->entry, &hit, error);
	return status == VU_OK ? read_spoken(held_template(r->entry), r->said, error) : status;
}

static void end_reading(models *m, reading *r)
{
	if (r->entry)
		cache_release(m->cache, r->entry);
	release_scorer(m, &r->held);
	free(r->said);
}

void handle_phrases(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__PhrasesRequest *request = (const Vu__PhrasesRequest *)(const void *)message;
	Vu__PhrasesResponse response = VU__PHRASES_RESPONSE__INIT;
	reading r = {0};
	user_key key;
	vu_error error = {VU_OK, ""};
	vu_status status = check_key(request->key, &key, &error);

	if (status == VU_OK)
		status = begin_reading(m, call, key, &r, &error);
	if (status == VU_OK) {
		response.phrases = r.said->phrases;
		response.n_phrases = r.said->phrase_count;
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail_error(call, &error);
	}
	end_reading(m, &r);
}

static vu_status find_asked(const Vu__CheckPhrasesRequest *request, const spoken *said,
                            uint32_t asked[VU_PHRASES_ASKED_MAX], vu_error *error)
{
	if (request->n_phrases == 0 || request->n_phrases > VU_PHRASES_ASKED_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to check %zu phrases: ask 1 to %d",
		               request->n_phrases, VU_PHRASES_ASKED_MAX);
	for (size_t i = 0; i < request->n_phrases; i++) {
		asked[i] = (uint32_t)find_phrase(said, request->phrases[i]);
		if (asked[i] == said->phrase_count)
			return vu_fail(error, VU_FAILED_PRECONDITION,
			               "unable to check phrase %zu: the user did not enrol with it", i + 1);
	}
	return VU_OK;
}

void handle_check_phrases(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const Vu__CheckPhrasesRequest *request = (const Vu__CheckPhrasesRequest *)(const void *)message;
	Vu__CheckPhrasesResponse response = VU__CHECK_PHRASES_RESPONSE__INIT;
	reading r = {0};
	user_key key;
	uint32_t asked[VU_PHRASES_ASKED_MAX];
	const uint8_t *frames = NULL;
	size_t frames_bytes = 0;
	vu_phrase_match match;
	vu_error error = {VU_OK, ""};
	vu_status status = check_key(request->key, &key, &error);

	if (status == VU_OK)
		status = begin_reading(m, call, key, &r, &error);
	if (status == VU_OK)
		status = check_extractor(&r.held, request->extractor, &error);
	if (status == VU_OK)
		status = find_asked(request, r.said, asked, &error);
	if (status == VU_OK)
		status = vu_utterance_frames(request->statistics.data, request->statistics.len, &frames,
		                             &frames_bytes, &error);
	if (status == VU_OK && frames_bytes == 0)
		status = vu_fail(&error, VU_INVALID_ARGUMENT,
		                 "unable to check the phrases: the frames are missing; extract them, too");
	if (status == VU_OK)
		status = vu_phrase_check(r.said->samples, r.said->sample_count, asked, request->n_phrases, frames,
		                         frames_bytes, &match, &error);
	if (status == VU_OK) {
		response.matches = match.matches;
		response.distance = match.distance;
		response.margin = match.margin;
		response.distance_max = VU_PHRASE_DISTANCE_MAX;
		response.margin_min = VU_PHRASE_MARGIN_MIN;
		vu_rpc_reply(call, &response.base);
	} else {
		vu_rpc_fail_error(call, &error);
	}
	end_reading(m, &r);
}
