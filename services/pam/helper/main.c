/*
 * vu-pam-helper: what pam_voice_unlock.so executes.
 *
 *   arguments → is it the machine suite → may it serve PAM → speak → verdict
 *
 * usage: vu-pam-helper USER SERVICE TTY TIMEOUT_S TRIES LEVEL|- ANTI_SPOOFING|- [check] [quiet]
 *
 * Lines on standard output say what is going on (module/ask.h); the last is the
 * verdict. Standard input ends when the module has gone: then nobody wants the
 * verdict, and the microphone is closed. Runs as who runs the module: root for
 * login and sudo, the user for a screen locker. Whatever goes wrong is
 * "unavailable", and the reason goes to the system's log.
 */
#include "judge.h"
#include "places.h"

#include "base/config.h"
#include "base/log.h"
#include "base/user_name.h"
#include "platform/platform.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct request {
	const char *user;
	const char *service;
	char door[VU_PAM_DOOR_SIZE];
	int timeout_s;
	int tries;
	const char *level;         /* NULL: configured */
	const char *anti_spoofing; /* NULL: configured */
	bool check;
	bool quiet; /* nothing can be shown */
} request;

/* One line to the module. Bytes that the module would not take are replaced. */
static void tell(const char *word, const char *text)
{
	char line[512];
	size_t length = (size_t)snprintf(line, sizeof line - 1, "%s%s%s", word, text ? " " : "", text ? text : "");
	ssize_t written;

	if (length > sizeof line - 2)
		length = sizeof line - 2;
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	}
	line[length] = '\n';
	do
		written = write(STDOUT_FILENO, line, length + 1);
	while (written < 0 && errno == EINTR);
}

/* Without closing anything: NNG's threads may be in the middle of something (common/rpc says why). */
static _Noreturn void conclude(vu_pam_outcome outcome)
{
	tell("verdict", vu_pam_outcome_word(outcome));
	_exit(0);
}

static _Noreturn void give_up(const char *reason)
{
	tell("log", reason);
	conclude(VU_PAM_OUTCOME_UNAVAILABLE);
}

static const char *optional(const char *word)
{
	return strcmp(word, "-") == 0 ? NULL : word;
}

static int read_number(const char *text)
{
	int number = atoi(text);
	return number < 1 ? 1 : number > 60 ? 60 : number;
}

static void read_request(int argc, char **argv, request *out)
{
	vu_error error = {.status = VU_OK};

	out->check = argc > 8 && strcmp(argv[8], "check") == 0;
	out->quiet = argc > 8 + out->check && strcmp(argv[8 + out->check], "quiet") == 0;
	if (argc < 8 || argc != 8 + out->check + out->quiet) {
		fputs("vu-pam-helper is for pam_voice_unlock.so; see pam_voice_unlock(8)\n", stderr);
		give_up("unable to understand the arguments of the helper");
	}
	out->user = argv[1];
	out->service = argv[2];
	vu_pam_door_write(out->door, sizeof out->door, out->service, argv[3]);
	out->timeout_s = read_number(argv[4]);
	out->tries = read_number(argv[5]);
	out->level = optional(argv[6]);
	out->anti_spoofing = optional(argv[7]);
	if (vu_user_name_check(out->user, &error) != VU_OK)
		give_up(error.message);
}

/*
 * A setuid program such as sudo runs this with its caller's real uid: he could
 * signal it. Also what the host blocked or ignored is none of our business.
 */
static void take_own_identity(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	if (setregid(getegid(), getegid()) != 0 || setreuid(geteuid(), geteuid()) != 0)
		give_up("unable to leave the caller's identity");
	umask(077);
}

/*
 * What the machine's configuration lets a voice open. Without a file: nothing
 * by PAM. More than one's own session wants more than a voice that could be a
 * recording: the spoken challenge, unless the module was told to do without.
 */
static void check_mode(request *wanted)
{
	vu_error error = {.status = VU_OK};
	vu_config *config = NULL;

	if (access(VU_PAM_PLACES.config_path, F_OK) != 0)
		give_up("the machine's configuration is missing: nothing is opened by PAM");
	if (vu_config_load(VU_PAM_PLACES.config_path, &config, &error) != VU_OK)
		give_up(error.message);
	if (config->system.mode == VU_MODE_SCREENSAVER)
		give_up("system.mode is screensaver in the machine's configuration: nothing is opened by PAM");
	if (vu_pam_is_privileged(wanted->service) && !wanted->anti_spoofing)
		wanted->anti_spoofing = "maximum";
	if (wanted->quiet && (wanted->anti_spoofing ? strcmp(wanted->anti_spoofing, "maximum") == 0
	                                            : config->security.anti_spoofing == VU_ANTISPOOF_MAXIMUM))
		give_up(
		    "the spoken challenge has to be shown, and this service shows nothing: take 'quiet' out of its "
		    "PAM configuration; pam_voice_unlock(8) says what anti_spoofing= gives away");
	if (wanted->quiet && !wanted->anti_spoofing && config->security.anti_spoofing == VU_ANTISPOOF_HIGH &&
	    vu_platform_plays_sound())
		give_up(
		    "this machine is playing sound, and the spoken challenge that is needed then would not be shown");
	vu_config_free(config);
}

