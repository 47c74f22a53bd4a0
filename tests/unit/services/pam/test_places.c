/* Whether what lies at the machine suite's place is the machine suite's. */
#include "helper/places.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/vu-places-XXXXXX";
static char run[64];
static char socket_path[96];
static vu_pam_places places;

static int set_up(void **state)
{
	static char name[64];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct passwd *user = getpwuid(geteuid());
	int fd;
	(void)state;

	if (!user)
		return -1;
	snprintf(name, sizeof name, "%s", user->pw_name);
	strcpy(folder, "/tmp/vu-places-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	/* Straight under /tmp, whose parent rule (root's and sticky) is part of what is looked at. */
	snprintf(run, sizeof run, "%s", folder);
	snprintf(socket_path, sizeof socket_path, "%s/orchestrator.sock", run);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
		return -1;
	close(fd);
	places = (vu_pam_places){.runtime_folder = run, .config_path = "/nonexistent", .user = name};
	return chmod(run, 0711);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(socket_path);
	return rmdir(run);
}

static void refused(vu_status status, const char *why)
{
	uid_t uid;
	vu_error error = {VU_OK, ""};

	assert_int_equal(vu_pam_places_check(&places, &uid, &error), status);
	assert_non_null(strstr(error.message, why));
}

static void the_suites_own_is_believed(void **state)
{
	uid_t uid = (uid_t)-1;
	vu_error error;
	(void)state;

	assert_int_equal(vu_pam_places_check(&places, &uid, &error), VU_OK);
	assert_int_equal(uid, geteuid());
}

static void a_folder_that_others_may_write_to_is_not(void **state)
{
	(void)state;
	assert_int_equal(chmod(run, 0731), 0);
	refused(VU_PERMISSION_DENIED, "others may write to it");
	assert_int_equal(chmod(run, 0713), 0);
	refused(VU_PERMISSION_DENIED, "others may write to it");
}

static void nor_one_of_another_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(run, 5, 5), 0);
	refused(VU_PERMISSION_DENIED, "does not belong to");
	assert_int_equal(chown(run, 0, 0), 0);
	assert_int_equal(chown(socket_path, 5, 5), 0);
	refused(VU_PERMISSION_DENIED, "does not belong to");
}

static void nor_a_link_or_a_file(void **state)
{
	char link_path[128];
	FILE *file;
	(void)state;

	snprintf(link_path, sizeof link_path, "%s.link", run);
	assert_int_equal(symlink(run, link_path), 0);
	places.runtime_folder = link_path;
	refused(VU_PERMISSION_DENIED, "not what it should be");
	unlink(link_path);
	places.runtime_folder = run;
	unlink(socket_path);
	file = fopen(socket_path, "w");
	assert_non_null(file);
	fclose(file);
	refused(VU_PERMISSION_DENIED, "not what it should be");
}

static void nor_one_whose_parent_others_may_write_to(void **state)
{
	char inner[96];
	(void)state;

	snprintf(inner, sizeof inner, "%s/run", run);
	assert_int_equal(mkdir(inner, 0711), 0);
	places.runtime_folder = inner;
	assert_int_equal(chmod(run, 0777), 0);
	refused(VU_PERMISSION_DENIED, "others than root may replace it");
	assert_int_equal(rmdir(inner), 0);
}

static void where_nothing_is_there_is_no_suite(void **state)
{
	(void)state;
	unlink(socket_path);
	refused(VU_UNAVAILABLE, "not running");
	places.user = "no-such-user-of-voice-unlock";
	refused(VU_UNAVAILABLE, "not installed");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(the_suites_own_is_believed),
	    TEST(a_folder_that_others_may_write_to_is_not),
	    TEST(nor_one_of_another_user),
	    TEST(nor_a_link_or_a_file),
	    TEST(nor_one_whose_parent_others_may_write_to),
	    TEST(where_nothing_is_there_is_no_suite),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
