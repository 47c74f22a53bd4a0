/* Formatting for people. */
#include "format.h"

#include "cli.h"
#include "terminal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CELL_MAX 512
#define GAP      "  "

char *format_bytes(uint64_t bytes, char out[FORMAT_MAX])
{
	static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < sizeof UNITS / sizeof *UNITS) {
		value /= 1024.0;
		unit++;
	}
	snprintf(out, FORMAT_MAX, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, UNITS[unit]);
	return out;
}

char *format_duration(double seconds, char out[FORMAT_MAX])
{
	unsigned long whole;

	if (!(seconds >= 0) || seconds > 1e12) {
		snprintf(out, FORMAT_MAX, "-");
		return out;
	}
	whole = (unsigned long)(seconds + 0.5);
	if (seconds < 0.9995)
		snprintf(out, FORMAT_MAX, "%.0f ms", seconds * 1000.0);
	else if (seconds < 9.95)
		snprintf(out, FORMAT_MAX, "%.1f s", seconds);
	else if (whole < 60)
		snprintf(out, FORMAT_MAX, "%lu s", whole);
	else if (whole < 3600)
		snprintf(out, FORMAT_MAX, "%lu min %lu s", whole / 60, whole % 60);
	else if (whole < 86400)
		snprintf(out, FORMAT_MAX, "%lu h %lu min", whole / 3600, whole % 3600 / 60);
	else
		snprintf(out, FORMAT_MAX, "%lu d %lu h", whole / 86400, whole % 86400 / 3600);
	return out;
}

char *format_time(uint64_t time_us, char out[FORMAT_MAX])
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm parts;

	if (time_us == 0)
		snprintf(out, FORMAT_MAX, "never");
	else if (!localtime_r(&seconds, &parts) || strftime(out, FORMAT_MAX, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		snprintf(out, FORMAT_MAX, "?");
	return out;
}

char *format_time_iso(uint64_t time_us, char out[FORMAT_MAX])
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm parts;

	if (time_us == 0 || !gmtime_r(&seconds, &parts) ||
	    strftime(out, FORMAT_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		out[0] = '\0';
	return out;
}

char *format_score(double score, char out[FORMAT_MAX])
{
	if (isnan(score))
		snprintf(out, FORMAT_MAX, "-");
	else
		snprintf(out, FORMAT_MAX, "%.2f", score);
	return out;
}

char *format_percent(double share, char out[FORMAT_MAX])
{
	double percent = share * 100.0;

	if (isnan(share))
		snprintf(out, FORMAT_MAX, "-");
	else
		snprintf(out, FORMAT_MAX, percent > 0 && percent < 9.995 ? "%.2f %%" : "%.1f %%", percent);
	return out;
}

struct format_table {
	size_t columns;
	size_t cells;
	size_t capacity;
	char **texts; /* the headings first, then row by row; NULL is empty */
	bool *right;
};

format_table *format_table_create(const char *const *headings, size_t columns)
{
	format_table *table = calloc(1, sizeof *table);

	if (!table)
		return NULL;
	table->columns = columns;
	table->right = calloc(columns, sizeof *table->right);
	if (!table->right) {
		format_table_free(table);
		return NULL;
	}
	for (size_t i = 0; i < columns; i++) {
		table->right[i] = headings[i][0] == '>';
		format_table_add(table, headings[i] + table->right[i]);
	}
	return table;
}

void format_table_add(format_table *table, const char *text)
{
	char printable[CELL_MAX];

	if (table->cells == table->capacity) {
		size_t capacity = table->capacity > 0 ? table->capacity * 2 : 64;
		char **texts = realloc(table->texts, capacity * sizeof *texts);
		if (!texts)
			return;
		table->texts = texts;
		table->capacity = capacity;
	}
	table->texts[table->cells++] = strdup(cli_printable(text, printable, sizeof printable));
}

static const char *cell(const format_table *table, size_t index)
{
	return index < table->cells && table->texts[index] ? table->texts[index] : "";
}

static void print_padding(FILE *out, size_t count)
{
	while (count-- > 0)
		fputc(' ', out);
}

void format_table_print(const format_table *table, FILE *out)
{
	size_t rows = (table->cells + table->columns - 1) / table->columns;
	size_t *widths = calloc(table->columns, sizeof *widths);

	if (!widths)
		return;
	for (size_t i = 0; i < table->cells; i++) {
		size_t width = terminal_width(cell(table, i));
		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t row = 0; row < rows; row++) {
		if (row == 0)
			fputs(terminal_colour_code(out, TERMINAL_DIM), out);
		for (size_t column = 0; column < table->columns; column++) {
			const char *text = cell(table, row * table->columns + column);
			size_t padding = widths[column] - terminal_width(text);
			bool last = column + 1 == table->columns;
			if (column > 0)
				fputs(GAP, out);
			if (table->right[column])
				print_padding(out, padding);
			fputs(text, out);
			if (!table->right[column] && !last)
				print_padding(out, padding);
		}
		if (row == 0)
			fputs(terminal_colour_code(out, TERMINAL_PLAIN), out);
		fputc('\n', out);
	}
	free(widths);
}

void format_table_free(format_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->cells; i++)
		free(table->texts[i]);
	free(table->texts);
	free(table->right);
	free(table);
}
