/* explain_plot.c - the upper half of the drawing: the stages, and the cumulative curves. */
#include "explain_svg.h"
#include "message.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE = 24,    /* from stage to stage */
    KEPT_X = 236, /* right ends */
    REMOVED_X = 306,
    MASS_X = 372,
    CHOICES_X = 438,
    REASON_X = 452,
    PLOT_X = 690,
    PLOT_WIDTH = SVG_WIDTH - SVG_MARGIN - PLOT_X,
    POINTS = 2 * PLOT_WIDTH
};

static int print_stage(const svg_picture *p, const stage *s, int y)
{
    char reason[EXPLAIN_TEXT], escaped[6 * EXPLAIN_TEXT], share[16], mass[64], choices[32];
    int status = output_print(
        p->out,
        "<circle class=\"s%d\" cx=\"%d\" cy=\"%d\" r=\"4\"/>"
        "<text x=\"%d\" y=\"%d\">%s</text><text class=\"number\" x=\"%d\" y=\"%d\">%u</text>",
        (int)s->kind, SVG_MARGIN + 4, y - 4, SVG_MARGIN + 16, y, s->label, KEPT_X, y,
        (unsigned)s->kept);
    if (status != EXIT_DONE) return status;
    if (s->kind != STAGE_SOFTMAX && s->kind != STAGE_TEMPERATURE) {
        explain_percent(s->removed_probability, share);
        status = output_print(p->out,
                              "<text class=\"number\" x=\"%d\" y=\"%d\">%u</text>"
                              "<text class=\"number\" x=\"%d\" y=\"%d\">%s</text>",
                              REMOVED_X, y, (unsigned)s->removed, MASS_X, y,
                              svg_escape(share, mass, sizeof mass));
    }
    if (status != EXIT_DONE) return status;
    explain_reason(s, p->e, true, reason, sizeof reason);
    return output_print(p->out,
                        "<text class=\"number\" x=\"%d\" y=\"%d\">%s</text>"
                        "<text class=\"small quiet\" x=\"%d\" y=\"%d\">%s</text>\n",
                        CHOICES_X, y, explain_number(explain_choices(s), choices), REASON_X, y,
                        svg_escape(reason, escaped, sizeof escaped));
}

static int print_facts(const svg_picture *p, int y)
{
    const explanation *const e = p->e;
    const unsigned never = (unsigned)(e->row->vocab - e->live);
    char before[32], after[32], more[160] = "";
    int used = 0;
    if (never > 0) {
        used = snprintf(more, sizeof more, ", %u tokens are never drawn (%u NaN, %u -inf)",
                        never, (unsigned)e->nans, never - (unsigned)e->nans);
    }
    if (e->infinites > 0) {
        snprintf(more + used, sizeof more - (size_t)used, ", %u are +inf",
                 (unsigned)e->infinites);
    }
    return output_print(p->out,
                        "<text class=\"quiet\" x=\"%d\" y=\"%d\">entropy %s \xe2\x86\x92 %s "
                        "nats%s</text>\n",
                        SVG_MARGIN + 16, y, explain_number(e->stages[0].entropy, before),
                        explain_number(explain_last(e)->entropy, after), more);
}

/* Greedy is the token of rank 1. */
static int print_drawn(const svg_picture *p, int y)
{
    char names[96];
    return output_print(p->out,
                        "<text class=\"quiet\" x=\"%d\" y=\"%d\">drawn: rank %u, token %d, by "
                        "%s</text>\n",
                        SVG_MARGIN + 16, y, (unsigned)explain_rank(p->e, p->e->drawn) + 1,
                        (int)p->e->drawn, explain_draw(p->e, names));
}

