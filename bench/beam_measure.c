#include "beam_measure.h"

#include "beam_verify.h"
#include "beams.h"
#include "launches.h"
#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPEATS_LEAST = 5, /* however long they take */
    REPEATS_OF_USE = 3,
    REPEATS_SMALL = 201,
    ROWS_SMALL = 4,
    PROFILED = 5
};

/* What is timed in each turn. */
enum {
    READ,
    TOP_K,
    STEP,
    TIMED
};

/* One way to search, and its times. */
typedef struct contest {
    unsigned mode;
    beams s;
    beam_call all;
    unsigned count;
    unsigned checked;
    double *seconds[TIMED];
    double *ratios;
    double *over_top_k;
} contest;

/* A sampler's step of the same rows: as many candidates for each row as a request has, and the
 * log-probability of the token that is drawn. */
typedef struct top_k {
    lms_sampler *sampler;
    lms_row_params *params;
    cl_mem buffer; /* tokens, then log-probabilities */
    int32_t *drawn;
} top_k;

typedef struct measuring {
    beam_setting what;
    batches b;
    top_k sampler;
    size_t next; /* batch */
    contest contests[BEAM_MODES];
    unsigned count;
} measuring;

static void open_top_k(measuring *m, stage *on)
{
    cl_int code = CL_SUCCESS;
    lms_sampler_desc desc;
    const uint32_t rows = m->b.what.rows;
    memset(&desc, 0, sizeof desc);
    desc.vocab = m->what.vocab;
    desc.max_rows = rows;
    desc.logits = m->what.dtype;
    desc.outputs = LMS_OUT_LOGPROB_RAW;
    desc.work_items = on->work_items;
    expect(lms_sampler_create(on->ctx, &desc, &m->sampler.sampler), "lms_sampler_create");
    m->sampler.params = calloc(rows, sizeof *m->sampler.params);
    m->sampler.drawn = calloc(2 * (size_t)rows, sizeof *m->sampler.drawn);
    if (m->sampler.params == NULL || m->sampler.drawn == NULL)
        fail("out of memory for %u rows", rows);
    m->sampler.buffer =
        clCreateBuffer(lms_context_cl_context(on->ctx), CL_MEM_READ_WRITE,
                       2 * (size_t)rows * sizeof *m->sampler.drawn, NULL, &code);
    expect(code, "the buffer of the tokens");
}

static void close_top_k(top_k *t)
{
    lms_sampler_destroy(t->sampler);
    clReleaseMemObject(t->buffer);
    free(t->params);
    free(t->drawn);
}

static void sample_top_k(measuring *m, size_t which)
{
    const uint32_t rows = m->b.what.rows;
    cl_command_queue queue = m->b.on->queue;
    lms_sampler_run_args batch;
    memset(&batch, 0, sizeof batch);
    batch.rows = rows;
    batch.logits = batch_logits(&m->b, which);
    batch.params = m->sampler.params;
    batch.tokens.buffer = batch.logprob_raw.buffer = m->sampler.buffer;
    batch.logprob_raw.offset = rows;
    expect(lms_sampler_run(m->sampler.sampler, queue, &batch, 0, NULL, NULL),
           "lms_sampler_run");
    expect(clEnqueueReadBuffer(queue, m->sampler.buffer, CL_TRUE, 0,
                               2 * (size_t)rows * sizeof *m->sampler.drawn, m->sampler.drawn, 0,
                               NULL, NULL),
           "reading tokens");
}

/* What comes before a turn and is not timed. */
static void prepare(measuring *m, contest *c)
{
    for (uint32_t r = 0; r < m->b.what.rows; ++r) {
        lms_row_params *const p = &m->sampler.params[r];
        *p = (lms_row_params)LMS_ROW_PARAMS_INIT;
        p->filters.top_k = (int32_t)beam_candidates(m->what.width);
        p->seed = r + 1;
        p->step = m->next;
    }
    beams_prepare(&c->s, &c->all, batch_logits(&m->b, m->next++ % m->b.count));
}

static double time_one(measuring *m, contest *c, unsigned what, size_t which)
{
    const double start = now();
    switch (what) {
    case READ: batch_read(&m->b, which, m->b.on->queue); break;
    case TOP_K: sample_top_k(m, which); break;
    default: beams_step(&c->s, &c->all, batch_logits(&m->b, which), m->b.on->queue); break;
    }
    return now() - start;
}

/* A third of a round apart, so that none finds what another has left in the cache. Each follows
 * each other one as often. */
static void time_turn(measuring *m, contest *c, unsigned turn)
{
    static const unsigned orders[6][TIMED] = {{READ, TOP_K, STEP}, {STEP, READ, TOP_K},
                                              {TOP_K, STEP, READ}, {STEP, TOP_K, READ},
                                              {READ, STEP, TOP_K}, {TOP_K, READ, STEP}};
    prepare(m, c);
    for (unsigned i = 0; i < TIMED; ++i) {
        const unsigned what = orders[turn % 6][i];
        const size_t which = (m->next + what * m->b.count / TIMED) % m->b.count;
        c->seconds[what][c->count] = time_one(m, c, what, which);
    }
    c->ratios[c->count] = c->seconds[READ][c->count] / c->seconds[STEP][c->count];
    c->over_top_k[c->count] = c->seconds[STEP][c->count] / c->seconds[TOP_K][c->count];
    ++c->count;
}

