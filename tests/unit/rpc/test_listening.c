/* A server goes on accepting whatever clients do to their connections. */
#include "rpc_aid.h"

#include "platform/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void connect_and_hang_up(const char *path)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
}

/* Without vu_platform_keep_listening, NNG 1.5.2 never accepts again after one of these. */
static void hanging_up_at_once_does_not_make_it_deaf(void **state)
{
	(void)state;
	const struct timespec pause = {.tv_nsec = 1000000};
	rpc_aid aid;
	vu_channel *channel;
	vu_error error = {VU_OK, ""};
	Vu__SessionRequest request = VU__SESSION_REQUEST__INIT;
	ProtobufCMessage *response = NULL;

	vu_platform_keep_listening();
	rpc_aid_init(&aid);
	rpc_aid_start(&aid, NULL);
	for (int i = 0; i < 100; i++) {
		connect_and_hang_up(aid.endpoint.path);
		nanosleep(&pause, NULL);
	}
	channel = rpc_aid_channel(&aid);
	assert_int_equal(rpc_aid_call(channel, "GetSession", &request.base, &response, 10 * 1000000LL, &error),
	                 VU_OK);
	protobuf_c_message_free_unpacked(response, NULL);
	vu_channel_destroy(channel);
	rpc_aid_stop(&aid);
	rpc_aid_fini(&aid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hanging_up_at_once_does_not_make_it_deaf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
