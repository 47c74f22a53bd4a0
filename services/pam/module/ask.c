/*
 * Two pipes: its output, and an input on which nothing is ever written, whose
 * end tells the helper that nobody waits for it any more.
 */
#include "ask.h"

#include "platform/orphan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct conversation {
	const vu_pam_listener *listener;
	char line[VU_PAM_LINE_MAX];
	size_t used;
	bool broken;    /* it said what it must not */
	bool concluded; /* a verdict was read: nothing may follow */
	vu_pam_verdict verdict;
} conversation;

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool read_verdict(const char *word, vu_pam_verdict *out)
{
	static const struct {
		const char *word;
		vu_pam_verdict verdict;
	} WORDS[] = {
	    {"unlock", VU_PAM_UNLOCK},           {"refused", VU_PAM_REFUSED}, {"exhausted", VU_PAM_EXHAUSTED},
	    {"unavailable", VU_PAM_UNAVAILABLE}, {"ready", VU_PAM_READY},
	};

	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
		if (strcmp(word, WORDS[i].word) == 0) {
			*out = WORDS[i].verdict;
			return true;
		}
	}
	return false;
}

static void take_line(conversation *talk)
{
	const char *line = talk->line;
	const vu_pam_listener *listener = talk->listener;

	if (talk->concluded)
		talk->broken = true;
	else if (strcmp(line, "prompt") == 0)
		listener->prompt(listener->context);
	else if (strncmp(line, "say ", 4) == 0)
		listener->say(listener->context, line + 4);
	else if (strncmp(line, "log ", 4) == 0)
		listener->log(listener->context, line + 4);
	else if (strncmp(line, "verdict ", 8) == 0 && read_verdict(line + 8, &talk->verdict))
		talk->concluded = true;
	else
		talk->broken = true;
}

static void take_bytes(conversation *talk, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count && !talk->broken; i++) {
		/* Controls would reach a terminal. */
		if (bytes[i] == '\n') {
			talk->line[talk->used] = '\0';
			talk->used = 0;
			take_line(talk);
		} else if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f ||
		           talk->used + 1 >= sizeof talk->line) {
			talk->broken = true;
		} else {
			talk->line[talk->used++] = bytes[i];
		}
	}
}

/* Reads to the end of the helper's output; false when that did not come in time. */
static bool converse(int fd, long long until_ms, conversation *talk)
{
	char bytes[256];

	while (!talk->broken) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		long long left_ms = until_ms - now_ms();
		ssize_t count;

		if (left_ms <= 0)
			return false;
		if (poll(&wait, 1, (int)left_ms) < 0 && errno != EINTR)
			return false;
		if (wait.revents == 0)
			continue;
		count = read(fd, bytes, sizeof bytes);
		if (count == 0)
			return true;
		if (count < 0 && errno != EINTR)
			return false;
		if (count > 0)
			take_bytes(talk, bytes, (size_t)count);
	}
	return false;
}

/* Never handed down to a program that the host starts meanwhile. */
static int open_pipe(int ends[2])
{
	if (pipe(ends) != 0) {
		ends[0] = ends[1] = -1;
		return -1;
	}
	return fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0 ? -1 : 0;
}

static void close_end(int *end)
{
	if (*end >= 0)
		close(*end);
	*end = -1;
}

vu_pam_verdict vu_pam_ask(char *const arguments[], int timeout_s, const vu_pam_listener *listener)
{
	conversation talk = {.listener = listener};
	vu_pam_verdict verdict = VU_PAM_UNAVAILABLE;
	int input[2] = {-1, -1};
	int output[2] = {-1, -1};

	if (open_pipe(input) != 0 || open_pipe(output) != 0 ||
	    vu_platform_start_orphan(arguments[0], arguments, input[0], output[1]) != 0)
		goto out;
	close_end(&input[0]);
	close_end(&output[1]);
	if (converse(output[0], now_ms() + (long long)timeout_s * 1000, &talk) && talk.concluded && talk.used == 0)
		verdict = talk.verdict;
out:
	close_end(&input[0]);
	close_end(&input[1]);
	close_end(&output[0]);
	close_end(&output[1]);
	return verdict;
}
