#include "platform/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define BYTES (1u << 20)

static char *map(int fd)
{
	char *base = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(base != MAP_FAILED);
	return base;
}

static int all_zero(const char *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (from[i] != 0)
			return 0;
	}
	return 1;
}

static void it_starts_zeroed_and_is_not_inherited_by_programs(void **state)
{
	int fd = -1;
	char *base;
	vu_error error;

	(void)state;
	assert_int_equal(vu_platform_shared_memory("test", BYTES, &fd, &error), VU_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	base = map(fd);
	assert_true(all_zero(base, BYTES));
	munmap(base, BYTES);
	close(fd);
}

static void it_is_shared_and_outlives_who_wrote_it(void **state)
{
	int fd = -1;
	char *base;
	pid_t child;
	vu_error error;

	(void)state;
	assert_int_equal(vu_platform_shared_memory("test", BYTES, &fd, &error), VU_OK);
	child = fork();
	if (child == 0) {
		char *own = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (own == MAP_FAILED)
			_exit(1);
		memcpy(own + 5000, "spoken", 7);
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	base = map(fd);
	assert_string_equal(base + 5000, "spoken");
	munmap(base, BYTES);
	close(fd);
}

static void released_parts_read_as_zeros_and_others_stay(void **state)
{
	int fd = -1;
	char *base;
	vu_error error;

	(void)state;
	assert_int_equal(vu_platform_shared_memory("test", BYTES, &fd, &error), VU_OK);
	base = map(fd);
	memset(base, 7, BYTES);
	/* Not on page borders, on purpose. */
	vu_platform_shared_memory_release(fd, base, 1000, 100000);
	assert_true(all_zero(base + 1000, 100000));
	assert_int_equal(base[999], 7);
	assert_int_equal(base[101000], 7);
	vu_platform_shared_memory_release(fd, base, 500, 0);
	assert_int_equal(base[500], 7);
	munmap(base, BYTES);
	close(fd);
}

static void nobody_can_shrink_it_under_another(void **state)
{
	int fd = -1;
	struct stat info;
	vu_error error;

	(void)state;
	assert_int_equal(vu_platform_shared_memory("test", BYTES, &fd, &error), VU_OK);
	if (ftruncate(fd, 0) == 0)
		skip(); /* the system cannot seal */
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(info.st_size, BYTES);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_starts_zeroed_and_is_not_inherited_by_programs),
	    cmocka_unit_test(it_is_shared_and_outlives_who_wrote_it),
	    cmocka_unit_test(released_parts_read_as_zeros_and_others_stay),
	    cmocka_unit_test(nobody_can_shrink_it_under_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