int svg_print_stages(const svg_picture *p, int top)
{
    int y = top + 10;
    int status = output_print(
        p->out,
        "<text class=\"small quiet\" x=\"%d\" y=\"%d\">stage</text>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">kept</text>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">removed</text>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">mass</text>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">choices</text>"
        "<text class=\"small quiet\" x=\"%d\" y=\"%d\">because</text>\n",
        SVG_MARGIN + 16, y, KEPT_X, y, REMOVED_X, y, MASS_X, y, CHOICES_X, y, REASON_X, y);
    for (size_t i = 0; i < p->e->stage_count && status == EXIT_DONE; i++) {
        y += LINE;
        status = print_stage(p, &p->e->stages[i], y);
    }
    if (status == EXIT_DONE) status = print_facts(p, y + LINE + 12);
    return status == EXIT_DONE ? print_drawn(p, y + 2 * LINE + 12) : status;
}

/* --- The curves -------------------------------------------------------------------------- */

/* Ranks are from 1 here, on a logarithmic axis. */
static double x_of(const svg_picture *p, double rank)
{
    const double most = log((double)p->e->row->vocab);
    return PLOT_X + (most > 0 ? log(rank) / most * PLOT_WIDTH : 0);
}

static int print_curve(const svg_picture *p, int top, int height, const double *sums,
                       const char *kind, uint32_t end)
{
    const double vocab = (double)p->e->row->vocab;
    uint32_t last = 0;
    int status = output_print(p->out, "<path class=\"curve %s\" d=\"", kind);
    for (int i = 0; i <= POINTS && status == EXIT_DONE && last < end; i++) {
        uint32_t rank = (uint32_t)(pow(vocab, (double)i / POINTS) + 0.5);
        if (rank > end) rank = end;
        if (rank <= last) continue;
        status = output_print(p->out, "%c%.1f %.1f", last == 0 ? 'M' : 'L',
                              x_of(p, (double)rank), top + height * (1 - sums[rank - 1]));
        last = rank;
    }
    if (status != EXIT_DONE) return status;
    return output_print(p->out, "H%d\"/>\n", PLOT_X + PLOT_WIDTH);
}

static int print_grid(const svg_picture *p, int top, int height)
{
    int status = EXIT_DONE;
    for (int share = 0; share <= 100 && status == EXIT_DONE; share += 25) {
        const double y = top + height * (1 - share / 100.0);
        status =
            output_print(p->out,
                         "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                         "<text class=\"number small quiet\" x=\"%d\" y=\"%.1f\">%d%%"
                         "</text>\n",
                         PLOT_X, y, PLOT_X + PLOT_WIDTH, y, PLOT_X - 6, y + 4, share);
    }
    for (uint32_t rank = 1; rank <= p->e->row->vocab && status == EXIT_DONE; rank *= 10) {
        const double x = x_of(p, (double)rank);
        status =
            output_print(p->out,
                         "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
                         "<text class=\"small quiet\" text-anchor=\"middle\" x=\"%.1f\" "
                         "y=\"%d\">%u</text>\n",
                         x, top, x, top + height, x, top + height + 14, (unsigned)rank);
    }
    if (status != EXIT_DONE) return status;
    return output_print(
        p->out,
        "<text class=\"small quiet\" x=\"%d\" y=\"%d\">cumulative probability by rank</text>\n",
        PLOT_X, top - 10);
}

int svg_print_plot(const svg_picture *p, int top, int height)
{
    const explanation *const e = p->e;
    const int plot_top = top + 10, plot_height = height - 20;
    int status = print_grid(p, plot_top, plot_height);
    for (size_t i = 1; i < e->stage_count && status == EXIT_DONE; i++) {
        const stage *const s = &e->stages[i];
        if (s->removed == 0) continue;
        /* Between the last token that is kept and the first that is not. */
        const double x = x_of(p, sqrt((double)s->kept * ((double)s->kept + 1)));
        status = output_print(p->out,
                              "<line class=\"cut s%d\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" "
                              "y2=\"%d\"/>\n",
                              (int)s->kind, x, plot_top, x, plot_top + plot_height);
    }
    if (status == EXIT_DONE) {
        status = print_curve(p, plot_top, plot_height, e->sums[0], "of-before", e->row->vocab);
    }
    if (status != EXIT_DONE) return status;
    return print_curve(p, plot_top, plot_height, e->sums[1], "of-after", explain_last(e)->kept);
}
