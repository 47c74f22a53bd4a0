/* A change is told by what stat says; whether it is one for the better by reading the files as a service would. */
#include "renewal.h"

#include "base/log.h"
#include "rpc/credentials.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES 4

typedef struct look {
	uint64_t files[FILES][4];
} look;

struct vu_renewal {
	char folder[PATH_MAX];
	look shown, seen;
	int64_t next_us;
};

static void take_look(const char *folder, look *out)
{
	static const char *const NAMES[FILES] = {"ca.pem", "crl.pem", "cert.pem", "key.pem"};
	char path[PATH_MAX + 16];
	struct stat info;

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < FILES; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
		if (stat(path, &info) != 0)
			continue;
		out->files[i][0] = (uint64_t)info.st_ino;
		out->files[i][1] = (uint64_t)info.st_mtime;
		out->files[i][2] = (uint64_t)info.st_ctime;
		out->files[i][3] = (uint64_t)info.st_size;
	}
}

vu_renewal *vu_renewal_create(const char *home)
{
	vu_renewal *renewal = calloc(1, sizeof *renewal);

	if (!renewal)
		return NULL;
	snprintf(renewal->folder, sizeof renewal->folder, "%s/tls", home);
	take_look(renewal->folder, &renewal->shown);
	renewal->seen = renewal->shown;
	return renewal;
}

static bool can_be_used(const vu_renewal *renewal)
{
	vu_credentials *credentials = NULL;
	nng_tls_config *tls = NULL;
	vu_error error;
	vu_status status = vu_credentials_load(renewal->folder, &credentials, &error);

	if (status == VU_OK)
		status = vu_credentials_tls(credentials, NULL, &tls, &error);
	if (status != VU_OK)
		vu_log_error("%s; other hosts are shown the certificate from before", error.message);
	if (tls)
		nng_tls_config_free(tls);
	vu_credentials_free(credentials);
	return status == VU_OK;
}

bool vu_renewal_is_due(vu_renewal *renewal, int64_t now_us)
{
	look now;

	if (now_us < renewal->next_us)
		return false;
	renewal->next_us = now_us + VU_RENEWAL_INTERVAL_US;
	take_look(renewal->folder, &now);
	if (memcmp(&now, &renewal->seen, sizeof now) != 0) {
		renewal->seen = now;
		return false;
	}
	if (memcmp(&now, &renewal->shown, sizeof now) == 0)
		return false;
	/* Judged once, until they change again. */
	renewal->shown = now;
	return can_be_used(renewal);
}

void vu_renewal_free(vu_renewal *renewal)
{
	free(renewal);
}
