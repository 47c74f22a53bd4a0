/* One line, by the same hand as the services' lines: whoever may write the state folder may write it. */
#include "audit_note.h"

#include "base/clock.h"
#include "base/config.h"
#include "platform/platform.h"
#include "store/audit.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static vu_status append(const char *home, const vu_audit_event *event, vu_error *error)
{
	char folder[PATH_MAX];
	char key_path[PATH_MAX];
	vu_audit *audit = NULL;
	vu_status status = VU_OK;

	if ((size_t)snprintf(folder, sizeof folder, "%s/audit", home) >= sizeof folder)
		status = vu_fail(error, VU_OUT_OF_RANGE, "the path of the audit log is too long");
	if (status == VU_OK)
		status = vu_audit_key_path(home, key_path, sizeof key_path, error);
	if (status == VU_OK)
		status = vu_audit_create(folder, key_path, &audit, error);
	if (status == VU_OK)
		status = vu_audit_append(audit, event, error);
	vu_audit_destroy(audit);
	return status;
}

void cli_audit_note(const char *event, const char *reason)
{
	const vu_audit_event line = {
	    .event = event,
	    .time_us = vu_clock_wall_us(),
	    .reason = reason,
	    .score = (double)NAN,
	    .threshold = (double)NAN,
	    .antispoof_score = (double)NAN,
	};
	char *home = vu_platform_home_folder();
	vu_config *config = NULL;
	vu_error error = {VU_OK, "out of memory"};
	vu_status status = home ? vu_config_load(NULL, &config, &error) : VU_RESOURCE_EXHAUSTED;

	/* Without a state folder there has been no suite, and nothing to tell of. */
	if (status == VU_OK && config->security.audit && access(home, F_OK) == 0)
		status = append(home, &line, &error);
	if (status != VU_OK)
		fprintf(stderr, "done, but not written in the audit log: %s\n", error.message);
	vu_config_free(config);
	free(home);
}
