/* explain_svg.c - the picture for a browser: one file, no script, light and dark. */
#include "explain.h"
#include "explain_svg.h"
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW = 26, /* heights */
    CUT = 24,
    GAP = 24,
    RANK_X = 60, /* right ends of numbers, begins of the rest */
    ID_X = 124,
    TOKEN_X = 136,
    BEFORE_X = 366, /* right ends, where there are texts */
    AFTER_X = 424,
    BAR_X = 440,
    BAR_END = SVG_WIDTH - SVG_MARGIN - 60,
    TOKEN_COLUMNS = 21,
    LEAST_PLOT = 150
};

/* Light and dark; the stages in the order of stage_kind. */
static const char style[] =
    "text{font:13px system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif;"
    "fill:#1f2328}\n"
    ".title{font-size:19px;font-weight:600}\n"
    ".quiet{fill:#656d76}\n"
    ".number{text-anchor:end}\n"
    ".small{font-size:11px}\n"
    ".token{font-family:ui-monospace,SFMono-Regular,Menlo,\"DejaVu Sans Mono\",monospace}\n"
    ".gone{fill:#8c959f}\n"
    ".page{fill:#ffffff}\n"
    ".before{fill:#c3c9d1}.after{fill:#2f6fdb}\n"
    ".curve{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".curve.of-before{stroke:#9aa3ad}.curve.of-after{stroke:#2f6fdb}\n"
    ".grid{stroke:#d8dee4;stroke-width:1}\n"
    ".cut{stroke-width:1.5;stroke-dasharray:5 3}\n"
    ".s0{fill:#9aa3ad;stroke:#9aa3ad}.s1{fill:#2f6fdb;stroke:#2f6fdb}\n"
    ".s2{fill:#a8328f;stroke:#a8328f}.s3{fill:#9a6700;stroke:#9a6700}\n"
    ".s4{fill:#0a7d55;stroke:#0a7d55}.s5{fill:#c2352b;stroke:#c2352b}\n"
    "text.s1,text.s2,text.s3,text.s4,text.s5{stroke:none}\n"
    "@media (prefers-color-scheme:dark){\n"
    "text{fill:#e6edf3}.quiet{fill:#9198a1}.gone{fill:#7d8590}.page{fill:#0d1117}\n"
    ".before{fill:#4a525c}.after{fill:#58a6ff}.grid{stroke:#2a313a}\n"
    ".curve.of-before{stroke:#7d8590}.curve.of-after{stroke:#58a6ff}\n"
    ".s0{fill:#7d8590;stroke:#7d8590}.s1{fill:#58a6ff;stroke:#58a6ff}\n"
    ".s2{fill:#e07bd0;stroke:#e07bd0}.s3{fill:#d9a520;stroke:#d9a520}\n"
    ".s4{fill:#3fb984;stroke:#3fb984}.s5{fill:#ff7b72;stroke:#ff7b72}\n"
    "text.s1,text.s2,text.s3,text.s4,text.s5{stroke:none}\n"
    "}\n";

/* Escapes what XML would take for itself. The text has been through vocabulary_display, so it
 * is valid UTF-8 without characters that XML does not allow. */
const char *svg_escape(const char *text, char *escaped, size_t size)
{
    size_t written = 0;
    for (; *text != '\0' && size - written > 8; text++) {
        const char *name = NULL;
        switch (*text) {
        case '&': name = "&amp;"; break;
        case '<': name = "&lt;"; break;
        case '>': name = "&gt;"; break;
        case '"': name = "&quot;"; break;
        case '\'': name = "&#39;"; break;
        default: escaped[written++] = *text; continue;
        }
        written += (size_t)snprintf(escaped + written, size - written, "%s", name);
    }
    escaped[written] = '\0';
    return escaped;
}

static int print_head(const svg_picture *p, const char *title)
{
    char parameters[256], escaped[6 * EXPLAIN_TEXT];
    svg_escape(title, escaped, sizeof escaped);
    sampling_describe(&p->e->params, parameters, sizeof parameters);
    int status = output_print(
        p->out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\" height=\"%d\" "
        "viewBox=\"0 0 %d %d\">\n<title>%s</title>\n"
        "<desc>Probabilities of tokens before and after: %s</desc>\n"
        "<style>\n%s</style>\n"
        "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n",
        SVG_WIDTH, p->height, SVG_WIDTH, p->height, escaped, parameters, style, SVG_WIDTH,
        p->height);
    if (status != EXIT_DONE) return status;
    return output_print(
        p->out,
        "<text class=\"title\" x=\"%d\" y=\"38\" xml:space=\"preserve\">%s</text>\n"
        "<text class=\"quiet\" x=\"%d\" y=\"60\">%u tokens, %s</text>\n",
        SVG_MARGIN, escaped, SVG_MARGIN, (unsigned)p->e->row->vocab, parameters);
}

/* --- The tokens -------------------------------------------------------------------------- */

static int print_label(const svg_picture *p, int y, int32_t token, bool is_gone)
{
    const terminal unicode = {.is_unicode = true};
    char text[EXPLAIN_TEXT], escaped[6 * EXPLAIN_TEXT];
    size_t length = 0;
    if (p->e->row->texts == NULL) return EXIT_DONE;
    const char *const bytes = vocabulary_text(p->e->row->texts, token, &length);
    if (bytes == NULL) {
        snprintf(text, sizeof text, "(none)");
    } else {
        terminal_quote(&unicode, bytes, length, TOKEN_COLUMNS, text, sizeof text);
    }
    return output_print(
        p->out, "<text class=\"token%s\" x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n",
        is_gone ? " gone" : "", TOKEN_X, y, svg_escape(text, escaped, sizeof escaped));
}

static int bars_x(const svg_picture *p)
{
    return p->e->row->texts == NULL ? BAR_X - (BEFORE_X - TOKEN_X - 60) : BAR_X;
}

/* The numbers stand left of the bars, as far as in a row with texts. */
static int column_x(const svg_picture *p, int x) { return x - BAR_X + bars_x(p); }

static int print_bar(const svg_picture *p, int y, const char *kind, double probability)
{
    const int begin = bars_x(p);
    return output_print(
        p->out,
        "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.2f\" height=\"9\" rx=\"1.5\"/>\n", kind,
        begin, y, probability / p->scale * (BAR_END - begin));
}

static int print_share(const svg_picture *p, int x, int y, const char *kind, double probability)
{
    char share[16], escaped[64];
    explain_aligned(p->e, probability, share);
    return output_print(p->out, "<text class=\"number small %s\" x=\"%d\" y=\"%d\">%s</text>\n",
                        kind, x, y + 17, svg_escape(share, escaped, sizeof escaped));
}

/* The numbers and bars of a token that can be drawn. */
static int print_shares(const svg_picture *p, int y, uint32_t rank)
{
    const explanation *const e = p->e;
    const int32_t token = e->order[rank];
    const stage *const cut = explain_removed_by(e, rank);
    const double before = (double)e->stages[0].probs[token];
    const double after = (double)explain_last(e)->probs[token];
    int status = print_share(p, column_x(p, BEFORE_X), y, "quiet", before);
    if (status == EXIT_DONE) {
        status = print_share(p, SVG_WIDTH - SVG_MARGIN, y, "quiet", e->sums[0][rank]);
    }
    if (status == EXIT_DONE) status = print_bar(p, y + (cut != NULL ? 9 : 4), "before", before);
    if (status != EXIT_DONE) return status;
    if (cut != NULL) {
        return output_print(
            p->out, "<text class=\"number small s%d\" x=\"%d\" y=\"%d\">%s</text>\n",
            (int)cut->kind, column_x(p, AFTER_X), y + 17, stage_names[cut->kind]);
    }
    status = print_share(p, column_x(p, AFTER_X), y, "", after);
    return status == EXIT_DONE ? print_bar(p, y + 13, "after", after) : status;
}

static int print_token(const svg_picture *p, int y, uint32_t rank)
{
    const explanation *const e = p->e;
    const int32_t token = e->order[rank];
    const bool is_never = rank >= e->live;
    int status =
        output_print(p->out,
                     "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">%u</text>"
                     "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">%d</text>\n",
                     RANK_X, y + 17, (unsigned)rank + 1, ID_X, y + 17, (int)token);
    if (status == EXIT_DONE) {
        status = print_label(p, y + 17, token, is_never || explain_removed_by(e, rank) != NULL);
    }
    if (status != EXIT_DONE || !is_never) {
        return status == EXIT_DONE ? print_shares(p, y, rank) : status;
    }
    return output_print(p->out,
                        "<text class=\"number small gone\" x=\"%d\" y=\"%d\">never</text>\n",
                        column_x(p, AFTER_X), y + 17);
}

static int print_cut(const svg_picture *p, int y, const stage *cut)
{
    char text[160], share[16], escaped[1024];
    const int middle = y + CUT / 2;
    snprintf(text, sizeof text, "%s keeps %u, removes %u with %s of what was left", cut->label,
             (unsigned)cut->kept, (unsigned)cut->removed,
             explain_percent(cut->removed_probability, share));
    return output_print(p->out,
                        "<line class=\"cut s%d\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
                        "<rect class=\"page\" x=\"%d\" y=\"%d\" width=\"%zu\" height=\"16\"/>"
                        "<text class=\"s%d\" x=\"%d\" y=\"%d\">%s</text>\n",
                        (int)cut->kind, SVG_MARGIN, middle, SVG_WIDTH - SVG_MARGIN, middle,
                        TOKEN_X - 6, middle - 8, 7 * strlen(text) + 16, (int)cut->kind, TOKEN_X,
                        middle + 5, svg_escape(text, escaped, sizeof escaped));
}

static int print_gap(const svg_picture *p, int y, const item *gap)
{
    char share[16], escaped[64];
    explain_percent(explain_gap(p->e, gap), share);
    return output_print(
        p->out,
        "<text class=\"number quiet\" x=\"%d\" y=\"%d\">\xe2\x8b\xae</text>"
        "<text class=\"small quiet\" x=\"%d\" y=\"%d\">%u more tokens, together "
        "%s before</text>\n",
        RANK_X, y + 16, TOKEN_X, y + 16, (unsigned)gap->count,
        svg_escape(share, escaped, sizeof escaped));
}

static int print_columns(const svg_picture *p, int y)
{
    const int before = column_x(p, BEFORE_X), after = column_x(p, AFTER_X);
    return output_print(
        p->out,
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">rank</text>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">id</text>"
        "<text class=\"small quiet\" x=\"%d\" y=\"%d\">%s</text>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">before</text>"
        "<rect class=\"before\" x=\"%d\" y=\"%d\" width=\"36\" height=\"3\"/>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">after</text>"
        "<rect class=\"after\" x=\"%d\" y=\"%d\" width=\"36\" height=\"3\"/>"
        "<text class=\"number small quiet\" x=\"%d\" y=\"%d\">sum before</text>\n",
        RANK_X, y, ID_X, y, TOKEN_X, y, p->e->row->texts == NULL ? "" : "token", before, y,
        before - 36, y + 5, after, y, after - 36, y + 5, SVG_WIDTH - SVG_MARGIN, y);
}

static int item_height(const item *shown)
{
    return shown->kind == ITEM_TOKEN ? ROW : shown->kind == ITEM_CUT ? CUT : GAP;
}

static int print_tokens(const svg_picture *p, const item *items, size_t count, int top)
{
    int y = top + 28;
    int status = print_columns(p, top + 14);
    for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
        switch (items[i].kind) {
        case ITEM_TOKEN: status = print_token(p, y, items[i].rank); break;
        case ITEM_CUT: status = print_cut(p, y, items[i].cut); break;
        default: status = print_gap(p, y, &items[i]); break;
        }
        y += item_height(&items[i]);
    }
    return status;
}

