#include "request_measure.h"

#include "asks.h"
#include "launches.h"
#include "request_verify.h"
#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPEATS_LEAST = 5, /* however long they take */
    REPEATS_OF_USE = 3,
    BLOCK = 4 /* turns of a case, one after another */
};

/* What is timed in each turn: the two bases, and the step. */
enum {
    STEP = 2,
    TIMED
};

/* One case, and its times. */
typedef struct contest {
    unsigned which;
    asks own;
    unsigned count;
    unsigned checked;
    unsigned launches;
    moment *times[TIMED]; /* how long they took */
} contest;

typedef struct measuring {
    request_setting what;
    batches b;
    size_t next; /* batch */
    asks bases[2];
    contest contests[REQUEST_CASES];
    unsigned count;
} measuring;

/* The step that returns a log-probability is for those that tell something too. */
static bool is_beside(const contest *c, unsigned base)
{
    return base == 0 || (request_cases[c->which].outputs & LMS_OUT_LOGPROB_RAW) != 0;
}

static moment time_one(measuring *m, asks *a, size_t which)
{
    asks_prepare(a);
    const lms_view logits = batch_logits(&m->b, which % m->b.count);
    const moment start = moment_now();
    asks_run(a, logits, m->b.on->queue);
    const moment end = moment_now();
    return (moment){end.wall - start.wall, end.cpu - start.cpu};
}

/* A third of a round apart, so that none finds what another has left in the cache. Each follows
 * each other one as often. */
static void time_turn(measuring *m, contest *c, unsigned turn)
{
    static const unsigned orders[6][TIMED] = {{0, 1, STEP}, {STEP, 0, 1}, {1, STEP, 0},
                                              {STEP, 1, 0}, {0, STEP, 1}, {1, 0, STEP}};
    for (unsigned i = 0; i < TIMED; ++i) {
        const unsigned what = orders[turn % 6][i];
        const size_t which = m->next + what * m->b.count / TIMED;
        if (what < STEP && !is_beside(c, what)) continue;
        c->times[what][c->count] = time_one(m, what < STEP ? &m->bases[what] : &c->own, which);
    }
    ++m->next;
    ++c->count;
}

/* A sampler that others have run before finds neither its code nor its workspace in the caches,
 * which is not so in a server: the first turn does not count. */
static void time_block(measuring *m, contest *c, unsigned repeats, unsigned round)
{
    time_turn(m, c, round);
    --c->count;
    for (unsigned i = 0; i < BLOCK && c->count < repeats && !is_stopped(); ++i)
        time_turn(m, c, round * BLOCK + i);
}

static void open_contests(measuring *m, stage *on, unsigned repeats, const char *label)
{
    for (unsigned which = 0; which < REQUEST_CASES && !is_stopped(); ++which) {
        if (!(m->what.cases >> which & 1u)) continue;
        contest *const c = &m->contests[m->count++];
        progress("%s, %s: opening", label, request_name(which));
        c->which = which;
        asks_open(&c->own, on, &m->what, &request_cases[which]);
        moment *const times = calloc(TIMED * (size_t)repeats, sizeof *times);
        if (times == NULL) fail("out of memory for %u repeats", repeats);
        for (unsigned i = 0; i < TIMED; ++i) c->times[i] = times + i * repeats;
    }
}

static void close_contest(contest *c)
{
    asks_close(&c->own);
    free(c->times[0]);
}

static void check(measuring *m, contest *c)
{
    const size_t which = m->next++ % m->b.count;
    double seconds;
    asks_prepare(&c->own);
    asks_run(&c->own, batch_logits(&m->b, which), m->b.on->queue);
    c->checked = verify_asks(&c->own, &m->b, which);
    asks_prepare(&c->own);
    launches_begin();
    asks_run(&c->own, batch_logits(&m->b, which), m->b.on->queue);
    c->launches = launches_end(&seconds);
}

/* --- Figures -------------------------------------------------------------------------- */

static double clock_of(moment m, bool of_cpu) { return of_cpu ? m.cpu : m.wall; }

/* Of one clock: the ratios of `a` and `b`, round by round, sorted. */
static double *ratios_of(const moment *a, const moment *b, unsigned count, bool of_cpu)
{
    double *const ratios = malloc(count * sizeof *ratios);
    if (ratios == NULL) fail("out of memory for %u repeats", count);
    for (unsigned i = 0; i < count; ++i)
        ratios[i] = clock_of(a[i], of_cpu) / clock_of(b[i], of_cpu);
    return ratios;
}

