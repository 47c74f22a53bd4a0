/*
 * What adapting templates does with real voices, through the real extractor
 * and scorers.
 *
 * usage: follow_voice BACKGROUND LIST
 *
 * LIST has lines `person<TAB>role<TAB>path`; role enroll, later (heard while
 * the template is in use, in order) or held (never heard, for measuring). For
 * everybody the held utterances are scored before and after the later ones
 * were heard a few times over, a day apart. Then whoever comes nearest among
 * the others tries a thousand times, an hour apart, with all they have.
 *
 * Prints `held N before X after Y adapted N` (means, nats above the threshold
 * at standard) and `strangers N accepted_before N accepted_after N rise X
 * adapted N`; exit 0 unless a step fails.
 */
#include "audio/load.h"
#include "dsp/extractor.h"
#include "ml/adaptation.h"
#include "ml/utterance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UTTERANCES_MAX 2000
#define SECONDS_MAX    10
#define PASSES         3
#define TRIES          1000
#define DAY_US         (24 * 3600 * INT64_C(1000000))
#define FIRST_US       (INT64_C(1700000000) * 1000000)

typedef struct utterance {
	char person[32];
	char role[16];
	vu_features *features;
	uint8_t *blob;
	size_t blob_bytes;
	vu_probe probe;
} utterance;

typedef struct held_template {
	vu_template *t;
	void *data;
} held_template;

static utterance all[UTTERANCES_MAX];
static size_t count;
static vu_background *background;
static vu_background_scaler *scaler;
static vu_background_projection *projection;
static vu_scorer scorer;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "follow_voice: unable to %s: %s\n", what, why);
	exit(1);
}

/* One file through extractor and background. A file with too little speech is left out. */
static void describe(const char *path, utterance *u)
{
	const vu_extractor_config config = {true, {0.5, 0}};
	vu_extractor *extractor;
	float *samples;
	size_t samples_count;
	vu_scorer_input input;
	vu_error error;

	u->features = calloc(1, sizeof *u->features);
	if (!u->features || vu_audio_load(path, SECONDS_MAX, &samples, &samples_count, &error) != VU_OK)
		die(path, "no audio");
	if (vu_extractor_create(&config, &extractor) != VU_OK ||
	    vu_extractor_push(extractor, samples, samples_count) != VU_OK ||
	    vu_extractor_finish(extractor, u->features) != VU_OK)
		die(path, "the extractor failed");
	free(samples);
	if (!u->features->has_vector ||
	    vu_utterance_describe(background, u->features->statistics, u->features->statistics_bytes, true, &u->blob,
	                          &u->blob_bytes, &error) != VU_OK) {
		free(u->features);
		u->features = NULL;
	} else {
		input = (vu_scorer_input){
		    .vector = u->features->vector.values,
		    .statistics = u->blob,
		    .statistics_bytes = u->blob_bytes,
		    .speech_ms = u->features->quality.speech_ms,
		    .snr_db = u->features->quality.snr_db,
		};
		if (vu_scorer_prepare(&scorer, &input, &u->probe, &error) != VU_OK)
			die(path, error.message);
	}
	vu_extractor_destroy(extractor);
}

static void read_list(const char *path)
{
	char line[1024];
	FILE *list = fopen(path, "r");

	if (!list)
		die("open", path);
	while (count < UTTERANCES_MAX && fgets(line, sizeof line, list)) {
		char file[900];
		utterance *u = &all[count];
		if (sscanf(line, "%31[^\t]\t%15[^\t]\t%899[^\n]", u->person, u->role, file) != 3)
			die("read", line);
		describe(file, u);
		count += u->features != NULL;
	}
	fclose(list);
}

static bool is(const utterance *u, const char *person, const char *role)
{
	return strcmp(u->person, person) == 0 && strcmp(u->role, role) == 0;
}

static void open_written(vu_model_writer *writer, held_template *out)
{
	vu_model_file *file;
	size_t bytes;
	vu_error error;

	if (vu_model_writer_finish(writer, &out->data, &bytes, &error) != VU_OK ||
	    vu_model_file_from_memory(out->data, bytes, "template", VU_MODEL_TEMPLATE, &file, &error) != VU_OK ||
	    vu_template_create(file, &out->t, &error) != VU_OK)
		die("make a template", error.message);
	if (bytes > VU_TEMPLATE_BYTES_MAX)
		die("make a template", "it is larger than a template may be");
}

static void drop(held_template *k)
{
	vu_template_destroy(k->t);
	free(k->data);
}

/* False when the person has too few samples. */
static bool enrol(const char *person, held_template *out)
{
	vu_scorer_sample samples[VU_SCORER_SAMPLES_MAX];
	static float crops[VU_SCORER_SAMPLES_MAX][VU_CROPS_MAX * VU_BACKGROUND_DIMENSIONS];
	vu_scorer_options options = {.quantize = true};
	vu_scorer_trained trained;
	vu_model_writer *writer;
	size_t used = 0;
	vu_error error;

	for (size_t i = 0; i < count && used < VU_SCORER_SAMPLES_MAX; i++) {
		const vu_features *f = all[i].features;
		if (!is(&all[i], person, "enroll"))
			continue;
		for (size_t c = 0; c < f->crop_count; c++)
			memcpy(crops[used] + c * VU_BACKGROUND_DIMENSIONS, f->crops[c].values,
			       sizeof f->crops[c].values);
		samples[used] = (vu_scorer_sample){.whole = {.vector = f->vector.values,
		                                             .statistics = all[i].blob,
		                                             .statistics_bytes = all[i].blob_bytes},
		                                   .crops = crops[used],
		                                   .crop_count = f->crop_count};
		used++;
	}
	if (used < 2)
		return false;
	if (vu_model_writer_create(VU_MODEL_TEMPLATE, &writer) != VU_OK ||
	    vu_scorer_train(&scorer, samples, used, &options, writer, &trained, &error) != VU_OK)
		die("train", error.message);
	open_written(writer, out);
	vu_model_writer_destroy(writer);
	return true;
}

