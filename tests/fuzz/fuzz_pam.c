/*
 * What reaches the PAM module from outside: the options of a file of
 * /etc/pam.d, and what comes out of the helper's pipe. Options are taken whole
 * and within their ranges, or refused by name; a verdict counts only when
 * nothing follows it.
 */
#include "../../services/pam/module/ask.c"
#include "../../services/pam/module/options.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_options(const char *text, size_t size)
{
	const char *words[32];
	vu_pam_options options;
	const char *refused;
	int count = 0;

	for (size_t i = 0; i < size && count < 32; i += strlen(text + i) + 1)
		words[count++] = text + i;
	refused = vu_pam_options_parse(count, words, &options);
	if (refused) {
		for (int i = 0; i < count; i++) {
			if (words[i] == refused)
				return;
		}
		abort();
	}
	if (options.timeout_s < 1 || options.timeout_s > VU_PAM_TIMEOUT_S_MAX || options.tries < 1 ||
	    options.tries > VU_PAM_TRIES_MAX)
		abort();
}

static void take_text(void *context, const char *text)
{
	(void)context;
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort();
	}
}

static void take_prompt(void *context)
{
	(void)context;
}

static void listen(const char *bytes, size_t size)
{
	const vu_pam_listener listener = {.prompt = take_prompt, .say = take_text, .log = take_text};
	conversation talk = {.listener = &listener};

	take_bytes(&talk, bytes, size);
	if (talk.used >= sizeof talk.line)
		abort();
	/* "unlock" needs a line that says so. */
	if (talk.concluded && talk.verdict == VU_PAM_UNLOCK && !memmem(bytes, size, "verdict unlock\n", 15))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	read_options(text, size);
	listen(text, size);
	free(text);
	return 0;
}
