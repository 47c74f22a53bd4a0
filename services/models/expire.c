/*
 * Expire: looks for templates that nobody uses. Those that have expired are
 * counted with for as long as this process has run since it looked before, and
 * erased when that was long enough; see expiry.h.
 */
#include "base/id.h"
#include "base/log.h"
#include "expiry.h"
#include "internal.h"
#include "platform/platform.h"

#include <stdlib.h>

/* Of each kind in one answer; the others come the next time. */
#define TOLD_MAX 200
/* Between two looks more time than this counts for nothing: the machine slept. */
#define LOOK_S_MAX 7200

int64_t last_known_us(models *m, user_key key)
{
	return key.namespace[0] ? 0 : template_store_last_known_us(&m->store, key.namespace, key.user);
}

int64_t expiry_now_us(models *m)
{
	int64_t now_us;

	pthread_mutex_lock(&m->expiry_lock);
	now_us = expiry_clock_now_us(&m->expiry_clock, m->clock.wall_us(m->clock.context), vu_platform_steady_us());
	pthread_mutex_unlock(&m->expiry_lock);
	return now_us;
}

vu_status check_expiry(models *m, user_key key, vu_error *error)
{
	if (expiry_judge(last_known_us(m, key), expiry_now_us(m)) < EXPIRY_EXPIRED)
		return VU_OK;
	return vu_fail(error, VU_NOT_FOUND,
	               "user '%s' is not enrolled any more: nobody used the template for %d days; run "
	               "jarvis-voice-unlock enroll '%s' --replace",
	               key.user, EXPIRY_UNUSED_DAYS, key.user);
}

/* Seconds that this process has run since it looked before. */
static uint32_t run_since(models *m)
{
	int64_t now_us = m->clock.monotonic_us(m->clock.context);
	int64_t before_us = atomic_exchange(&m->looked_us, now_us);
	int64_t seconds = before_us > 0 ? (now_us - before_us) / 1000000 : 0;

	return seconds < 0 ? 0 : seconds > LOOK_S_MAX ? LOOK_S_MAX : (uint32_t)seconds;
}

/* OK when it is gone. */
static vu_status erase(models *m, user_key key, vu_error *error)
{
	uint8_t request_id[VU_ID_BYTES];
	uint64_t bytes;

	vu_id_generate(request_id);
	return remove_user(m, key, request_id, &bytes, error);
}

void handle_expire(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	Vu__ExpireResponse response = VU__EXPIRE_RESPONSE__INIT;
	Vu__ExpiringUser soon[TOLD_MAX];
	Vu__ExpiringUser *pointers[TOLD_MAX];
	char *erased[TOLD_MAX];
	char **names = NULL;
	size_t count = 0;
	uint32_t run_s = run_since(m);
	int64_t now_us = expiry_now_us(m);
	vu_error error = {VU_OK, ""};
	vu_status status = list_names(m, "", &names, &count, &error);

	(void)message;
	for (size_t i = 0; i < count && status == VU_OK; i++) {
		user_key key = {"", names[i]};
		int64_t last_us = last_known_us(m, key);
		expiry_state state = expiry_judge(last_us, now_us);
		uint32_t seen_s = 0;

		if (state < EXPIRY_EXPIRED)
			template_store_forget_expired(&m->store, names[i]);
		else
			seen_s = template_store_add_expired(&m->store, names[i], run_s);
		if (state == EXPIRY_FRESH)
			continue;
		if (state == EXPIRY_OVERDUE && seen_s >= EXPIRY_SEEN_S && response.n_erased < TOLD_MAX &&
		    erase(m, key, &error) == VU_OK) {
			erased[response.n_erased++] = names[i];
			continue;
		}
		if (error.status != VU_OK)
			vu_log_warn("%s", error.message);
		error.status = VU_OK;
		if (response.n_expiring == TOLD_MAX)
			continue;
		vu__expiring_user__init(&soon[response.n_expiring]);
		soon[response.n_expiring].user = names[i];
		soon[response.n_expiring].expires_us = (uint64_t)expiry_time_us(last_us);
		pointers[response.n_expiring] = &soon[response.n_expiring];
		response.n_expiring++;
	}
	response.erased = erased;
	response.expiring = pointers;
	if (status == VU_OK)
		vu_rpc_reply(call, &response.base);
	else
		vu_rpc_fail_error(call, &error);
	free_names(names, count);
}