/* Above the threshold at standard. */
static float score_of(const held_template *k, const utterance *u)
{
	vu_score score;

	vu_scorer_compare(&scorer, k->t, &u->probe, VU_LEVEL_STANDARD, &score);
	return score.fused - score.threshold;
}

static bool hear(held_template *k, const utterance *u, int64_t wall_us)
{
	vu_model_writer *writer;
	vu_adaptation_outcome outcome;
	vu_error error;

	if (vu_model_writer_create(VU_MODEL_TEMPLATE, &writer) != VU_OK ||
	    vu_adaptation_update(&scorer, k->t, &u->probe, wall_us, writer, &outcome, &error) != VU_OK)
		die("adapt", error.message);
	if (outcome == VU_ADAPTED) {
		held_template fresh;
		open_written(writer, &fresh);
		drop(k);
		*k = fresh;
	}
	vu_model_writer_destroy(writer);
	return outcome == VU_ADAPTED;
}

typedef struct figures {
	unsigned held;
	double before;
	double after;
	unsigned adapted;
	unsigned strangers;
	unsigned accepted_before;
	unsigned accepted_after;
	float rise;
	unsigned adapted_to_strangers;
} figures;

static void follow_owner(const char *person, held_template *k, figures *f)
{
	unsigned day = 0;

	for (size_t i = 0; i < count; i++)
		if (is(&all[i], person, "held")) {
			f->held++;
			f->before += score_of(k, &all[i]);
		}
	for (int pass = 0; pass < PASSES; pass++)
		for (size_t i = 0; i < count; i++)
			if (is(&all[i], person, "later"))
				f->adapted += hear(k, &all[i], FIRST_US + day++ * DAY_US);
	for (size_t i = 0; i < count; i++)
		if (is(&all[i], person, "held"))
			f->after += score_of(k, &all[i]);
}

/* Who of the others has the utterance that comes nearest. */
static const char *nearest(const char *person, const held_template *k)
{
	const char *who = NULL;
	float best = -INFINITY;

	for (size_t i = 0; i < count; i++) {
		float score;
		if (strcmp(all[i].person, person) == 0)
			continue;
		score = score_of(k, &all[i]);
		if (score > best) {
			best = score;
			who = all[i].person;
		}
	}
	return who;
}

static void withstand(const char *person, held_template *k, figures *f)
{
	const char *stranger = nearest(person, k);
	float before[UTTERANCES_MAX];
	size_t at = 0;

	for (size_t i = 0; stranger && i < count; i++)
		if (strcmp(all[i].person, stranger) == 0) {
			before[i] = score_of(k, &all[i]);
			f->accepted_before += before[i] >= 0;
			f->strangers++;
		}
	for (unsigned tries = 0; stranger && tries < TRIES; at = (at + 1) % count) {
		if (strcmp(all[at].person, stranger) != 0)
			continue;
		f->adapted_to_strangers += hear(k, &all[at], FIRST_US + 1000 * DAY_US + tries++ * (DAY_US / 24));
	}
	for (size_t i = 0; stranger && i < count; i++)
		if (strcmp(all[i].person, stranger) == 0) {
			float after = score_of(k, &all[i]);
			f->accepted_after += after >= 0;
			f->rise = fmaxf(f->rise, after - before[i]);
		}
}

int main(int argc, char **argv)
{
	figures f = {0};
	vu_error error;

	if (argc != 3)
		die("begin", "usage: follow_voice BACKGROUND LIST");
	if (vu_background_open(argv[1], true, &background, &error) != VU_OK ||
	    vu_background_load_scaler(background, &scaler, &error) != VU_OK ||
	    vu_background_load_projection(background, 50, &projection, &error) != VU_OK)
		die("open the background model", error.message);
	scorer = (vu_scorer){background, scaler, projection};
	read_list(argv[2]);
	for (size_t i = 0; i < count; i++) {
		held_template k;
		bool first = true;
		for (size_t j = 0; j < i && first; j++)
			first = strcmp(all[j].person, all[i].person) != 0;
		if (!first || !enrol(all[i].person, &k))
			continue;
		follow_owner(all[i].person, &k, &f);
		withstand(all[i].person, &k, &f);
		drop(&k);
	}
	printf("held %u before %.3f after %.3f adapted %u\n", f.held, f.before / f.held, f.after / f.held, f.adapted);
	printf("strangers %u accepted_before %u accepted_after %u rise %.3f adapted %u\n", f.strangers,
	       f.accepted_before, f.accepted_after, (double)f.rise, f.adapted_to_strangers);
	return 0;
}
