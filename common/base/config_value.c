/* Values as text. Nothing is changed when a text is refused. */
#include "base/config_value.h"

#include "base/config_table.h"
#include "base/text.h"
#include "base/user_name.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Choices are stored through an unsigned. */
_Static_assert(sizeof(vu_level) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(vu_antispoof_level) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(vu_system_mode) == sizeof(unsigned), "enum size");

/* How much of a bad value a message repeats. */
#define SHOWN_MAX 60

static void *field_of(const vu_config_key *key, vu_config *config)
{
	return (char *)config + key->offset;
}

static const void *const_field_of(const vu_config_key *key, const vu_config *config)
{
	return (const char *)config + key->offset;
}

static vu_status refuse(const vu_config_key *key, const char *text, vu_error *error)
{
	return vu_fail(error, VU_INVALID_ARGUMENT, "%s is \"%.*s\", but must be %s", key->name, SHOWN_MAX, text,
	               key->range);
}

static vu_status parse_bool(const vu_config_key *key, const char *text, bool *value, vu_error *error)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};

	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2 == 0;
			return VU_OK;
		}
	}
	return refuse(key, text, error);
}

static vu_status parse_number(const vu_config_key *key, const char *text, double *value, vu_error *error)
{
	/* Of what strtod takes, no hexadecimal, no infinity and no space. */
	const char *allowed = key->kind == VU_CONFIG_UINT ? "0123456789" : "0123456789.eE+-";
	char *end;
	double parsed;

	if (text[0] == '\0' || strspn(text, allowed) != strlen(text))
		return refuse(key, text, error);
	parsed = strtod(text, &end);
	if (*end != '\0' || end == text || !isfinite(parsed) || parsed < key->minimum || parsed > key->maximum)
		return refuse(key, text, error);
	*value = parsed;
	return VU_OK;
}

static vu_status parse_text(const vu_config_key *key, const char *text, char **value, vu_error *error)
{
	char *copy = NULL;

	if (strlen(text) > VU_CONFIG_TEXT_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT, "%s is longer than the %d bytes allowed", key->name,
		               VU_CONFIG_TEXT_MAX);
	if (!vu_utf8_is_valid(text))
		return vu_fail(error, VU_INVALID_ARGUMENT, "%s is not valid UTF-8", key->name);
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7F)
			return vu_fail(error, VU_INVALID_ARGUMENT, "%s contains a control character", key->name);
	}
	if (text[0] == '\0')
		text = key->default_text;
	if (text[0] != '\0') {
		copy = strdup(text);
		if (!copy)
			return vu_fail(error, VU_RESOURCE_EXHAUSTED, "unable to keep %s: out of memory", key->name);
	}
	free(*value);
	*value = copy;
	return VU_OK;
}

static vu_status parse_choice(const vu_config_key *key, const char *text, unsigned *value, vu_error *error)
{
	unsigned count = 0;
	const char *nearest;

	for (; key->choices[count]; count++) {
		if (strcmp(key->choices[count], text) == 0) {
			*value = count;
			return VU_OK;
		}
	}
	nearest = vu_text_nearest(text, key->choices, count);
	if (nearest)
		return vu_fail(error, VU_INVALID_ARGUMENT, "%s is \"%.*s\", but must be %s; did you mean %s?",
		               key->name, SHOWN_MAX, text, key->range, nearest);
	return refuse(key, text, error);
}

vu_status vu_config_value_parse(const vu_config_key *key, const char *text, vu_config *config, vu_error *error)
{
	void *field = field_of(key, config);
	double number;
	vu_status status;

	switch (key->kind) {
	case VU_CONFIG_BOOL:
		return parse_bool(key, text, field, error);
	case VU_CONFIG_UINT:
		status = parse_number(key, text, &number, error);
		if (status == VU_OK)
			*(uint32_t *)field = (uint32_t)number;
		return status;
	case VU_CONFIG_NUMBER:
		return parse_number(key, text, field, error);
	case VU_CONFIG_TEXT:
		return parse_text(key, text, field, error);
	case VU_CONFIG_CHOICE:
		return parse_choice(key, text, field, error);
	}
	return vu_fail(error, VU_INTERNAL, "unable to read %s: it is of no known kind", key->name);
}

/* Words that YAML 1.1 readers take for something else, and anything but plain letters, need quotes. */
static int is_plain(const char *value)
{
	static const char *const reserved[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"};

	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
		if (strcasecmp(value, reserved[i]) == 0)
			return 0;
	}
	if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/", value[0]))
		return 0;
	return strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+") == strlen(value);
}

