/* What doctor says of PAM's lines: the exact finding for each way in which they can be wrong. */
#include "doctor_checks.h"

#include "../../folder_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[TEST_PATH_MAX];
static char services[TEST_PATH_MAX + 16];
static char modules[TEST_PATH_MAX + 16];
static char helper[TEST_PATH_MAX];
static unsigned findings;
static struct {
	char name[64];
	doctor_result result;
	char detail[DOCTOR_TEXT_MAX];
} last;

static void note(void *context, const char *name, doctor_result result, const char *detail, const char *remedy)
{
	(void)context;
	assert_true(result == DOCTOR_OK || remedy[0]);
	findings++;
	snprintf(last.name, sizeof last.name, "%s", name);
	snprintf(last.detail, sizeof last.detail, "%s", detail);
	last.result = result;
}

/* A module has the path of its helper in it, among other bytes. */
static void make_module(mode_t mode)
{
	char path[TEST_PATH_MAX + 64];
	FILE *file;

	snprintf(path, sizeof path, "%s/pam_voice_unlock.so", modules);
	file = fopen(path, "wb");
	assert_non_null(file);
	fprintf(file,
	        "\x7f"
	        "ELF%c%c/vu-pam-helpers%cuser%c%s%cmore",
	        0, 1, 0, 0, helper, 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	(void)state;
	test_folder_create(folder);
	snprintf(services, sizeof services, "%s/pam.d", folder);
	snprintf(modules, sizeof modules, "%s/security", folder);
	assert_int_equal(mkdir(services, 0755) + mkdir(modules, 0755), 0);
	test_file_create(folder, "vu-pam-helper", "", 0755, helper);
	make_module(0644);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static void check(bool machine, bool wanted)
{
	const char *const services_of[] = {services, NULL};
	const char *const modules_of[] = {"/nonexistent", modules, NULL};
	const doctor_pam_places places = {services_of, modules_of, geteuid()};
	const doctor_suite suite = {.machine = machine, .pam_wanted = wanted, .owner = geteuid(), .user = "me"};
	const doctor_report report = {note, NULL};

	findings = 0;
	doctor_check_pam(&suite, &places, &report);
}

static void expect(const char *lines, doctor_result result, const char *part)
{
	test_file_create(services, "sudo", lines, 0644, NULL);
	check(true, true);
	assert_int_equal(findings, 1);
	assert_string_equal(last.name, "PAM sudo");
	if (!strstr(last.detail, part))
		fail_msg("'%s' lacks '%s'", last.detail, part);
	assert_int_equal(last.result, result);
}

#define GOOD "#%PAM-1.0\nauth sufficient pam_voice_unlock.so timeout=8\n@include common-auth\n"

static void lines_as_they_should_be(void **state)
{
	char long_line[4000];

	(void)state;
	expect(GOOD, DOCTOR_OK, "line 2, ");
	expect("-auth\tsufficient pam_voice_unlock.so\nauth required pam_unix.so try_first_pass\n", DOCTOR_OK,
	       "line 1, ");
	expect("auth [success=done default=ignore] pam_voice_unlock.so # by voice\nauth include system-auth\n",
	       DOCTOR_OK, "line 1, ");
	/* A line may go on in the next, and be long. */
	expect("# a\nauth \\\n sufficient \\\n  pam_voice_unlock.so timeout=8\nauth required pam_unix.so", DOCTOR_OK,
	       "line 2, ");
	memset(long_line, 'x', sizeof long_line - 1);
	memcpy(long_line, "# ", 2);
	snprintf(long_line + 3000, sizeof long_line - 3000, "%s%s", " auth required pam_voice_unlock.so\n", GOOD);
	expect(long_line, DOCTOR_OK, "line 3, ");
	/* That of an account says nothing of a password. */
	expect("account required pam_unix.so\nauth sufficient pam_voice_unlock.so\nauth required pam_unix.so\n",
	       DOCTOR_OK, "line 2, ");
}

static void lines_that_are_wrong(void **state)
{
	(void)state;
	expect("auth required pam_voice_unlock.so\nauth required pam_unix.so\n", DOCTOR_PROBLEM, "'required'");
	expect("session sufficient pam_voice_unlock.so\n", DOCTOR_PROBLEM, "line 1 has the module for 'session'");
	expect("@include common-auth\nauth sufficient pam_voice_unlock.so\n", DOCTOR_MIND,
	       "line 1 asks for the password before line 2");
	expect("auth sufficient pam_voice_unlock.so\nauth required pam_permit.so\n", DOCTOR_MIND,
	       "after line 1 no password");
	expect("auth sufficient /nonexistent/pam_voice_unlock.so\n", DOCTOR_PROBLEM, "No such file");
	expect("auth sufficient sub/pam_voice_unlock.so\n", DOCTOR_PROBLEM, "in none of the folders");
}

static void a_module_that_others_can_change(void **state)
{
	(void)state;
	make_module(0664);
	expect(GOOD, DOCTOR_PROBLEM, "could have been changed by others");
	make_module(0644);
	expect(GOOD, DOCTOR_OK, "line 2, ");
	test_file_create(modules, "pam_voice_unlock.so", "another program", 0644, NULL);
	expect(GOOD, DOCTOR_PROBLEM, "is not the module of this suite");
}

static void the_helper_that_it_executes(void **state)
{
	(void)state;
	assert_int_equal(chmod(helper, 0777), 0);
	expect(GOOD, DOCTOR_PROBLEM, "vu-pam-helper could have been changed by others");
	assert_int_equal(chmod(helper, 0700), 0);
	expect(GOOD, DOCTOR_PROBLEM, "vu-pam-helper has mode 0700");
	assert_int_equal(chmod(helper, 04755), 0);
	expect(GOOD, DOCTOR_PROBLEM, "vu-pam-helper has mode 4755");
	assert_int_equal(unlink(helper), 0);
	expect(GOOD, DOCTOR_PROBLEM, "vu-pam-helper: No such file");
}

static void nothing_that_names_it(void **state)
{
	(void)state;
	test_file_create(services, "login", "# auth sufficient pam_voice_unlock.so\nauth required pam_unix.so\n",
	                 0644, NULL);
	test_file_create(services, "sudo.dpkg-old", GOOD, 0644, NULL);
	check(true, true);
	assert_int_equal(findings, 1);
	assert_int_equal(last.result, DOCTOR_MIND);
	assert_non_null(strstr(last.detail, "system.mode wants it"));
	check(false, true);
	assert_int_equal(findings, 1);
	assert_int_equal(last.result, DOCTOR_OK);
	test_file_create(services, "sudo", GOOD, 0644, NULL);
	check(true, false);
	assert_int_equal(findings, 2);
	assert_int_equal(last.result, DOCTOR_MIND);
	assert_non_null(strstr(last.detail, "system.mode is screensaver"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_FOLDER(lines_as_they_should_be),         WITH_FOLDER(lines_that_are_wrong),
	    WITH_FOLDER(a_module_that_others_can_change), WITH_FOLDER(the_helper_that_it_executes),
	    WITH_FOLDER(nothing_that_names_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