/* --- The whole --------------------------------------------------------------------------- */

static int print_body(svg_picture *p, const item *items, size_t count, const char *title)
{
    const int plot_top = 84;
    const int table = 30 + 24 * (int)p->e->stage_count + 64;
    const int plot = table > LEAST_PLOT ? table : LEAST_PLOT;
    const int tokens_top = plot_top + plot + 40;
    p->height = tokens_top + 28 + SVG_MARGIN;
    for (size_t i = 0; i < count; i++) p->height += item_height(&items[i]);
    int status = print_head(p, title);
    if (status == EXIT_DONE) status = svg_print_stages(p, plot_top);
    if (status == EXIT_DONE) status = svg_print_plot(p, plot_top, plot);
    if (status == EXIT_DONE) status = print_tokens(p, items, count, tokens_top);
    return status == EXIT_DONE ? output_print(p->out, "</svg>\n") : status;
}

static int print_empty(svg_picture *p, const char *title)
{
    p->height = 130;
    const int status = print_head(p, title);
    if (status != EXIT_DONE) return status;
    return output_print(p->out,
                        "<text class=\"s5\" x=\"%d\" y=\"98\">No token can be drawn: of %u "
                        "logits %u are NaN and %u -inf.</text>\n</svg>\n",
                        SVG_MARGIN, (unsigned)p->e->row->vocab, (unsigned)p->e->nans,
                        (unsigned)(p->e->row->vocab - p->e->nans));
}

int explain_print_svg(const explanation *e, const explain_options *options, output *out)
{
    const terminal unicode = {.is_unicode = true};
    svg_picture p = {.e = e, .out = out, .scale = explain_scale(e)};
    char title[EXPLAIN_TEXT];
    size_t count = 0;
    terminal_fit(&unicode, e->row->title, strlen(e->row->title), 80, title, sizeof title);
    if (e->live == 0) return print_empty(&p, title);
    item *const items = explain_layout(e, options->top, &count);
    if (items == NULL) return fail_memory("the picture");
    const int status = print_body(&p, items, count, title);
    free(items);
    return status;
}
