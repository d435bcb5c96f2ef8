#include "measure.h"

#include "arithmetic.h"
#include "launches.h"
#include "say.h"
#include "verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPEATS_LEAST = 5, /* however long they take */
    REPEATS_OF_USE = 3,
    DRAWS_LEAST = 1024, /* of a case: rows of all its steps */
    DRAWS_OF_A_PAIR = 64,
    PAIRS_LEAST = 16,
    PROFILED_MOST = 9
};

/* The times of one subject, and what its draws took. */
typedef struct tally {
    unsigned subject;
    unsigned count;
    unsigned checked;
    size_t draws;
    double attempts;
    double passes;
    size_t with_pass; /* draws */
    double *steps;
    double *reads;
    double *ratios;
} tally;

typedef struct measuring {
    batches b;
    arithmetic a;
    size_t next; /* batch */
    tally tallies[SUBJECTS];
    unsigned tally_count;
} measuring;

static void run_step(measuring *m, unsigned subject, size_t which)
{
    if (subject <= EVERY_ROW_DIFFERENT) {
        batch_sample(&m->b, which, m->b.on->queue);
        return;
    }
    m->a.logits = batch_address(&m->b, which);
    if (subject == TILE_MAXIMA) {
        tile_maxima(m->b.on->all, &m->a);
    } else {
        row_mass(m->b.on->all, &m->a);
    }
}

static double time_step(measuring *m, unsigned subject, size_t which)
{
    batches_prepare(&m->b, subject, which);
    const double start = now();
    run_step(m, subject, which);
    return now() - start;
}

static double time_read(measuring *m, unsigned subject, size_t which)
{
    batches_prepare(&m->b, subject, which);
    const double start = now();
    batch_read(&m->b, which, m->b.on->queue);
    return now() - start;
}

static void add_efforts(measuring *m, tally *t)
{
    if (t->subject > EVERY_ROW_DIFFERENT) return;
    batch_efforts(&m->b);
    for (uint32_t r = 0; r < m->b.what.rows; ++r) {
        t->attempts += m->b.efforts[r].attempts;
        t->passes += m->b.efforts[r].passes;
        t->with_pass += m->b.efforts[r].passes > 0;
    }
    t->draws += m->b.what.rows;
}

/* Half a round apart, so that neither finds what the other has left in the cache. */
static void time_pair(measuring *m, tally *t, bool read_first)
{
    const size_t count = m->b.count, which = m->next % count;
    const size_t other = (m->next + count / 2) % count;
    double read = 0.0;
    ++m->next;
    if (read_first) read = time_read(m, t->subject, other);
    const double step = time_step(m, t->subject, which);
    if (!read_first) read = time_read(m, t->subject, other);
    t->steps[t->count] = step;
    t->reads[t->count] = read;
    ++t->count;
    add_efforts(m, t);
}

static void check(measuring *m, tally *t)
{
    const size_t which = m->next++ % m->b.count;
    time_step(m, t->subject, which);
    t->checked = t->subject <= EVERY_ROW_DIFFERENT
                     ? verify_tokens(&m->b, t->subject, which)
                     : verify_arithmetic(&m->b, t->subject, which, &m->a);
}

static void open_tallies(measuring *m, unsigned repeats)
{
    for (unsigned subject = 0; subject < SUBJECTS; ++subject) {
        if (!(m->b.what.subjects >> subject & 1u)) continue;
        /* What the host's threads can do is no limit for another device. */
        if (subject >= TILE_MAXIMA && !(m->b.on->device.type & CL_DEVICE_TYPE_CPU)) continue;
        tally *const t = &m->tallies[m->tally_count++];
        t->subject = subject;
        t->steps = calloc(3 * (size_t)repeats, sizeof *t->steps);
        if (t->steps == NULL) fail("out of memory for %u repeats", repeats);
        t->reads = t->steps + repeats;
        t->ratios = t->reads + repeats;
    }
}

/* The kernels' time by the device's own clock, of a few steps or of the read. */
static double device_time(measuring *m, unsigned subject, bool of_read, unsigned *launches)
{
    double seconds[PROFILED_MOST];
    const unsigned wanted = m->b.bytes < (size_t)256 << 20 ? PROFILED_MOST : 3;
    unsigned count = 0;
    cl_command_queue queue = m->b.on->profiled != NULL ? m->b.on->profiled : m->b.on->queue;
    for (unsigned i = 0; i < wanted; ++i) {
        const size_t which = m->next++ % m->b.count;
        batches_prepare(&m->b, subject, which);
        launches_begin();
        if (of_read) {
            batch_read(&m->b, which, queue);
        } else {
            batch_sample(&m->b, which, queue);
        }
        *launches = launches_end(&seconds[count]);
        if (!isnan(seconds[count])) ++count;
    }
    return quantile(seconds, count, 0.5);
}

static const tally *tally_of(const measuring *m, unsigned subject)
{
    for (unsigned i = 0; i < m->tally_count; ++i) {
        if (m->tallies[i].subject == subject) return &m->tallies[i];
    }
    return NULL;
}

/* The mean of the uniform batches of one round, by their shares of a mixed batch. NAN if one of
 * them was not measured. */
static double mean_of_uniform(const measuring *m, unsigned round)
{
    double times[ROW_STRATEGIES], sum = 0.0;
    for (unsigned i = 0; i < ROW_STRATEGIES; ++i) {
        const tally *const t = tally_of(m, i);
        times[i] = t != NULL && round < t->count ? t->steps[round] : NAN;
    }
    for (uint32_t r = 0; r < m->b.what.rows; ++r) {
        sum += times[row_strategy(EVERY_ROW_DIFFERENT, r)];
    }
    return sum / m->b.what.rows;
}