static void open_contests(measuring *m, stage *on, unsigned repeats)
{
    for (unsigned mode = 0; mode < BEAM_MODES; ++mode) {
        if (!(m->what.modes >> mode & 1u)) continue;
        contest *const c = &m->contests[m->count++];
        c->mode = mode;
        beams_open(&c->s, on, &m->what, mode, m->what.width);
        beam_call_open(&c->all, &c->s, 1);
        double *const times = calloc((TIMED + 2) * (size_t)repeats, sizeof *times);
        if (times == NULL) fail("out of memory for %u repeats", repeats);
        for (unsigned i = 0; i < TIMED; ++i) c->seconds[i] = times + i * repeats;
        c->ratios = times + TIMED * repeats;
        c->over_top_k = c->ratios + repeats;
    }
}

static void close_contest(contest *c)
{
    beam_call_close(&c->all);
    beams_close(&c->s);
    free(c->seconds[0]);
}

/* The kernels' time by the device's own clock, of a few steps. */
static double device_time(measuring *m, contest *c, unsigned *launches)
{
    double seconds[PROFILED];
    unsigned count = 0;
    cl_command_queue queue = m->b.on->profiled != NULL ? m->b.on->profiled : m->b.on->queue;
    for (unsigned i = 0; i < PROFILED; ++i) {
        prepare(m, c);
        launches_begin();
        beams_step(&c->s, &c->all, batch_logits(&m->b, m->next % m->b.count), queue);
        *launches = launches_end(&seconds[count]);
        if (!isnan(seconds[count])) ++count;
    }
    return quantile(seconds, count, 0.5);
}

static void add_result(measuring *m, contest *c, results *out)
{
    beam_result r;
    memset(&r, 0, sizeof r);
    r.what = m->what;
    r.mode = c->mode;
    r.repeats = c->count;
    r.batches = m->b.count;
    r.batch_bytes = m->b.bytes;
    r.reads_on_device = m->b.on->reads_on_device;
    r.ratio = quantile(c->ratios, c->count, 0.5);
    r.ratio_p5 = quantile(c->ratios, c->count, 0.05);
    r.ratio_p95 = quantile(c->ratios, c->count, 0.95);
    r.over_top_k = quantile(c->over_top_k, c->count, 0.5);
    r.over_top_k_p5 = quantile(c->over_top_k, c->count, 0.05);
    r.over_top_k_p95 = quantile(c->over_top_k, c->count, 0.95);
    r.median_s = quantile(c->seconds[STEP], c->count, 0.5);
    r.p95_s = quantile(c->seconds[STEP], c->count, 0.95);
    r.p99_s = quantile(c->seconds[STEP], c->count, 0.99);
    r.read_median_s = quantile(c->seconds[READ], c->count, 0.5);
    r.top_k_median_s = quantile(c->seconds[TOP_K], c->count, 0.5);
    r.device_s = device_time(m, c, &r.launches);
    r.checked_rows = c->checked;
    results_add_beam(out, &r);
}

/* All ways in turn, round by round: what disturbs the machine disturbs them alike. */
static void run_rounds(measuring *m, unsigned repeats, double seconds, const char *label)
{
    const double end = now() + seconds;
    for (unsigned round = 0; round < repeats && !is_stopped(); ++round) {
        if (round >= REPEATS_LEAST && now() > end) return;
        progress("%s, round %u of %u", label, round + 1, repeats);
        for (unsigned i = 0; i < m->count && !is_stopped(); ++i)
            time_turn(m, &m->contests[i], round + i);
    }
}

static void check(measuring *m, contest *c, const char *label)
{
    progress("%s, %s: checking", label, beam_mode_name(c->mode));
    c->checked = verify_beams(&c->s, &c->all, &m->b, m->next);
    m->next += 2;
    prepare(m, c);
    sample_top_k(m, m->next % m->b.count); /* warms up */
}

void measure_beams(stage *on, const pool *logits, const beam_setting *what, const pace *p,
                   const char *label, results *out)
{
    measuring m;
    const uint32_t rows = what->requests * what->width;
    const bool is_small = rows <= ROWS_SMALL && !p->repeats_given;
    const unsigned repeats = is_small ? REPEATS_SMALL : p->repeats;
    const setting s = {what->shape, rows, what->vocab, what->dtype, true, 0};
    memset(&m, 0, sizeof m);
    m.what = *what;
    batches_open_logits(&m.b, on, logits, &s);
    open_top_k(&m, on);
    open_contests(&m, on, repeats);
    for (unsigned i = 0; i < m.count && !is_stopped(); ++i) check(&m, &m.contests[i], label);
    run_rounds(&m, repeats, p->case_seconds * m.count, label);
    for (unsigned i = 0; i < m.count; ++i) {
        contest *const c = &m.contests[i];
        if (c->count >= REPEATS_OF_USE || c->count == repeats) add_result(&m, c, out);
        close_contest(c);
    }
    close_top_k(&m.sampler);
    batches_close(&m.b);
}
