/* The table of keys against itself and against the interface. */
#include "base/config_table.h"

#include "base/config_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void every_key_has_a_section_and_its_own_names(void **state)
{
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		bool in_section = false;
		for (size_t s = 0; VU_CONFIG_SECTIONS[s]; s++)
			in_section |= vu_config_key_in_section(&keys[i], VU_CONFIG_SECTIONS[s]) != NULL;
		assert_true(in_section);
		assert_true(strlen(keys[i].name) < VU_CONFIG_NAME_MAX);
		assert_true(keys[i].help[0] != '\0');
		assert_true(keys[i].offset < sizeof(vu_config));
		if (keys[i].environment)
			assert_int_equal(strncmp(keys[i].environment, "VOICE_UNLOCK_", 13), 0);
		for (size_t other = 0; other < i; other++) {
			assert_string_not_equal(keys[i].name, keys[other].name);
			assert_int_not_equal(keys[i].offset, keys[other].offset);
			if (keys[i].environment && keys[other].environment)
				assert_string_not_equal(keys[i].environment, keys[other].environment);
		}
	}
}

static void assert_value(const vu_config_key *key, const char *text, vu_status expected)
{
	vu_config *config = calloc(1, sizeof *config);
	char shown[64];
	vu_error error;

	assert_non_null(config);
	assert_int_equal(vu_config_value_parse(key, text, config, &error), expected);
	if (expected == VU_OK) {
		assert_int_equal(vu_config_value_format(key, config, shown, sizeof shown, &error), VU_OK);
		assert_true(strtod(shown, NULL) == strtod(text, NULL));
	}
	vu_config_free(config);
}

static void numbers_end_where_the_range_says(void **state)
{
	size_t count;
	const vu_config_key *keys = vu_config_keys(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char text[64];
		double step = keys[i].kind == VU_CONFIG_UINT ? 1 : 0.001;
		if (keys[i].kind != VU_CONFIG_UINT && keys[i].kind != VU_CONFIG_NUMBER)
			continue;
		snprintf(text, sizeof text, "%.17g", keys[i].minimum);
		assert_value(&keys[i], text, VU_OK);
		snprintf(text, sizeof text, "%.17g", keys[i].maximum);
		assert_value(&keys[i], text, VU_OK);
		snprintf(text, sizeof text, "%.17g", keys[i].minimum - step);
		assert_value(&keys[i], text, VU_INVALID_ARGUMENT);
		snprintf(text, sizeof text, "%.17g", keys[i].maximum + step);
		assert_value(&keys[i], text, VU_INVALID_ARGUMENT);
		assert_value(&keys[i], "", VU_INVALID_ARGUMENT);
		assert_value(&keys[i], "1x", VU_INVALID_ARGUMENT);
	}
}

static void the_nearest_key_is_offered(void **state)
{
	vu_error error;

	(void)state;
	assert_non_null(vu_config_find_key("http.port", &error));
	assert_null(vu_config_find_key("http.prot", &error));
	assert_int_equal(error.status, VU_NOT_FOUND);
	assert_string_equal(error.message, "unable to find key http.prot: did you mean http.port?");
	assert_null(vu_config_find_key("max_memory_mb", &error));
	assert_string_equal(error.message,
	                    "unable to find key max_memory_mb: did you mean performance.max_memory_mb?");
	assert_null(vu_config_find_key("zzzzzzzzzzzzzzzzzzz", &error));
	assert_string_equal(error.message,
	                    "unable to find key zzzzzzzzzzzzzzzzzzz: `configure` without a key lists all of them");
	assert_null(vu_config_find_key(NULL, &error));
}

static void services_have_names(void **state)
{
	(void)state;
	assert_string_equal(vu_service_name(VU_SERVICE_CAPTURE), "capture");
	assert_string_equal(vu_service_name(VU_SERVICE_SUPERVISOR), "supervisor");
	assert_null(vu_service_name(VU_SERVICE_COUNT));
	for (unsigned id = 0; id < VU_SERVICE_COUNT; id++)
		assert_int_equal(vu_service_by_name(vu_service_name((vu_service_id)id)), id);
	assert_int_equal(vu_service_by_name("model"), VU_SERVICE_COUNT);
	assert_int_equal(vu_service_by_name(NULL), VU_SERVICE_COUNT);
}

static void levels_have_names(void **state)
{
	vu_level level;
	vu_antispoof_level antispoof;
	vu_error error;

	(void)state;
	assert_int_equal(vu_level_parse("strict", &level, &error), VU_OK);
	assert_int_equal(level, VU_LEVEL_STRICT);
	assert_string_equal(vu_level_name(VU_LEVEL_CONVENIENT), "convenient");
	assert_int_equal(vu_level_parse("Strict", &level, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message,
	                    "unable to use level \"Strict\": it must be convenient, standard or strict");
	assert_int_equal(vu_antispoof_level_parse("maximum", &antispoof, &error), VU_OK);
	assert_int_equal(antispoof, VU_ANTISPOOF_MAXIMUM);
	assert_string_equal(vu_antispoof_level_name(VU_ANTISPOOF_OFF), "off");
	assert_int_equal(vu_antispoof_level_parse(NULL, &antispoof, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message,
	                    "unable to use anti-spoofing level \"\": it must be off, low, medium, high or maximum");
}

static void lists_are_shown_in_one_line(void **state)
{
	static const char text[] = "enrollment:\n  phrases: [a, 'b \"c\"', yes]\n"
	                           "services:\n  models:\n    endpoints: ['ipc:///a']\n";
	vu_config *config;
	vu_error error;
	char shown[64];

	(void)state;
	assert_int_equal(vu_config_parse(text, sizeof text - 1, "t", &config, &error), VU_OK);
	assert_int_equal(vu_config_get(config, "enrollment.phrases", shown, sizeof shown, &error), VU_OK);
	assert_string_equal(shown, "[a, \"b \\\"c\\\"\", \"yes\"]");
	assert_int_equal(vu_config_get(config, "services.models.endpoints", shown, sizeof shown, &error), VU_OK);
	assert_string_equal(shown, "[\"ipc:///a\"]");
	assert_int_equal(vu_config_get(config, "ml.loaders", shown, sizeof shown, &error), VU_OK);
	assert_string_equal(shown, "[]");
	assert_int_equal(vu_config_get(config, "services.nobody.endpoints", shown, sizeof shown, &error),
	                 VU_NOT_FOUND);
	assert_int_equal(vu_config_get(config, "enrollment.phrases", shown, 8, &error), VU_OUT_OF_RANGE);
	assert_int_equal(vu_config_get(config, "authentication.level", shown, 8, &error), VU_OUT_OF_RANGE);
	assert_int_equal(vu_config_get(config, "authentication.level", shown, 9, &error), VU_OK);
	assert_string_equal(shown, "standard");
	vu_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_key_has_a_section_and_its_own_names),
	    cmocka_unit_test(numbers_end_where_the_range_says),
	    cmocka_unit_test(the_nearest_key_is_offered),
	    cmocka_unit_test(services_have_names),
	    cmocka_unit_test(levels_have_names),
	    cmocka_unit_test(lists_are_shown_in_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
