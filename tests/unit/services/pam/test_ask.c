/* The module's end of the pipe, against shell scripts that play the helper. */
#include "module/ask.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct heard {
	int prompts;
	char said[256];
	char logged[256];
} heard;

static char folder[] = "/tmp/vu-ask-XXXXXX";
static char script[64];
static char witness[64];

static void on_prompt(void *context)
{
	((heard *)context)->prompts++;
}

static void on_say(void *context, const char *text)
{
	heard *h = context;
	snprintf(h->said, sizeof h->said, "%s", text);
}

static void on_log(void *context, const char *text)
{
	heard *h = context;
	snprintf(h->logged, sizeof h->logged, "%s", text);
}

/* Runs `body` as the helper. */
static vu_pam_verdict ask(const char *body, int timeout_s, heard *h)
{
	vu_pam_listener listener = {.prompt = on_prompt, .say = on_say, .log = on_log, .context = h};
	char *arguments[] = {script, (char *)(uintptr_t) "one two", witness, NULL};
	FILE *file = fopen(script, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", body);
	fclose(file);
	assert_int_equal(chmod(script, 0700), 0);
	memset(h, 0, sizeof *h);
	return vu_pam_ask(arguments, timeout_s, &listener);
}

static void verdicts_are_read(void **state)
{
	heard h;
	(void)state;
	assert_int_equal(ask("echo verdict unlock", 60, &h), VU_PAM_UNLOCK);
	assert_int_equal(ask("echo verdict refused", 60, &h), VU_PAM_REFUSED);
	assert_int_equal(ask("echo verdict exhausted", 60, &h), VU_PAM_EXHAUSTED);
	assert_int_equal(ask("echo verdict ready", 60, &h), VU_PAM_READY);
	assert_int_equal(ask("echo verdict unavailable", 60, &h), VU_PAM_UNAVAILABLE);
}

static void what_it_says_is_relayed(void **state)
{
	heard h;
	(void)state;
	assert_int_equal(
	    ask("echo prompt; echo say Once more; echo prompt; echo log why not; echo verdict refused", 60, &h),
	    VU_PAM_REFUSED);
	assert_int_equal(h.prompts, 2);
	assert_string_equal(h.said, "Once more");
	assert_string_equal(h.logged, "why not");
}

static void anything_else_is_unavailable(void **state)
{
	static const char *const BODIES[] = {
	    "exit 0",
	    "printf 'verdict unlock'",                  /* cut off */
	    "echo verdict unlock; echo prompt",         /* something follows */
	    "echo verdict unlock; echo verdict unlock", /* twice */
	    "echo verdict unlock; printf x",            /* and a rest */
	    "echo verdict Unlock",
	    "echo verdict unlocked",
	    "echo 'verdict unlock '",
	    "echo unlock",
	    "echo; echo verdict unlock",
	    "printf 'say \\033[2J\\nverdict unlock\\n'", /* controls would reach the terminal */
	    "printf '%0600d\\nverdict unlock\\n' 0",     /* too long a line */
	    "kill -9 $$",
	};
	heard h;
	(void)state;

	for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES; i++)
		assert_int_equal(ask(BODIES[i], 60, &h), VU_PAM_UNAVAILABLE);
}

static void a_helper_that_is_missing_is_unavailable(void **state)
{
	vu_pam_listener listener = {.prompt = on_prompt, .say = on_say, .log = on_log};
	char *arguments[] = {(char *)(uintptr_t) "/nonexistent/vu-pam-helper", NULL};
	(void)state;
	assert_int_equal(vu_pam_ask(arguments, 60, &listener), VU_PAM_UNAVAILABLE);
}

static void silence_ends_in_time_and_the_helper_hears_of_it(void **state)
{
	heard h;
	char body[256];
	struct timespec pause = {.tv_nsec = 20000000};
	(void)state;

	snprintf(body, sizeof body, "cat >/dev/null; echo gone >%s", witness);
	unlink(witness);
	assert_int_equal(ask(body, 1, &h), VU_PAM_UNAVAILABLE);
	for (int i = 0; i < 1000 && access(witness, F_OK) != 0; i++)
		nanosleep(&pause, NULL);
	assert_int_equal(access(witness, F_OK), 0);
}

/* PATH and PWD are a shell's own; a variable of ours must not be there, nor a descriptor. */
static void nothing_of_the_host_is_handed_down(void **state)
{
	heard h;
	int spare[2];
	(void)state;

	assert_int_equal(pipe(spare), 0);
	setenv("VU_TEST_SECRET", "x", 1);
	assert_int_equal(ask("test -z \"$VU_TEST_SECRET\" && test -z \"$HOME\" && test \"$(pwd)\" = / || exit 1\n"
	                     "for fd in 3 4 5 6 7 8 9; do if ( true >&$fd ) 2>/dev/null; then exit 1; fi; done\n"
	                     "test \"$1\" = 'one two' || exit 1\n"
	                     "echo verdict unlock",
	                     60, &h),
	                 VU_PAM_UNLOCK);
	unsetenv("VU_TEST_SECRET");
	close(spare[0]);
	close(spare[1]);
}

static volatile sig_atomic_t children;

static void count_child(int number)
{
	(void)number;
	children++;
}

static void the_host_never_meets_a_child(void **state)
{
	struct sigaction action = {.sa_handler = count_child};
	struct sigaction old;
	heard h;
	(void)state;

	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGCHLD, &action, &old), 0);
	children = 0;
	assert_int_equal(ask("echo verdict unlock", 60, &h), VU_PAM_UNLOCK);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
#if defined(__WCLONE)
	assert_int_equal(children, 0);
#endif
	/* Hosts that ignore SIGCHLD have their children reaped by the system. */
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(ask("echo verdict refused", 60, &h), VU_PAM_REFUSED);
	sigaction(SIGCHLD, &old, NULL);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(script, sizeof script, "%s/helper", folder);
	snprintf(witness, sizeof witness, "%s/witness", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(script);
	unlink(witness);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verdicts_are_read),
	    cmocka_unit_test(what_it_says_is_relayed),
	    cmocka_unit_test(anything_else_is_unavailable),
	    cmocka_unit_test(a_helper_that_is_missing_is_unavailable),
	    cmocka_unit_test(silence_ends_in_time_and_the_helper_hears_of_it),
	    cmocka_unit_test(nothing_of_the_host_is_handed_down),
	    cmocka_unit_test(the_host_never_meets_a_child),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
