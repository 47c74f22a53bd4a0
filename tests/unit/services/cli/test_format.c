/* What people read: exact texts, at the borders between units. */
#include "format.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static void sizes(void **state)
{
	char text[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_bytes(0, text), "0 B");
	assert_string_equal(format_bytes(999, text), "999 B");
	assert_string_equal(format_bytes(1000, text), "1.0 kB");
	assert_string_equal(format_bytes(1536, text), "1.5 kB");
	assert_string_equal(format_bytes(12 * 1024 * 1024, text), "12 MB");
	assert_string_equal(format_bytes(400ull * 1024 * 1024, text), "400 MB");
	assert_string_equal(format_bytes(UINT64_MAX, text), "16777216 TB");
}

static void durations(void **state)
{
	char text[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_duration(0.0231, text), "23 ms");
	assert_string_equal(format_duration(0.9991, text), "999 ms");
	assert_string_equal(format_duration(0.9996, text), "1.0 s");
	assert_string_equal(format_duration(4.24, text), "4.2 s");
	assert_string_equal(format_duration(9.96, text), "10 s");
	assert_string_equal(format_duration(59.4, text), "59 s");
	assert_string_equal(format_duration(59.6, text), "1 min 0 s");
	assert_string_equal(format_duration(200, text), "3 min 20 s");
	assert_string_equal(format_duration(5 * 3600 + 180, text), "5 h 3 min");
	assert_string_equal(format_duration(2 * 86400 + 4 * 3600, text), "2 d 4 h");
	assert_string_equal(format_duration(-1, text), "-");
	assert_string_equal(format_duration(NAN, text), "-");
}

static void times(void **state)
{
	char text[FORMAT_MAX];

	(void)state;
	setenv("TZ", "UTC-2", 1);
	tzset();
	assert_string_equal(format_time(1769864709ull * 1000000, text), "2026-01-31 15:05:09");
	assert_string_equal(format_time_iso(1769864709ull * 1000000, text), "2026-01-31T13:05:09Z");
	assert_string_equal(format_time(0, text), "never");
	assert_string_equal(format_time_iso(0, text), "");
}

static void scores_and_shares(void **state)
{
	char text[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_score(1.239, text), "1.24");
	assert_string_equal(format_score(NAN, text), "-");
	assert_string_equal(format_percent(0.1234, text), "12.3 %");
	assert_string_equal(format_percent(0.0123, text), "1.23 %");
	assert_string_equal(format_percent(0, text), "0.0 %");
	assert_string_equal(format_percent(1, text), "100.0 %");
	assert_string_equal(format_percent(NAN, text), "-");
}

static void tables_line_up(void **state)
{
	static const char *const HEADINGS[] = {"NAME", ">COUNT", "LAST"};
	format_table *table = format_table_create(HEADINGS, 3);
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_non_null(table);
	assert_non_null(out);
	format_table_add(table, "maria");
	format_table_add(table, "5");
	format_table_add(table, "x");
	format_table_add(table, "o\033[31m");
	format_table_add(table, "12345678");
	format_table_add(table, "long last cell");
	format_table_print(table, out);
	fclose(out);
	assert_string_equal(text, "NAME       COUNT  LAST\n"
	                          "maria          5  x\n"
	                          "o?[31m  12345678  long last cell\n");
	free(text);
	format_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),          cmocka_unit_test(durations),
	    cmocka_unit_test(times),          cmocka_unit_test(scores_and_shares),
	    cmocka_unit_test(tables_line_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
