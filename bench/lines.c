#include "lines.h"

#include "say.h"

#include <stdlib.h>
#include <string.h>

typedef struct size {
    uint32_t rows;
    uint32_t vocab;
} size;

static const size sizes[] = {{1, 128256},   {4, 128256},    {16, 128256}, {64, 128256},
                             {256, 128256}, {1024, 128256}, {1, 32000},   {1, 262144},
                             {64, 32000},   {64, 151936},   {64, 262144}};
#define SIZES (sizeof sizes / sizeof sizes[0])

enum {
    ROUNDS_MOST = 64,
    WARM_UP = 1
};

typedef struct lining {
    pool views[SIZES];
    batches all[SIZES];
    double seconds[SIZES][ROUNDS_MOST];
} lining;

/* The sizes in turn; each takes the batch after its last one. */
static void run_round(lining *l, unsigned subject, unsigned round)
{
    for (size_t i = 0; i < SIZES; ++i) {
        batches *const b = &l->all[i];
        const size_t which = (size_t)b->step % b->count;
        batches_prepare(b, subject, which);
        const double start = now();
        batch_sample(b, which, b->on->queue);
        if (round >= WARM_UP) l->seconds[i][round - WARM_UP] = now() - start;
    }
}

static void add_line(lining *l, unsigned subject, unsigned rounds, results *out)
{
    double logits[SIZES], seconds[SIZES];
    /* A batch that has not all strategies in it is another one. */
    const uint32_t least_rows = subject == EVERY_ROW_DIFFERENT ? ROW_STRATEGIES : 1;
    unsigned count = 0;
    linear line;
    memset(&line, 0, sizeof line);
    line.subject = subject;
    line.shape = l->views[0].shape;
    line.dtype = l->views[0].dtype;
    for (size_t i = 0; i < SIZES; ++i) {
        if (sizes[i].rows < least_rows) continue;
        logits[count] = (double)sizes[i].rows * sizes[i].vocab;
        seconds[count++] = quantile(l->seconds[i], rounds, 0.5);
    }
    fit_line(logits, seconds, count, &line);
    results_add_line(out, &line);
}

void measure_lines(stage *on, const pool *logits, uint32_t subjects, unsigned rounds,
                   results *out)
{
    lining *const l = calloc(1, sizeof *l);
    if (l == NULL) fail("out of memory for batches");
    if (rounds > ROUNDS_MOST) rounds = ROUNDS_MOST;
    for (size_t i = 0; i < SIZES; ++i) {
        const setting s = {logits->shape, sizes[i].rows, sizes[i].vocab,
                           logits->dtype, true,          0};
        l->views[i] = pool_as(logits, sizes[i].vocab);
        batches_open(&l->all[i], on, &l->views[i], &s);
    }
    for (unsigned subject = 0; subject < TILE_MAXIMA; ++subject) {
        if (!(subjects >> subject & 1u)) continue;
        progress("time against size, %s: %s", shape_name(logits->shape), subject_name(subject));
        for (unsigned i = 0; i < rounds + WARM_UP && !is_stopped(); ++i)
            run_round(l, subject, i);
        if (!is_stopped()) add_line(l, subject, rounds, out);
    }
    for (size_t i = 0; i < SIZES; ++i) batches_close(&l->all[i]);
    free(l);
}
