/* bench.c - how fast batches are sampled, beams searched, or contexts held against candidates,
 * beside the time that one read of their logits, or states, takes.
 *
 * Every case is timed in alternation with a read of as many logits; the figure that counts is
 * the median of the paired ratios read / step. Results are checked against the oracle before
 * they are timed. bench/README.md says what is measured, and how. */
#include "beam_measure.h"
#include "contrastive_measure.h"
#include "heavy.h"
#include "lines.h"
#include "list.h"
#include "machine.h"
#include "request_run.h"
#include "run.h"
#include "say.h"
#include "serve.h"
#include "start.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_ROWS = 1024,
    LINE_VOCAB = 128256
};

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

static void measure_plan(run *r)
{
    const pace tempo = run_pace(r);
    for (size_t i = 0; i < r->what.count && !is_stopped(); ++i) {
        const setting *const s = &r->what.settings[i];
        const size_t from = r->all.count;
        char label[64];
        if (!make_logits(r, s->shape, s->vocab, s->dtype, rows_of_alike(&r->what, s)) &&
            !make_logits(r, s->shape, s->vocab, s->dtype, s->rows)) {
            leave_out(r, s->shape, s->rows, s->vocab, s->dtype);
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
    const pace tempo = run_pace(r);
    if (!is_stopped() &&
        make_logits(r, SHAPE_HALF_FLAT, LINE_VOCAB, LMS_FLOAT32, HEAVY_ROWS_LEAST))
        measure_heavy(&r->on, &r->logits, &tempo, &r->all);
}

/* As many as the largest setting of these logits needs, so that they are made once. */
static size_t beam_rows_of_alike(const beam_plan *p, const beam_setting *s)
{
    size_t most = 0;
    for (size_t i = 0; i < p->count; ++i) {
        const beam_setting *const t = &p->settings[i];
        const size_t rows = (size_t)t->requests * t->width;
        if (t->shape == s->shape && t->vocab == s->vocab && t->dtype == s->dtype && rows > most)
            most = rows;
    }
    return most;
}

static void measure_beam_plan(run *r)
{
    const pace tempo = run_pace(r);
    for (size_t i = 0; i < r->beams.count && !is_stopped(); ++i) {
        const beam_setting *const s = &r->beams.settings[i];
        const size_t from = r->all.beam_count;
        const uint32_t rows = s->requests * s->width;
        char label[64];
        if (!make_logits(r, s->shape, s->vocab, s->dtype, beam_rows_of_alike(&r->beams, s)) &&
            !make_logits(r, s->shape, s->vocab, s->dtype, rows)) {
            leave_out(r, s->shape, rows, s->vocab, s->dtype);
            continue;
        }
        snprintf(label, sizeof label, "%zu/%zu %s %u x %u beams of %u %s", i + 1,
                 r->beams.count, shape_name(s->shape), s->requests, s->width, s->vocab,
                 dtype_name(s->dtype));
        measure_beams(&r->on, &r->logits, s, &tempo, label, &r->all);
        progress_clear();
        table_beams(&r->all, from);
    }
}

/* Of few live beams, one shape and vocabulary. */
static void measure_few_beams(run *r)
{
    const pace tempo = run_pace(r);
    const choice *const vocabs = &r->o.selected.vocabs;
    const uint32_t vocab = vocabs->count > 0 ? vocabs->values[0] : LINE_VOCAB;
    if (make_logits(r, SHAPE_PEAKED, vocab, LMS_FLOAT32, beam_parts_rows()))
        measure_beam_parts(&r->on, &r->logits, &tempo, &r->all);
}

/* Hidden states: rows of `width` normal numbers. The contexts, which are made of them, take as
 * much memory again, so that both together are RUN_CACHES times the last-level cache. */
static bool make_states(run *r, const contrastive_setting *s)
{
    const size_t rows = (size_t)s->size.requests * s->size.context;
    const size_t bytes = RUN_CACHES / 2 * r->on.cache_bytes;
    pool_wish wish = {SHAPE_FLAT,     s->size.width, s->dtype, 0,   0,
                      r->memory_most, false,         NULL,     NULL};
    if (RUN_BATCHES_NEEDED * contrastive_bytes(s) > r->memory_most) {
        progress_clear();
        table_print("  %u x %u x %u %s: left out, two sets of contexts are more than %zu MiB\n",
                    s->size.requests, s->size.context, s->size.width, dtype_name(s->dtype),
                    r->memory_most >> 20);
        return false;
    }
    wish.bytes = r->o.rotate_mib > 0 ? r->o.rotate_mib << 20 : bytes;
    wish.least_rows = RUN_BATCHES_NEEDED * rows;
    wish.huge_pages = r->o.huge_pages;
    pool_fill(&r->logits, r->on.all, &wish);
    return true;
}

static void measure_contrast(run *r, const contrastive_setting *s, contrastive_call call,
                             const pace *tempo)
{
    const size_t from = r->all.contrast_count;
    char label[64];
    if (!make_states(r, s)) return;
    snprintf(label, sizeof label, "%s %u x %u x %u, k %u, %s", contrastive_call_name(call),
             s->size.requests, s->size.context, s->size.width, s->size.k, dtype_name(s->dtype));
    measure_contrasts(&r->on, &r->logits, s, call, tempo, label, &r->all);
    progress_clear();
    table_contrasts(&r->all, from);
}

/* Of the target's size: append and propose. */
static void measure_contrastive_extras(run *r, const pace *tempo)
{
    static const lms_dtype dtypes[] = {LMS_FLOAT32, LMS_FLOAT16};
    contrastive_setting s = {contrastive_target, LMS_FLOAT32};
    for (unsigned i = 0; i < 2 && !is_stopped(); ++i) {
        s.dtype = dtypes[i];
        measure_contrast(r, &s, CALL_APPEND, tempo);
    }
    const size_t from = r->all.contrast_count;
    if (is_stopped() || !make_logits(r, SHAPE_PEAKED, LINE_VOCAB, LMS_FLOAT32, s.size.requests))
        return;
    s.dtype = LMS_FLOAT32;
    measure_propose(&r->on, &r->logits, &s, tempo, &r->all);
    table_contrasts(&r->all, from);
}

static void measure_all_contrasts(run *r)
{
    const bool has_extras = r->o.extras || !is_contrastive_selected(&r->o.selected);
    const pace tempo = run_pace(r);
    r->all.cold_s = r->all.warm_s = NAN;
    r->memory_most = machine_available_bytes() / RUN_MEMORY_SHARE;
    for (size_t i = 0; i < r->contrasts.count && !is_stopped(); ++i)
        measure_contrast(r, &r->contrasts.settings[i], CALL_SELECT, &tempo);
    if (has_extras && !is_stopped()) measure_contrastive_extras(r, &tempo);
    r->all.is_interrupted = is_stopped();
    progress_clear();
}

static void measure_all_beams(run *r)
{
    const bool has_extras = r->o.extras || !is_beam_selected(&r->o.selected);
    r->all.cold_s = r->all.warm_s = NAN;
    r->memory_most = machine_available_bytes() / RUN_MEMORY_SHARE;
    measure_beam_plan(r);
    if (has_extras && !is_stopped()) measure_few_beams(r);
    r->all.is_interrupted = is_stopped();
    progress_clear();
}

static void measure_all(run *r)
{
    const effort *const e = run_effort(r);
    const bool has_extras = r->o.extras || !is_selected(&r->o.selected);
    r->all.cold_s = r->all.warm_s = NAN;
    if (has_extras) measure_start(r->o.device, r->o.work_items, &r->all.cold_s, &r->all.warm_s);
    r->memory_most = machine_available_bytes() / RUN_MEMORY_SHARE;
    measure_plan(r);
    if (has_extras) measure_extras(r, e);
    r->all.is_interrupted = is_stopped();
    progress_clear();
}

static void make_plans(run *r)
{
    if (r->o.selected.beam) {
        r->beams = make_beam_plan(&r->o.selected);
    } else if (r->o.selected.contrastive) {
        r->contrasts = make_contrastive_plan(&r->o.selected);
    } else if (r->o.selected.requests) {
        r->requests = make_request_plan(&r->o.selected);
    } else if (!r->o.selected.serve) {
        r->what = make_plan(&r->o.selected);
    }
}

static void close_inputs(run *r)
{
    rows_file_close(&r->real);
    beam_plan_free(&r->beams);
    contrastive_plan_free(&r->contrasts);
    request_plan_free(&r->requests);
    plan_free(&r->what);
}

static void list_plan(const run *r)
{
    if (r->o.selected.beam) {
        list_beams(&r->beams);
    } else if (r->o.selected.contrastive) {
        list_contrasts(&r->contrasts);
    } else if (r->o.selected.requests) {
        list_requests(&r->requests);
    } else {
        list_cases(&r->what);
    }
}

static void measure_plans(run *r)
{
    if (r->o.selected.beam) {
        measure_all_beams(r);
    } else if (r->o.selected.contrastive) {
        measure_all_contrasts(r);
    } else if (r->o.selected.requests) {
        measure_all_requests(r);
    } else if (r->o.selected.serve) {
        serve(r);
    } else {
        measure_all(r);
    }
}

/* What else runs takes cores from some steps and reads and not from others. */
static void warn_if_busy(void)
{
    const double load = machine_load();
    if (load > 0.5 * machine_cores()) {
        fprintf(stderr, "bench: the machine is busy (load %.1f, %u cores): figures are off\n",
                load, machine_cores());
    }
}

int main(int argc, char **argv)
{
    static run r;
    parse_options(argc, argv, &r.o);
    if (r.o.start_of != NULL) return start_of_child(&r.o);
    rows_file_open(&r.real, r.o.rows_file);
    r.o.selected.real_vocab = r.real.vocab;
    make_plans(&r);
    if (r.o.list) {
        list_plan(&r);
        close_inputs(&r);
        return 0;
    }
    FILE *const json = open_to_write(r.o.json);
    FILE *const csv = open_to_write(r.o.csv);
    if (is_same_file(json, csv)) fail("--csv: %s is the file of --json", r.o.csv);
    const heading h = {&r.o, &r.on, argc, argv};
    stop_on_interrupt();
    stage_open(&r.on, r.o.device, r.o.read_on_device, r.o.work_items);
    if (r.o.cpu_time && !(r.on.device.type & CL_DEVICE_TYPE_CPU))
        fail("--cpu-time: %s is no CPU", r.on.device.name);
    if (r.o.cpu_time) {
        count_cpu_time();
    } else {
        warn_if_busy();
    }
    table_begin(&h);
    measure_plans(&r);
    table_end(&r.all);
    if (json != NULL) write_json(json, &h, &r.all);
    if (csv != NULL) write_csv(csv, &h, &r.all);
    pool_free(&r.logits);
    results_free(&r.all);
    close_inputs(&r);
    stage_close(&r.on);
    return is_stopped() ? 130 : 0;
}
