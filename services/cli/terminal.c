/* Terminals. Nothing here fails: what cannot be found out is assumed to be absent. */
#include "terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

bool terminal_is(FILE *out)
{
	const char *term = getenv("TERM");

	return isatty(fileno(out)) == 1 && term && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

bool terminal_has_colour(FILE *out)
{
	const char *no_color = getenv("NO_COLOR");

	return terminal_is(out) && (!no_color || no_color[0] == '\0');
}

bool terminal_has_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

unsigned terminal_columns(FILE *out)
{
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

const char *terminal_colour_code(FILE *out, terminal_colour colour)
{
	static const char *const CODES[] = {"\033[0m", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m"};

	return terminal_has_colour(out) ? CODES[colour] : "";
}

size_t terminal_width(const char *text)
{
	mbstate_t state;
	size_t width = 0;

	memset(&state, 0, sizeof state);
	while (*text) {
		wchar_t wide;
		size_t bytes = mbrtowc(&wide, text, strlen(text), &state);
		if (bytes == 0 || bytes > strlen(text)) {
			memset(&state, 0, sizeof state);
			bytes = 1;
			width++;
		} else {
			int columns = wcwidth(wide);
			width += columns > 0 ? (size_t)columns : 0;
		}
		text += bytes;
	}
	return width;
}

void terminal_draw_line(FILE *out, const char *text)
{
	fprintf(out, "\r%s\033[K", text);
	fflush(out);
}

void terminal_clear_line(FILE *out)
{
	fputs("\r\033[K", out);
	fflush(out);
}