/* Round by round, before the tallies are sorted. */
static void add_mixed(const measuring *m, results *out)
{
    const tally *const t = tally_of(m, EVERY_ROW_DIFFERENT);
    if (t == NULL || t->count == 0 || m->b.what.rows == 1) return;
    double *const factors = malloc(t->count * sizeof *factors);
    unsigned count = 0;
    if (factors == NULL) fail("out of memory for %u repeats", t->count);
    for (unsigned i = 0; i < t->count; ++i) {
        const double factor = t->steps[i] / mean_of_uniform(m, i);
        if (!isnan(factor)) factors[count++] = factor;
    }
    if (count >= REPEATS_OF_USE)
        results_add_mixed(out, &m->b.what, quantile(factors, count, 0.5));
    free(factors);
}

/* The pairs' ratios, in t->ratios, and how many there are. What a row's draw takes differs
 * from draw to draw, and what counts is its mean: of small batches so many steps, and as many
 * reads, make a pair that it has the rows of a large one; but there are PAIRS_LEAST pairs, if
 * there are steps for them. */
static unsigned join_pairs(const tally *t, uint32_t rows)
{
    const unsigned wanted = (DRAWS_OF_A_PAIR + rows - 1) / rows;
    const unsigned most = t->count > PAIRS_LEAST ? t->count / PAIRS_LEAST : 1;
    const unsigned joined = wanted < most ? wanted : most, pairs = t->count / joined;
    for (unsigned i = 0; i < pairs; ++i) {
        double read = 0.0, step = 0.0;
        for (unsigned k = i * joined; k < (i + 1) * joined; ++k) {
            read += t->reads[k];
            step += t->steps[k];
        }
        t->ratios[i] = read / step;
    }
    return pairs;
}

static double mean(const double *values, unsigned count)
{
    double sum = 0.0;
    for (unsigned i = 0; i < count; ++i) sum += values[i];
    return sum / count;
}

static void add_result(measuring *m, tally *t, results *out)
{
    result r;
    unsigned read_launches = 0;
    memset(&r, 0, sizeof r);
    r.what = m->b.what;
    r.subject = t->subject;
    r.repeats = t->count;
    r.batches = m->b.count;
    r.batch_bytes = m->b.bytes;
    r.reads_on_device = m->b.on->reads_on_device;
    const unsigned pairs = join_pairs(t, r.what.rows); /* before any times are sorted */
    r.ratio = quantile(t->ratios, pairs, 0.5);
    r.ratio_p5 = quantile(t->ratios, pairs, 0.05);
    r.ratio_p95 = quantile(t->ratios, pairs, 0.95);
    r.mean_s = mean(t->steps, t->count);
    r.draws = t->draws;
    r.attempts = t->attempts / (double)t->draws;
    r.passes = t->passes / (double)t->draws;
    r.pass_share = (double)t->with_pass / (double)t->draws;
    r.median_s = quantile(t->steps, t->count, 0.5);
    r.p95_s = quantile(t->steps, t->count, 0.95);
    r.p99_s = quantile(t->steps, t->count, 0.99);
    r.read_median_s = quantile(t->reads, t->count, 0.5);
    r.device_s = r.read_device_s = NAN;
    r.checked_rows = t->checked;
    if (t->subject <= EVERY_ROW_DIFFERENT) {
        r.device_s = device_time(m, t->subject, false, &r.launches);
        if (r.reads_on_device)
            r.read_device_s = device_time(m, t->subject, true, &read_launches);
    }
    results_add(out, &r);
}

/* All subjects in turn, round by round: what disturbs the machine disturbs them alike. */
static void run_rounds(measuring *m, unsigned repeats, double seconds, const char *label)
{
    const double end = now() + seconds;
    for (unsigned round = 0; round < repeats && !is_stopped(); ++round) {
        if (round >= REPEATS_LEAST && round * m->b.what.rows >= DRAWS_LEAST && now() > end)
            return;
        progress("%s, round %u of %u", label, round + 1, repeats);
        for (unsigned i = 0; i < m->tally_count && !is_stopped(); ++i)
            time_pair(m, &m->tallies[i], (round + i) % 2 == 0);
    }
}

unsigned repeats_for(const pace *p, uint32_t rows)
{
    const unsigned least = (DRAWS_LEAST + rows - 1) / rows;
    return p->repeats_given || p->repeats > least ? p->repeats : least;
}

void measure_setting(stage *on, const pool *logits, const setting *what, const pace *p,
                     const char *label, results *out)
{
    measuring m;
    const unsigned repeats = repeats_for(p, what->rows);
    memset(&m, 0, sizeof m);
    batches_open(&m.b, on, logits, what);
    arithmetic_open(&m.a, what->rows, what->vocab, what->dtype);
    open_tallies(&m, repeats);
    for (unsigned i = 0; i < m.tally_count && !is_stopped(); ++i) {
        progress("%s, %s: checking", label, subject_name(m.tallies[i].subject));
        check(&m, &m.tallies[i]);
    }
    run_rounds(&m, repeats, p->case_seconds * m.tally_count, label);
    add_mixed(&m, out);
    for (unsigned i = 0; i < m.tally_count; ++i) {
        if (m.tallies[i].count >= REPEATS_OF_USE || m.tallies[i].count == repeats)
            add_result(&m, &m.tallies[i], out);
        free(m.tallies[i].steps);
    }
    arithmetic_close(&m.a);
    batches_close(&m.b);
}
