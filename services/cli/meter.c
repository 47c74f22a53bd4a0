/*
 * The level meter. Levels from -60 to 0 dBFS fill the bar; speech should lie
 * between -40 and -6, below is too quiet and above clips.
 */
#include "meter.h"

#include "terminal.h"

#include <math.h>
#include <string.h>

#define LEVEL_MIN_DBFS   (-60.0f)
#define LEVEL_QUIET_DBFS (-45.0f)
#define LEVEL_LOUD_DBFS  (-6.0f)
#define BAR_CELLS_MAX    40u
/* A second from full to a third: the level is given about 20 times a second. */
#define FALL_DB_PER_PICTURE 1.0f

void meter_begin(level_meter *meter, FILE *out)
{
	memset(meter, 0, sizeof *meter);
	meter->out = out;
	meter->enabled = terminal_is(out);
	meter->utf8 = terminal_has_utf8();
	meter->held_dbfs = -120.0f;
}

static const char *phase_text(const voiceunlock_progress *progress)
{
	switch (progress->phase) {
	case VOICEUNLOCK_PHASE_UPLOADING:
		return "sending";
	case VOICEUNLOCK_PHASE_OPENING:
		return "opening the microphone";
	case VOICEUNLOCK_PHASE_LISTENING:
		return "speak now";
	case VOICEUNLOCK_PHASE_SPEECH:
		return "listening";
	case VOICEUNLOCK_PHASE_DECIDING:
	case VOICEUNLOCK_PHASE_DONE:
		return "deciding";
	}
	return "";
}

static void append(char *out, size_t size, const char *text)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s", text);
}

char *meter_render(const voiceunlock_progress *progress, float held_dbfs, unsigned columns, bool utf8, bool colour,
                   char *out, size_t size)
{
	char number[32] = "";
	bool level = progress->phase == VOICEUNLOCK_PHASE_LISTENING || progress->phase == VOICEUNLOCK_PHASE_SPEECH;
	unsigned cells, filled;
	double share;

	snprintf(out, size, "%-11s", phase_text(progress));
	if (!level && progress->phase != VOICEUNLOCK_PHASE_UPLOADING)
		return out;
	/* text, space, brackets, space, number: 11 + 1 + 2 + 1 + 16 */
	if (columns < 36)
		return out;
	cells = columns - 32 < BAR_CELLS_MAX ? columns - 32 : BAR_CELLS_MAX;
	share = level ? (double)((held_dbfs - LEVEL_MIN_DBFS) / -LEVEL_MIN_DBFS) : progress->done;
	if (!(share > 0))
		share = 0;
	filled = share >= 1 ? cells : (unsigned)(share * cells);
	append(out, size, utf8 ? " ▕" : " [");
	if (colour && level)
		append(out, size,
		       held_dbfs > LEVEL_LOUD_DBFS    ? "\033[31m"
		       : held_dbfs < LEVEL_QUIET_DBFS ? "\033[33m"
		                                      : "\033[32m");
	for (unsigned i = 0; i < filled; i++)
		append(out, size, utf8 ? "█" : "#");
	if (colour && level)
		append(out, size, "\033[0m");
	for (unsigned i = filled; i < cells; i++)
		append(out, size, utf8 ? "·" : "-");
	append(out, size, utf8 ? "▏" : "]");
	if (!level)
		snprintf(number, sizeof number, " %3.0f %%", progress->done * 100.0);
	else if (progress->speech_ms > 0)
		snprintf(number, sizeof number, " %3.0f dB %4.1f s", (double)progress->level_dbfs,
		         progress->speech_ms / 1000.0);
	else if (progress->level_dbfs > -119.0f)
		snprintf(number, sizeof number, " %3.0f dB", (double)progress->level_dbfs);
	append(out, size, number);
	return out;
}

void meter_show(void *context, const voiceunlock_progress *progress)
{
	level_meter *meter = context;
	char line[1024];

	if (!meter->enabled)
		return;
	meter->held_dbfs = fmaxf(progress->level_dbfs, meter->held_dbfs - FALL_DB_PER_PICTURE);
	terminal_draw_line(meter->out, meter_render(progress, meter->held_dbfs, terminal_columns(meter->out),
	                                            meter->utf8, terminal_has_colour(meter->out), line, sizeof line));
	meter->drawn = true;
}

void meter_end(level_meter *meter)
{
	if (meter->drawn)
		terminal_clear_line(meter->out);
	meter->drawn = false;
}
