/* Percent encoding of names. Decoding accepts only what encoding makes. */
#include "name_code.h"

#include <string.h>

static bool stands_for_itself(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

void name_code_encode(const char *name, char code[NAME_CODE_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (const char *c = name; *c && used + 4 <= NAME_CODE_SIZE; c++) {
		if (stands_for_itself(*c)) {
			code[used++] = *c;
			continue;
		}
		code[used++] = '%';
		code[used++] = digits[(unsigned char)*c >> 4];
		code[used++] = digits[(unsigned char)*c & 15];
	}
	code[used] = '\0';
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool name_code_decode(const char *code, size_t length, char name[VU_USER_NAME_MAX + 1])
{
	char again[NAME_CODE_SIZE];
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (used == VU_USER_NAME_MAX)
			return false;
		if (code[i] != '%') {
			name[used++] = code[i];
			continue;
		}
		if (i + 2 >= length || digit_value(code[i + 1]) < 0 || digit_value(code[i + 2]) < 0)
			return false;
		name[used++] = (char)(digit_value(code[i + 1]) * 16 + digit_value(code[i + 2]));
		i += 2;
	}
	name[used] = '\0';
	if (strlen(name) != used || vu_user_name_check(name, NULL) != VU_OK)
		return false;
	name_code_encode(name, again);
	return strlen(again) == length && memcmp(again, code, length) == 0;
}
