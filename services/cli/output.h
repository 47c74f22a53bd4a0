/* Answers as JSON: the shapes of the interface, keys in their order. Numbers that are not known are null. */
#ifndef VU_CLI_OUTPUT_H
#define VU_CLI_OUTPUT_H

#include "voiceunlock.h"

#include <jansson.h>
#include <stdio.h>

/* NaN and infinity become null; JSON has no others. */
json_t *output_number(double number);
/* NULL and "" become null. */
json_t *output_text(const char *text);

json_t *output_attempt(const voiceunlock_attempt *attempt);
json_t *output_identification(const voiceunlock_identification *result);
json_t *output_suite(const voiceunlock_suite *suite);
/* Within a month, or already over: nobody uses the template. */
bool expires_soon(const voiceunlock_user *user, uint64_t now_us);
json_t *output_users(const voiceunlock_user_list *list);
json_t *output_history(const voiceunlock_history *history);

/* An answer by reflection: what it says is no number ("NaN", "Infinity") becomes null, at any depth. */
void output_clear_nan(json_t *json);

/* Prints one line of JSON and releases `json`. Returns an exit code: CLI_OK, or CLI_INTERNAL after telling. */
int output_print(json_t *json, FILE *out);

#endif
