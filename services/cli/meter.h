/* The live view of an attempt: what to do now, and how loud the microphone hears it. */
#ifndef VU_CLI_METER_H
#define VU_CLI_METER_H

#include "voiceunlock.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct level_meter {
	FILE *out; /* a terminal, else nothing is drawn */
	bool enabled;
	bool utf8;
	bool drawn;      /* a line stands there that must be cleared */
	float held_dbfs; /* falls slowly, so that the eye can follow */
} level_meter;

void meter_begin(level_meter *meter, FILE *out);
/* A voiceunlock_progress_callback; `context` is a meter. */
void meter_show(void *context, const voiceunlock_progress *progress);
/* Clears what was drawn. */
void meter_end(level_meter *meter);

/*
 * The line for one moment, without colour codes when `colour` is false: "speak
 * now  [#########------] -23 dB". At most `columns` wide. Returns `out`.
 */
char *meter_render(const voiceunlock_progress *progress, float held_dbfs, unsigned columns, bool utf8, bool colour,
                   char *out, size_t size);

#endif
