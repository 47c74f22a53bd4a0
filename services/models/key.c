/* RotateKey: every template under a new master key, while everything else goes on. */
#include "internal.h"

#include "base/log.h"

static void lock_user(void *context, const char *namespace, const char *user)
{
	pthread_mutex_lock(user_lock(context, (user_key){namespace, user}));
}

static void unlock_user(void *context, const char *namespace, const char *user)
{
	pthread_mutex_unlock(user_lock(context, (user_key){namespace, user}));
}

void handle_rotate_key(void *context, vu_rpc_call *call, const ProtobufCMessage *message)
{
	models *m = context;
	const template_locks locks = {lock_user, unlock_user, m};
	Vu__RotateKeyResponse response = VU__ROTATE_KEY_RESPONSE__INIT;
	size_t count = 0;
	vu_error error = {VU_OK, ""};
	vu_status status;

	(void)message;
	/* Nobody removes meanwhile, and two of these follow each other. */
	pthread_mutex_lock(&m->removal_lock);
	status = template_store_rotate_key(&m->store, &locks, &count, &error);
	pthread_mutex_unlock(&m->removal_lock);
	if (status != VU_OK) {
		vu_rpc_fail_error(call, &error);
		return;
	}
	vu_log_info("exchanged the master key; %zu templates have it", count);
	response.templates = (uint32_t)count;
	response.key_path = (char *)(uintptr_t)vu_vault_key_path(m->vault);
	vu_rpc_reply(call, &response.base);
}
