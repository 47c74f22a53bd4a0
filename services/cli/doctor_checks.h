/* The checks of `doctor`, one after the other. */
#ifndef VU_CLI_DOCTOR_CHECKS_H
#define VU_CLI_DOCTOR_CHECKS_H

#include "voiceunlock.h"

#include "base/config.h"

typedef enum doctor_result { DOCTOR_OK, DOCTOR_MIND, DOCTOR_PROBLEM } doctor_result;

typedef struct doctor_report {
	void (*add)(void *context, const char *name, doctor_result result, const char *detail, const char *remedy);
	void *context;
} doctor_report;

/* `config` is NULL when it cannot be loaded; `load_error` says why. */
void doctor_check_config(const vu_config *config, const vu_error *load_error, const doctor_report *report);
void doctor_check_folders(const doctor_report *report);
/* Puts right what may be without asking: folders and keys of this user that are open to others. Says what it did. */
void doctor_repair(const doctor_report *report);
/* Whether opened templates can be kept out of the swap space. */
void doctor_check_locked_memory(const doctor_report *report);
/* Whether the system can keep each service from what it does not need. */
void doctor_check_confinement(const vu_config *config, const doctor_report *report);
/* Where the master key is, what seals it, and what that does not protect against. */
void doctor_check_key(const doctor_report *report);
void doctor_check_disk(const doctor_report *report);
void doctor_check_memory(const vu_config *config, const doctor_report *report);
/* Returns false when there is no suite, and nothing more can be asked of it. */
bool doctor_check_suite(voiceunlock_client *client, const doctor_report *report);
void doctor_check_microphone(voiceunlock_client *client, const vu_config *config, const doctor_report *report);
void doctor_check_templates(voiceunlock_client *client, const doctor_report *report);

#endif
