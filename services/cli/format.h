/* Numbers and times as people read them, and tables of them. */
#ifndef VU_CLI_FORMAT_H
#define VU_CLI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FORMAT_MAX 48

/* "0 B", "999 B", "1.5 kB", "12 MB": powers of 1024, at most three digits. Returns `out`. */
char *format_bytes(uint64_t bytes, char out[FORMAT_MAX]);
/* "340 ms", "4.2 s", "59 s", "3 min 20 s", "5 h 3 min", "2 d 4 h". */
char *format_duration(double seconds, char out[FORMAT_MAX]);
/* Wall clock in local time, "2026-01-31 14:05:09"; "never" for 0. */
char *format_time(uint64_t time_us, char out[FORMAT_MAX]);
/* The same in UTC as ISO 8601, "2026-01-31T13:05:09Z"; "" for 0. */
char *format_time_iso(uint64_t time_us, char out[FORMAT_MAX]);
/* A score with two digits, "-" for NaN. */
char *format_score(double score, char out[FORMAT_MAX]);
/* A share of 1 as "12.3 %", "-" for NaN. */
char *format_percent(double share, char out[FORMAT_MAX]);

/* A table of text: rows are filled cell by cell, then printed with columns as wide as they need. */
typedef struct format_table format_table;

/* `headings` are `columns` names; a heading that begins with '>' sets its column flush right. NULL: out of memory. */
format_table *format_table_create(const char *const *headings, size_t columns);
/* The next cell, left to right; control characters are shown as '?'. Running out of memory empties cells. */
void format_table_add(format_table *table, const char *text);
void format_table_print(const format_table *table, FILE *out);
void format_table_free(format_table *table);

#endif
