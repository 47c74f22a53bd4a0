/*
 * Several endpoints with other machines among them: a channel for each, and the
 * choice which one a try goes to.
 *
 * They are used in the order of the configuration: the first that answers. Who
 * keeps templates is not interchangeable from one call to the next, so calls are
 * not spread over the list; the others stand by. One that has failed a try
 * rests for REST_MIN_US, then longer each time, while the next in the list takes
 * its place; it is asked again afterwards. One whose connection has yet to be
 * made for the first time is waited for PATIENCE_US.
 *
 * Each try goes to one member; whether there is another try is decided in
 * channel.c as for any channel, under one request id.
 */
#include "rpc/channel_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_US INT64_C(1000000)
#define REST_MIN_US INT64_C(1000000)
#define REST_MAX_US INT64_C(30000000)
/* Nobody tells which of several connections comes first, so we look. */
#define LOOK_US 10000

typedef struct vu_member {
	vu_channel *channel;
	/* Guarded by the group's lock. */
	int64_t since_us; /* when it was first asked to connect; 0: never */
	bool stood;       /* has been connected once */
	int64_t rest_us;  /* 0: the last try went well */
	int64_t rests_until_us;
} vu_member;

struct vu_group {
	uv_mutex_t lock;
	size_t count;
	size_t last; /* that was used, for the log */
	vu_member members[];
};

vu_status vu_group_create(const vu_channel_config *config, vu_group **group_out, vu_error *error)
{
	vu_group *group = calloc(1, sizeof *group + config->endpoint_count * sizeof group->members[0]);
	vu_status status = VU_OK;

	*group_out = NULL;
	if (!group || uv_mutex_init(&group->lock) != 0) {
		free(group);
		return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to create the channel to %s: no memory",
		               config->service);
	}
	for (; group->count < config->endpoint_count && !status; group->count += !status) {
		vu_channel_config one = *config;
		one.endpoints = &config->endpoints[group->count];
		one.endpoint_count = 1;
		status = vu_channel_create(&one, &group->members[group->count].channel, error);
	}
	if (status) {
		vu_group_destroy(group);
		return status;
	}
	*group_out = group;
	return VU_OK;
}

void vu_group_destroy(vu_group *group)
{
	if (!group)
		return;
	for (size_t i = 0; i < group->count; i++)
		vu_channel_destroy(group->members[i].channel);
	uv_mutex_destroy(&group->lock);
	free(group);
}

/*
 * The member to use now; NULL when none can be used yet. *hopeless_out: and
 * none is still in its first moments, so that waiting may be in vain.
 */
static vu_member *pick(vu_group *group, int64_t now_us, bool *hopeless_out, vu_error *error)
{
	vu_member *resting = NULL;

	*hopeless_out = true;
	for (size_t i = 0; i < group->count; i++) {
		vu_member *member = &group->members[i];
		bool stands = vu_connection_kick(&member->channel->connection, error);
		bool rests;
		bool young;

		uv_mutex_lock(&group->lock);
		if (member->since_us == 0)
			member->since_us = now_us;
		member->stood = member->stood || stands;
		rests = member->rest_us > 0 && now_us < member->rests_until_us;
		young = !member->stood && now_us - member->since_us < PATIENCE_US;
		uv_mutex_unlock(&group->lock);
		if (stands && !rests)
			return member;
		/* Better one that failed lately than none. */
		if (stands && (!resting || member->rests_until_us < resting->rests_until_us))
			resting = member;
		if (!stands && young && !rests) {
			*hopeless_out = false;
			/* Its turn comes before that of those behind it; they connect meanwhile. */
			for (size_t k = i + 1; k < group->count; k++)
				(void)vu_connection_kick(&group->members[k].channel->connection, error);
			return NULL;
		}
	}
	return resting;
}

static vu_status wait_for_member(vu_channel *channel, const vu_try *try, vu_member **member_out, vu_error *error)
{
	vu_group *group = channel->group;
	const vu_call_options *options = try->options;

	for (;;) {
		int64_t now_us = vu_clock_monotonic_us();
		vu_error reason = {VU_OK, ""};
		bool hopeless;

		if (vu_cancel_is_triggered(options->cancel))
			return vu_fail(error, VU_CANCELLED, "unable to call %s: cancelled by the caller",
			               channel->service);
		*member_out = pick(group, now_us, &hopeless, &reason);
		if (*member_out)
			return VU_OK;
		if (hopeless && !options->wait_for_ready)
			return vu_fail(error, VU_UNAVAILABLE,
			               "unable to call %s: none of its %zu endpoints answers%s%s", channel->service,
			               group->count, reason.message[0] ? ": " : "", reason.message);
		if (now_us >= try->deadline_us)
			return vu_fail(error, VU_DEADLINE_EXCEEDED,
			               "unable to call %s in time: none of its %zu endpoints answers",
			               channel->service, group->count);
		vu_connection_sleep(&channel->connection, now_us + LOOK_US, UINT64_MAX, options->cancel);
	}
}

static void note(vu_channel *channel, vu_member *member, vu_status status)
{
	vu_group *group = channel->group;
	size_t index = (size_t)(member - group->members);
	bool failed = status == VU_UNAVAILABLE || status == VU_UNAUTHENTICATED;
	bool changed = false;

	uv_mutex_lock(&group->lock);
	if (failed) {
		member->rest_us = member->rest_us ? member->rest_us * 8 / 5 : REST_MIN_US;
		if (member->rest_us > REST_MAX_US)
			member->rest_us = REST_MAX_US;
		member->rests_until_us = vu_clock_monotonic_us() + member->rest_us;
	} else {
		member->rest_us = 0;
		changed = group->last != index;
		group->last = index;
	}
	uv_mutex_unlock(&group->lock);
	if (changed)
		vu_log_info("%s is asked at %s from now on", channel->service, member->channel->endpoints[0].uri);
}

vu_status vu_group_try(vu_channel *channel, vu_try *try, vu_error *error)
{
	const vu_call_options *options = try->options;
	vu_call_options here = *options;
	vu_member *member = NULL;
	vu_status status = wait_for_member(channel, try, &member, error);

	if (status)
		return status;
	/* If this one fails another is to be tried, rather than to wait for it. */
	here.wait_for_ready = false;
	try->options = &here;
	status = vu_channel_try(member->channel, try, error);
	try->options = options;
	note(channel, member, status);
	return status;
}

void vu_group_add_stats(vu_group *group, vu_channel_stats *out)
{
	for (size_t i = 0; i < group->count; i++) {
		out->tx_bytes += atomic_load(&group->members[i].channel->tx_bytes);
		out->rx_bytes += atomic_load(&group->members[i].channel->rx_bytes);
	}
}

size_t vu_group_parts(vu_group *group, vu_channel **parts, size_t room)
{
	for (size_t i = 0; i < group->count && i < room; i++)
		parts[i] = group->members[i].channel;
	return group->count;
}
