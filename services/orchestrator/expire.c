/* See the header; what is erased, and when, models decides. */
#include "expire.h"

#include "settle.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "voiceunlock/v1/models.pb-c.h"

#include <stdio.h>
#include <time.h>

#define LOOK_US  (3600 * INT64_C(1000000))
#define AGAIN_US (60 * INT64_C(1000000))
#define ASK_US   (30 * INT64_C(1000000))

static void tell(const Vu__ExpiringUser *one)
{
	time_t when = (time_t)(one->expires_us / 1000000);
	char date[16] = "";
	struct tm parts;

	if (localtime_r(&when, &parts))
		strftime(date, sizeof date, "%Y-%m-%d", &parts);
	if ((int64_t)one->expires_us > vu_clock_wall_us())
		vu_log_warn("nobody uses the template of %s: it expires on %s unless it is used before", one->user,
		            date);
	else
		vu_log_warn(
		    "the template of %s has expired on %s and lets nobody in; it will be erased a month later. "
		    "To keep it: enroll %s --replace",
		    one->user, date, one->user);
}

void vu_expire_look(vu_orchestrator *orchestrator, vu_expire *expire)
{
	int64_t now_us = vu_clock_monotonic_us();
	Vu__Empty request = VU__EMPTY__INIT;
	vu_peer_plan plan = {.deadline_us = now_us + ASK_US, .wait_for_ready = true};
	const Vu__ExpireResponse *found;
	ProtobufCMessage *response;
	vu_error error;

	if (now_us < expire->due_us)
		return;
	response = vu_peer_call(&orchestrator->peers, VU_SERVICE_MODELS, &vu__models__descriptor, "Expire",
	                        &request.base, &plan, &error);
	expire->due_us = now_us + (response ? LOOK_US : AGAIN_US);
	if (!response) {
		vu_log_debug("unable to look for templates that nobody uses: %s", error.message);
		return;
	}
	found = (const Vu__ExpireResponse *)(const void *)response;
	for (size_t i = 0; i < found->n_expiring; i++)
		tell(found->expiring[i]);
	for (size_t i = 0; i < found->n_erased; i++) {
		char event_id[VU_ID_HEX_SIZE];
		vu_id_generate_hex(event_id);
		vu_log_warn("erased the template of %s, which nobody had used for a year", found->erased[i]);
		vu_settle_note(orchestrator, event_id, found->erased[i], "remove", "expired",
		               "Nobody had used the template for a year: it was erased.");
	}
	vu_peer_free(response);
}
