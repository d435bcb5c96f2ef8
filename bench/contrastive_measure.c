#include "contrastive_measure.h"

#include "contrastive_verify.h"
#include "contrasts.h"
#include "launches.h"
#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPEATS_LEAST = 7, /* however long they take */
    REPEATS_OF_USE = 3,
    REPEATS_SMALL = 201,
    SETS_LEAST = 2,
    PROFILED = 5
};

#define SMALL_BYTES ((size_t)64 << 20)

/* One call, beside the read of a batch: contexts, or logits. */
typedef struct measuring {
    contrastive_call call;
    contrasts c;
    batches b;
    size_t turn;
    unsigned count;
    unsigned checked;
    double *seconds;
    double *reads;
    double *ratios;
} measuring;

static uint32_t set_of_turn(const measuring *m) { return (uint32_t)(m->turn % m->c.sets); }

/* What comes before a call and is not timed. */
static void prepare(measuring *m)
{
    if (m->call == CALL_SELECT) contrasts_prepare(&m->c, set_of_turn(m));
    if (m->call == CALL_APPEND) contrasts_restart(&m->c, set_of_turn(m));
}

static void call_once(measuring *m, cl_command_queue queue)
{
    const uint32_t set = set_of_turn(m);
    switch (m->call) {
    case CALL_SELECT:
        contrasts_select(&m->c, set, contrasts_candidates(&m->c, set, m->turn), queue);
        break;
    case CALL_APPEND: contrasts_fill(&m->c, set, queue); break;
    case CALL_PROPOSE:
        contrasts_propose(&m->c, batch_logits(&m->b, m->turn % m->b.count), queue);
        break;
    }
}

static double time_call(measuring *m)
{
    const double start = now();
    call_once(m, m->b.on->queue);
    return now() - start;
}

/* Of a batch that neither this turn nor the last one has anything to do with. A context has
 * grown by the steps before: the read is of its first positions, its time is in proportion. */
static double time_read(measuring *m)
{
    const uint32_t grown = m->call == CALL_SELECT ? m->c.lengths[set_of_turn(m)] : 0;
    const double start = now();
    batch_read(&m->b, (m->turn + m->b.count / 2) % m->b.count, m->b.on->queue);
    const double seconds = now() - start;
    return grown > 0 ? seconds * grown / m->c.size.context : seconds;
}

static void time_pair(measuring *m)
{
    double read = 0.0;
    const bool read_first = m->turn % 2 == 0;
    prepare(m);
    if (read_first) read = time_read(m);
    const double seconds = time_call(m);
    if (!read_first) read = time_read(m);
    m->seconds[m->count] = seconds;
    m->reads[m->count] = read;
    m->ratios[m->count++] = read / seconds;
    ++m->turn;
}

/* The kernels' time by the device's own clock, of a few calls. */
static double device_time(measuring *m, unsigned *launches)
{
    double seconds[PROFILED];
    unsigned count = 0;
    cl_command_queue queue = m->b.on->profiled != NULL ? m->b.on->profiled : m->b.on->queue;
    for (unsigned i = 0; i < PROFILED; ++i, ++m->turn) {
        prepare(m);
        launches_begin();
        call_once(m, queue);
        *launches = launches_end(&seconds[count]);
        if (!isnan(seconds[count])) ++count;
    }
    return quantile(seconds, count, 0.5);
}

static void add_result(measuring *m, const contrastive_setting *what, results *out)
{
    contrastive_result r;
    memset(&r, 0, sizeof r);
    r.what = *what;
    r.call = m->call;
    r.vocab = m->call == CALL_PROPOSE ? m->c.vocab : 0;
    r.repeats = m->count;
    r.batches = m->call == CALL_PROPOSE ? m->b.count : m->c.sets;
    r.bytes = m->b.bytes;
    r.reads_on_device = m->b.on->reads_on_device;
    r.ratio = quantile(m->ratios, m->count, 0.5);
    r.ratio_p5 = quantile(m->ratios, m->count, 0.05);
    r.ratio_p95 = quantile(m->ratios, m->count, 0.95);
    r.median_s = quantile(m->seconds, m->count, 0.5);
    r.p95_s = quantile(m->seconds, m->count, 0.95);
    r.p99_s = quantile(m->seconds, m->count, 0.99);
    r.read_median_s = quantile(m->reads, m->count, 0.5);
    r.device_s = device_time(m, &r.launches);
    r.checked_rows = m->checked;
    results_add_contrastive(out, &r);
}

static void run_pairs(measuring *m, const contrastive_setting *what, const pace *p,
                      const char *label, results *out)
{
    const bool is_small = m->b.bytes < SMALL_BYTES && !p->repeats_given;
    const unsigned repeats = is_small ? REPEATS_SMALL : p->repeats;
    m->seconds = calloc(3 * (size_t)repeats, sizeof *m->seconds);
    if (m->seconds == NULL) fail("out of memory for %u repeats", repeats);
    m->reads = m->seconds + repeats;
    m->ratios = m->reads + repeats;
    double spent = 0.0;
    while (m->count < repeats && !is_stopped()) {
        if (m->count >= REPEATS_LEAST && spent > p->case_seconds) break;
        progress("%s, repeat %u of %u", label, m->count + 1, repeats);
        time_pair(m);
        spent += m->seconds[m->count - 1] + m->reads[m->count - 1];
    }
    if (m->count >= REPEATS_OF_USE || m->count == repeats) add_result(m, what, out);
    free(m->seconds);
}

void measure_contrasts(stage *on, const pool *states, const contrastive_setting *what,
                       contrastive_call call, const pace *p, const char *label, results *out)
{
    static const uint32_t vocab = 1024; /* of logits that are not there */
    const uint32_t rows = what->size.requests * what->size.context;
    const setting s = {states->shape, rows, what->size.width, what->dtype, true, 0};
    measuring m;
    memset(&m, 0, sizeof m);
    m.call = call;
    batches_open_logits(&m.b, on, states, &s);
    contrasts_open(&m.c, on, what, vocab, &m.b, (uint32_t)m.b.count);
    progress("%s: checking", label);
    m.checked = verify_contrasts(&m.c, m.c.sets - 1);
    for (uint32_t i = 0; i < m.c.sets && !is_stopped(); ++i) contrasts_prepare(&m.c, i);
    run_pairs(&m, what, p, label, out);
    contrasts_close(&m.c);
    batches_close(&m.b);
}

void measure_propose(stage *on, const pool *logits, const contrastive_setting *what,
                     const pace *p, results *out)
{
    const setting s = {
        logits->shape, what->size.requests, logits->vocab, logits->dtype, true, 0};
    measuring m;
    memset(&m, 0, sizeof m);
    m.call = CALL_PROPOSE;
    batches_open_logits(&m.b, on, logits, &s);
    contrasts_open(&m.c, on, what, logits->vocab, NULL, 1);
    contrasts_restart(&m.c, 0);
    call_once(&m, on->queue);
    m.checked = verify_proposal(&m.c, logits, 0);
    run_pairs(&m, what, p, "propose", out);
    contrasts_close(&m.c);
    batches_close(&m.b);
}
