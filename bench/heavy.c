#include "heavy.h"

#include "say.h"
#include "verify.h"

#include <stdlib.h>
#include <string.h>

enum {
    REPEATS_LEAST = 5,
    ROWS_MOST = 16
};

/* The batches of a round. */
typedef enum kind {
    ONE_FLAT,
    ALL_PEAKED,
    ALL_FLAT,
    KINDS
} kind;

typedef struct weighing {
    batches
        b; /* of BASE_ROWS rows each, side by side in one buffer: the half of each is flat */
    size_t rows_of_a_half;
    size_t next[2]; /* row of each half that is read next */
    int32_t index[ROWS_MOST];
    heavy what;
    double *seconds[KINDS];
    double *over;
} weighing;

/* Half by half of each BASE_ROWS rows; all rows in turn, so that none is in the cache. */
static int32_t next_row(weighing *w, bool is_flat)
{
    const size_t i = w->next[is_flat]++ % w->rows_of_a_half, half = BASE_ROWS / 2;
    return (int32_t)(i / half * BASE_ROWS + i % half + (is_flat ? half : 0));
}

static void choose_rows(weighing *w, kind k, unsigned turn)
{
    for (uint32_t r = 0; r < w->what.rows; ++r) {
        lms_row_params *const p = &w->b.params[r];
        const bool is_flat = k == ALL_FLAT || (k == ONE_FLAT && r == turn % w->what.rows);
        w->index[r] = next_row(w, is_flat);
        *p = (lms_row_params)LMS_ROW_PARAMS_INIT;
        set_strategy(p, HEAVY_STRATEGY);
        p->seed = r + 1;
        p->step = w->b.step;
    }
    ++w->b.step;
}

static double time_one(weighing *w, kind k, unsigned turn)
{
    batches *const b = &w->b;
    choose_rows(w, k, turn);
    const double start = now();
    batch_sample_rows(b, w->index, 2 * w->rows_of_a_half);
    return now() - start;
}

/* The batches in every order that begins with another one. */
static void time_round(weighing *w, unsigned round)
{
    for (unsigned i = 0; i < KINDS; ++i) {
        const kind k = (kind)((round + i) % KINDS);
        w->seconds[k][round] = time_one(w, k, round);
    }
    const double n = w->what.rows;
    const double alone =
        ((n - 1) * w->seconds[ALL_PEAKED][round] + w->seconds[ALL_FLAT][round]) / n;
    w->over[round] = w->seconds[ONE_FLAT][round] / alone;
}

static void add(weighing *w, unsigned count, results *out)
{
    heavy *const h = &w->what;
    h->repeats = count;
    h->over_mean = quantile(w->over, count, 0.5);
    h->over_mean_p5 = quantile(w->over, count, 0.05);
    h->over_mean_p95 = quantile(w->over, count, 0.95);
    h->median_s = quantile(w->seconds[ONE_FLAT], count, 0.5);
    h->peaked_median_s = quantile(w->seconds[ALL_PEAKED], count, 0.5);
    h->flat_median_s = quantile(w->seconds[ALL_FLAT], count, 0.5);
    results_add_heavy(out, h);
}

static void measure_rows(stage *on, const pool *logits, const pace *p, uint32_t rows,
                         results *out)
{
    const setting s = {logits->shape, BASE_ROWS, logits->vocab, logits->dtype, true, 0};
    const unsigned repeats = repeats_for(p, rows);
    double *const all = calloc((size_t)repeats * (KINDS + 1), sizeof *all);
    weighing w;
    unsigned count = 0;
    memset(&w, 0, sizeof w);
    if (all == NULL) fail("out of memory for %u repeats", repeats);
    progress("%u rows, one of them flat", rows);
    batches_open(&w.b, on, logits, &s);
    w.b.what.rows = rows;
    w.what = (heavy){.rows = rows, .vocab = logits->vocab, .dtype = logits->dtype};
    w.rows_of_a_half = w.b.per_buffer * BASE_ROWS / 2;
    for (unsigned k = 0; k < KINDS; ++k) w.seconds[k] = all + (size_t)k * repeats;
    w.over = all + (size_t)KINDS * repeats;
    time_one(&w, ONE_FLAT, 0);
    verify_rows(&w.b, w.index);
    const double end = now() + KINDS * p->case_seconds;
    while (count < repeats && !is_stopped()) {
        if (count >= REPEATS_LEAST && now() > end) break;
        time_round(&w, count++);
    }
    if (count >= REPEATS_LEAST || count == repeats) add(&w, count, out);
    batches_close(&w.b);
    free(all);
}

void measure_heavy(stage *on, const pool *logits, const pace *p, results *out)
{
    static const uint32_t rows[] = {8, ROWS_MOST};
    for (unsigned i = 0; i < 2 && !is_stopped(); ++i) measure_rows(on, logits, p, rows[i], out);
}
