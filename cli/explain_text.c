/* explain_text.c - the picture for a terminal. */
#include "explain.h"
#include "explain_terminal.h"
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT = 7, /* columns of a number of tokens, ... */
    CHOICES = 7,
    PERCENT = 7,     /* ... of a percentage */
    LEAST_TOKEN = 7, /* of a token's text, with its quotes */
    SUMMARY_TOKEN = 18,
    LONG_DRAW = 24, /* columns of seed, row and step that still fit in the line */
    WIDE = 100      /* from here on both sums are shown */
};

/* One picture: what is shown of what, where and how wide. */
typedef struct picture {
    const explanation *e;
    output *out;
    terminal terminal;
    item *items;
    size_t item_count;
    int rank; /* columns of ... */
    int id;
    int token; /* 0: there are no texts */
    int bar;
    bool has_both_sums;
    double scale; /* the probability of a whole bar */
} picture;

/* Breaks lines at blanks. */
static void wrap(char *text, size_t columns)
{
    char *blank = NULL;
    for (char *c = text, *begin = text; *c != '\0'; c++) {
        if (*c == ' ') blank = c;
        if ((size_t)(c - begin) < columns || blank == NULL) continue;
        *blank = '\n';
        begin = blank + 1;
        blank = NULL;
    }
}

static int print_headline(const picture *p)
{
    const terminal *const t = &p->terminal;
    char title[EXPLAIN_TEXT], parameters[256], facts[48];
    sampling_describe(&p->e->params, parameters, sizeof parameters);
    wrap(parameters, (size_t)t->columns);
    const size_t facts_columns =
        (size_t)snprintf(facts, sizeof facts, " (%u token%s)", (unsigned)p->e->row->vocab,
                         p->e->row->vocab == 1 ? "" : "s");
    const char *const source = p->e->row->title;
    terminal_fit(t, source, strlen(source), (size_t)t->columns - facts_columns, title,
                 sizeof title);
    return output_print(p->out, "%s%s%s%s\n%s\n\n", t->bold, title, t->plain, facts,
                        parameters);
}

/* --- The stages -------------------------------------------------------------------------- */

static int print_stage(const picture *p, const stage *s, int label)
{
    const terminal *const t = &p->terminal;
    char whole[EXPLAIN_TEXT], reason[EXPLAIN_TEXT];
    char removed[16] = "", share[16] = "", choices[32];
    if (s->kind != STAGE_SOFTMAX && s->kind != STAGE_TEMPERATURE) {
        snprintf(removed, sizeof removed, "%u", (unsigned)s->removed);
        explain_percent(s->removed_probability, share);
    }
    const int left = t->columns - label - 2 * (1 + COUNT) - (1 + PERCENT) - (1 + CHOICES) - 2;
    explain_reason(s, p->e, t->is_unicode, whole, sizeof whole);
    terminal_fit(t, whole, strlen(whole), (size_t)left, reason, sizeof reason);
    return output_print(p->out, "%s%-*s%s %*u %*s %*s %*s%s%s%s%s\n", t->stages[s->kind], label,
                        s->label, t->plain, COUNT, (unsigned)s->kept, COUNT, removed, PERCENT,
                        share, CHOICES, explain_number(explain_choices(s), choices), t->dim,
                        reason[0] == '\0' ? "" : "  ", reason, t->plain);
}

static int print_stages(const picture *p)
{
    const terminal *const t = &p->terminal;
    int label = 5;
    for (size_t i = 0; i < p->e->stage_count; i++) {
        const int length = (int)strlen(p->e->stages[i].label);
        if (length > label) label = length;
    }
    int status =
        output_print(p->out, "%s%-*s %8s %8s %*s %8s  %s%s\n", t->dim, label, "stage", "kept",
                     "removed", PERCENT, "mass", "choices", "because", t->plain);
    for (size_t i = 0; i < p->e->stage_count && status == EXIT_DONE; i++) {
        status = print_stage(p, &p->e->stages[i], label);
    }
    return status == EXIT_DONE ? output_print(p->out, "\n") : status;
}

/* --- The tokens -------------------------------------------------------------------------- */

static int digits_of(uint64_t number)
{
    int digits = 1;
    for (; number >= 10; number /= 10) digits++;
    return digits;
}

/* A token's text in quotes; its columns are returned. */
static size_t token_text(const picture *p, int32_t token, size_t columns, char *text,
                         size_t size)
{
    size_t length = 0;
    const char *const bytes = vocabulary_text(p->e->row->texts, token, &length);
    if (bytes == NULL) {
        const size_t written = (size_t)snprintf(text, size, "(none)");
        return written < columns ? written : columns;
    }
    return terminal_quote(&p->terminal, bytes, length, columns, text, size);
}

