/*
 * vu-train: a background model from folders of people.
 *
 *   corpus.c    finds people and files
 *   augment.c   corrupts speech as rooms and microphones do
 *   describe.c  every file through the extractor
 *   manifest.c  where the model comes from and what it reached
 *
 * The training itself is common/ml/background_train.h. Exit codes: 0 done, 2
 * usage, 4 nothing to train on, 70 everything else.
 */
#include "base/log.h"
#include "describe.h"
#include "dsp/extractor.h"
#include "manifest.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CORPORA_MAX 32

typedef struct arguments {
	const char *out;
	const char *manifest;
	const char *noise;
	const char *rooms;
	const char *corpora[CORPORA_MAX];
	size_t corpus_count;
	unsigned copies;
	vu_training_config config;
	char *const *folders;
	int folder_count;
} arguments;

static const char USAGE[] =
    "usage: vu-train [options] FOLDER...\n"
    "\n"
    "Trains a background model from recordings of many people. Each FOLDER holds one\n"
    "sub-folder per person, or files whose names begin with the person and '-' or '_'.\n"
    "At least 4 people need two recordings or more; files that cannot be used are\n"
    "named, skipped and counted.\n"
    "\n"
    "  --out FILE          the model (background.vum)\n"
    "  --manifest FILE     what it was made of and what it reached, as JSON\n"
    "  --corpus TEXT       name and licence of a corpus, for manifest and model (may be repeated)\n"
    "  --noise FOLDER      noises to corrupt copies of the speech with\n"
    "  --rir FOLDER        room responses to do so with\n"
    "  --copies N          corrupted copies of each file (4 when there is noise or rir)\n"
    "  --seed N            the same seed and files give the same model (1)\n"
    "  --folds N           parts for cross-validation over people (5)\n"
    "  --set NAME=VALUE    discriminants shrinkage weight-power share-power nu gamma svm-top second-top\n"
    "                      audio-share enrol-samples mixture models kind second-kind iterations rank\n"
    "                      relevance frames-discriminants frames-shrinkage frames-top joint-weight\n"
    "                      joint-shrinkage joint-top joint-discriminants corpus-weight shift-cohort\n"
    "                      shift-relevance shift-top shift-audio-share shift-frames shift-trust prior caution\n"
    "  --help\n";

static bool set_value(vu_training_config *c, const char *text)
{
	const char *equals = strchr(text, '=');
	char *end;
	double value;
	size_t length;
	const struct {
		const char *name;
		unsigned *count;
		double *number;
	} names[] = {
	    {"discriminants", &c->discriminants, NULL},
	    {"corpus-weight", NULL, &c->corpus_weight},
	    {"shift-cohort", &c->shift_cohort, NULL},
	    {"shift-relevance", NULL, &c->shift_relevance},
	    {"shift-top", &c->shift_top, NULL},
	    {"shift-audio-share", NULL, &c->shift_audio_share},
	    {"shift-frames", NULL, &c->shift_frames},
	    {"shift-trust", NULL, &c->shift_trust},
	    {"shrinkage", NULL, &c->shrinkage},
	    {"weight-power", NULL, &c->weight_power},
	    {"share-power", NULL, &c->share_power},
	    {"prior", NULL, &c->prior},
	    {"caution", NULL, &c->caution},
	    {"nu", NULL, &c->svm_nu},
	    {"gamma", NULL, &c->svm_gamma},
	    {"svm-top", &c->svm_top, NULL},
	    {"second-top", &c->second_top, NULL},
	    {"audio-share", NULL, &c->audio_share},
	    {"enrol-samples", &c->enrol_samples, NULL},
	    {"mixture", &c->mixture, NULL},
	    {"models", &c->frames_models, NULL},
	    {"kind", &c->frames_kinds[0], NULL},
	    {"second-kind", &c->frames_kinds[1], NULL},
	    {"iterations", &c->iterations, NULL},
	    {"rank", &c->rank, NULL},
	    {"relevance", NULL, &c->relevance},
	    {"frames-discriminants", &c->frames_discriminants, NULL},
	    {"frames-shrinkage", NULL, &c->frames_shrinkage},
	    {"frames-top", &c->frames_top, NULL},
	    {"joint-weight", NULL, &c->joint_weight},
	    {"joint-shrinkage", NULL, &c->joint_shrinkage},
	    {"joint-top", &c->joint_top, NULL},
	    {"joint-discriminants", &c->joint_discriminants, NULL},
	};

	if (!equals)
		return false;
	length = (size_t)(equals - text);
	value = strtod(equals + 1, &end);
	if (end == equals + 1 || *end)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strlen(names[i].name) != length || strncmp(names[i].name, text, length) != 0)
			continue;
		if (names[i].number)
			*names[i].number = value;
		else if (value >= 0 && value <= 1000)
			*names[i].count = (unsigned)value;
		else
			return false;
		return true;
	}
	return false;
}

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	*out = value;
	return end != text && !*end && value >= min && value <= max;
}

