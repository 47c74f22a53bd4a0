/*
 * vu-screen: opens the locked screen of a session to its user's voice.
 *
 *   vu-screen [--session ID]   stays, and watches the session (a user unit)
 *   vu-screen trigger          the hot key: bind this to it, or run it on wake
 *
 *   look at the session → trigger (hot key, or the machine woke up) → gate.c
 *   → the suite listens and decides → still the same locking? → loginctl
 *
 * It never listens without a fresh trigger, nor within the cool-down after
 * locking, and unlocks only on an answer that may unlock. Whatever fails leaves
 * the screen locked.
 */
#include "gate.h"
#include "session.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "platform/platform.h"
#include "voiceunlock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_UNAVAILABLE = 7, EXIT_CONFIGURATION = 8, EXIT_PERMISSION = 9 };

#define LOOK_EVERY_MS 500
/* The clocks with and without sleep drift apart by no more than this but in sleep. */
#define SLEEP_MS 2000

typedef struct watcher {
	const char *session;
	voiceunlock_client *client;
	char user[256];
	vu_screen_gate gate;
	int socket;
	int64_t slept_ms;
} watcher;

static volatile sig_atomic_t stopping;

static void note_stop(int number)
{
	(void)number;
	stopping = 1;
}

static int fail(const vu_error *error, int code)
{
	fprintf(stderr, "vu-screen: %s\n", error->message);
	return code;
}

static int64_t now_ms(void)
{
	return vu_clock_monotonic_us() / 1000;
}

/* Wall time runs on in sleep and the monotonic clock does not; a clock that was set looks like it, and may. */
static int64_t slept_ms(void)
{
	return (int64_t)time(NULL) * 1000 - now_ms();
}

/* ---- the trigger: one datagram to a socket that only this user can reach ---- */

static vu_status socket_address(struct sockaddr_un *address, vu_error *error)
{
	char *folder = vu_platform_runtime_folder();
	int length;

	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	length = folder ? snprintf(address->sun_path, sizeof address->sun_path, "%s/screen.sock", folder) : -1;
	free(folder);
	if (length < 0 || (size_t)length >= sizeof address->sun_path)
		return vu_fail(error, VU_INVALID_ARGUMENT, "unable to use the socket folder: its path is too long");
	return VU_OK;
}

static int send_trigger(void)
{
	struct sockaddr_un address;
	vu_error error;
	int fd;
	int result = EXIT_DONE;

	if (socket_address(&address, &error) != VU_OK)
		return fail(&error, EXIT_CONFIGURATION);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0 || sendto(fd, "t", 1, 0, (const struct sockaddr *)&address, sizeof address) != 1) {
		vu_fail_errno(&error, errno, "unable to trigger: is vu-screen running? %s", address.sun_path);
		result = fail(&error, EXIT_UNAVAILABLE);
	}
	if (fd >= 0)
		close(fd);
	return result;
}

static vu_status listen_for_triggers(watcher *w, vu_error *error)
{
	struct sockaddr_un address;
	vu_status status = socket_address(&address, error);

	if (status != VU_OK)
		return status;
	w->socket = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (w->socket < 0)
		return vu_fail_errno(error, errno, "unable to make a socket");
	fcntl(w->socket, F_SETFD, FD_CLOEXEC);
	fcntl(w->socket, F_SETFL, O_NONBLOCK);
	unlink(address.sun_path);
	umask(077);
	if (bind(w->socket, (const struct sockaddr *)&address, sizeof address) != 0)
		return vu_fail_errno(
		    error, errno,
		    "unable to listen for triggers at %s: start the suite first (jarvis-voice-unlock start)",
		    address.sun_path);
	return VU_OK;
}

/* True when one came since last time. */
static bool take_triggers(watcher *w)
{
	char byte[16];
	bool any = false;

	while (recv(w->socket, byte, sizeof byte, 0) > 0)
		any = true;
	return any;
}

/* ---- watching ---- */

static bool look(watcher *w)
{
	vu_screen_session session = {.remote = true};
	vu_error error;

	if (vu_screen_session_look(w->session, &session, &error) != VU_OK) {
		vu_log_warn("%s", error.message);
		return false;
	}
	/* A session in the background, or of another machine, has nobody at this microphone. */
	vu_screen_gate_see(&w->gate, session.locked && session.active && !session.remote, now_ms());
	return true;
}

/* Asked before each attempt: it may be changed at any time. What cannot be read allows nothing. */
static vu_status check_mode(vu_error *error)
{
	vu_config *config = NULL;
	vu_system_mode mode;
	vu_status status = vu_config_load(NULL, &config, error);

	if (status != VU_OK)
		return status;
	mode = config->system.mode;
	vu_config_free(config);
	if (mode == VU_MODE_SCREENSAVER || mode == VU_MODE_BOTH)
		return VU_OK;
	return vu_fail(
	    error, VU_FAILED_PRECONDITION,
	    "unable to open the screen: system.mode is pam; run: jarvis-voice-unlock configure system.mode both");
}

