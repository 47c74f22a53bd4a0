/* Waiting calls in a short linked list: a session has two or three readers. */
#include "waiting.h"

#include "answers.h"

#include <stdlib.h>

/* An answer sent this long before the deadline still arrives in time. */
#define ANSWER_MARGIN_US 5000
/* A caller that has gone, or a server that drains, is noticed this fast. */
#define CANCEL_LOOK_US 100000

struct waiting_call {
	waiting_call *next;
	vu_rpc_call *call;
	bool is_open;
	waiting_read read;
};

static bool is_over(const vu_ring_record *record)
{
	return record->state == VU_RING_ENDED || record->state == VU_RING_FAILED;
}

static bool read_is_ready(const waiting_read *read, const vu_ring_record *record)
{
	return is_over(record) || record->total_samples - read->offset >= read->min_samples;
}

static bool is_ready(const waiting_call *waiting, const vu_ring_record *record)
{
	return waiting->is_open ? record->state != VU_RING_OPENING : read_is_ready(&waiting->read, record);
}

static void answer(const waiting_call *waiting, const vu_ring_record *record, const int16_t *samples)
{
	if (waiting->is_open)
		answers_open(waiting->call, record);
	else
		answers_read(waiting->call, record, samples, waiting->read.offset, waiting->read.max_samples);
}

static bool add(waiting_list *list, const waiting_call *what)
{
	waiting_call *waiting = malloc(sizeof *waiting);

	if (!waiting) {
		vu_rpc_fail(what->call, VU_RESOURCE_EXHAUSTED, "unable to wait for audio: out of memory");
		return false;
	}
	*waiting = *what;
	waiting->next = list->first;
	list->first = waiting;
	return true;
}

bool waiting_add_read(waiting_list *list, vu_rpc_call *call, const waiting_read *read, const vu_ring_record *record,
                      const int16_t *samples)
{
	waiting_call what = {.call = call, .read = *read};
	int64_t latest_us = vu_rpc_deadline_us(call) - ANSWER_MARGIN_US;

	if (read->offset > record->total_samples) {
		vu_rpc_fail(call, VU_OUT_OF_RANGE,
		            "unable to read from sample %llu: the session has %llu; read on from there",
		            (unsigned long long)read->offset, (unsigned long long)record->total_samples);
		return false;
	}
	if (read_is_ready(read, record)) {
		answers_read(call, record, samples, read->offset, read->max_samples);
		return false;
	}
	if (what.read.due_us > latest_us)
		what.read.due_us = latest_us;
	return add(list, &what);
}

bool waiting_add_open(waiting_list *list, vu_rpc_call *call, const vu_ring_record *record)
{
	waiting_call what = {.call = call, .is_open = true};

	if (record->state != VU_RING_OPENING) {
		answers_open(call, record);
		return false;
	}
	what.read.due_us = vu_rpc_deadline_us(call) - ANSWER_MARGIN_US;
	return add(list, &what);
}

void waiting_answer_ready(waiting_list *list, const vu_ring_record *record, const int16_t *samples)
{
	waiting_call **link = &list->first;

	while (*link) {
		waiting_call *waiting = *link;
		if (!is_ready(waiting, record)) {
			link = &waiting->next;
			continue;
		}
		*link = waiting->next;
		answer(waiting, record, samples);
		free(waiting);
	}
}

int64_t waiting_answer_due(waiting_list *list, int64_t now_us, const vu_ring_record *record, const int16_t *samples)
{
	waiting_call **link = &list->first;
	int64_t next_us = INT64_MAX;

	while (*link) {
		waiting_call *waiting = *link;
		if (waiting->read.due_us > now_us && !vu_rpc_is_cancelled(waiting->call)) {
			int64_t look_us = now_us + CANCEL_LOOK_US;
			if (waiting->read.due_us < look_us)
				look_us = waiting->read.due_us;
			if (look_us < next_us)
				next_us = look_us;
			link = &waiting->next;
			continue;
		}
		*link = waiting->next;
		if (waiting->is_open)
			vu_rpc_fail(
			    waiting->call, VU_DEADLINE_EXCEEDED,
			    "unable to open the microphone in time; check that it is plugged in, then try again");
		else
			answer(waiting, record, samples);
		free(waiting);
	}
	return next_us;
}

void waiting_refuse(waiting_list *list, vu_status status, const char *message)
{
	while (list->first) {
		waiting_call *waiting = list->first;
		list->first = waiting->next;
		vu_rpc_fail(waiting->call, status, "%s", message);
		free(waiting);
	}
}
