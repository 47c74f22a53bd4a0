#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define OUTPUT_MAX 16384

/* Runs `work` in a child whose standard error is a pipe; its output and wait status come back. */
static int in_child(void (*work)(void), char output[OUTPUT_MAX])
{
	int ends[2];
	size_t used = 0;
	ssize_t got;
	int status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		vu_log_init("tester");
		work();
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], output + used, OUTPUT_MAX - 1 - used)) > 0)
		used += (size_t)got;
	output[used] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void log_all_levels(void)
{
	vu_log_debug("not shown");
	vu_log_info("one %d", 1);
	vu_log_warn("two");
	vu_log_error("three");
}

static void lines_are_json_outside_a_terminal(void **state)
{
	char output[OUTPUT_MAX];
	const char *line = output;
	static const char *const ends[] = {"\"message\":\"one 1\"}", "\"message\":\"two\"}",
	                                   "\"message\":\"three\"}"};
	static const char *const levels[] = {"\"level\":\"info\"", "\"level\":\"warn\"", "\"level\":\"error\""};

	(void)state;
	unsetenv("VOICE_UNLOCK_LOG_LEVEL");
	assert_int_equal(in_child(log_all_levels, output), 0);
	for (int i = 0; i < 3; i++) {
		size_t length = strcspn(line, "\n");
		assert_int_equal(strncmp(line, "{\"time\":\"20", 11), 0);
		assert_non_null(strstr(line, levels[i]));
		assert_non_null(strstr(line, "\"service\":\"tester\""));
		assert_int_equal(strncmp(line + length - strlen(ends[i]), ends[i], strlen(ends[i])), 0);
		line += length + 1;
	}
	assert_string_equal(line, "");
}

static void the_environment_sets_the_level(void **state)
{
	char output[OUTPUT_MAX];

	(void)state;
	setenv("VOICE_UNLOCK_LOG_LEVEL", "debug", 1);
	in_child(log_all_levels, output);
	assert_non_null(strstr(output, "not shown"));
	setenv("VOICE_UNLOCK_LOG_LEVEL", "error", 1);
	in_child(log_all_levels, output);
	assert_null(strstr(output, "two"));
	assert_non_null(strstr(output, "three"));
	unsetenv("VOICE_UNLOCK_LOG_LEVEL");
}

static void log_special(void)
{
	vu_log_info("a\"b\\c\nd\x01");
}

static void special_characters_stay_one_json_line(void **state)
{
	char output[OUTPUT_MAX];

	(void)state;
	in_child(log_special, output);
	assert_non_null(strstr(output, "\"message\":\"a\\\"b\\\\c\\nd\\u0001\"}\n"));
	assert_int_equal(strcspn(output, "\n"), strlen(output) - 1);
}

static void log_long(void)
{
	char text[3 * VU_LOG_LINE_MAX];

	memset(text, '"', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	vu_log_info("%s", text);
}

static void long_lines_are_cut_whole(void **state)
{
	char output[OUTPUT_MAX];

	(void)state;
	in_child(log_long, output);
	assert_int_equal(strcmp(output + strlen(output) - 3, "\"}\n"), 0);
	assert_true(strlen(output) > VU_LOG_LINE_MAX);
}

static void fail_fatally(void)
{
	vu_log_fatal("no disk");
}

static void panic(void)
{
	vu_log_panic("our own bug");
}

static void fatal_exits_and_panic_aborts(void **state)
{
	char output[OUTPUT_MAX];
	int status;

	(void)state;
	status = in_child(fail_fatally, output);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(output, "\"level\":\"fatal\""));
	status = in_child(panic, output);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(output, "\"level\":\"panic\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_json_outside_a_terminal),     cmocka_unit_test(the_environment_sets_the_level),
	    cmocka_unit_test(special_characters_stay_one_json_line), cmocka_unit_test(long_lines_are_cut_whole),
	    cmocka_unit_test(fatal_exits_and_panic_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
