/* JSON with jansson, which keeps keys in the order they were set. */
#include "output.h"

#include "cli.h"
#include "format.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

#define EXPIRY_WARNING_US (30 * 86400ull * 1000000ull)

json_t *output_number(double number)
{
	return isfinite(number) ? json_real(number) : json_null();
}

json_t *output_text(const char *text)
{
	json_t *json = text && text[0] ? json_string(text) : NULL;

	return json ? json : json_null();
}

/* Text that is always there; what is no UTF-8 (which no service should say) is shown as "?". */
static json_t *text(const char *value)
{
	json_t *json = json_string(value ? value : "");

	return json ? json : json_string("?");
}

static json_t *whole(uint64_t number)
{
	return json_integer((json_int_t)number);
}

json_t *output_attempt(const voiceunlock_attempt *attempt)
{
	json_t *json = json_object(), *speaker = json_object(), *antispoof = json_object();
	json_t *detectors = json_array(), *quality = json_object(), *timing = json_object();
	const voiceunlock_antispoof *spoof = &attempt->antispoof;

	json_object_set_new(json, "attempt_id", text(attempt->attempt_id));
	json_object_set_new(json, "user", text(attempt->user));
	json_object_set_new(json, "verdict", text(voiceunlock_verdict_name(attempt->verdict)));
	json_object_set_new(json, "reason", text(attempt->reason));
	json_object_set_new(json, "score", output_number(attempt->score));
	json_object_set_new(json, "threshold", output_number(attempt->threshold));
	json_object_set_new(speaker, "svm", output_number(attempt->speaker.svm));
	json_object_set_new(speaker, "second", output_number(attempt->speaker.second));
	json_object_set_new(speaker, "fused", output_number(attempt->speaker.fused));
	json_object_set_new(json, "speaker", speaker);
	for (size_t i = 0; i < spoof->detector_count; i++) {
		json_t *detector = json_object();
		json_object_set_new(detector, "name", text(spoof->detectors[i].name));
		json_object_set_new(detector, "score", output_number(spoof->detectors[i].score));
		json_object_set_new(detector, "verdict",
		                    text(voiceunlock_spoof_verdict_name(spoof->detectors[i].verdict)));
		json_array_append_new(detectors, detector);
	}
	json_object_set_new(antispoof, "verdict", text(voiceunlock_spoof_verdict_name(spoof->verdict)));
	json_object_set_new(antispoof, "score", output_number(spoof->score));
	json_object_set_new(antispoof, "level", text(spoof->level));
	json_object_set_new(antispoof, "detectors", detectors);
	json_object_set_new(json, "antispoof", antispoof);
	json_object_set_new(quality, "speech_ms", whole(attempt->quality.speech_ms));
	json_object_set_new(quality, "snr_db", output_number((double)attempt->quality.snr_db));
	json_object_set_new(quality, "clipped_pct", output_number((double)attempt->quality.clipped_pct));
	json_object_set_new(json, "quality", quality);
	json_object_set_new(timing, "capture", output_number(attempt->timing_ms.capture));
	json_object_set_new(timing, "features", output_number(attempt->timing_ms.features));
	json_object_set_new(timing, "antispoof", output_number(attempt->timing_ms.antispoof));
	json_object_set_new(timing, "score", output_number(attempt->timing_ms.score));
	json_object_set_new(timing, "decision", output_number(attempt->timing_ms.decision));
	json_object_set_new(timing, "total", output_number(attempt->timing_ms.total));
	json_object_set_new(json, "timing_ms", timing);
	return json;
}

json_t *output_identification(const voiceunlock_identification *result)
{
	json_t *json = json_object(), *candidates = json_array();

	json_object_set_new(json, "user", output_text(result->user));
	json_object_set_new(json, "score", output_number(result->score));
	json_object_set_new(json, "margin", output_number(result->margin));
	for (size_t i = 0; i < result->candidate_count; i++) {
		json_t *candidate = json_object();
		json_object_set_new(candidate, "user", text(result->candidates[i].user));
		json_object_set_new(candidate, "score", output_number(result->candidates[i].score));
		json_array_append_new(candidates, candidate);
	}
	json_object_set_new(json, "candidates", candidates);
	return json;
}

static json_t *output_cache(const voiceunlock_suite *suite, const char *name)
{
	json_t *json = json_object();
	voiceunlock_cache cache = {0};

	for (size_t i = 0; i < suite->cache_count; i++) {
		if (strcmp(suite->caches[i].name, name) == 0)
			cache = suite->caches[i];
	}
	json_object_set_new(json, "bytes", whole(cache.bytes));
	json_object_set_new(json, "items", whole(cache.items));
	json_object_set_new(json, "hits", whole(cache.hits));
	json_object_set_new(json, "misses", whole(cache.misses));
	return json;
}