static void measure_tokens(picture *p, int most)
{
    char text[EXPLAIN_TEXT];
    int widest = LEAST_TOKEN;
    for (size_t i = 0; i < p->item_count; i++) {
        if (p->items[i].kind != ITEM_TOKEN) continue;
        const int32_t token = p->e->order[p->items[i].rank];
        if (digits_of((uint32_t)token) > p->id) p->id = digits_of((uint32_t)token);
        if (digits_of(p->items[i].rank + 1) > p->rank) {
            p->rank = digits_of(p->items[i].rank + 1);
        }
        if (p->e->row->texts == NULL) continue;
        const int columns = (int)token_text(p, token, (size_t)most, text, sizeof text);
        if (columns > widest) widest = columns;
    }
    p->token = p->e->row->texts == NULL ? 0 : widest;
}

/* The columns that are left go to the two bars. */
static void measure_columns(picture *p)
{
    const int columns = p->terminal.columns;
    p->rank = 4;
    p->id = 2;
    measure_tokens(p, columns / 5);
    p->has_both_sums = columns >= WIDE;
    const int fixed = p->rank + 1 + p->id + (p->token > 0 ? 2 + p->token : 0) +
                      (p->has_both_sums ? 4 : 3) * (1 + PERCENT) + 2 + 3;
    p->bar = (columns - fixed) / 2;
}

static int print_columns(const picture *p)
{
    const terminal *const t = &p->terminal;
    int status = output_print(p->out, "%s%*s %*s", t->dim, p->rank, "rank", p->id, "id");
    if (p->token > 0 && status == EXIT_DONE) {
        status = output_print(p->out, "  %-*s", p->token, "token");
    }
    if (status != EXIT_DONE) return status;
    return output_print(p->out, " %*s %*s %*s  %*s%s%s\n", PERCENT, "before", PERCENT, "sum",
                        p->bar, "", PERCENT, "after", p->has_both_sums ? "     sum" : "",
                        t->plain);
}

static int print_after(const picture *p, uint32_t rank)
{
    const terminal *const t = &p->terminal;
    const stage *const cut = explain_removed_by(p->e, rank);
    char share[16], sum[16], bar[256];
    if (rank >= p->e->live) return output_print(p->out, "  %*s\n", PERCENT, "never");
    if (cut != NULL) {
        return output_print(p->out, "  %s%*s%s\n", t->stages[cut->kind], PERCENT,
                            stage_names[cut->kind], t->plain);
    }
    const double probability = (double)explain_last(p->e)->probs[p->e->order[rank]];
    terminal_bar(t, probability / p->scale, p->bar, false, bar, sizeof bar);
    int status =
        output_print(p->out, "  %*s", PERCENT, explain_aligned(p->e, probability, share));
    if (p->has_both_sums && status == EXIT_DONE) {
        status = output_print(p->out, " %*s", PERCENT,
                              explain_aligned(p->e, p->e->sums[1][rank], sum));
    }
    if (status != EXIT_DONE) return status;
    return output_print(p->out, "%s%s%s%s\n", bar[0] == '\0' ? "" : " ", t->after, bar,
                        t->plain);
}

static int print_token(const picture *p, uint32_t rank)
{
    const terminal *const t = &p->terminal;
    const int32_t token = p->e->order[rank];
    const bool is_removed = rank >= p->e->live || explain_removed_by(p->e, rank) != NULL;
    const double probability = (double)p->e->stages[0].probs[token];
    char text[EXPLAIN_TEXT] = "", share[16], sum[16], bar[256];
    int status = output_print(p->out, "%s%*u %*d", is_removed ? t->dim : "", p->rank,
                              (unsigned)rank + 1, p->id, (int)token);
    if (p->token > 0 && status == EXIT_DONE) {
        const int used = (int)token_text(p, token, (size_t)p->token, text, sizeof text);
        status = output_print(p->out, "  %s%*s", text, p->token - used, "");
    }
    if (status != EXIT_DONE) return status;
    terminal_bar(t, probability / p->scale, p->bar, true, bar, sizeof bar);
    status = output_print(p->out, " %*s %*s %s%s%s", PERCENT,
                          explain_aligned(p->e, probability, share), PERCENT,
                          explain_aligned(p->e, p->e->sums[0][rank], sum),
                          is_removed ? "" : t->before, bar, t->plain);
    return status == EXIT_DONE ? print_after(p, rank) : status;
}

