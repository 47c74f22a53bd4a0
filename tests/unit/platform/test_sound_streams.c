/* Whether this machine plays sound, by a folder laid out as /proc/asound. */
#include "platform/sound_streams.h"

#include "platform/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/vu-sound-XXXXXX";

static void write_status(const char *stream, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/card1/%s/sub0/status", folder, stream);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	make("card1");
	make("card1/pcm0p");
	make("card1/pcm0p/sub0");
	make("card1/pcm0c");
	make("card1/pcm0c/sub0");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static void only_a_running_playback_is_sound(void **state)
{
	(void)state;
	assert_false(vu_sound_streams_run(folder));
	write_status("pcm0c", "state: RUNNING\nowner_pid   : 1\n");
	assert_false(vu_sound_streams_run(folder));
	write_status("pcm0p", "closed\n");
	assert_false(vu_sound_streams_run(folder));
	write_status("pcm0p", "state: SUSPENDED\n");
	assert_false(vu_sound_streams_run(folder));
	write_status("pcm0p", "");
	assert_false(vu_sound_streams_run(folder));
	write_status("pcm0p", "state: RUNNING\nowner_pid   : 1\n");
	assert_true(vu_sound_streams_run(folder));
	write_status("pcm0p", "state: DRAINING\n");
	assert_true(vu_sound_streams_run(folder));
}

static void a_machine_without_cards_plays_nothing(void **state)
{
	(void)state;
	assert_false(vu_sound_streams_run("/nonexistent"));
	(void)vu_platform_plays_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_a_running_playback_is_sound),
	    cmocka_unit_test(a_machine_without_cards_plays_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
