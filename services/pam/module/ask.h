/*
 * Asking the helper: executing it, relaying what it says, reading its verdict
 * from the pipe. No threads, no signals, no PAM.
 *
 * The helper writes lines: "prompt" (now is the time to speak), "say TEXT",
 * "log TEXT", and as its last "verdict WORD". Whatever else it writes, a
 * verdict that is not the last line, silence or its death is UNAVAILABLE.
 */
#ifndef VU_PAM_ASK_H
#define VU_PAM_ASK_H

#include <stdbool.h>
#include <stddef.h>

#define VU_PAM_LINE_MAX 512

typedef enum vu_pam_verdict {
	VU_PAM_UNAVAILABLE = 0, /* go on to the password */
	VU_PAM_UNLOCK,
	VU_PAM_REFUSED,   /* not this person */
	VU_PAM_EXHAUSTED, /* too many tries, or locked out */
	VU_PAM_READY,     /* of a mere check */
} vu_pam_verdict;

/* Told what the helper says while it works. */
typedef struct vu_pam_listener {
	void (*prompt)(void *context);
	void (*say)(void *context, const char *text);
	void (*log)(void *context, const char *text);
	void *context;
} vu_pam_listener;

/* Executes `arguments[0]` and waits for its verdict at most `timeout_s` seconds. */
vu_pam_verdict vu_pam_ask(char *const arguments[], int timeout_s, const vu_pam_listener *listener);

#endif
