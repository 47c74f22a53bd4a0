/*
 * vu-corrupt: speech as it would have been recorded elsewhere, for
 * evaluations: in a room, cut short, over noise. The same input, options and
 * seed give the same output, bit for bit.
 *
 *   sounds.c      noises and rooms to choose from
 *   corruption.c  one file made from another
 *
 * With a list, what cannot be made is told and counted and the rest goes on;
 * recordings that are too short are left out as what was asked for.
 */
#include "base/log.h"
#include "corruption.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_SOME_FAILED 1
#define EXIT_USAGE       2
#define LINE_MAX_BYTES   8192

static const char USAGE[] = "usage: vu-corrupt [options] IN OUT\n"
                            "       vu-corrupt [options] --list TSV\n"
                            "\n"
                            "Makes a WAV file (16 kHz, mono) from a recording of speech. In this order:\n"
                            "\n"
                            "  --room PATH      as heard in a room: a file with its response, or a folder of them\n"
                            "  --seconds S      the first S seconds of that\n"
                            "  --noise PATH     over noise: a file, or a folder of them\n"
                            "  --snr DB         so far under the speech (20)\n"
                            "\n"
                            "  --seed N         chooses room, noise and where it begins, by the name of IN (1)\n"
                            "  --list TSV       many: IN and OUT on each line, with a tab between; what is shorter\n"
                            "                   than S is left out\n"
                            "  --help\n"
                            "\n"
                            "The level of the speech is kept, unless it would clip. Exit 1 when a file could\n"
                            "not be made.\n";

static int complain(const char *message)
{
	fprintf(stderr, "vu-corrupt: %s\n", message);
	return EXIT_SOME_FAILED;
}

/* Splits "IN<TAB>OUT\n" in place; false when it is something else. */
static bool split(char *line, char **in, char **out)
{
	char *tab = strchr(line, '\t');

	line[strcspn(line, "\r\n")] = '\0';
	if (!tab || tab == line || tab[1] == '\0' || strchr(tab + 1, '\t'))
		return false;
	*tab = '\0';
	*in = line;
	*out = tab + 1;
	return true;
}

static int make_list(const corruption *how, const char *path)
{
	FILE *list = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	unsigned long number = 0, short_ones = 0, failed = 0;
	vu_error error;

	if (!list) {
		vu_fail_errno(&error, errno, "unable to open %s", path);
		complain(error.message);
		return EXIT_USAGE;
	}
	while (fgets(line, sizeof line, list)) {
		char *in, *out;
		vu_status status;
		number++;
		if (!split(line, &in, &out)) {
			fprintf(stderr,
			        "vu-corrupt: unable to read %s line %lu: write IN and OUT with a tab between\n", path,
			        number);
			fclose(list);
			return EXIT_USAGE;
		}
		status = corruption_make(how, in, out, &error);
		short_ones += status == VU_OUT_OF_RANGE;
		failed += status != VU_OK && status != VU_OUT_OF_RANGE;
		if (status != VU_OK && status != VU_OUT_OF_RANGE)
			complain(error.message);
	}
	fclose(list);
	if (short_ones > 0 || failed > 0)
		fprintf(stderr, "vu-corrupt: %lu of %lu recordings were too short, %lu could not be used\n",
		        short_ones, number, failed);
	return failed > 0 ? EXIT_SOME_FAILED : 0;
}

static bool parse_number(const char *text, double low, double high, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= low && *out <= high;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"room", required_argument, NULL, 'r'},  {"seconds", required_argument, NULL, 's'},
	    {"noise", required_argument, NULL, 'n'}, {"snr", required_argument, NULL, 'd'},
	    {"seed", required_argument, NULL, 'e'},  {"list", required_argument, NULL, 'l'},
	    {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
	};
	corruption how = {.snr_db = 20, .seed = 1};
	sounds rooms = {0}, noises = {0};
	const char *room = NULL, *noise = NULL, *list = NULL;
	double number;
	vu_error error = {VU_OK, ""};
	vu_status status = VU_OK;
	int option, exit_code;

	vu_log_init("corrupt");
	while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
		bool good = true;
		switch (option) {
		case 'r':
			room = optarg;
			break;
		case 's':
			good = parse_number(optarg, 0.1, SOUND_SECONDS_MAX, &how.seconds);
			break;
		case 'n':
			noise = optarg;
			break;
		case 'd':
			good = parse_number(optarg, -100, 100, &how.snr_db);
			break;
		case 'e':
			good = parse_number(optarg, 0, 4294967295.0, &number) && number == floor(number);
			how.seed = good ? (uint64_t)number : 0;
			break;
		case 'l':
			list = optarg;
			break;
		case 'h':
			fputs(USAGE, stdout);
			return 0;
		default:
			good = false;
		}
		if (!good) {
			fputs(USAGE, stderr);
			return EXIT_USAGE;
		}
	}
	if (argc - optind != (list ? 0 : 2)) {
		fputs(USAGE, stderr);
		return EXIT_USAGE;
	}
	if (room) {
		status = sounds_open(room, &rooms, &error);
		how.rooms = &rooms;
	}
	if (status == VU_OK && noise) {
		status = sounds_open(noise, &noises, &error);
		how.noises = &noises;
	}
	if (status != VU_OK)
		exit_code = complain(error.message);
	else if (list)
		exit_code = make_list(&how, list);
	else
		exit_code = corruption_make(&how, argv[optind], argv[optind + 1], &error) == VU_OK
		                ? 0
		                : complain(error.message);
	sounds_close(&rooms);
	sounds_close(&noises);
	return exit_code;
}
