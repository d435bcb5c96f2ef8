/* explain_layout.c - which tokens are shown, and how numbers are written. */
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    AROUND = 2, /* tokens on each side of a cut beyond the head */
    MIN_GAP = 2 /* a gap takes a line itself */
};

typedef struct range {
    uint32_t begin;
    uint32_t end;
} range;

static bool is_cut(const stage *s) { return s->removed > 0; }

static int compare_ranges(const void *a, const void *b)
{
    const range *const x = a, *const y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* The ranks to show, ascending and apart from each other. */
static size_t find_ranges(const explanation *e, uint32_t top, range ranges[STAGE_KINDS + 1])
{
    const uint32_t vocab = e->row->vocab;
    size_t count = 1, merged = 0;
    ranges[0] = (range){0, top < vocab ? top : vocab};
    for (size_t i = 0; i < e->stage_count; i++) {
        const uint32_t kept = e->stages[i].kept;
        if (!is_cut(&e->stages[i])) continue;
        const uint32_t begin = kept > AROUND ? kept - AROUND : 0;
        ranges[count++] = (range){begin, vocab - kept > AROUND ? kept + AROUND : vocab};
    }
    qsort(ranges, count, sizeof *ranges, compare_ranges);
    for (size_t i = 1; i < count; i++) {
        if (ranges[i].begin <= ranges[merged].end + MIN_GAP - 1) {
            if (ranges[i].end > ranges[merged].end) ranges[merged].end = ranges[i].end;
        } else {
            ranges[++merged] = ranges[i];
        }
    }
    if (vocab - ranges[merged].end < MIN_GAP) ranges[merged].end = vocab;
    return merged + 1;
}

static const stage *cut_at(const explanation *e, uint32_t rank)
{
    for (size_t i = 0; i < e->stage_count; i++) {
        if (is_cut(&e->stages[i]) && e->stages[i].kept == rank) return &e->stages[i];
    }
    return NULL;
}

item *explain_layout(const explanation *e, uint32_t top, size_t *count)
{
    range ranges[STAGE_KINDS + 1];
    const size_t range_count = find_ranges(e, top, ranges);
    size_t lines = 0, used = 0;
    for (size_t i = 0; i < range_count; i++) lines += ranges[i].end - ranges[i].begin + 1;
    item *const items = malloc((lines + STAGE_KINDS) * sizeof *items);
    if (items == NULL) return NULL;
    for (size_t i = 0; i < range_count; i++) {
        for (uint32_t rank = ranges[i].begin; rank < ranges[i].end; rank++) {
            const stage *const cut = cut_at(e, rank);
            if (cut != NULL) items[used++] = (item){ITEM_CUT, rank, 0, cut};
            items[used++] = (item){ITEM_TOKEN, rank, 0, NULL};
        }
        const uint32_t end = ranges[i].end;
        const uint32_t next = i + 1 < range_count ? ranges[i + 1].begin : e->row->vocab;
        if (end < next) items[used++] = (item){ITEM_GAP, end, next - end, NULL};
    }
    *count = used;
    return items;
}

double explain_gap(const explanation *e, const item *gap)
{
    const double *const sums = e->sums[0];
    return sums[gap->rank + gap->count - 1] - (gap->rank > 0 ? sums[gap->rank - 1] : 0);
}

double explain_scale(const explanation *e)
{
    if (e->live == 0) return 1;
    const float before = e->stages[0].probs[e->order[0]];
    const float after = explain_last(e)->probs[e->order[0]];
    return (double)(before > after ? before : after);
}

/* --- Numbers and reasons ------------------------------------------------------------------ */

const char *explain_draw(const explanation *e, char text[96])
{
    char row[32] = "";
    if (e->number > 0) snprintf(row, sizeof row, ", row %llu", (unsigned long long)e->number);
    snprintf(text, 96, "seed %llu%s, step %llu", (unsigned long long)e->seed, row,
             (unsigned long long)e->params.step);
    return text;
}

const char *explain_percent(double probability, char text[16])
{
    const double percent = 100 * probability;
    if (percent <= 0) {
        snprintf(text, 16, "0%%");
    } else if (percent < 0.001) {
        snprintf(text, 16, "<0.001%%");
    } else if (percent < 1) {
        snprintf(text, 16, "%.3f%%", percent);
    } else if (percent < 9.995) {
        snprintf(text, 16, "%.2f%%", percent);
    } else if (percent < 99.95) {
        snprintf(text, 16, "%.1f%%", percent);
    } else {
        /* Float32 leaves a sum of all short of 1. */
        snprintf(text, 16, percent < 99.9999 ? ">99.9%%" : "100%%");
    }
    return text;
}

const char *explain_aligned(const explanation *e, double probability, char text[16])
{
    const int decimals = explain_scale(e) < 0.01 && probability < 0.01 ? 4 : 2;
    const double percent = 100 * probability;
    if (percent > 0 && percent < (decimals == 4 ? 0.0001 : 0.01)) {
        snprintf(text, 16, decimals == 4 ? "<.0001%%" : "<0.01%%");
    } else if (percent >= 99.995 && percent < 99.9999) {
        snprintf(text, 16, ">99.99%%");
    } else {
        snprintf(text, 16, "%.*f%%", decimals, percent);
    }
    return text;
}

const char *explain_number(double number, char text[32])
{
    const int digits = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
    snprintf(text, 32, "%.*f", digits, number);
    return text;
}

static void top_p_reason(const stage *s, const explanation *e, char *text, size_t size)
{
    char reached[16];
    const bool is_whole = (s->params.filters.flags & LMS_TOP_P_WHOLE_ROW) != 0 &&
                          (e->params.filters.top_k > 0 || e->params.filters.min_p > 0);
    explain_percent(s->reached, reached);
    snprintf(text, size, "%u %s %s%s", (unsigned)s->kept, s->kept == 1 ? "reaches" : "reach",
             reached, is_whole ? " of the row" : "");
}

void explain_reason(const stage *s, const explanation *e, bool is_unicode, char *text,
                    size_t size)
{
    const stage *const before = s - 1;
    const char *const times = is_unicode ? "\xc3\x97" : "x";
    char first[16], second[16];
    text[0] = '\0';
    if (s->kept == 0 || s->kind == STAGE_SOFTMAX) return;
    const float best_before = before->probs[e->order[0]];
    switch (s->kind) {
    case STAGE_TEMPERATURE:
        snprintf(text, size, "best %s %s %s", explain_percent((double)best_before, first),
                 is_unicode ? "\xe2\x86\x92" : "->",
                 explain_percent((double)s->probs[e->order[0]], second));
        break;
    case STAGE_MIN_P:
        snprintf(text, size, "below %g %s %s = %s", (double)s->params.filters.min_p, times,
                 explain_percent((double)best_before, first),
                 explain_percent(s->threshold, second));
        break;
    case STAGE_TOP_K:
        if (s->kept > (uint32_t)s->params.filters.top_k && s->removed > 0) {
            snprintf(text, size, "%u tied with rank %d",
                     (unsigned)s->kept - (unsigned)s->params.filters.top_k,
                     (int)s->params.filters.top_k);
        } else {
            snprintf(text, size, "rank %u has %s", (unsigned)s->kept,
                     explain_percent(s->reached, first));
        }
        break;
    case STAGE_TOP_P: top_p_reason(s, e, text, size); break;
    default: snprintf(text, size, "the best token"); break;
    }
}
