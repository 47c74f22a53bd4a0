/* User names. The check is total: every byte string is either accepted or named as bad. */
#include "base/user_name.h"

#include <string.h>

/* Length of the UTF-8 sequence at `s`, 0 when it is not valid (RFC 3629). */
static int sequence_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xC2 && s[0] <= 0xDF)
		return (s[1] & 0xC0) == 0x80 ? 2 : 0;
	if (s[0] >= 0xE0 && s[0] <= 0xEF) {
		if ((s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80)
			return 0;
		if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F))
			return 0;
		return 3;
	}
	if (s[0] >= 0xF0 && s[0] <= 0xF4) {
		if ((s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80 || (s[3] & 0xC0) != 0x80)
			return 0;
		if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
			return 0;
		return 4;
	}
	return 0;
}

int vu_utf8_is_valid(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	while (*s) {
		int length = sequence_length(s);
		if (length == 0)
			return 0;
		s += length;
	}
	return 1;
}

/* The code point of the valid sequence at `s`. */
static unsigned long code_point(const unsigned char *s)
{
	switch (sequence_length(s)) {
	case 2:
		return (s[0] & 0x1FUL) << 6 | (s[1] & 0x3FUL);
	case 3:
		return (s[0] & 0x0FUL) << 12 | (s[1] & 0x3FUL) << 6 | (s[2] & 0x3FUL);
	case 4:
		return (s[0] & 0x07UL) << 18 | (s[1] & 0x3FUL) << 12 | (s[2] & 0x3FUL) << 6 | (s[3] & 0x3FUL);
	default:
		return s[0];
	}
}

/* What is not seen, or turns the direction of what follows: with it two names look alike. */
static int is_invisible(unsigned long c)
{
	return c == 0xAD || c == 0x61C || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
	       (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
	       (c >= 0xE0000 && c <= 0xE007F);
}

vu_status vu_user_name_check(const char *name, vu_error *error)
{
	size_t length = name ? strlen(name) : 0;

	if (length == 0)
		return vu_fail(error, VU_INVALID_ARGUMENT, "the user name is empty: give a name of 1 to %d bytes",
		               VU_USER_NAME_MAX);
	if (length > VU_USER_NAME_MAX)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "the user name is %zu bytes long: give a name of at most %d bytes", length,
		               VU_USER_NAME_MAX);
	if (!vu_utf8_is_valid(name))
		return vu_fail(error, VU_INVALID_ARGUMENT, "the user name is not valid UTF-8");
	for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
		/* C1 controls are C2 80 to C2 9F in UTF-8. */
		if (*c < 0x20 || *c == 0x7F || (*c == 0xC2 && c[1] < 0xA0))
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "the user name contains a control character: use letters and digits");
		if (*c == '/' || *c == '\\')
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "the user name contains '%c': use letters and digits", *c);
	}
	for (const unsigned char *c = (const unsigned char *)name; *c; c += sequence_length(c)) {
		if (is_invisible(code_point(c)))
			return vu_fail(error, VU_INVALID_ARGUMENT,
			               "the user name contains an invisible character: use letters and digits");
	}
	if (name[0] == '.' || name[0] == '-' || name[0] == ' ')
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "the user name begins with '%c': begin with a letter or digit", name[0]);
	if (name[length - 1] == ' ')
		return vu_fail(error, VU_INVALID_ARGUMENT, "the user name ends with a space");
	return VU_OK;
}
