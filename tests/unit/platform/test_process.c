#include "platform/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* Reads until the other end is closed by the last process that holds it; 30 s at most. */
static void wait_for_close(int fd)
{
	char byte;

	alarm(30);
	while (read(fd, &byte, 1) > 0)
		;
	alarm(0);
}

static void processes_live_until_they_end(void **state)
{
	int ends[2];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		pause();
		_exit(0);
	}
	close(ends[1]);
	assert_true(vu_platform_process_alive(getpid()));
	assert_true(vu_platform_process_alive(child));
	kill(child, SIGKILL);
	wait_for_close(ends[0]);
	/* Dead, but not waited for: a zombie. The state may lag the pipe by a moment. */
	for (int i = 0; i < 3000 && vu_platform_process_alive(child); i++)
		usleep(10000);
	assert_false(vu_platform_process_alive(child));
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(vu_platform_process_alive(child));
	assert_false(vu_platform_process_alive(0));
	assert_false(vu_platform_process_alive(-1));
	close(ends[0]);
}

/* Grandchild watches child; the pipe closes only when both are gone. */
static void a_child_dies_with_its_parent(void **state)
{
	int alive[2];
	int ready[2];
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(alive), 0);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		pid_t parent = getpid();
		if (fork() == 0) {
			signal(SIGTERM, SIG_DFL);
			if (vu_platform_die_with_parent(parent) != VU_OK || write(ready[1], "1", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		for (;;)
			pause();
	}
	close(alive[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	wait_for_close(alive[0]);
	close(alive[0]);
	close(ready[0]);
}

static void a_parent_that_is_gone_already_counts(void **state)
{
	int status;
	pid_t gone = fork();
	pid_t child;

	(void)state;
	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	child = fork();
	if (child == 0) {
		signal(SIGTERM, SIG_DFL);
		vu_platform_die_with_parent(gone);
		alarm(30);
		for (;;)
			pause();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void a_stopped_process_is_known_as_such(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		for (;;)
			pause();
	}
	assert_false(vu_platform_process_stopped(child));
	kill(child, SIGSTOP);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	assert_true(vu_platform_process_stopped(child));
	assert_true(vu_platform_process_alive(child));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(vu_platform_process_stopped(child));
}

/* As an ordinary user whose memory nobody may look into: what is its own it must still know. */
static void a_protected_process_knows_its_own_disk_use(void **state)
{
	pid_t child = fork();
	uint64_t read_bytes, written_bytes;
	int status;

	(void)state;
	if (child == 0) {
		vu_platform_protect_memory();
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		_exit(vu_platform_process_disk(getpid(), &read_bytes, &written_bytes) == VU_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(processes_live_until_they_end),
	    cmocka_unit_test(a_child_dies_with_its_parent),
	    cmocka_unit_test(a_parent_that_is_gone_already_counts),
	    cmocka_unit_test(a_stopped_process_is_known_as_such),
	    cmocka_unit_test(a_protected_process_knows_its_own_disk_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