/* ---- the module's end of the pipe ---- */

static void *watch_input(void *context)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) != 0) {
		if (errno != EINTR && errno != EAGAIN)
			break;
	}
	voiceunlock_cancel_trigger(context);
	return NULL;
}

static voiceunlock_cancel *cancel_with_module(void)
{
	voiceunlock_cancel *cancel = NULL;
	pthread_t thread;

	if (voiceunlock_cancel_create(&cancel) != VOICEUNLOCK_OK ||
	    pthread_create(&thread, NULL, watch_input, cancel) != 0)
		give_up("unable to watch the module: out of memory");
	pthread_detach(thread);
	return cancel;
}

/* ---- speaking ---- */

static void on_progress(void *context, const voiceunlock_progress *progress)
{
	bool *prompted = context;

	if (progress->phase != VOICEUNLOCK_PHASE_LISTENING || *prompted)
		return;
	*prompted = true;
	if (progress->challenge_count > 0)
		tell("say", "To unlock, say one after the other:");
	for (size_t i = 0; i < progress->challenge_count; i++)
		tell("say   ", progress->challenge[i]);
	tell("prompt", NULL);
}

static void explain(const voiceunlock_attempt *attempt, vu_pam_outcome outcome)
{
	char text[200];

	if (attempt->verdict == VOICEUNLOCK_SPOOF && outcome == VU_PAM_OUTCOME_UNAVAILABLE) {
		tell("say", attempt->reason);
		tell("log", attempt->reason);
	} else if (outcome == VU_PAM_OUTCOME_AGAIN)
		tell("say", "Not recognized. Once more:");
	else if (attempt->verdict == VOICEUNLOCK_LOCKED) {
		snprintf(text, sizeof text, "Voice unlock is locked for %llu s; use your password.",
		         (unsigned long long)attempt->locked_for_s);
		tell("say", text);
	} else if (outcome == VU_PAM_OUTCOME_REFUSED || outcome == VU_PAM_OUTCOME_EXHAUSTED)
		tell("say", "Not recognized.");
	else if (attempt->verdict == VOICEUNLOCK_ACCEPT)
		tell("log", "accepted below the configured level or for somebody else: that opens nothing");
	else if (attempt->verdict != VOICEUNLOCK_NOT_ENROLLED && outcome == VU_PAM_OUTCOME_UNAVAILABLE)
		tell("log", attempt->reason);
}

static vu_pam_outcome try_once(voiceunlock_client *client, const request *wanted, int try, voiceunlock_cancel *cancel)
{
	bool prompted = false;
	voiceunlock_attempt *attempt = NULL;
	voiceunlock_error error;
	voiceunlock_attempt_options options = {
	    .size = sizeof options,
	    .level = wanted->level,
	    .anti_spoofing = wanted->anti_spoofing,
	    .timeout_s = wanted->timeout_s,
	    .progress = on_progress,
	    .context = &prompted,
	    .cancel = cancel,
	    .enrolled_first = true,
	    .door = wanted->door,
	};
	vu_pam_outcome outcome;

	if (voiceunlock_authenticate(client, wanted->user, NULL, &options, &attempt, &error) != VOICEUNLOCK_OK)
		give_up(error.message);
	outcome = vu_pam_judge(attempt, wanted->user, try, wanted->tries);
	explain(attempt, outcome);
	voiceunlock_attempt_free(attempt);
	return outcome;
}

int main(int argc, char **argv)
{
	request wanted;
	vu_error error = {.status = VU_OK};
	voiceunlock_error client_error;
	voiceunlock_client *client = NULL;
	voiceunlock_options options = {
	    .size = sizeof options,
	    .runtime_folder = VU_PAM_PLACES.runtime_folder,
	    .config_path = VU_PAM_PLACES.config_path,
	    .caller = "pam",
	    .machine_suite = true,
	};
	voiceunlock_cancel *cancel;
	vu_pam_outcome outcome = VU_PAM_OUTCOME_AGAIN;
	uid_t suite_uid;

	take_own_identity();
	read_request(argc, argv, &wanted);
	vu_log_init("pam");
	if (vu_pam_places_check(&VU_PAM_PLACES, &suite_uid, &error) != VU_OK)
		give_up(error.message);
	if (vu_platform_session_is_remote())
		give_up("the session is remote: its user cannot be heard here");
	if (vu_platform_lid_is_closed())
		give_up("the lid is closed");
	check_mode(&wanted);
	if (wanted.check)
		conclude(VU_PAM_OUTCOME_READY);
	cancel = cancel_with_module();
	options.suite_uid = (uint32_t)suite_uid;
	if (voiceunlock_create(&options, &client, &client_error) != VOICEUNLOCK_OK)
		give_up(client_error.message);
	for (int try = 1; outcome == VU_PAM_OUTCOME_AGAIN; try++)
		outcome = try_once(client, &wanted, try, cancel);
	conclude(outcome);
}
