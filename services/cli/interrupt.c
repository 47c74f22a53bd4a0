/* The signals are blocked everywhere and taken by one thread, which may do what a handler may not. */
#include "interrupt.h"

#include "cli.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_bool happened;
static sigset_t caught;

static void *take_signals(void *context)
{
	voiceunlock_cancel *cancel = context;
	int signal_number;

	for (;;) {
		if (sigwait(&caught, &signal_number) != 0)
			continue;
		if (atomic_exchange(&happened, true))
			_exit(CLI_INTERRUPTED);
		voiceunlock_cancel_trigger(cancel);
	}
	return NULL;
}

voiceunlock_cancel *interrupt_catch(void)
{
	voiceunlock_cancel *cancel = NULL;
	pthread_t thread;

	if (voiceunlock_cancel_create(&cancel) != VOICEUNLOCK_OK)
		return NULL;
	sigemptyset(&caught);
	sigaddset(&caught, SIGINT);
	sigaddset(&caught, SIGTERM);
	sigaddset(&caught, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &caught, NULL) != 0 ||
	    pthread_create(&thread, NULL, take_signals, cancel) != 0) {
		pthread_sigmask(SIG_UNBLOCK, &caught, NULL);
		voiceunlock_cancel_destroy(cancel);
		return NULL;
	}
	pthread_detach(thread);
	return cancel;
}

bool interrupt_happened(void)
{
	return atomic_load(&happened);
}
