/* Who is taken for whom, by the roster alone and by a server that has one. */
#include "rpc_aid.h"

#include "base/clock.h"
#include "rpc/roster.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000

static vu_roster *create(int *fd)
{
	vu_roster *roster = NULL;
	vu_error error;
	assert_int_equal(vu_roster_create(&roster, fd, &error), VU_OK);
	return roster;
}

static void a_pid_is_who_was_entered(void **state)
{
	int fd;
	vu_roster *roster = create(&fd);
	vu_roster *reader = NULL;
	vu_error error;
	int64_t before_us = vu_clock_monotonic_us();

	(void)state;
	assert_int_equal(vu_roster_open(fd, &reader, &error), VU_OK);
	assert_int_equal(vu_roster_caller(reader, 4711, INT64_MAX), VU_CALLER_CLIENT);
	assert_int_equal(vu_roster_caller(reader, 0, INT64_MAX), VU_CALLER_CLIENT);
	while (vu_clock_monotonic_us() == before_us)
		;
	vu_roster_enter(roster, VU_SERVICE_FEATURES, 4711);
	assert_int_equal(vu_roster_caller(reader, 4711, vu_clock_monotonic_us()), VU_CALLER_FEATURES);
	assert_int_equal(vu_roster_caller(reader, 4712, vu_clock_monotonic_us()), VU_CALLER_CLIENT);
	/* Made by somebody who had this number before. */
	assert_int_equal(vu_roster_caller(reader, 4711, before_us), VU_CALLER_CLIENT);
	vu_roster_enter(roster, VU_SERVICE_FEATURES, 0);
	assert_int_equal(vu_roster_caller(reader, 4711, vu_clock_monotonic_us()), VU_CALLER_CLIENT);
	assert_int_equal(vu_roster_caller(reader, 0, vu_clock_monotonic_us()), VU_CALLER_CLIENT);
	vu_roster_destroy(reader);
	vu_roster_destroy(roster);
}

static void a_service_waits_until_it_is_known(void **state)
{
	int fd;
	vu_roster *roster = create(&fd);
	vu_error error;

	(void)state;
	assert_int_equal(vu_roster_wait(roster, VU_SERVICE_MODELS, 0, &error), VU_DEADLINE_EXCEEDED);
	assert_string_equal(error.message, "unable to serve as models: the supervisor does not know this process");
	vu_roster_enter(roster, VU_SERVICE_MODELS, getpid());
	assert_int_equal(vu_roster_wait(roster, VU_SERVICE_MODELS, 0, &error), VU_OK);
	assert_int_equal(vu_roster_wait(roster, VU_SERVICE_CAPTURE, 0, &error), VU_DEADLINE_EXCEEDED);
	vu_roster_destroy(roster);
	close(fd);
}

static void readers_cannot_write_it(void **state)
{
	int fd;
	vu_roster *roster = create(&fd);
	char path[64];
	int again;

	(void)state;
	assert_true(mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_not_equal(ftruncate(fd, 0), 0);
	/* Nor who opens it anew by its descriptor. */
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0) {
		assert_true(mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
		assert_int_equal(write(again, "x", 1), -1);
		close(again);
	}
	vu_roster_enter(roster, VU_SERVICE_MODELS, 4711);
	assert_int_equal(vu_roster_caller(roster, 4711, INT64_MAX), VU_CALLER_MODELS);
	vu_roster_destroy(roster);
	close(fd);
}

static void what_is_no_roster_is_refused(void **state)
{
	vu_roster *roster = NULL;
	vu_error error;
	FILE *file = tmpfile();
	char zeros[4096] = "";

	(void)state;
	assert_non_null(file);
	assert_int_equal(vu_roster_open(dup(fileno(file)), &roster, &error), VU_INVALID_ARGUMENT);
	assert_string_equal(error.message, "unable to read the roster: it is none");
	assert_int_equal(fwrite(zeros, 1, sizeof zeros, file), sizeof zeros);
	fflush(file);
	assert_int_equal(vu_roster_open(dup(fileno(file)), &roster, &error), VU_FAILED_PRECONDITION);
	assert_string_equal(error.message,
	                    "unable to read the roster: the supervisor is of another version; restart the suite");
	assert_int_equal(vu_roster_open(-1, &roster, &error), VU_INVALID_ARGUMENT);
	fclose(file);
}

/* This process is the caller: what it may follows from how it was entered before it connected. */
static vu_status call_as(vu_service_id id, const char *method, const ProtobufCMessage *request, vu_error *error)
{
	int fd;
	rpc_aid aid;
	vu_roster *roster = create(&fd);
	vu_rpc_server_config config = {.roster = roster};
	vu_channel *channel;
	ProtobufCMessage *response = NULL;
	vu_status status;

	if (id != VU_SERVICE_COUNT)
		vu_roster_enter(roster, id, getpid());
	rpc_aid_init(&aid);
	rpc_aid_start(&aid, &config);
	channel = rpc_aid_channel(&aid);
	status = rpc_aid_call(channel, method, request, &response, 5 * SECOND, error);
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	vu_channel_destroy(channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
	vu_roster_destroy(roster);
	close(fd);
	return status;
}

static void a_server_refuses_by_the_table(void **state)
{
	Vu__ReadRequest read = VU__READ_REQUEST__INIT;
	Vu__Empty devices = VU__EMPTY__INIT;
	vu_error error;

	(void)state;
	read.max_samples = 4;
	assert_int_equal(call_as(VU_SERVICE_FEATURES, "Read", &read.base, &error), VU_OK);
	assert_int_equal(call_as(VU_SERVICE_COUNT, "Read", &read.base, &error), VU_PERMISSION_DENIED);
	assert_string_equal(error.message, "unable to call /voiceunlock.v1.Capture/Read as a client: it is for "
	                                   "features, antispoof, features elsewhere, antispoof elsewhere only");
	assert_int_equal(call_as(VU_SERVICE_MODELS, "Read", &read.base, &error), VU_PERMISSION_DENIED);
	assert_string_equal(error.message, "unable to call /voiceunlock.v1.Capture/Read as models: it is for "
	                                   "features, antispoof, features elsewhere, antispoof elsewhere only");
	assert_int_equal(call_as(VU_SERVICE_COUNT, "ListDevices", &devices.base, &error), VU_OK);
	assert_int_equal(call_as(VU_SERVICE_FEATURES, "ListDevices", &devices.base, &error), VU_PERMISSION_DENIED);
	assert_string_equal(error.message,
	                    "unable to call /voiceunlock.v1.Capture/ListDevices as features: it is for "
	                    "a client only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pid_is_who_was_entered),      cmocka_unit_test(a_service_waits_until_it_is_known),
	    cmocka_unit_test(readers_cannot_write_it),       cmocka_unit_test(what_is_no_roster_is_refused),
	    cmocka_unit_test(a_server_refuses_by_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
