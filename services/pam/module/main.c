/*
 * pam_voice_unlock.so, for Linux-PAM and OpenPAM:
 *
 *   auth sufficient pam_voice_unlock.so [timeout=S] [tries=N] [level=L]
 *                   [anti_spoofing=A] [user_prompt] [quiet]
 *
 * Thin on purpose: it runs within sudo, login and screen lockers, so it starts
 * no thread, waits for no child of the host's, sets no signal and links nothing
 * but libpam. It executes the helper by its compiled-in path with an empty
 * environment and reads the verdict from a pipe (ask.c).
 *
 *   SUCCESS            the machine suite said that this voice may unlock
 *   AUTH_ERR, MAXTRIES it heard somebody else, too often
 *   AUTHINFO_UNAVAIL   at once where nothing can be asked: no suite, a remote
 *                      session, options that are not understood; also the user
 *                      is not enrolled, nobody spoke, anything that failed
 *
 * It never stands in for the password: use it as `sufficient` before it.
 */
#include "ask.h"
#include "options.h"

#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define HELPER VU_PAM_HELPER
#define SOCKET VU_PAM_RUNTIME_FOLDER "/orchestrator.sock"

/* On top of the time to begin: the speech itself, the decision, and the machine's slowness. */
#define TRY_SLACK_S 30
/* A check asks nobody who could be slow. */
#define CHECK_S 2

#define EXPORT __attribute__((visibility("default")))

typedef struct session {
	pam_handle_t *pam;
	bool quiet;
	const char *prompt;
} session;

static void log_line(const char *text)
{
	syslog(LOG_AUTHPRIV | LOG_NOTICE, "pam_voice_unlock: %s", text);
}

/* The answer to one message, or NULL; for texts there is none. The caller wipes and frees it. */
static char *converse(pam_handle_t *pam, int style, const char *text)
{
	const void *item = NULL;
	const struct pam_conv *conv;
	struct pam_message message = {.msg_style = style, .msg = text};
	const struct pam_message *messages[] = {&message};
	struct pam_response *response = NULL;
	char *answer;

	if (pam_get_item(pam, PAM_CONV, &item) != PAM_SUCCESS || !item)
		return NULL;
	conv = item;
	if (!conv->conv || conv->conv(1, messages, &response, conv->appdata_ptr) != PAM_SUCCESS || !response)
		return NULL;
	answer = response->resp;
	free(response);
	return answer;
}

static void tell(session *host, const char *text)
{
	if (!host->quiet)
		free(converse(host->pam, PAM_TEXT_INFO, text));
}

static void on_prompt(void *context)
{
	session *host = context;
	tell(host, host->prompt);
}

static void on_say(void *context, const char *text)
{
	tell(context, text);
}

static void on_log(void *context, const char *text)
{
	(void)context;
	log_line(text);
}

static const char *text_item(pam_handle_t *pam, int type)
{
	const void *item = NULL;
	return pam_get_item(pam, type, &item) == PAM_SUCCESS && item ? item : "";
}

/* Somebody at another machine cannot be heard by this one's microphone; somebody else could be. */
static bool is_remote(pam_handle_t *pam)
{
	const char *host = text_item(pam, PAM_RHOST);

	if (*host && strcmp(host, "localhost") != 0 && strcmp(host, "127.0.0.1") != 0 && strcmp(host, "::1") != 0)
		return true;
	return getenv("SSH_CONNECTION") || getenv("SSH_CLIENT") || getenv("SSH_TTY") ||
	       strcmp(text_item(pam, PAM_SERVICE), "sshd") == 0;
}

/* Wiped by a call that a compiler cannot see through. */
static void forget(char *secret)
{
	volatile char *byte = secret;

	while (byte && *byte)
		*byte++ = '\0';
	free(secret);
}

/* True when Enter alone was pressed. Anything typed is the password, kept for the module that comes next. */
static bool wants_to_speak(pam_handle_t *pam)
{
	char *answer = converse(pam, PAM_PROMPT_ECHO_OFF, "Press Enter and speak, or type your password: ");
	bool speak = answer && *answer == '\0';

	if (answer && *answer)
		pam_set_item(pam, PAM_AUTHTOK, answer);
	forget(answer);
	return speak;
}

static int code_of(vu_pam_verdict verdict)
{
	switch (verdict) {
	case VU_PAM_UNLOCK:
		return PAM_SUCCESS;
	case VU_PAM_REFUSED:
		return PAM_AUTH_ERR;
	case VU_PAM_EXHAUSTED:
		return PAM_MAXTRIES;
	default:
		return PAM_AUTHINFO_UNAVAIL;
	}
}

static int authenticate(pam_handle_t *pam, int flags, const vu_pam_options *options)
{
	session host = {.pam = pam, .quiet = options->quiet || (flags & PAM_SILENT) != 0, .prompt = "Speak now…"};
	vu_pam_listener listener = {.prompt = on_prompt, .say = on_say, .log = on_log, .context = &host};
	const char *user = NULL;
	char timeout[16];
	char tries[16];
	/* execve takes no constants, and changes nothing. */
	char *arguments[] = {
	    (char *)(unsigned long)HELPER, NULL, NULL, NULL, timeout, tries, NULL, NULL, NULL, NULL, NULL};
	char *quiet = host.quiet ? (char *)(unsigned long)"quiet" : NULL;
	struct stat info;

	/* Before anything else: where there is no suite nobody is to wait. */
	if (stat(SOCKET, &info) != 0 || !S_ISSOCK(info.st_mode) || is_remote(pam))
		return PAM_AUTHINFO_UNAVAIL;
	if (pam_get_user(pam, &user, NULL) != PAM_SUCCESS || !user || !*user)
		return PAM_AUTHINFO_UNAVAIL;
	snprintf(timeout, sizeof timeout, "%d", options->timeout_s);
	snprintf(tries, sizeof tries, "%d", options->tries);
	arguments[1] = (char *)(unsigned long)user;
	arguments[2] = (char *)(unsigned long)text_item(pam, PAM_SERVICE);
	arguments[3] = (char *)(unsigned long)text_item(pam, PAM_TTY);
	arguments[6] = (char *)(unsigned long)(options->level ? options->level : "-");
	arguments[7] = (char *)(unsigned long)(options->anti_spoofing ? options->anti_spoofing : "-");
	if (options->user_prompt) {
		arguments[8] = (char *)(unsigned long)"check";
		arguments[9] = quiet;
		if (vu_pam_ask(arguments, CHECK_S, &listener) != VU_PAM_READY || !wants_to_speak(pam))
			return PAM_AUTHINFO_UNAVAIL;
	}
	arguments[8] = quiet;
	arguments[9] = NULL;
	return code_of(vu_pam_ask(arguments, options->tries * (options->timeout_s + TRY_SLACK_S), &listener));
}

EXPORT int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	vu_pam_options options;
	const char *bad = vu_pam_options_parse(argc, argv, &options);
	char text[VU_PAM_LINE_MAX];

	if (bad) {
		snprintf(text, sizeof text, "unable to understand the option \"%.64s\"; see pam_voice_unlock(8)",
		         bad);
		log_line(text);
		return PAM_AUTHINFO_UNAVAIL;
	}
	return authenticate(pam, flags, &options);
}

EXPORT int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}
