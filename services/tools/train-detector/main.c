/*
 * vu-train-detector: a detector of synthetic speech from lists of genuine and
 * attacking files.
 *
 *   list.c      reads the lists
 *   channel.c   rooms, noise, bands, levels on both classes; codec.c codecs
 *   examples.c  files as vectors
 *   learner.c   perceptrons and trees on these
 *   validate.c  figures on what was left out
 *   manifest.c  where the model comes from and what it reached
 *
 * The training itself is common/ml/mlp.h and trees.h. Exit codes: 0 done, 2 usage, 4
 * nothing to train on, 70 everything else.
 */
#include "base/log.h"
#include "manifest.h"
#include "ml/calibration.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORPORA_MAX 32
/* Genuine corpora smaller than this are not left out as a whole. */
#define CORPUS_LEAST 40

/*
 * Shares of genuine speech of corpora left out that each point may refuse: as
 * it is, and altered; by the detector of synthetic speech, and by that of
 * loudspeakers. At the second point both run, and refuse 3 % at most together.
 * A telephone's band counts as ordinary speech.
 */
static const double REFUSED[2][VU_DETECTOR_POINTS] = {{0.008, 0.018}, {0.005, 0.012}};
static const double REFUSED_ALTERED[2][VU_DETECTOR_POINTS] = {{0.02, 0.05}, {0.012, 0.028}};

typedef struct arguments {
	const char *list;
	const char *held_out;
	const char *out;
	const char *manifest;
	const char *noise;
	const char *rooms;
	const char *scores;
	bool loudspeakers;
	const char *corpora[CORPORA_MAX];
	size_t corpus_count;
	unsigned copies;
	unsigned folds;
	unsigned threads;
	learning how;
} arguments;

static const char USAGE[] =
    "usage: vu-train-detector --list FILE --out FILE [options]\n"
    "\n"
    "Trains a detector of synthetic speech. A list has one file a line, four fields\n"
    "between tabs: bonafide or spoof, group, kind, path. Files of a group are left out\n"
    "together when figures are made. Files that cannot be used are named and skipped.\n"
    "\n"
    "  --out FILE          the model\n"
    "  --manifest FILE     what it was made of and what it reached, as JSON\n"
    "  --held-out FILE     a list that only figures are made of\n"
    "  --corpus TEXT       name and licence of a corpus (may be repeated)\n"
    "  --noise FOLDER      noises to corrupt copies with\n"
    "  --rir FOLDER        room responses to do so with\n"
    "  --loudspeakers      train the detector of loudspeakers: every file is also played by one\n"
    "  --scores FILE       scores of what was left out, as `jarvis-voice-unlock evaluate` writes them\n"
    "  --copies N          copies of each file through channels (3)\n"
    "  --seed N            the same seed and files give the same model (1)\n"
    "  --folds N           parts for cross-validation (8)\n"
    "  --threads N         that read and describe files (2); they do not change the model\n"
    "  --set NAME=VALUE    hidden members epochs batch rate decay dropout mixing (perceptrons)\n"
    "                      trees depth tree_rate smooth least columns rows trees_weight (trees)\n"
    "  --help\n";

static bool set_value(learning *how, const char *text)
{
	vu_mlp_training *h = &how->mlp;
	vu_trees_training *t = &how->trees;
	const struct {
		const char *name;
		uint32_t *count;
		float *number;
	} names[] = {{"hidden", &h->hidden, NULL},   {"members", &h->members, NULL},
	             {"epochs", &h->epochs, NULL},   {"batch", &h->batch, NULL},
	             {"rate", NULL, &h->rate},       {"decay", NULL, &h->decay},
	             {"dropout", NULL, &h->dropout}, {"mixing", NULL, &h->mixing},
	             {"trees", &t->trees, NULL},     {"depth", &t->depth, NULL},
	             {"tree_rate", NULL, &t->rate},  {"smooth", NULL, &t->smooth},
	             {"least", NULL, &t->least},     {"columns", NULL, &t->columns},
	             {"rows", NULL, &t->rows},       {"trees_weight", NULL, &how->trees_weight}};
	const char *equals = strchr(text, '=');
	char *end;
	double value = equals ? strtod(equals + 1, &end) : 0;

	if (!equals || end == equals + 1 || *end || !(value >= 0 && value <= 1000))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strlen(names[i].name) != (size_t)(equals - text) ||
		    strncmp(names[i].name, text, (size_t)(equals - text)) != 0)
			continue;
		if (names[i].number)
			*names[i].number = (float)value;
		else
			*names[i].count = (uint32_t)value;
		return true;
	}
	return false;
}