vu_status vu_config_quote(const char *value, char *text, size_t size)
{
	size_t used = 0;

	if (value[0] != '\0' && is_plain(value))
		return (size_t)snprintf(text, size, "%s", value) < size ? VU_OK : VU_OUT_OF_RANGE;
	if (size < 3)
		return VU_OUT_OF_RANGE;
	text[used++] = '"';
	for (const char *c = value; *c; c++) {
		unsigned char byte = (unsigned char)*c;
		if (used + 7 >= size)
			return VU_OUT_OF_RANGE;
		if (byte == '"' || byte == '\\') {
			text[used++] = '\\';
			text[used++] = *c;
		} else if (byte < 0x20 || byte == 0x7F) {
			used += (size_t)snprintf(text + used, size - used, "\\x%02X", byte);
		} else {
			text[used++] = *c;
		}
	}
	text[used++] = '"';
	text[used] = '\0';
	return VU_OK;
}

/* The shortest text without an exponent that reads back as the same number. */
static void format_number(double value, char *text, size_t size)
{
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, size, "%.*g", digits, value);
		if (!strchr(text, 'e') && strtod(text, NULL) == value)
			return;
	}
}

vu_status vu_config_value_format(const vu_config_key *key, const vu_config *config, char *text, size_t size,
                                 vu_error *error)
{
	const void *field = const_field_of(key, config);
	const char *value;
	char number[40] = "";

	switch (key->kind) {
	case VU_CONFIG_BOOL:
		value = *(const bool *)field ? "true" : "false";
		break;
	case VU_CONFIG_UINT:
		snprintf(number, sizeof number, "%u", *(const uint32_t *)field);
		value = number;
		break;
	case VU_CONFIG_NUMBER:
		format_number(*(const double *)field, number, sizeof number);
		value = number;
		break;
	case VU_CONFIG_CHOICE:
		value = key->choices[*(const unsigned *)field];
		break;
	case VU_CONFIG_TEXT:
		value = *(char *const *)field;
		if (value && vu_config_quote(value, text, size) != VU_OK)
			return vu_fail(error, VU_OUT_OF_RANGE, "unable to show %s: its value is too long", key->name);
		if (value)
			return VU_OK;
		value = "";
		break;
	default:
		return vu_fail(error, VU_INTERNAL, "unable to show %s: it is of no known kind", key->name);
	}
	if ((size_t)snprintf(text, size, "%s", value) >= size)
		return vu_fail(error, VU_OUT_OF_RANGE, "unable to show %s: its value is too long", key->name);
	return VU_OK;
}

int vu_config_value_equals(const vu_config_key *key, const vu_config *a, const vu_config *b)
{
	char text_a[VU_CONFIG_TEXT_MAX * 4 + 16];
	char text_b[sizeof text_a];

	return vu_config_value_format(key, a, text_a, sizeof text_a, NULL) == VU_OK &&
	       vu_config_value_format(key, b, text_b, sizeof text_b, NULL) == VU_OK && strcmp(text_a, text_b) == 0;
}

const char *vu_level_name(vu_level level)
{
	return (unsigned)level <= VU_LEVEL_STRICT ? VU_LEVEL_NAMES[level] : "unknown";
}

const char *vu_antispoof_level_name(vu_antispoof_level level)
{
	return (unsigned)level <= VU_ANTISPOOF_MAXIMUM ? VU_ANTISPOOF_LEVEL_NAMES[level] : "unknown";
}

static vu_status parse_name(const char *what, const char *range, const char *const *names, const char *text,
                            unsigned *value, vu_error *error)
{
	for (unsigned i = 0; text && names[i]; i++) {
		if (strcmp(names[i], text) == 0) {
			*value = i;
			return VU_OK;
		}
	}
	return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use %s \"%.*s\": it must be %s", what, SHOWN_MAX,
	               text ? text : "", range);
}

vu_status vu_level_parse(const char *text, vu_level *level_out, vu_error *error)
{
	unsigned value;
	vu_status status = parse_name("level", vu_config_find_key("authentication.level", NULL)->range,
	                              VU_LEVEL_NAMES, text, &value, error);

	if (status == VU_OK)
		*level_out = (vu_level)value;
	return status;
}

vu_status vu_antispoof_level_parse(const char *text, vu_antispoof_level *level_out, vu_error *error)
{
	unsigned value;
	vu_status status =
	    parse_name("anti-spoofing level", vu_config_find_key("security.anti_spoofing", NULL)->range,
	               VU_ANTISPOOF_LEVEL_NAMES, text, &value, error);

	if (status == VU_OK)
		*level_out = (vu_antispoof_level)value;
	return status;
}