/* -1: go on; else the exit code. */
static int read_arguments(int argc, char **argv, arguments *a)
{
	static const struct option options[] = {
	    {"out", required_argument, NULL, 'o'},
	    {"manifest", required_argument, NULL, 'm'},
	    {"corpus", required_argument, NULL, 'c'},
	    {"noise", required_argument, NULL, 'n'},
	    {"rir", required_argument, NULL, 'r'},
	    {"copies", required_argument, NULL, 'k'},
	    {"seed", required_argument, NULL, 's'},
	    {"folds", required_argument, NULL, 'f'},
	    {"set", required_argument, NULL, 'S'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int option;
	uint64_t number;
	bool copies_given = false;

	a->out = "background.vum";
	a->config = vu_training_config_default();
	a->config.mixture = 256;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		bool good = true;
		switch (option) {
		case 'o':
			a->out = optarg;
			break;
		case 'm':
			a->manifest = optarg;
			break;
		case 'c':
			good = a->corpus_count < CORPORA_MAX;
			if (good)
				a->corpora[a->corpus_count++] = optarg;
			break;
		case 'n':
			a->noise = optarg;
			break;
		case 'r':
			a->rooms = optarg;
			break;
		case 'k':
			good = copies_given = read_number(optarg, 0, 20, &number);
			a->copies = (unsigned)number;
			break;
		case 's':
			good = read_number(optarg, 0, INT64_MAX, &a->config.seed);
			break;
		case 'f':
			good = read_number(optarg, 2, 50, &number);
			a->config.folds = (unsigned)number;
			break;
		case 'S':
			good = set_value(&a->config, optarg);
			break;
		case 'h':
			fputs(USAGE, stdout);
			return 0;
		default:
			fprintf(stderr, "see vu-train --help\n");
			return 2;
		}
		if (!good) {
			fprintf(stderr, "vu-train: unable to understand \"%s\": see vu-train --help\n", optarg);
			return 2;
		}
	}
	if (optind == argc) {
		fputs(USAGE, stderr);
		return 2;
	}
	if (a->config.frames_models < 1 || a->config.frames_models > VU_FRAMES_MODELS_MAX ||
	    a->config.frames_kinds[0] >= VU_FRAMES_KINDS || a->config.frames_kinds[1] >= VU_FRAMES_KINDS) {
		fprintf(stderr, "vu-train: unable to model frames so: give 1 or %d models and kinds below %d\n",
		        VU_FRAMES_MODELS_MAX, VU_FRAMES_KINDS);
		return 2;
	}
	if (!copies_given && (a->noise || a->rooms))
		a->copies = 4;
	a->folders = argv + optind;
	a->folder_count = argc - optind;
	return -1;
}

/* Training takes minutes: a result that nobody could keep is refused before, not after. */
static vu_status check_output(const char *path, vu_error *error)
{
	const char *slash = strrchr(path, '/');
	char *folder = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	struct stat info;
	vu_status status = VU_OK;

	if (!folder)
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to train: out of memory");
	if (access(folder, W_OK | X_OK) != 0)
		status = vu_fail(error, VU_FAILED_PRECONDITION,
		                 "unable to write %s: folder %s: %s; give a file in a folder of yours", path, folder,
		                 strerror(errno));
	else if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
		status =
		    vu_fail(error, VU_FAILED_PRECONDITION, "unable to write %s: it is a folder; give a file", path);
	free(folder);
	return status;
}

static void show_progress(void *context, const char *step, double done)
{
	(void)context;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%-20s %3.0f %%", step, 100 * done);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}

static void print_figures(const vu_training_figures *figures)
{
	printf("components  trials           EER svm  cosine  frames   joint  frames2  joint2   shift  fused  FRR at "
	       "FAR 1 %%  "
	       "0.1 %%  Cllr   "
	       "corrupted EER, FRR  threshold, FRR and FAR at each level\n");
	for (size_t i = 0; i < VU_TRAINING_CALIBRATIONS; i++) {
		const vu_training_figures *f = &figures[i];
		printf("%10u  %5zu + %-7zu  %6.2f %%", f->components, f->target_trials, f->stranger_trials,
		       100 * f->svm.eer);
		for (int space = 0; space < VU_SPACES_MAX; space++)
			printf(" %6.2f %%", 100 * f->spaces[space].eer);
		printf(" %6.2f %%", 100 * f->shift.eer);
		printf("%6.2f %%  %12.1f %% %5.1f %%  %.3f  %5.2f %% %5.1f %% %5.1f %%", 100 * f->fused.eer,
		       100 * f->fused.frr_at_far_1, 100 * f->fused.frr_at_far_01, f->fused.cllr,
		       100 * f->corrupted.eer, 100 * f->corrupted.frr_at_far_1, 100 * f->corrupted.frr_at_far_01);
		for (int level = 0; level < VU_BACKGROUND_LEVELS; level++)
			printf("  %.2f %.1f %% %.3f %%%s", (double)f->thresholds[level],
			       100 * f->false_rejects[level], 100 * f->false_accepts[level],
			       f->extrapolated[level] ? " (extrapolated)" : "");
		putchar('\n');
	}
}

/* One line a corpus, as the model keeps it. The caller frees. */
static char *join_corpora(const arguments *a)
{
	size_t length = 1;
	char *text;

	for (size_t i = 0; i < a->corpus_count; i++)
		length += strlen(a->corpora[i]) + 1;
	text = calloc(1, length);
	for (size_t i = 0; text && i < a->corpus_count; i++) {
		strcat(text, a->corpora[i]);
		strcat(text, "\n");
	}
	return text;
}

static vu_status hash_corpus(const corpus *files, char hex[65], vu_error *error)
{
	char **paths = calloc(files->file_count + 1, sizeof *paths);
	const char **names = calloc(files->file_count + 1, sizeof *names);
	vu_status status;

	if (!paths || !names) {
		status = vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to hash the corpus: out of memory");
	} else {
		for (size_t i = 0; i < files->file_count; i++) {
			const char *slash = strrchr(files->files[i].path, '/');
			paths[i] = files->files[i].path;
			names[i] = slash ? slash + 1 : paths[i];
		}
		status = manifest_hash_files(paths, names, files->file_count, hex, error);
	}
	free(names);
	free(paths);
	return status;
}

static vu_status train(const arguments *a, const corpus *files, const described *speech, vu_error *error)
{
	vu_training_figures figures[VU_TRAINING_CALIBRATIONS];
	vu_model_writer *writer = NULL;
	manifest m = {
	    .model_path = a->out,
	    .corpora = a->corpora,
	    .corpus_count = a->corpus_count,
	    .config = &a->config,
	    .copies = a->copies,
	    .files = files->file_count,
	    .skipped = speech->skipped,
	    .people = speech->people,
	    .speech_s = speech->speech_s,
	    .figures = figures,
	};
	vu_status status = vu_model_writer_create(VU_MODEL_BACKGROUND, &writer);

	if (status != VU_OK)
		return vu_fail(error, status, "unable to train: out of memory");
	status = vu_background_train(&a->config, speech->utterances, speech->count, writer, figures, error);
	if (status == VU_OK)
		status = vu_model_writer_save(writer, a->out, error);
	if (status == VU_OK && a->manifest)
		status = hash_corpus(files, m.corpus_hash, error);
	if (status == VU_OK && a->manifest)
		status = manifest_write(&m, a->manifest, error);
	end_progress();
	if (status == VU_OK) {
		print_figures(figures);
		printf(
		    "\n%s: %zu people, %zu files (%zu skipped), %.0f s of speech, %zu vectors' worth of utterances\n",
		    a->out, speech->people, files->file_count, speech->skipped, speech->speech_s, speech->count);
	}
	vu_model_writer_destroy(writer);
	return status;
}

int main(int argc, char **argv)
{
	arguments a = {0};
	corpus files = {0};
	described speech = {0};
	augmenter *corrupt = NULL;
	char *corpora = NULL;
	vu_error error = {VU_OK, ""};
	vu_status status = VU_OK;
	int code;

	vu_log_init("train");
	code = read_arguments(argc, argv, &a);
	if (code >= 0)
		return code;
	corpora = join_corpora(&a);
	if (!corpora)
		status = vu_fail(&error, VU_RESOURCE_EXHAUSTED, "unable to train: out of memory");
	a.config.extractor = vu_extractor_name();
	a.config.corpora = corpora;
	a.config.progress = show_progress;
	if (status == VU_OK)
		status = check_output(a.out, &error);
	if (status == VU_OK && a.manifest)
		status = check_output(a.manifest, &error);
	for (int i = 0; i < a.folder_count && status == VU_OK; i++)
		status = corpus_add_folder(&files, a.folders[i], &error);
	if (status == VU_OK && (a.noise || a.rooms))
		status = augmenter_create(a.noise, a.rooms, &corrupt, &error);
	if (status == VU_OK)
		status =
		    describe_corpus(&files, corrupt, a.copies, a.config.seed, show_progress, NULL, &speech, &error);
	if (status == VU_OK)
		status = train(&a, &files, &speech, &error);
	end_progress();
	if (status != VU_OK)
		fprintf(stderr, "vu-train: %s\n", error.message);
	if (speech.skipped > 0)
		fprintf(stderr, "vu-train: %zu of %zu files were skipped\n", speech.skipped, files.file_count);
	augmenter_destroy(corrupt);
	described_free(&speech);
	corpus_free(&files);
	free(corpora);
	return status == VU_OK ? 0 : status == VU_INVALID_ARGUMENT ? 4 : 70;
}
