/* An attempt in words, as `test` and `identify` print it. */
#ifndef VU_CLI_ATTEMPT_TEXT_H
#define VU_CLI_ATTEMPT_TEXT_H

#include "voiceunlock.h"

#include <stdio.h>

void attempt_text_print(const voiceunlock_attempt *attempt, FILE *out);
void attempt_text_print_identification(const voiceunlock_identification *result, FILE *out);

#endif
