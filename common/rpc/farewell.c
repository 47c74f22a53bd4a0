/* One thread for all who wait, which come in the order in which they are due. */
#include "rpc/farewell.h"

#include "base/clock.h"

#include <pthread.h>
#include <unistd.h>

#define QUIET_US 1000000
/* As for workers: the default would count as 8 MB of the limit of the process. */
#ifdef VU_SANITIZER
#define STACK_BYTES (2u * 1024 * 1024)
#else
#define STACK_BYTES (256u * 1024)
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static vu_connection *first;
static vu_connection *last;
static bool running;

/* Without dialers it holds descriptors no longer, and troubles nobody who serves there later. */
static void hang_up(vu_connection *connection)
{
	for (size_t i = 0; i < connection->endpoint_count; i++)
		nng_dialer_close(connection->dialers[i]);
}

static vu_connection *take_first(void)
{
	vu_connection *connection;

	pthread_mutex_lock(&lock);
	connection = first;
	if (connection)
		first = connection->next_farewell;
	if (!first)
		last = NULL;
	running = connection != NULL;
	pthread_mutex_unlock(&lock);
	return connection;
}

static void run(void *argument)
{
	vu_connection *connection;

	(void)argument;
	while ((connection = take_first()) != NULL) {
		int64_t left_us = connection->farewell_us - vu_clock_monotonic_us();
		if (left_us > 0)
			usleep((useconds_t)left_us);
		hang_up(connection);
	}
}

void vu_farewell_later(vu_connection *connection)
{
	const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES};
	uv_thread_t thread;

	connection->farewell_us = vu_clock_monotonic_us() + QUIET_US;
	connection->next_farewell = NULL;
	pthread_mutex_lock(&lock);
	if (!running) {
		running = uv_thread_create_ex(&thread, &options, run, NULL) == 0;
		if (running)
			pthread_detach(thread);
	}
	if (running) {
		if (last)
			last->next_farewell = connection;
		else
			first = connection;
		last = connection;
		connection = NULL;
	}
	pthread_mutex_unlock(&lock);
	if (connection)
		hang_up(connection);
}
