/* bench.c - how fast batches are sampled, beside the time that one read of their logits takes.
 *
 * Every case is timed in alternation with a read of as many logits; the figure that counts is
 * the median of the paired ratios read / step. Results are checked against the oracle before
 * they are timed. bench/README.md says what is measured, and how. */
#include "lines.h"
#include "machine.h"
#include "measure.h"
#include "options.h"
#include "say.h"
#include "start.h"
#include "write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHES = 4, /* times the last-level cache that is rotated over */
    BATCHES_LEAST = 4,
    BATCHES_NEEDED = 2, /* where memory is short */
    MEMORY_SHARE = 3,   /* logits take at most one part in so many of what is free */
    LINE_ROWS = 1024,
    LINE_VOCAB = 128256
};

/* How thorough a run is. */
typedef struct effort {
    unsigned repeats;
    double case_seconds;
    unsigned line_rounds;
} effort;

static const effort quick = {61, 1.5, 11};
static const effort full = {51, 1.2, 15};

typedef struct run {
    options o;
    stage on;
    plan what;
    pool logits;
    size_t memory_most;
    results all;
} run;

static void list(const plan *p)
{
    printf("strategies:\n");
    for (unsigned i = 0; i < SUBJECTS; ++i) printf("  %s\n", subject_name(i));
    printf("settings:\n");
    for (size_t i = 0; i < p->count; ++i) {
        const setting *const s = &p->settings[i];
        printf("  %-9s %5u x %6u %-9s%s:", shape_name(s->shape), s->rows, s->vocab,
               dtype_name(s->dtype), s->rotated ? "" : " just written");
        for (unsigned k = 0, n = 0; k < SUBJECTS; ++k) {
            if (s->subjects >> k & 1u) printf("%s %s", n++ > 0 ? "," : "", subject_name(k));
        }
        printf("\n");
    }
}

/* Most rows of a batch among the settings that have the same logits. */
static size_t rows_of_alike(const plan *p, const setting *s)
{
    size_t most = 0;
    for (size_t i = 0; i < p->count; ++i) {
        const setting *const t = &p->settings[i];
        if (t->shape == s->shape && t->vocab == s->vocab && t->dtype == s->dtype &&
            t->rows > most)
            most = t->rows;
    }
    return most;
}

/* False if they would take more memory than they may. */
static bool make_logits(run *r, bench_shape shape, uint32_t vocab, lms_dtype dtype, size_t rows)
{
    const size_t rows_most = r->memory_most / (vocab * dtype_size(dtype));
    const size_t wanted = BATCHES_LEAST * rows;
    pool_wish wish = {shape, vocab, dtype, 0, 0, r->memory_most, false, r->o.model};
    if (rows_most < BATCHES_NEEDED * rows) return false;
    wish.bytes = r->o.rotate_mib > 0 ? r->o.rotate_mib << 20 : CACHES * r->on.cache_bytes;
    wish.least_rows = wanted < rows_most ? wanted : rows_most;
    wish.huge_pages = r->o.huge_pages;
    pool_fill(&r->logits, r->on.all, &wish);
    return true;
}

static void leave_out(const run *r, const setting *s)
{
    progress_clear();
    printf("\n%s: %u x %u %s: left out, two batches are more than the %zu MiB that logits may "
           "take\n",
           shape_name(s->shape), s->rows, s->vocab, dtype_name(s->dtype), r->memory_most >> 20);
}

static void measure_plan(run *r, const effort *e)
{
    const pace tempo = {r->o.repeats > 0 ? r->o.repeats : e->repeats, r->o.repeats > 0,
                        r->o.case_seconds > 0.0 ? r->o.case_seconds : e->case_seconds};
    for (size_t i = 0; i < r->what.count && !is_stopped(); ++i) {
        const setting *const s = &r->what.settings[i];
        const size_t from = r->all.count;
        char label[64];
        if (!make_logits(r, s->shape, s->vocab, s->dtype, rows_of_alike(&r->what, s)) &&
            !make_logits(r, s->shape, s->vocab, s->dtype, s->rows)) {
            leave_out(r, s);
            continue;
        }
        snprintf(label, sizeof label, "%zu/%zu %s %u x %u %s", i + 1, r->what.count,
                 shape_name(s->shape), s->rows, s->vocab, dtype_name(s->dtype));
        measure_setting(&r->on, &r->logits, s, &tempo, label, &r->all);
        progress_clear();
        table_setting(&r->all, from);
    }
}

static void measure_extras(run *r, const effort *e)
{
    static const bench_shape shapes[] = {SHAPE_PEAKED, SHAPE_FLAT};
    const unsigned shape_count = r->o.selected.full ? 2 : 1;
    const uint32_t chosen = r->o.selected.subjects != 0 ? r->o.selected.subjects
                            : r->o.selected.full        ? ALL_SUBJECTS
                                                        : FEW_SUBJECTS;
    for (unsigned i = 0; i < shape_count && !is_stopped(); ++i) {
        if (!make_logits(r, shapes[i], LINE_VOCAB, LMS_FLOAT32, LINE_ROWS)) continue;
        measure_lines(&r->on, &r->logits, chosen, e->line_rounds, &r->all);
    }
}

static void measure_all(run *r)
{
    const effort *const e = r->o.selected.full ? &full : &quick;
    const bool has_extras = r->o.extras || !is_selected(&r->o.selected);
    r->all.cold_s = r->all.warm_s = NAN;
    if (has_extras) measure_start(r->o.device, r->o.work_items, &r->all.cold_s, &r->all.warm_s);
    r->memory_most = machine_available_bytes() / MEMORY_SHARE;
    measure_plan(r, e);
    if (has_extras) measure_extras(r, e);
    r->all.is_interrupted = is_stopped();
    progress_clear();
}

int main(int argc, char **argv)
{
    static run r;
    parse_options(argc, argv, &r.o);
    if (r.o.start_of != NULL) return start_of_child(&r.o);
    r.what = make_plan(&r.o.selected);
    if (r.o.list) {
        list(&r.what);
        plan_free(&r.what);
        return 0;
    }
    FILE *const json = open_to_write(r.o.json);
    FILE *const csv = open_to_write(r.o.csv);
    const heading h = {&r.o, &r.on, argc, argv};
    stop_on_interrupt();
    stage_open(&r.on, r.o.device, r.o.read_on_device, r.o.work_items);
    table_begin(&h);
    measure_all(&r);
    table_end(&r.all);
    if (json != NULL) write_json(json, &h, &r.all);
    if (csv != NULL) write_csv(csv, &r.all);
    pool_free(&r.logits);
    results_free(&r.all);
    plan_free(&r.what);
    stage_close(&r.on);
    return is_stopped() ? 130 : 0;
}
