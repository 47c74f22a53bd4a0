/* The verbs, one per cmd_<verb>.c. */
#ifndef VU_CLI_VERBS_H
#define VU_CLI_VERBS_H

#include "cli.h"

extern const cli_verb CMD_START;
extern const cli_verb CMD_STOP;
extern const cli_verb CMD_RESTART;
extern const cli_verb CMD_STATUS;
extern const cli_verb CMD_ENROLL;
extern const cli_verb CMD_TEST;
extern const cli_verb CMD_IDENTIFY;
extern const cli_verb CMD_LIST;
extern const cli_verb CMD_REMOVE;
extern const cli_verb CMD_CONFIGURE;
extern const cli_verb CMD_HISTORY;
extern const cli_verb CMD_EXPORT;
extern const cli_verb CMD_EVALUATE;
extern const cli_verb CMD_CLEANUP;
extern const cli_verb CMD_AUDIT;
extern const cli_verb CMD_UNLOCK_USER;
extern const cli_verb CMD_ROTATE_KEY;
extern const cli_verb CMD_REPORT;
extern const cli_verb CMD_METRICS;
extern const cli_verb CMD_ALERTS;
extern const cli_verb CMD_DIAGNOSTICS;
extern const cli_verb CMD_CALL;
extern const cli_verb CMD_DOCTOR;
extern const cli_verb CMD_HELP;
extern const cli_verb CMD_VERSION;

/* All verbs with their summaries. */
void cli_print_overview(FILE *out);
/* The nearest verb on standard error, if one is near. */
void cli_suggest_verb(const char *word);

#endif