static void attempt(watcher *w)
{
	uint64_t lock_number = w->gate.lock_number;
	voiceunlock_attempt *answer = NULL;
	voiceunlock_error failure;
	vu_error error;
	bool may;

	if (check_mode(&error) != VU_OK) {
		vu_log_warn("%s", error.message);
		return;
	}
	if (voiceunlock_authenticate(w->client, w->user, NULL, NULL, &answer, &failure) != VOICEUNLOCK_OK) {
		vu_log_warn("%s", failure.message);
		return;
	}
	may = answer->verdict == VOICEUNLOCK_ACCEPT && answer->may_unlock && strcmp(answer->user, w->user) == 0;
	vu_log_info("attempt: %s", voiceunlock_verdict_name(answer->verdict));
	voiceunlock_attempt_free(answer);
	/* What was triggered while this one spoke was not for another attempt. */
	(void)take_triggers(w);
	if (!may || !look(w) || !w->gate.locked || w->gate.lock_number != lock_number || check_mode(&error) != VU_OK)
		return;
	if (vu_screen_session_unlock(w->session, &error) != VU_OK) {
		vu_log_warn("%s", error.message);
		return;
	}
	vu_log_info("the screen is unlocked");
	/* Who locks it again at once, before the next look, is to have the cool-down all the same. */
	vu_screen_gate_see(&w->gate, false, now_ms());
}

static void watch(watcher *w)
{
	struct pollfd wait = {.fd = w->socket, .events = POLLIN};

	w->slept_ms = slept_ms();
	while (!stopping) {
		int64_t slept = slept_ms();
		bool triggered = slept - w->slept_ms > SLEEP_MS;
		int64_t triggered_ms;

		(void)poll(&wait, 1, LOOK_EVERY_MS);
		w->slept_ms = slept;
		/* Its time is now, before a look that may take long; one that fails has been in vain. */
		triggered = take_triggers(w) || triggered;
		triggered_ms = now_ms();
		if (!look(w))
			continue;
		if (triggered)
			vu_screen_gate_trigger(&w->gate, triggered_ms);
		if (vu_screen_gate_take(&w->gate, now_ms()))
			attempt(w);
	}
}

static int start(watcher *w)
{
	struct sigaction action = {.sa_handler = note_stop};
	vu_screen_session session;
	voiceunlock_error failure;
	vu_error error;

	if (check_mode(&error) != VU_OK)
		return fail(&error, EXIT_CONFIGURATION);
	if (vu_screen_session_check_id(w->session, &error) != VU_OK)
		return fail(&error, EXIT_USAGE);
	if (vu_screen_session_look(w->session, &session, &error) != VU_OK ||
	    vu_platform_login_name(w->user, sizeof w->user) != VU_OK || listen_for_triggers(w, &error) != VU_OK)
		return fail(&error, EXIT_UNAVAILABLE);
	if (voiceunlock_create(NULL, &w->client, &failure) != VOICEUNLOCK_OK) {
		fprintf(stderr, "vu-screen: %s\n", failure.message);
		return EXIT_CONFIGURATION;
	}
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	vu_log_info("watching session %s of %s", w->session, w->user);
	return EXIT_DONE;
}

static int usage(FILE *out, int code)
{
	fputs("usage: vu-screen [--session ID] | vu-screen trigger\n\n"
	      "Watches the login session ($XDG_SESSION_ID) and, when it is locked and a trigger\n"
	      "comes - a hot key bound to `vu-screen trigger`, or the machine wakes up -, lets its\n"
	      "user's voice unlock it. Not within 5 s of locking, and never without a trigger.\n",
	      out);
	return code;
}

int main(int argc, char **argv)
{
	static watcher w = {.socket = -1};
	int code;

	vu_log_init("screen");
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, EXIT_DONE);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("vu-screen " VU_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "trigger") == 0)
		return send_trigger();
	if (argc == 3 && strcmp(argv[1], "--session") == 0)
		w.session = argv[2];
	else if (argc != 1)
		return usage(stderr, EXIT_USAGE);
	if (!w.session)
		w.session = getenv("XDG_SESSION_ID");
	if (!w.session) {
		fputs("vu-screen: unable to find the session: XDG_SESSION_ID is not set; use --session ID\n", stderr);
		return EXIT_USAGE;
	}
	code = start(&w);
	if (code == EXIT_DONE)
		watch(&w);
	fflush(NULL);
	/* Without closing anything: NNG's threads may be in the middle of something (common/rpc says why). */
	_exit(code);
}