static bool read_number(const char *text, unsigned min, unsigned max, unsigned *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	*out = (unsigned)value;
	return end != text && !*end && value >= min && value <= max;
}

/* -1: go on; else the exit code. */
static int read_arguments(int argc, char **argv, arguments *a)
{
	static const struct option options[] = {
	    {"list", required_argument, NULL, 'l'},    {"held-out", required_argument, NULL, 'H'},
	    {"out", required_argument, NULL, 'o'},     {"manifest", required_argument, NULL, 'm'},
	    {"corpus", required_argument, NULL, 'c'},  {"noise", required_argument, NULL, 'n'},
	    {"rir", required_argument, NULL, 'r'},     {"copies", required_argument, NULL, 'k'},
	    {"seed", required_argument, NULL, 's'},    {"folds", required_argument, NULL, 'f'},
	    {"scores", required_argument, NULL, 'w'},  {"loudspeakers", no_argument, NULL, 'L'},
	    {"threads", required_argument, NULL, 't'}, {"set", required_argument, NULL, 'S'},
	    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
	};
	int option;
	unsigned number;

	a->copies = 3;
	a->folds = 8;
	a->threads = 2;
	a->how = learning_default();
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		const char **text = option == 'l'   ? &a->list
		                    : option == 'H' ? &a->held_out
		                    : option == 'o' ? &a->out
		                    : option == 'm' ? &a->manifest
		                    : option == 'n' ? &a->noise
		                    : option == 'r' ? &a->rooms
		                    : option == 'w' ? &a->scores
		                                    : NULL;
		bool good = true;
		if (text) {
			*text = optarg;
		} else if (option == 'L') {
			a->loudspeakers = true;
		} else if (option == 'c') {
			good = a->corpus_count < CORPORA_MAX;
			if (good)
				a->corpora[a->corpus_count++] = optarg;
		} else if (option == 'k') {
			good = read_number(optarg, 0, 20, &a->copies);
		} else if (option == 's') {
			good = read_number(optarg, 0, 1000000000, &number);
			learning_seed(&a->how, number);
		} else if (option == 'f') {
			good = read_number(optarg, 2, 50, &a->folds);
		} else if (option == 't') {
			good = read_number(optarg, 1, 16, &a->threads);
		} else if (option == 'S') {
			good = set_value(&a->how, optarg);
		} else {
			fputs(USAGE, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
		if (!good) {
			fprintf(stderr,
			        "vu-train-detector: unable to understand \"%s\": see vu-train-detector --help\n",
			        optarg);
			return 2;
		}
	}
	if (a->list && a->out && optind == argc)
		return -1;
	fputs(USAGE, stderr);
	return 2;
}

/* Left-out scores to log-likelihood ratios, and the thresholds of the points. */
static vu_status fit_calibration(const examples *e, float *scores, manifest *m)
{
	uint8_t *labels = malloc(e->count + 1);
	vu_status status;

	if (!labels)
		return VU_RESOURCE_EXHAUSTED;
	for (size_t i = 0; i < e->count; i++)
		labels[i] = !e->all[i].spoof;
	status = vu_calibration_fit(scores, labels, e->count, 1, 1e-3, 0.5, m->calibration);
	free(labels);
	if (status != VU_OK)
		return status;
	for (size_t i = 0; i < e->count; i++)
		scores[i] = m->calibration[0] + m->calibration[1] * scores[i];
	for (int p = 0; p < VU_DETECTOR_POINTS; p++) {
		for (int narrow = 0; narrow < 2; narrow++) {
			float *threshold = &m->thresholds[2 * p + narrow];
			double share = REFUSED[m->loudspeakers][p];
			double altered = narrow ? share : REFUSED_ALTERED[m->loudspeakers][p];
			*threshold = threshold_for(e, scores, ROLE_AS_IS, narrow, share);
			*threshold = fminf(*threshold, threshold_for(e, scores, ROLE_ALTERED, narrow, altered));
			*threshold = fminf(*threshold, threshold_for(e, scores, ROLE_MEASURING, narrow, altered));
		}
		if (!isfinite(m->thresholds[2 * p + 1]))
			m->thresholds[2 * p + 1] = m->thresholds[2 * p];
		if (!isfinite(m->thresholds[2 * p]))
			return VU_FAILED_PRECONDITION;
	}
	return VU_OK;
}

static double refused_share(const examples *e, const float *scores, bool altered, const float thresholds[2])
{
	size_t refused = 0;
	size_t all = 0;
	for (size_t i = 0; i < e->count; i++) {
		if (e->all[i].spoof || altered != (e->all[i].role != ROLE_AS_IS))
			continue;
		all++;
		refused += scores[i] < thresholds[e->all[i].narrow];
	}
	return all ? (double)refused / (double)all : NAN;
}

/* One line an example, without a speaker's score. */
static vu_status write_scores(const char *path, const file_list *list, const examples *e, const float *scores,
                              const manifest *m, vu_error *error)
{
	FILE *out = fopen(path, "w");
	example_role role = m->loudspeakers ? ROLE_MEASURING : ROLE_AS_IS;
	bool bad;

	if (!out)
		return vu_fail(error, VU_NOT_FOUND, "unable to write %s", path);
	fputs("user\tpath\tlabel\tverdict\tscore\tantispoof_score\tspeech_ms\tfused_score\n", out);
	for (size_t i = 0; i < e->count; i++) {
		const example *one = &e->all[i];
		const listed_file *file = &list->files[one->file];
		if (one->role != role)
			continue;
		fprintf(out, "%s\t%s%s\t%s%s%s\t%s\tnan\t%.5f\t0\tnan\n", file->kind,
		        one->spoof && m->loudspeakers ? "played:" : "", file->path, one->spoof ? "spoof:" : "target",
		        one->spoof && m->loudspeakers ? "played-" : "", one->spoof ? file->kind : "",
		        scores[i] >= m->thresholds[VU_DETECTOR_THRESHOLDS - 2 + one->narrow] ? "accept" : "spoof",
		        (double)scores[i]);
	}
	bad = ferror(out);
	bad |= fclose(out) != 0;
	return bad ? vu_fail(error, VU_INTERNAL, "unable to write %s", path) : VU_OK;
}

static vu_status validate(const arguments *a, const file_list *list, const examples *e, manifest *m, vu_error *error)
{
	float *scores = calloc(e->count + 1, sizeof *scores);
	vu_status status = VU_RESOURCE_EXHAUSTED;

	if (!scores || (status = validate_groups(list, e, &a->how, a->folds, scores)) != VU_OK)
		goto out;
	m->eer.groups = pooled_eer(list, e, scores, a->loudspeakers ? ROLE_MEASURING : ROLE_AS_IS, false);
	m->eer.groups_altered = pooled_eer(list, e, scores, ROLE_ALTERED, false);
	m->eer.repositories = pooled_eer(list, e, scores, ROLE_AS_IS, true);
	m->eer.repositories_altered = pooled_eer(list, e, scores, ROLE_ALTERED, true);
	m->repository_count =
	    eer_by_repository(list, e, scores, a->loudspeakers ? ROLE_MEASURING : ROLE_AS_IS, m->repositories);
	if ((status = validate_corpora(list, e, &a->how, CORPUS_LEAST, scores)) != VU_OK)
		goto out;
	m->eer.corpora = pooled_eer(list, e, scores, a->loudspeakers ? ROLE_MEASURING : ROLE_AS_IS, !a->loudspeakers);
	if ((status = fit_calibration(e, scores, m)) != VU_OK)
		goto out;
	for (int p = 0; p < VU_DETECTOR_POINTS; p++) {
		m->refused[p] = refused_share(e, scores, false, &m->thresholds[2 * p]);
		m->refused_altered[p] = refused_share(e, scores, true, &m->thresholds[2 * p]);
		m->kind_count = rates_by_kind(list, e, scores, &m->thresholds[2 * p], m->kinds[p]);
	}
	if (a->scores && (status = write_scores(a->scores, list, e, scores, m, error)) != VU_OK) {
		free(scores);
		return status;
	}
out:
	free(scores);
	return status == VU_OK ? VU_OK : vu_fail(error, status, "unable to validate: %s", vu_status_name(status));
}

static vu_status save(const arguments *a, const vu_detector_parts *parts, const manifest *m, vu_error *error)
{
	vu_model_writer *writer;
	char corpora[8192] = "";
	size_t length = 0;
	vu_status status = vu_model_writer_create(VU_MODEL_DETECTOR, &writer);

	if (status != VU_OK)
		return vu_fail(error, status, "unable to write %s: out of memory", a->out);
	for (size_t i = 0; i < a->corpus_count && length < sizeof corpora; i++)
		length += (size_t)snprintf(corpora + length, sizeof corpora - length, "%s\n", a->corpora[i]);
	vu_voice_detector_write(writer, parts, m->traces->version, m->calibration, m->thresholds);
	vu_model_writer_add_text(writer, "corpora", corpora);
	status = vu_model_writer_save(writer, a->out, error);
	vu_model_writer_destroy(writer);
	return status;
}

/* Scores what was held out with the file as it was written. */
static vu_status score_held_out(const arguments *a, const channels *c, manifest *m, vu_error *error)
{
	static const struct {
		const char *name;
		presentation how;
	} shown[PRESENTATIONS] = {
	    {"as it is", PRESENT_AS_IS}, {"noise at 10 dB", PRESENT_NOISY}, {"telephone band", PRESENT_TELEPHONE}};
	file_list *list = calloc(1, sizeof *list); /* kept to the end: the manifest borrows names */
	vu_voice_detector *detector = NULL;
	vu_status status = list ? list_read(a->held_out, list, error) : VU_RESOURCE_EXHAUSTED;

	if (status == VU_OK)
		status = vu_voice_detector_open(a->out, true, m->traces->version, (uint32_t)m->traces->size,
		                                &detector, error);
	for (size_t p = 0; p < PRESENTATIONS && status == VU_OK; p++) {
		examples e;
		float *scores;
		if (shown[p].how == PRESENT_NOISY && !a->noise)
			continue;
		const examples_how how = {m->traces, a->loudspeakers, shown[p].how, 0, a->how.mlp.seed, a->threads};
		status = examples_make(list, c, &how, &e, error);
		if (status != VU_OK)
			break;
		scores = malloc((e.count + 1) * sizeof *scores);
		for (size_t i = 0; scores && i < e.count; i++)
			scores[i] = vu_voice_detector_score(detector, e.all[i].vector);
		for (unsigned point = 0; scores && point < VU_DETECTOR_POINTS; point++) {
			held_out_rates *h = &m->held_out[m->presentation_count][point];
			const float thresholds[2] = {vu_voice_detector_threshold(detector, point, false),
			                             vu_voice_detector_threshold(detector, point, true)};
			h->presentation = shown[p].name;
			h->count = rates_by_kind(list, &e, scores, thresholds, h->rates);
		}
		m->presentation_count += scores != NULL;
		free(scores);
		examples_free(&e);
	}
	vu_voice_detector_destroy(detector);
	return status;
}

static void print(const manifest *m)
{
	printf("EER, left out: repositories %.1f %% (altered %.1f %%), all groups %.1f %% (%.1f %%), genuine corpora "
	       "%.1f %%\n",
	       100 * m->eer.repositories, 100 * m->eer.repositories_altered, 100 * m->eer.groups,
	       100 * m->eer.groups_altered, 100 * m->eer.corpora);
	for (int p = 0; p < VU_DETECTOR_POINTS; p++) {
		printf(
		    "%s: threshold %.2f (narrow %.2f), genuine corpora left out refused %.2f %% (altered %.2f %%)\n",
		    p ? "high" : "medium", (double)m->thresholds[2 * p], (double)m->thresholds[2 * p + 1],
		    100 * m->refused[p], 100 * m->refused_altered[p]);
		for (size_t i = 0; i < m->kind_count; i++)
			printf("%s%s%s %zu/%zu", i ? ", " : "  ", m->kinds[p][i].spoof ? "" : "genuine ",
			       m->kinds[p][i].kind, m->kinds[p][i].wrong, m->kinds[p][i].files);
		for (size_t s = 0; s < m->presentation_count; s++) {
			printf("\n  held out, %s:", m->held_out[s][p].presentation);
			for (size_t i = 0; i < m->held_out[s][p].count; i++)
				printf(" %s %zu/%zu", m->held_out[s][p].rates[i].kind,
				       m->held_out[s][p].rates[i].wrong, m->held_out[s][p].rates[i].files);
		}
		printf("\n");
	}
}

static vu_status work(const arguments *a, manifest *m, vu_error *error)
{
	file_list list = {0};
	examples e = {0};
	channels *c = NULL;
	learned model = {0};
	vu_detector_parts parts;
	bool *all = NULL;
	const examples_how how = {m->traces, a->loudspeakers, PRESENT_AS_IS, a->copies, a->how.mlp.seed, a->threads};
	vu_status status = list_read(a->list, &list, error);

	if (status != VU_OK || (status = channels_create(a->noise, a->rooms, &c, error)) != VU_OK ||
	    (status = manifest_hash_list(&list, m->list_hash, error)) != VU_OK ||
	    (status = examples_make(&list, c, &how, &e, error)) != VU_OK)
		goto out;
	m->files = list.count - e.skipped;
	m->skipped = e.skipped;
	if ((status = validate(a, &list, &e, m, error)) != VU_OK)
		goto out;
	all = malloc(e.count + 1);
	if (all)
		memset(all, true, e.count);
	status = all ? learn(&list, &e, all, &a->how, &model) : VU_RESOURCE_EXHAUSTED;
	if (status != VU_OK) {
		vu_fail(error, status, "unable to train: %s", vu_status_name(status));
		goto out;
	}
	parts = learned_parts(&model);
	status = save(a, &parts, m, error);
	if (status == VU_OK && a->held_out)
		status = score_held_out(a, c, m, error);
	if (status == VU_OK && a->manifest)
		status = manifest_write(m, a->manifest, error);
	if (status == VU_OK)
		print(m);
out:
	learned_free(&model);
	free(all);
	examples_free(&e);
	channels_destroy(c);
	list_free(&list);
	return status;
}

int main(int argc, char **argv)
{
	static arguments a;
	static manifest m;
	vu_error error = {0};
	vu_status status;
	int code = read_arguments(argc, argv, &a);

	if (code >= 0)
		return code;
	m.model_path = a.out;
	m.corpora = a.corpora;
	m.corpus_count = a.corpus_count;
	m.how = &a.how;
	m.loudspeakers = a.loudspeakers;
	m.traces = a.loudspeakers ? &vu_loudspeaker_traces_kind : &vu_synthetic_traces_kind;
	m.copies = a.copies;
	m.folds = a.folds;
	status = work(&a, &m, &error);
	if (status == VU_OK)
		return 0;
	fprintf(stderr, "vu-train-detector: %s\n", error.message);
	return status == VU_INVALID_ARGUMENT || status == VU_NOT_FOUND ? 4 : 70;
}
