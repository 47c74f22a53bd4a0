/* What the terminal can show, and drawing lines that are drawn again. */
#ifndef VU_CLI_TERMINAL_H
#define VU_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum terminal_colour {
	TERMINAL_PLAIN,
	TERMINAL_BOLD,
	TERMINAL_DIM,
	TERMINAL_RED,
	TERMINAL_GREEN,
	TERMINAL_YELLOW,
} terminal_colour;

/* True when `out` is a terminal that can move its cursor (TERM is neither unset nor "dumb"). */
bool terminal_is(FILE *out);
/* True when it may also be coloured: NO_COLOR is unset or empty. */
bool terminal_has_colour(FILE *out);
/* True when the locale can show more than ASCII. */
bool terminal_has_utf8(void);
/* Columns of `out`, 80 when not known. */
unsigned terminal_columns(FILE *out);

/* The escape sequence that begins a colour (TERMINAL_PLAIN ends it), "" where there is none. Static. */
const char *terminal_colour_code(FILE *out, terminal_colour colour);

/* Columns that UTF-8 text takes; bytes that are no text take one each. */
size_t terminal_width(const char *text);

/* Replaces the line the cursor is on. Only for terminals. */
void terminal_draw_line(FILE *out, const char *text);
/* Clears that line, so that other text can be written. */
void terminal_clear_line(FILE *out);

#endif