json_t *output_suite(const voiceunlock_suite *suite)
{
	json_t *json = json_object(), *services = json_array(), *memory = json_object(), *cache = json_object();
	json_t *lockouts = json_array(), *expected = json_array();

	json_object_set_new(json, "ready", json_boolean(suite->ready));
	json_object_set_new(json, "uptime_s", output_number(suite->uptime_s));
	for (size_t i = 0; i < suite->service_count; i++) {
		const voiceunlock_service *from = &suite->services[i];
		json_t *service = json_object();
		json_object_set_new(service, "name", text(from->name));
		json_object_set_new(service, "pid", whole(from->pid));
		json_object_set_new(service, "state", text(from->state));
		json_object_set_new(service, "health", text(from->health));
		json_object_set_new(service, "restarts", whole(from->restarts));
		json_object_set_new(service, "rss_bytes", whole(from->rss_bytes));
		json_object_set_new(service, "limit_bytes", whole(from->limit_bytes));
		json_object_set_new(service, "uptime_s", output_number(from->uptime_s));
		json_object_set_new(service, "reason", text(from->reason));
		json_array_append_new(services, service);
	}
	json_object_set_new(json, "services", services);
	json_object_set_new(memory, "model_server_rss_bytes", whole(suite->model_server_rss_bytes));
	json_object_set_new(memory, "max_bytes", whole(suite->max_bytes));
	json_object_set_new(cache, "models", output_cache(suite, "models"));
	json_object_set_new(cache, "scalers", output_cache(suite, "scalers"));
	json_object_set_new(cache, "pca", output_cache(suite, "pca"));
	json_object_set_new(memory, "cache", cache);
	json_object_set_new(json, "memory", memory);
	json_object_set_new(json, "users", whole(suite->users));
	for (size_t i = 0; i < suite->lockout_count; i++) {
		json_t *lockout = json_object();
		json_object_set_new(lockout, "user", text(suite->lockouts[i].user));
		json_object_set_new(lockout, "remaining_s", whole(suite->lockouts[i].remaining_s));
		json_object_set_new(lockout, "failures", whole(suite->lockouts[i].failures));
		json_array_append_new(lockouts, lockout);
	}
	json_object_set_new(json, "lockouts", lockouts);
	for (size_t i = 0; i < suite->expected_count; i++) {
		json_t *one = json_object();
		json_object_set_new(one, "user", text(suite->expected[i].user));
		json_object_set_new(one, "p", output_number(suite->expected[i].p));
		json_object_set_new(one, "reason", text(suite->expected[i].reason));
		json_array_append_new(expected, one);
	}
	json_object_set_new(json, "expected", expected);
	return json;
}

bool expires_soon(const voiceunlock_user *user, uint64_t now_us)
{
	return user->expires_us > 0 && user->expires_us < now_us + EXPIRY_WARNING_US;
}

json_t *output_users(const voiceunlock_user_list *list)
{
	json_t *json = json_object(), *users = json_array();
	char time[FORMAT_MAX];

	for (size_t i = 0; i < list->count; i++) {
		const voiceunlock_user *from = &list->users[i];
		json_t *user = json_object();
		json_object_set_new(user, "user", text(from->user));
		json_object_set_new(user, "samples", whole(from->samples));
		json_object_set_new(user, "bytes", whole(from->bytes));
		json_object_set_new(user, "path", text(from->path));
		json_object_set_new(user, "present", json_boolean(from->present));
		json_object_set_new(user, "verified", json_boolean(from->verified));
		json_object_set_new(user, "last_used", output_text(format_time_iso(from->last_used_us, time)));
		json_object_set_new(user, "background", text(from->background));
		if (expires_soon(from, (uint64_t)vu_clock_wall_us()))
			json_object_set_new(user, "expires", output_text(format_time_iso(from->expires_us, time)));
		json_array_append_new(users, user);
	}
	json_object_set_new(json, "users", users);
	return json;
}

json_t *output_history(const voiceunlock_history *history)
{
	json_t *json = json_object(), *attempts = json_array();
	char time[FORMAT_MAX];

	for (size_t i = 0; i < history->count; i++) {
		const voiceunlock_past_attempt *from = &history->attempts[i];
		json_t *attempt = json_object();
		json_object_set_new(attempt, "attempt_id", text(from->attempt_id));
		json_object_set_new(attempt, "time", output_text(format_time_iso(from->time_us, time)));
		json_object_set_new(attempt, "user", text(from->user));
		json_object_set_new(attempt, "kind", text(from->kind));
		json_object_set_new(attempt, "source", text(from->source));
		json_object_set_new(attempt, "verdict", text(from->verdict));
		json_object_set_new(attempt, "reason", text(from->reason));
		json_object_set_new(attempt, "score", output_number(from->score));
		json_object_set_new(attempt, "threshold", output_number(from->threshold));
		json_object_set_new(attempt, "antispoof_score", output_number(from->antispoof_score));
		json_object_set_new(attempt, "total_ms", output_number(from->total_ms));
		json_array_append_new(attempts, attempt);
	}
	json_object_set_new(json, "attempts", attempts);
	return json;
}

int output_print(json_t *json, FILE *out)
{
	int failed = json_dumpf(json, out, JSON_REAL_PRECISION(9)) != 0;

	json_decref(json);
	if (failed || fputc('\n', out) == EOF || fflush(out) != 0)
		return cli_fail(CLI_INTERNAL, "unable to write the answer");
	return CLI_OK;
}

static bool is_no_number(const json_t *json)
{
	const char *text = json_string_value(json);
	return text && (strcmp(text, "NaN") == 0 || strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0);
}

void output_clear_nan(json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach(json, key, value)
	{
		if (is_no_number(value))
			json_object_set_new(json, key, json_null());
		else
			output_clear_nan(value);
	}
	json_array_foreach(json, i, value) output_clear_nan(value);
}
