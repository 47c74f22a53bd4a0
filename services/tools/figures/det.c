#include "det.h"

#include "ml/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Places in the picture, in its own units. */
#define LEFT        74.0
#define TOP         56.0
#define SIDE        640.0
#define LEGEND_LEFT (LEFT + SIDE + 26)
#define WIDTH       (LEGEND_LEFT + 236)
#define HEIGHT      (TOP + SIDE + 66)
#define STEP_MIN    0.4  /* smaller steps cannot be seen */
#define STEP_MAX    6.0  /* longer ones are bent by the axes */
#define BEYOND      0.02 /* so far outside, in shares of the side, is drawn what lies further out */

/* Colours that people who see fewer of them can tell apart (Okabe and Ito 2008). */
static const char *const COLOURS[] = {"#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
static const char *const DASHES[] = {"", "9 3", "4 3", "1.5 3", "9 3 1.5 3", "14 4 4 4"};
#define COLOUR_COUNT (sizeof COLOURS / sizeof *COLOURS)
#define DASH_COUNT   (sizeof DASHES / sizeof *DASHES)

/* Between 0 and 1 along an axis, and a little beyond where it is cut off. */
static double place(double share)
{
	double low = vu_normal_deviate(DET_SHARE_MIN), high = vu_normal_deviate(DET_SHARE_MAX);

	return fmin(fmax((vu_normal_deviate(share) - low) / (high - low), -BEYOND), 1 + BEYOND);
}

static double x_of(double far)
{
	return LEFT + SIDE * place(far);
}

static double y_of(double frr)
{
	return TOP + SIDE * (1 - place(frr));
}

static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
		}
	}
}

static void draw_axes(const char *title, FILE *out)
{
	static const double TICKS[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8};

	fprintf(out,
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
	        "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\">\n"
	        "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
	        "<clipPath id=\"plot\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/></clipPath>\n"
	        "<text x=\"%.1f\" y=\"32\" font-size=\"17\" font-weight=\"bold\">",
	        WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT, TOP, SIDE, SIDE, LEFT);
	put_text(out, title);
	fputs("</text>\n", out);
	for (size_t i = 0; i < sizeof TICKS / sizeof *TICKS; i++) {
		double x = x_of(TICKS[i]), y = y_of(TICKS[i]);
		fprintf(out,
		        "<path d=\"M%.1f %.1fV%.1fM%.1f %.1fH%.1f\" stroke=\"#dddddd\"/>\n"
		        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n"
		        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
		        x, TOP, TOP + SIDE, LEFT, y, LEFT + SIDE, x, TOP + SIDE + 20, TICKS[i] * 100, LEFT - 8,
		        y + 4.5, TICKS[i] * 100);
	}
	fprintf(out,
	        "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#bbbbbb\" stroke-dasharray=\"3 4\"/>\n"
	        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"#444444\"/>\n"
	        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">false accepts, %% (FAR)</text>\n"
	        "<text transform=\"translate(20 %.1f) rotate(-90)\" text-anchor=\"middle\">"
	        "false rejects, %% (FRR)</text>\n",
	        LEFT, TOP + SIDE, LEFT + SIDE, TOP, LEFT, TOP, SIDE, SIDE, LEFT + SIDE / 2, TOP + SIDE + 46,
	        TOP + SIDE / 2);
}

/* What the part of the name before (`after` false) or behind its first '-' is, and how long. */
static const char *part_of(const char *name, bool after, size_t *length)
{
	const char *dash = strchr(name, '-');

	if (after) {
		*length = dash ? strlen(dash + 1) : 0;
		return dash ? dash + 1 : "";
	}
	*length = dash ? (size_t)(dash - name) : strlen(name);
	return name;
}