static paired pair_of(const moment *a, const moment *b, unsigned count)
{
    double *const wall = ratios_of(a, b, count, false);
    double *const cpu = ratios_of(a, b, count, true);
    const paired p = {{quantile(wall, count, 0.5), quantile(cpu, count, 0.5)},
                      quantile(wall, count, 0.05),
                      quantile(wall, count, 0.95)};
    free(wall);
    free(cpu);
    return p;
}

static clocks median_of(const moment *times, unsigned count)
{
    double *const wall = malloc(2 * (size_t)count * sizeof *wall);
    if (wall == NULL) fail("out of memory for %u repeats", count);
    double *const cpu = wall + count;
    for (unsigned i = 0; i < count; ++i) {
        wall[i] = times[i].wall;
        cpu[i] = times[i].cpu;
    }
    const clocks c = {quantile(wall, count, 0.5), quantile(cpu, count, 0.5)};
    free(wall);
    return c;
}

static const contest *contest_of(const measuring *m, unsigned which)
{
    for (unsigned i = 0; i < m->count; ++i) {
        if (m->contests[i].which == which) return &m->contests[i];
    }
    return NULL;
}

static void add_result(const measuring *m, const contest *c, results *out)
{
    static const paired none = {{NAN, NAN}, NAN, NAN};
    const request_case *const what = &request_cases[c->which];
    const contest *const beside = what->beside > 0 ? contest_of(m, what->beside - 1) : NULL;
    request_result r;
    memset(&r, 0, sizeof r);
    r.what = m->what;
    r.which = c->which;
    r.repeats = c->count;
    r.batches = m->b.count;
    r.batch_bytes = m->b.bytes;
    for (unsigned i = 0; i < 2; ++i) {
        const bool has = is_beside(c, i);
        r.over[i] = has ? pair_of(c->times[STEP], c->times[i], c->count) : none;
        r.base_median_s[i] = has ? median_of(c->times[i], c->count) : (clocks){NAN, NAN};
    }
    r.over_beside = none;
    if (beside != NULL && beside->count >= c->count)
        r.over_beside = pair_of(c->times[STEP], beside->times[STEP], c->count);
    r.median_s = median_of(c->times[STEP], c->count);
    r.launches = c->launches;
    r.checked_rows = c->checked;
    results_add_request(out, &r);
}

/* All cases in turn, round by round: what disturbs the machine disturbs them alike. */
static void run_rounds(measuring *m, unsigned repeats, double seconds, const char *label)
{
    const double end = now() + seconds;
    const unsigned rounds = (repeats + BLOCK - 1) / BLOCK;
    for (unsigned round = 0; round < rounds && !is_stopped(); ++round) {
        if (round * BLOCK >= REPEATS_LEAST && now() > end) return;
        progress("%s, round %u of %u", label, round + 1, rounds);
        for (unsigned i = 0; i < m->count && !is_stopped(); ++i)
            time_block(m, &m->contests[i], repeats, round + i);
    }
}

void measure_requests(stage *on, const pool *logits, const request_setting *what, const pace *p,
                      const char *label, results *out)
{
    measuring m;
    const setting s = {what->shape, what->rows, what->vocab, what->dtype, true, 0};
    memset(&m, 0, sizeof m);
    m.what = *what;
    batches_open_logits(&m.b, on, logits, &s);
    for (unsigned i = 0; i < 2; ++i) asks_open(&m.bases[i], on, what, &request_bases[i]);
    open_contests(&m, on, p->repeats, label);
    for (unsigned i = 0; i < m.count && !is_stopped(); ++i) {
        progress("%s, %s: checking", label, request_name(m.contests[i].which));
        check(&m, &m.contests[i]);
    }
    run_rounds(&m, p->repeats, p->case_seconds * m.count, label);
    for (unsigned i = 0; i < m.count; ++i) {
        contest *const c = &m.contests[i];
        if (c->count >= REPEATS_OF_USE || (c->count > 0 && c->count == p->repeats))
            add_result(&m, c, out);
    }
    for (unsigned i = 0; i < m.count; ++i) close_contest(&m.contests[i]);
    for (unsigned i = 0; i < 2; ++i) asks_close(&m.bases[i]);
    batches_close(&m.b);
}
