/* The text format of Prometheus, to the letter. */
#include "metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void families_are_in_one_piece_and_escaped(void **state)
{
	vu_metric metrics[] = {
	    {"b_total", "second \\ line\nbreak", "models", "peer", "a\"b\\c\nd", 3, false},
	    {"a_bytes", "first", "models", "", "", 0.5, true},
	    {"b_total", "second", "capture", "", "", 1e15, false},
	    {"bad name", "left out", "capture", "", "", 1, false},
	    {"1bad", "left out", "capture", "", "", 1, false},
	    {"", "left out", "capture", "", "", 1, false},
	    {"a_bytes", "first", "capture", "bad-label", "x", (double)NAN, true},
	    {"c", "", "capture", "", "", (double)-INFINITY, true},
	};
	size_t bytes;
	char *text = vu_metrics_format(metrics, sizeof metrics / sizeof *metrics, &bytes);
	(void)state;
	assert_non_null(text);
	assert_string_equal(text, "# HELP a_bytes first\n"
	                          "# TYPE a_bytes gauge\n"
	                          "a_bytes{service=\"capture\"} NaN\n"
	                          "a_bytes{service=\"models\"} 0.5\n"
	                          "# HELP b_total second\n"
	                          "# TYPE b_total counter\n"
	                          "b_total{service=\"capture\"} 1000000000000000\n"
	                          "b_total{service=\"models\",peer=\"a\\\"b\\\\c\\nd\"} 3\n"
	                          "# HELP c \n"
	                          "# TYPE c gauge\n"
	                          "c{service=\"capture\"} -Inf\n");
	assert_int_equal(bytes, strlen(text));
	free(text);
}

static void nothing_is_an_empty_text(void **state)
{
	size_t bytes = 1;
	char *text = vu_metrics_format(NULL, 0, &bytes);
	(void)state;
	assert_non_null(text);
	assert_int_equal(bytes, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(families_are_in_one_piece_and_escaped),
	    cmocka_unit_test(nothing_is_an_empty_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