/* The number of the curve's part among those that came before it, in the order of their first. */
static size_t rank_of(const det_curve *curves, size_t index, bool after)
{
	size_t rank = 0, length;
	const char *part = part_of(curves[index].name, after, &length);

	for (size_t i = 0; i <= index; i++) {
		size_t other_length;
		const char *other = part_of(curves[i].name, after, &other_length);
		bool is_first = true;
		if (other_length == length && strncmp(other, part, length) == 0)
			return rank;
		for (size_t j = 0; j < i && is_first; j++) {
			size_t earlier_length;
			const char *earlier = part_of(curves[j].name, after, &earlier_length);
			is_first = earlier_length != other_length || strncmp(earlier, other, other_length) != 0;
		}
		rank += is_first;
	}
	return rank;
}

/* From one point to the next, where shares are drawn as a line between thresholds: as the EER is taken. */
static void draw_step(vu_scores_point from, vu_scores_point to, FILE *out)
{
	double length = hypot(x_of(to.far) - x_of(from.far), y_of(to.frr) - y_of(from.frr));
	unsigned pieces = from.far == to.far || from.frr == to.frr ? 1 : (unsigned)(length / STEP_MAX) + 1;

	for (unsigned i = 1; i <= pieces; i++) {
		double part = (double)i / pieces;
		fprintf(out, "L%.1f %.1f", x_of(from.far + part * (to.far - from.far)),
		        y_of(from.frr + part * (to.frr - from.frr)));
	}
}

static bool draw_curve(const det_curve *curve, const char *colour, const char *dashes, FILE *out)
{
	size_t count = vu_scores_curve(curve->scores, NULL, 0);
	vu_scores_point *points = calloc(count + 1, sizeof *points), last;
	double eer = vu_scores_eer(curve->scores, NULL);

	if (!points)
		return false;
	vu_scores_curve(curve->scores, points, count);
	last = points[0];
	fprintf(out,
	        "<path clip-path=\"url(#plot)\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.7\" "
	        "stroke-linejoin=\"round\"",
	        colour);
	if (*dashes)
		fprintf(out, " stroke-dasharray=\"%s\"", dashes);
	fprintf(out, " d=\"M%.1f %.1f", x_of(last.far), y_of(last.frr));
	for (size_t i = 1; i < count; i++) {
		if (i + 1 < count &&
		    hypot(x_of(points[i].far) - x_of(last.far), y_of(points[i].frr) - y_of(last.frr)) < STEP_MIN)
			continue;
		draw_step(last, points[i], out);
		last = points[i];
	}
	fputs("\"/>\n", out);
	fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\" stroke=\"#ffffff\"/>\n", x_of(eer),
	        y_of(eer), colour);
	free(points);
	return true;
}

bool det_draw(const char *title, const det_curve *curves, size_t count, FILE *out)
{
	bool in_parts = false;

	for (size_t i = 0; i < count; i++)
		in_parts = in_parts || strchr(curves[i].name, '-');
	draw_axes(title, out);
	for (size_t i = 0; i < count; i++) {
		const char *colour = COLOURS[(in_parts ? rank_of(curves, i, true) : i) % COLOUR_COUNT];
		const char *dashes = in_parts ? DASHES[rank_of(curves, i, false) % DASH_COUNT] : "";
		double y = TOP + 14 + 22 * (double)i, eer = vu_scores_eer(curves[i].scores, NULL);
		if (!isnan(eer) && !draw_curve(&curves[i], colour, dashes, out))
			return false;
		fprintf(out, "<path d=\"M%.1f %.1fh34\" stroke=\"%s\" stroke-width=\"%g\"", LEGEND_LEFT, y - 4.5,
		        colour, isnan(eer) ? 0 : 1.9);
		if (*dashes)
			fprintf(out, " stroke-dasharray=\"%s\"", dashes);
		fprintf(out, "/>\n<text x=\"%.1f\" y=\"%.1f\">", LEGEND_LEFT + 42, y);
		put_text(out, curves[i].name);
		fprintf(out, "</text>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", WIDTH - 16, y);
		if (isnan(eer))
			fputs("no figures</text>\n", out);
		else
			fprintf(out, "EER %.2f %%</text>\n", eer * 100);
	}
	fputs("</svg>\n", out);
	return true;
}
