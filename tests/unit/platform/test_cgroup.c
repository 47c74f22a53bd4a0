#include "platform/cgroup.h"

#include "../folder_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* A tree of files as the system shows it: /suite is ours, and what the system would make with a folder is there. */
typedef struct tree {
	char root[TEST_PATH_MAX];
	char suite[TEST_PATH_MAX + 8];
	char own[TEST_PATH_MAX + 24];
	char models[TEST_PATH_MAX + 24];
	vu_cgroup *group;
	vu_error error;
} tree;

#define SELF       4711
#define MEMBERSHIP "12:cpu:/elsewhere\n0::/suite\n"

static void set(const char *folder, const char *name, const char *content)
{
	test_file_create(folder, name, content, 0600, NULL);
}

static void expect(const char *folder, const char *name, const char *content)
{
	char path[2 * TEST_PATH_MAX];
	char *found;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	found = test_file_content(path);
	assert_string_equal(found, content);
	free(found);
}

static int make_tree(void **state)
{
	tree *t = calloc(1, sizeof *t);

	assert_non_null(t);
	test_folder_create(t->root);
	snprintf(t->suite, sizeof t->suite, "%s/suite", t->root);
	snprintf(t->own, sizeof t->own, "%s/supervisor", t->suite);
	snprintf(t->models, sizeof t->models, "%s/models", t->suite);
	assert_int_equal(mkdir(t->suite, 0700), 0);
	assert_int_equal(mkdir(t->own, 0700), 0);
	assert_int_equal(mkdir(t->models, 0700), 0);
	set(t->suite, "cgroup.controllers", "cpu memory pids\n");
	set(t->suite, "cgroup.procs", "4711\n");
	set(t->suite, "cgroup.subtree_control", "");
	set(t->own, "cgroup.procs", "");
	set(t->models, "cgroup.procs", "");
	set(t->models, "memory.max", "");
	set(t->models, "memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n");
	*state = t;
	return 0;
}

static int remove_tree(void **state)
{
	tree *t = *state;

	vu_cgroup_release(t->group);
	test_folder_remove(t->root);
	free(t);
	return 0;
}

static vu_status adopt(tree *t, const char *membership)
{
	vu_status status = vu_cgroup_adopt_at(t->root, membership, SELF, &t->group, &t->error);

	/* Where there are none at all, this is all that there is to say of them. */
	if (status == VU_UNIMPLEMENTED && strstr(t->error.message, "this system has no control groups") &&
	    !strstr(t->error.message, "version 2"))
		skip();
	return status;
}

static void a_group_of_our_own_is_divided(void **state)
{
	tree *t = *state;

	assert_int_equal(adopt(t, MEMBERSHIP), VU_OK);
	expect(t->own, "cgroup.procs", "4711");
	expect(t->suite, "cgroup.subtree_control", "+memory");
	assert_int_equal(vu_cgroup_place(t->group, "models", 4712, 400 << 20, &t->error), VU_OK);
	expect(t->models, "memory.max", "419430400");
	expect(t->models, "cgroup.procs", "4712");
	assert_int_equal(vu_cgroup_bound(t->group, "models", 0, &t->error), VU_OK);
	assert_int_equal(vu_cgroup_kills(t->group, "models"), 2);
	assert_int_equal(vu_cgroup_kills(t->group, "capture"), 0);
}

static void a_service_without_its_files_is_an_error(void **state)
{
	tree *t = *state;

	assert_int_equal(adopt(t, MEMBERSHIP), VU_OK);
	assert_int_equal(vu_cgroup_place(t->group, "capture", 4713, 1, &t->error), VU_NOT_FOUND);
	assert_non_null(strstr(t->error.message, "unable to bound the memory of capture"));
	/* What it made goes with it. */
	vu_cgroup_release(t->group);
	t->group = NULL;
	assert_int_equal(rmdir(t->models), -1);
	snprintf(t->own, sizeof t->own, "%s/capture", t->suite);
	assert_int_not_equal(access(t->own, F_OK), 0);
}

static void a_group_with_others_in_it_is_left_alone(void **state)
{
	static const char *const PROCS[] = {"4711\n4710\n", "4710\n4711\n", "47110\n", "", "x\n"};
	tree *t = *state;

	for (size_t i = 0; i < sizeof PROCS / sizeof PROCS[0]; i++) {
		set(t->suite, "cgroup.procs", PROCS[i]);
		assert_int_equal(adopt(t, MEMBERSHIP), VU_PERMISSION_DENIED);
		assert_null(t->group);
		assert_non_null(strstr(t->error.message, "/suite is not this suite's alone"));
	}
	expect(t->own, "cgroup.procs", "");
	expect(t->suite, "cgroup.subtree_control", "");
}

static void systems_without_are_told(void **state)
{
	tree *t = *state;

	assert_int_equal(adopt(t, "4:memory:/suite\n"), VU_UNIMPLEMENTED);
	assert_non_null(strstr(t->error.message, "version 2"));
	assert_int_equal(adopt(t, ""), VU_UNIMPLEMENTED);
	set(t->suite, "cgroup.controllers", "cpu memory_recursiveprot\n");
	assert_int_equal(adopt(t, MEMBERSHIP), VU_UNIMPLEMENTED);
	assert_non_null(strstr(t->error.message, "does not account memory"));
	assert_int_equal(adopt(t, "0::/nowhere\n"), VU_UNIMPLEMENTED);
	assert_null(t->group);
}

static void this_process_is_asked_for_real(void **state)
{
	tree *t = *state;
	vu_status status = vu_cgroup_adopt(&t->group, &t->error);

	/* A test never runs alone in its group: whoever started it is there as well, or the system has none. */
	assert_true(status == VU_UNIMPLEMENTED || status == VU_PERMISSION_DENIED);
	assert_null(t->group);
}

int main(void)
{
#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)
	const struct CMUnitTest tests[] = {
	    WITH_TREE(a_group_of_our_own_is_divided),           WITH_TREE(a_service_without_its_files_is_an_error),
	    WITH_TREE(a_group_with_others_in_it_is_left_alone), WITH_TREE(systems_without_are_told),
	    WITH_TREE(this_process_is_asked_for_real),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
