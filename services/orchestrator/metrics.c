/* https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static bool is_name(const char *name, const char *more)
{
	char first[64];
	char any[80];

	snprintf(first, sizeof first, "%s%s", LETTERS, more);
	snprintf(any, sizeof any, "%s0123456789", first);
	return *name && strchr(first, *name) && strspn(name, any) == strlen(name);
}

static int by_name(const void *a, const void *b)
{
	const vu_metric *left = a;
	const vu_metric *right = b;
	int order = strcmp(left->name, right->name);

	if (order == 0)
		order = strcmp(left->service, right->service);
	return order ? order : strcmp(left->label_value, right->label_value);
}

static void write_escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\\' || (quotes && *text == '"'))
			fprintf(out, "\\%c", *text);
		else if (*text == '\n')
			fputs("\\n", out);
		else
			fputc(*text, out);
	}
}

static void write_value(FILE *out, double value)
{
	if (isnan(value))
		fputs("NaN", out);
	else if (isinf(value))
		fputs(value > 0 ? "+Inf" : "-Inf", out);
	else
		fprintf(out, "%.17g", value);
}

static void write_metric(FILE *out, const vu_metric *metric)
{
	fprintf(out, "%s{service=\"", metric->name);
	write_escaped(out, metric->service, true);
	fputc('"', out);
	if (*metric->label_name && is_name(metric->label_name, "")) {
		fprintf(out, ",%s=\"", metric->label_name);
		write_escaped(out, metric->label_value, true);
		fputc('"', out);
	}
	fputs("} ", out);
	write_value(out, metric->value);
	fputc('\n', out);
}

char *vu_metrics_format(vu_metric *metrics, size_t count, size_t *bytes_out)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, bytes_out);
	const char *family = "";

	if (!out)
		return NULL;
	if (count > 0)
		qsort(metrics, count, sizeof *metrics, by_name);
	for (size_t i = 0; i < count; i++) {
		const vu_metric *metric = &metrics[i];
		if (!is_name(metric->name, ":"))
			continue;
		if (strcmp(metric->name, family) != 0) {
			family = metric->name;
			fprintf(out, "# HELP %s ", family);
			write_escaped(out, metric->help, false);
			fprintf(out, "\n# TYPE %s %s\n", family, metric->is_gauge ? "gauge" : "counter");
		}
		write_metric(out, metric);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
