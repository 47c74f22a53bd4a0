/* Verdict first, then what it rests on, then what to do next. */
#include "attempt_text.h"

#include "cli.h"
#include "format.h"
#include "terminal.h"

#include <math.h>

#define TEXT_MAX 600

static void print_verdict(voiceunlock_verdict verdict, const char *name, FILE *out)
{
	char printable[TEXT_MAX];
	terminal_colour colour = verdict == VOICEUNLOCK_ACCEPT ? TERMINAL_GREEN : TERMINAL_RED;

	fprintf(out, "%s%s%s%s%s\n", terminal_colour_code(out, colour), voiceunlock_verdict_name(verdict),
	        terminal_colour_code(out, TERMINAL_PLAIN), name && name[0] ? ": " : "",
	        name ? cli_printable(name, printable, sizeof printable) : "");
}

static void print_antispoof(const voiceunlock_antispoof *antispoof, FILE *out)
{
	char score[FORMAT_MAX], printable[TEXT_MAX];

	if (!antispoof->level[0] && isnan(antispoof->score))
		return;
	fprintf(out, "  live voice  %s%s%s at level %s\n", voiceunlock_spoof_verdict_name(antispoof->verdict),
	        isnan(antispoof->score) ? "" : ", ",
	        isnan(antispoof->score) ? "" : format_score(antispoof->score, score),
	        cli_printable(antispoof->level, printable, sizeof printable));
	for (size_t i = 0; i < antispoof->detector_count; i++) {
		const voiceunlock_detector *detector = &antispoof->detectors[i];
		fprintf(out, "              %s: %s", cli_printable(detector->name, printable, sizeof printable),
		        voiceunlock_spoof_verdict_name(detector->verdict));
		fprintf(out, ", %s", format_score(detector->score, score));
		if (detector->reason[0])
			fprintf(out, " (%s)", cli_printable(detector->reason, printable, sizeof printable));
		fputc('\n', out);
	}
}

static void print_quality(const voiceunlock_quality *quality, FILE *out)
{
	char time[FORMAT_MAX];

	if (quality->total_ms == 0 && quality->speech_ms == 0)
		return;
	fprintf(out, "  speech      %s, %.0f dB above the noise, %.1f %% clipped\n",
	        format_duration(quality->speech_ms / 1000.0, time), (double)quality->snr_db,
	        (double)quality->clipped_pct);
}

void attempt_text_print(const voiceunlock_attempt *attempt, FILE *out)
{
	char first[FORMAT_MAX], second[FORMAT_MAX], printable[TEXT_MAX];

	print_verdict(attempt->verdict, attempt->user, out);
	if (!isnan(attempt->score))
		fprintf(out, "  speaker     %s, needed %s\n", format_score(attempt->score, first),
		        format_score(attempt->threshold, second));
	print_antispoof(&attempt->antispoof, out);
	print_quality(&attempt->quality, out);
	if (attempt->timing_ms.total > 0)
		fprintf(out, "  took        %s (%s after the end of speech)\n",
		        format_duration(attempt->timing_ms.total / 1000.0, first),
		        format_duration(attempt->timing_ms.decision / 1000.0, second));
	if (attempt->reason[0])
		fprintf(out, "%s\n", cli_printable(attempt->reason, printable, sizeof printable));
}

void attempt_text_print_identification(const voiceunlock_identification *result, FILE *out)
{
	char score[FORMAT_MAX], printable[TEXT_MAX];

	print_verdict(result->verdict, result->user ? result->user : "nobody", out);
	for (size_t i = 0; i < result->candidate_count; i++) {
		cli_printable(result->candidates[i].user, printable, sizeof printable);
		fprintf(out, "  %-10s  %s %s\n", i == 0 ? "candidates" : "", printable,
		        format_score(result->candidates[i].score, score));
	}
	if (!isnan(result->threshold))
		fprintf(out, "  needed      %s\n", format_score(result->threshold, score));
	print_antispoof(&result->antispoof, out);
	print_quality(&result->quality, out);
	if (result->reason[0])
		fprintf(out, "%s\n", cli_printable(result->reason, printable, sizeof printable));
}
