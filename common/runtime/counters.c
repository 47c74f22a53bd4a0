/*
 * A service's own counters: a list that only grows, so readers need no lock,
 * and values that are added to without one.
 */
#include "runtime/internal.h"

#include "base/log.h"

#include <stdlib.h>

vu_counter *vu_counter_create(vu_runtime *runtime, const char *name, const char *help, bool is_gauge)
{
	vu_counter *counter = calloc(1, sizeof *counter);
	vu_counter *head;

	if (!counter)
		vu_log_panic("unable to create counter %s: out of memory", name);
	counter->name = name;
	counter->help = help;
	counter->is_gauge = is_gauge;
	atomic_init(&counter->value, 0.0);
	head = atomic_load(&runtime->counters);
	do
		counter->next = head;
	while (!atomic_compare_exchange_weak(&runtime->counters, &head, counter));
	return counter;
}

void vu_counter_add(vu_counter *counter, double amount)
{
	double before = atomic_load_explicit(&counter->value, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(&counter->value, &before, before + amount, memory_order_relaxed,
	                                              memory_order_relaxed))
		;
}

void vu_counter_set(vu_counter *counter, double value)
{
	atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}
