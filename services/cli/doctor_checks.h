/* The checks of `doctor`, one after the other. */
#ifndef VU_CLI_DOCTOR_CHECKS_H
#define VU_CLI_DOCTOR_CHECKS_H

#include "voiceunlock.h"

#include "base/config.h"

#include <sys/types.h>

#define DOCTOR_TEXT_MAX 1024

typedef enum doctor_result { DOCTOR_OK, DOCTOR_MIND, DOCTOR_PROBLEM } doctor_result;

typedef struct doctor_report {
	void (*add)(void *context, const char *name, doctor_result result, const char *detail, const char *remedy);
	void *context;
} doctor_report;

void doctor_add(const doctor_report *report, const char *name, doctor_result result, const char *remedy,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whose suite it is that the environment and the configuration name. */
typedef struct doctor_suite {
	bool machine;
	uid_t owner;     /* whom its files have to belong to */
	bool pam_wanted; /* system.mode */
	char user[64];   /* the owner's name, or number */
} doctor_suite;

void doctor_find_suite(const vu_config *config, doctor_suite *out);

/* `config` is NULL when it cannot be loaded; `load_error` says why. */
void doctor_check_config(const vu_config *config, const vu_error *load_error, const doctor_report *report);

/* ---- doctor_files.c: as the owner sees them, which root looks at them as ---- */

void doctor_check_folders(const doctor_suite *suite, const doctor_report *report);
void doctor_check_sockets(const doctor_suite *suite, const doctor_report *report);
/* Where the master key is, what seals it, and what that does not protect against. */
void doctor_check_key(const doctor_suite *suite, const doctor_report *report);
/*
 * Puts right what may be without asking, and says what it did: folders, keys and
 * sockets of the owner that are open to others; as root those of the machine
 * suite that belong to root; units that systemd has not read since they changed.
 */
void doctor_repair(const doctor_suite *suite, const doctor_report *report);

/* ---- doctor_pam.c, doctor_unit.c ---- */

typedef struct doctor_pam_places {
	const char *const *services; /* folders of what is configured, NULL at the end */
	const char *const *modules;  /* where a module is looked for that has no path */
	uid_t owner;                 /* whom module and helper have to belong to */
} doctor_pam_places;

/* NULL: those of this system. */
void doctor_check_pam(const doctor_suite *suite, const doctor_pam_places *places, const doctor_report *report);
/* What starts the suite at the boot or the login. */
void doctor_check_unit(const doctor_suite *suite, const doctor_report *report);

/* ---- doctor_checks.c ---- */

/* Whether opened templates can be kept out of the swap space. */
void doctor_check_locked_memory(const doctor_report *report);
/* Whether the system can keep each service from what it does not need. */
void doctor_check_confinement(const vu_config *config, const doctor_report *report);
void doctor_check_disk(const doctor_report *report);
void doctor_check_memory(const vu_config *config, const doctor_report *report);
/* Returns false when there is no suite, and nothing more can be asked of it. */
bool doctor_check_suite(voiceunlock_client *client, const doctor_report *report);
void doctor_check_microphone(voiceunlock_client *client, const vu_config *config, const doctor_report *report);
void doctor_check_templates(voiceunlock_client *client, const doctor_report *report);

#endif
