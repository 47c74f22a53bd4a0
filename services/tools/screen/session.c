/* loginctl as a child, its answer from a pipe. What it does not say plainly is taken for no. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX 1024

extern char **environ;

static vu_status run(char *const arguments[], char answer[ANSWER_MAX], vu_error *error)
{
	posix_spawn_file_actions_t actions;
	int ends[2];
	int status = -1;
	int failure;
	size_t used = 0;
	pid_t child;

	if (pipe(ends) != 0)
		return vu_fail_errno(error, errno, "unable to run loginctl");
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[1]);
	failure = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (failure != 0) {
		close(ends[0]);
		if (failure == ENOENT)
			return vu_fail(
			    error, VU_UNIMPLEMENTED,
			    "unable to open the screen of this system: there is no loginctl; let a voice "
			    "open it through PAM instead: set system.mode to pam, see pam_voice_unlock(8)");
		return vu_fail_errno(error, failure, "unable to run loginctl");
	}
	while (used + 1 < ANSWER_MAX) {
		ssize_t count = read(ends[0], answer + used, ANSWER_MAX - 1 - used);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		used += (size_t)count;
	}
	answer[used] = '\0';
	close(ends[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return vu_fail(error, VU_UNAVAILABLE,
		               "unable to ask for the session: loginctl %s failed; is the id right?", arguments[1]);
	return VU_OK;
}

/* Whole lines only: "Active=yesterday" is not "Active=yes". */
static bool says(const char *answer, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = answer; (at = strstr(at, line)) != NULL; at++) {
		if ((at == answer || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0'))
			return true;
	}
	return false;
}

vu_status vu_screen_session_check_id(const char *id, vu_error *error)
{
	size_t length = strlen(id);

	if (length == 0 || length > 32 ||
	    strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != length)
		return vu_fail(error, VU_INVALID_ARGUMENT,
		               "unable to use session \"%.40s\": loginctl list-sessions shows what there is", id);
	return VU_OK;
}

vu_status vu_screen_session_look(const char *id, vu_screen_session *out, vu_error *error)
{
	static char name[] = "loginctl", verb[] = "show-session", all[] = "--property=LockedHint,Active,Remote";
	char copy[64];
	char answer[ANSWER_MAX];
	char *arguments[] = {name, verb, copy, all, NULL};
	vu_status status;

	strncpy(copy, id, sizeof copy - 1);
	copy[sizeof copy - 1] = '\0';
	status = run(arguments, answer, error);
	if (status != VU_OK)
		return status;
	out->locked = says(answer, "LockedHint=yes");
	out->active = says(answer, "Active=yes");
	out->remote = !says(answer, "Remote=no");
	return VU_OK;
}

vu_status vu_screen_session_unlock(const char *id, vu_error *error)
{
	static char name[] = "loginctl", verb[] = "unlock-session";
	char copy[64];
	char answer[ANSWER_MAX];
	char *arguments[] = {name, verb, copy, NULL};

	strncpy(copy, id, sizeof copy - 1);
	copy[sizeof copy - 1] = '\0';
	return run(arguments, answer, error);
}