static int print_cut(const picture *p, const stage *cut)
{
    const terminal *const t = &p->terminal;
    char text[160], share[16], left[64], right[512];
    const int used =
        snprintf(text, sizeof text, " %s keeps %u, removes %u with %s of what was left ",
                 cut->label, (unsigned)cut->kept, (unsigned)cut->removed,
                 explain_percent(cut->removed_probability, share));
    const int rest = t->columns - used;
    terminal_rule(t, rest < 4 ? rest : 4, left, sizeof left);
    terminal_rule(t, rest - 4, right, sizeof right);
    return output_print(p->out, "%s%s%s%s%s\n", t->stages[cut->kind], left, text, right,
                        t->plain);
}

static int print_gap(const picture *p, const item *gap)
{
    const terminal *const t = &p->terminal;
    char share[16];
    return output_print(p->out, "%s%*s %u more tokens, together %s before%s\n", t->dim,
                        p->rank + (t->is_unicode ? 2 : 0), t->is_unicode ? "\xe2\x8b\xae" : ":",
                        (unsigned)gap->count, explain_percent(explain_gap(p->e, gap), share),
                        t->plain);
}

static int print_tokens(const picture *p)
{
    int status = print_columns(p);
    for (size_t i = 0; i < p->item_count && status == EXIT_DONE; i++) {
        const item *const shown = &p->items[i];
        switch (shown->kind) {
        case ITEM_TOKEN: status = print_token(p, shown->rank); break;
        case ITEM_CUT: status = print_cut(p, shown->cut); break;
        default: status = print_gap(p, shown); break;
        }
    }
    return status == EXIT_DONE ? output_print(p->out, "\n") : status;
}

/* --- What it comes to -------------------------------------------------------------------- */

static int print_named(const picture *p, const char *name, int32_t token, const char *more)
{
    char text[EXPLAIN_TEXT] = "";
    if (p->e->row->texts != NULL) {
        token_text(p, token, SUMMARY_TOKEN, text, sizeof text - 2);
        strcat(text, " ");
    }
    return output_print(p->out, "%-9s %s(id %d)%s\n", name, text, (int)token, more);
}

static int print_never(const picture *p)
{
    const explanation *const e = p->e;
    const unsigned never = (unsigned)(e->row->vocab - e->live);
    int status = EXIT_DONE;
    if (never > 0) {
        status = output_print(p->out, "never     %u tokens: %u NaN, %u -inf\n", never,
                              (unsigned)e->nans, never - (unsigned)e->nans);
    }
    if (e->infinites > 0 && status == EXIT_DONE) {
        status = output_print(p->out, "+inf      %u tokens; the draw is among them\n",
                              (unsigned)e->infinites);
    }
    return status;
}

static int print_summary(const picture *p)
{
    const explanation *const e = p->e;
    const char *const arrow = p->terminal.is_unicode ? "\xe2\x86\x92" : "->";
    const stage *const before = &e->stages[0], *const after = explain_last(e);
    char entropy[2][32], choices[2][32], names[96], more[160];
    int status = output_print(
        p->out, "entropy   %s %s %s nats, as of %s %s %s equally probable tokens\n",
        explain_number(before->entropy, entropy[0]), arrow,
        explain_number(after->entropy, entropy[1]),
        explain_number(explain_choices(before), choices[0]), arrow,
        explain_number(explain_choices(after), choices[1]));
    if (status == EXIT_DONE) status = print_named(p, "greedy", e->order[0], "");
    explain_draw(e, names);
    snprintf(more, sizeof more, ", rank %u, by%s%s", (unsigned)explain_rank(e, e->drawn) + 1,
             strlen(names) > LONG_DRAW ? "\n          " : " ", names);
    if (status == EXIT_DONE && after->kind != STAGE_GREEDY) {
        status = print_named(p, "drawn", e->drawn, more);
    }
    return status == EXIT_DONE ? print_never(p) : status;
}

static int print_empty(const picture *p)
{
    return output_print(p->out, "No token can be drawn: of %u logits %u are NaN and %u -inf.\n",
                        (unsigned)p->e->row->vocab, (unsigned)p->e->nans,
                        (unsigned)(p->e->row->vocab - p->e->nans));
}

int explain_print_text(const explanation *e, const explain_options *options, output *out)
{
    picture p = {.e = e, .out = out};
    terminal_open(&p.terminal, options->color, strcmp(options->output, "-") == 0);
    int status = print_headline(&p);
    if (status != EXIT_DONE) return status;
    if (e->live == 0) return print_empty(&p);
    p.items = explain_layout(e, options->top, &p.item_count);
    if (p.items == NULL) return fail_memory("the picture");
    p.scale = explain_scale(e);
    measure_columns(&p);
    status = print_stages(&p);
    if (status == EXIT_DONE) status = print_tokens(&p);
    if (status == EXIT_DONE) status = print_summary(&p);
    free(p.items);
    return status;
}
