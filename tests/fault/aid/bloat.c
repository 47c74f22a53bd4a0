/*
 * Preloaded into a service, this makes it hold more and more memory once it
 * gets SIGUSR2, as a leak would, up to BLOAT_BYTES. The memory is shared with
 * nobody but mapped as if it were, which no limit on private memory refuses:
 * only the supervisor can end it.
 */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define STEP_BYTES  (16u << 20)
#define BLOAT_BYTES (480u << 20)

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

static void grow(int number)
{
	(void)number;
	for (size_t held = 0; held < BLOAT_BYTES; held += STEP_BYTES) {
		void *more = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (more == MAP_FAILED)
			return;
		memset(more, 1, STEP_BYTES);
	}
}

__attribute__((constructor)) static void listen_for_the_signal(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = grow;
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR2, &action, NULL);
}
