#include "platform/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define GROWTH_BYTES (48u << 20)

/* A pid that was free a moment ago. */
static pid_t dead_pid(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return child;
}

static void resident_memory_grows_with_touched_pages(void **state)
{
	vu_process_memory before;
	vu_process_memory after;
	uint64_t pss_before = 0;
	uint64_t pss_after = 0;
	char *pages;

	(void)state;
	assert_int_equal(vu_platform_process_memory(getpid(), &before), VU_OK);
	assert_int_equal(vu_platform_process_pss(getpid(), &pss_before), VU_OK);
	assert_true(before.rss_bytes > 100 * 1024);
	assert_true(pss_before > 100 * 1024);
	pages = mmap(NULL, GROWTH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
	assert_true(pages != MAP_FAILED);
	memset(pages, 1, GROWTH_BYTES);
	assert_int_equal(vu_platform_process_memory(getpid(), &after), VU_OK);
	assert_int_equal(vu_platform_process_pss(getpid(), &pss_after), VU_OK);
	assert_true(after.rss_bytes >= before.rss_bytes + GROWTH_BYTES * 9 / 10);
	assert_true(after.virtual_bytes >= before.virtual_bytes + GROWTH_BYTES);
	assert_true(pss_after >= pss_before + GROWTH_BYTES * 9 / 10);
	munmap(pages, GROWTH_BYTES);
}

static void processor_time_grows_with_work(void **state)
{
	uint64_t before = 0;
	uint64_t after = 0;
	volatile unsigned work = 0;

	(void)state;
	assert_int_equal(vu_platform_process_cpu(getpid(), &before), VU_OK);
	/* Ends as soon as 50 ms were counted, however slow the machine. */
	do {
		for (unsigned i = 0; i < 1000000; i++)
			work += i;
		assert_int_equal(vu_platform_process_cpu(getpid(), &after), VU_OK);
	} while (after < before + 50000);
}

static void missing_processes_are_not_found(void **state)
{
	pid_t none = dead_pid();
	vu_process_memory memory;
	uint64_t value;

	(void)state;
	assert_int_equal(vu_platform_process_memory(none, &memory), VU_NOT_FOUND);
	assert_int_equal(vu_platform_process_pss(none, &value), VU_NOT_FOUND);
	assert_int_equal(vu_platform_process_cpu(none, &value), VU_NOT_FOUND);
	assert_int_equal(vu_platform_process_memory(0, &memory), VU_NOT_FOUND);
	assert_int_equal(vu_platform_process_memory(-1, &memory), VU_NOT_FOUND);
}

static void the_machine_has_memory(void **state)
{
	uint64_t total = 0;
	uint64_t available = 0;

	(void)state;
	assert_int_equal(vu_platform_machine_memory(&total, &available), VU_OK);
	assert_true(total >= (64u << 20));
	assert_true(available > 0);
	assert_true(available <= total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(resident_memory_grows_with_touched_pages),
	    cmocka_unit_test(processor_time_grows_with_work),
	    cmocka_unit_test(missing_processes_are_not_found),
	    cmocka_unit_test(the_machine_has_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
