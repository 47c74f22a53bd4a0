/*
 * Weight for a real service, to test what happens when its memory grows:
 * preloaded (LD_PRELOAD) into the program that BALLAST_PROGRAM names, it keeps
 * that process's resident memory at the megabytes that the file BALLAST_FILE
 * holds, as far as it is below; 0 or no file gives all back.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK (512 * 1024)
#define MAX   2048

extern char *program_invocation_short_name;

static void *blocks[MAX];
static size_t count;

static long read_number(const char *path, int skip)
{
	char text[64] = "";
	long first = 0;
	long second = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) > 0)
		sscanf(text, "%ld %ld", &first, &second);
	close(fd);
	return skip ? second : first;
}

static void *keep_weight(void *file)
{
	for (;;) {
		long wanted = read_number(file, 0) * 1024 * 1024;
		while (wanted == 0 && count > 0)
			munmap(blocks[--count], BLOCK);
		while (count < MAX && read_number("/proc/self/statm", 1) * sysconf(_SC_PAGESIZE) + BLOCK <= wanted) {
			void *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (block == MAP_FAILED)
				break;
			memset(block, 1, BLOCK);
			blocks[count++] = block;
		}
		usleep(20000);
	}
	return NULL;
}

/*
 * Begins with the process's own first thread and not before: a service confines
 * itself while it has none.
 */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
	typedef int (*creator)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	static atomic_flag begun = ATOMIC_FLAG_INIT;
	const char *program = getenv("BALLAST_PROGRAM");
	char *file = getenv("BALLAST_FILE");
	void *found = dlsym(RTLD_NEXT, "pthread_create");
	creator create;
	pthread_t keeper;

	memcpy(&create, &found, sizeof create);
	if (program && file && strcmp(program_invocation_short_name, program) == 0 &&
	    !atomic_flag_test_and_set(&begun) && create(&keeper, NULL, keep_weight, file) == 0)
		pthread_detach(keeper);
	return create(thread, attributes, run, argument);
}
