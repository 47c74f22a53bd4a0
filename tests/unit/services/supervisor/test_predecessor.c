/* Who holds a socket's lock, and taking it from a process that would not let go. */
#include "predecessor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static vu_endpoint endpoint;
static char lock_path[VU_SOCKET_PATH_MAX + 8];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/vu-pred-XXXXXX");
	if (!mkdtemp(folder) || vu_endpoint_local(folder, "models", &endpoint, NULL) != VU_OK)
		return -1;
	snprintf(lock_path, sizeof lock_path, "%s.lock", endpoint.path);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(lock_path);
	return rmdir(folder);
}

/* A process that takes the lock, writes `text` or its own pid into the file, and stays. */
static pid_t start_holder(const char *text)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(lock_path, O_RDWR | O_CREAT, 0600);
		char own[24];
		snprintf(own, sizeof own, "%ld\n", (long)getpid());
		if (!text)
			text = own;
		if (fd < 0 || flock(fd, LOCK_EX) != 0 || write(fd, text, strlen(text)) < 0 ||
		    write(ready[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void nobody(void **state)
{
	(void)state;
	pid_t pid = 1;
	assert_false(vu_predecessor_find(&endpoint, &pid));
	assert_int_equal(pid, 0);
	assert_true(vu_predecessor_replace(&endpoint, "models", 0));
}

static void a_stale_file_is_nobody(void **state)
{
	(void)state;
	pid_t pid;
	FILE *file = fopen(lock_path, "w");
	assert_non_null(file);
	/* A number that is somebody's: our own parent must survive this. */
	fprintf(file, "%ld\n", (long)getppid());
	fclose(file);
	assert_false(vu_predecessor_find(&endpoint, &pid));
	assert_true(vu_predecessor_replace(&endpoint, "models", 0));
	assert_int_equal(kill(getppid(), 0), 0);
}

static void finds_who_holds_the_lock(void **state)
{
	(void)state;
	pid_t holder = start_holder(NULL);
	pid_t pid;
	assert_true(vu_predecessor_find(&endpoint, &pid));
	assert_int_equal(pid, holder);
	end(holder);
	assert_false(vu_predecessor_find(&endpoint, &pid));
}

static void kills_who_does_not_let_go(void **state)
{
	(void)state;
	pid_t holder = start_holder(NULL);
	int status;
	assert_int_equal(kill(holder, SIGSTOP), 0);
	assert_true(vu_predecessor_replace(&endpoint, "models", 20));
	assert_int_equal(waitpid(holder, &status, 0), holder);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void kills_nobody_whose_number_is_not_known(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {"",     "nonsense\n", "-1\n", "0\n", "1\n", "99999999999999999999\n",
	                                    "12x\n"};
	for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
		pid_t holder = start_holder(TEXTS[i]);
		pid_t pid = 7;
		assert_true(vu_predecessor_find(&endpoint, &pid));
		assert_int_equal(pid, 0);
		assert_false(vu_predecessor_replace(&endpoint, "models", 0));
		assert_int_equal(kill(holder, 0), 0);
		end(holder);
		unlink(lock_path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nobody, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(a_stale_file_is_nobody, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(finds_who_holds_the_lock, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(kills_who_does_not_let_go, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(kills_nobody_whose_number_is_not_known, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
