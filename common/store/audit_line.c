/* One line of the audit log: what is said, the hash of the line before, the MAC. */
#include "store/audit_internal.h"

#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_SIZE   (2 * VU_AUDIT_HASH_BYTES + 1)
#define PREV_MARK  ",\"prev\":\""
#define MAC_MARK   "\",\"mac\":\""
#define TAIL_BYTES (sizeof PREV_MARK - 1 + 64 + sizeof MAC_MARK - 1 + 64 + 2)

static bool hex_bytes(const char *text, uint8_t bytes[VU_AUDIT_HASH_BYTES])
{
	size_t length;
	return sodium_hex2bin(bytes, VU_AUDIT_HASH_BYTES, text, 64, NULL, &length, NULL) == 0 &&
	       length == VU_AUDIT_HASH_BYTES;
}

bool vu_audit_parse(const vu_audit *audit, const char *line, size_t bytes, vu_audit_parsed *out)
{
	uint8_t mac[VU_AUDIT_HASH_BYTES];
	uint8_t given[VU_AUDIT_HASH_BYTES];
	char start[64];
	unsigned long long seq, time_us;
	const char *tail;
	const char *mac_mark;

	if (bytes < TAIL_BYTES || bytes > VU_AUDIT_LINE_MAX || memchr(line, '\0', bytes))
		return false;
	tail = line + bytes - TAIL_BYTES;
	mac_mark = tail + sizeof PREV_MARK - 1 + 64;
	if (memcmp(tail, PREV_MARK, sizeof PREV_MARK - 1) != 0 ||
	    memcmp(mac_mark, MAC_MARK, sizeof MAC_MARK - 1) != 0 || memcmp(line + bytes - 2, "\"}", 2) != 0)
		return false;
	if (!hex_bytes(tail + sizeof PREV_MARK - 1, out->prev) || !hex_bytes(mac_mark + sizeof MAC_MARK - 1, given))
		return false;
	vu_audit_mac(audit, line, (size_t)(mac_mark - line), mac);
	if (sodium_memcmp(mac, given, sizeof mac) != 0)
		return false;
	snprintf(start, sizeof start, "%.*s", bytes < 63 ? (int)bytes : 63, line);
	if (sscanf(start, "{\"seq\":%llu,\"time_us\":%llu", &seq, &time_us) != 2)
		return false;
	out->seq = seq;
	out->time_us = time_us;
	vu_audit_hash(line, bytes, out->hash);
	return true;
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(object, name, json_string(text));
}

static void set_number(json_t *object, const char *name, double number)
{
	if (isfinite(number))
		json_object_set_new(object, name, json_real(number));
}

size_t vu_audit_format(const vu_audit *audit, const vu_audit_event *event, const vu_audit_head *h,
                       char line[VU_AUDIT_LINE_MAX + 2])
{
	json_t *object = json_object();
	char hex[HEX_SIZE];
	char hidden[32];
	uint8_t mac[VU_AUDIT_HASH_BYTES];
	const char *user = event->user;
	char *text;
	size_t used = 0;

	if (user && *user && event->anonymize) {
		vu_audit_mac(audit, user, strlen(user), mac);
		sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
		snprintf(hidden, sizeof hidden, "user-%.16s", hex);
		user = hidden;
	}
	json_object_set_new(object, "seq", json_integer((json_int_t)h->next_seq));
	json_object_set_new(object, "time_us", json_integer(event->time_us));
	set_text(object, "event", event->event);
	set_text(object, "attempt_id", event->attempt_id);
	set_text(object, "user", user);
	set_text(object, "verdict", event->verdict);
	/* The reason may name the user. */
	if (!event->anonymize)
		set_text(object, "reason", event->reason);
	set_text(object, "source", event->source);
	set_text(object, "door", event->door);
	set_number(object, "score", event->score);
	set_number(object, "threshold", event->threshold);
	set_number(object, "antispoof_score", event->antispoof_score);
	if (event->locked_for_s > 0)
		json_object_set_new(object, "locked_for_s", json_integer((json_int_t)event->locked_for_s));
	text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	if (text && strlen(text) + TAIL_BYTES < VU_AUDIT_LINE_MAX) {
		used = strlen(text) - 1; /* without the brace */
		memcpy(line, text, used);
		sodium_bin2hex(hex, sizeof hex, h->last, sizeof h->last);
		used += (size_t)snprintf(line + used, VU_AUDIT_LINE_MAX - used, PREV_MARK "%s", hex);
		vu_audit_mac(audit, line, used, mac);
		sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
		used += (size_t)snprintf(line + used, VU_AUDIT_LINE_MAX - used, MAC_MARK "%s\"}\n", hex);
	}
	free(text);
	return used;
}
