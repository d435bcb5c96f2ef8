/* beam_parts.c - steps in which few of the beams are live: requests that are done, and narrow
 * ones in a search that was made for wide ones. */
#include "beam_measure.h"

#include "beams.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 4,
    REQUESTS = 64, /* of which some are done */
    NARROW = 16,   /* in a search that was made ... */
    WIDE = 64,     /* ... for this width, and beside one made for WIDTH */
    REPEATS_LEAST = 5,
    REPEATS_OF_USE = 3
};

/* Two steps of the same live beams: `more` beside `alone`. */
typedef struct pairing {
    beam_part part;
    batches b;
    beams searches[2];
    beams *more;
    beams *alone; /* the same search as `more`, where some of its requests are done */
    beam_call call;
    beam_call call_alone;
    size_t turn;
    unsigned count;
    double *seconds;
    double *seconds_alone;
    double *over;
} pairing;

size_t beam_parts_rows(void) { return (size_t)REQUESTS * WIDTH; }

/* Logits of a step whose live requests are every `every`-th: from row to row of the first
 * buffer, so that all its rows come before one comes again. */
static lms_view logits_of_turn(const pairing *p, uint32_t every, size_t turn)
{
    const size_t rows = p->b.what.rows, within = turn % every;
    const size_t blocks = every > 1 ? p->b.per_buffer - 1 : p->b.per_buffer;
    const size_t first = turn / every % blocks * rows + within * WIDTH;
    lms_view view = batch_logits(&p->b, 0);
    view.offset += first * p->b.what.vocab;
    return view;
}

/* The same rows without gaps. */
static lms_view logits_alone(const pairing *p, size_t turn)
{
    const size_t rows = p->call_alone.rows, all = p->b.per_buffer * p->b.what.rows;
    lms_view view = batch_logits(&p->b, 0);
    view.offset += turn % (all / rows) * rows * p->b.what.vocab;
    return view;
}

static uint32_t gap(const pairing *p) { return p->part.what.requests / p->part.live; }

static double time_more(pairing *p)
{
    const lms_view view = logits_of_turn(p, gap(p), p->turn);
    const double start = now();
    beams_step(p->more, &p->call, view, p->b.on->queue);
    return now() - start;
}

static double time_alone(pairing *p)
{
    const size_t rounds = p->b.per_buffer * p->b.what.rows / p->call_alone.rows;
    const lms_view view = logits_alone(p, p->turn + rounds / 2);
    const double start = now();
    beams_step(p->alone, &p->call_alone, view, p->b.on->queue);
    return now() - start;
}

static void time_pair(pairing *p)
{
    const lms_view first = batch_logits(&p->b, 0);
    const bool more_first = p->turn % 2 == 0;
    double more = 0.0;
    beams_prepare(p->more, &p->call, first);
    if (p->alone != p->more) beams_prepare(p->alone, &p->call_alone, first);
    ++p->turn;
    if (more_first) more = time_more(p);
    const double alone = time_alone(p);
    if (!more_first) more = time_more(p);
    p->seconds[p->count] = more;
    p->seconds_alone[p->count] = alone;
    p->over[p->count++] = more / alone;
}

/* Done are the requests that should be, and no others. */
static void check(pairing *p)
{
    time_pair(p);
    for (uint32_t r = 0; r < p->call.requests; ++r) {
        const bool is_done = r % gap(p) != 0;
        const uint32_t row = r * WIDTH + WIDTH - 1;
        if ((p->call.done[r] != 0) == is_done && (p->call.tokens[row] < 0) == is_done) continue;
        fail("%u of %u beam searches live: request %u is %s", p->part.live, p->call.requests, r,
             is_done ? "not done" : "done");
    }
    p->count = 0;
}

static void open_pairing(pairing *p, stage *on, const pool *logits, unsigned repeats)
{
    const beam_setting *const what = &p->part.what;
    const setting s = {what->shape, what->requests * WIDTH, what->vocab, what->dtype, true, 0};
    batches_open_logits(&p->b, on, logits, &s);
    if (p->b.per_buffer < 2)
        fail("the device has no buffer for two batches of %u rows", s.rows);
    const bool has_done = p->part.live < what->requests;
    beams_open(&p->searches[0], on, what, BEAM_SEARCH, p->part.max_width);
    p->searches[0].live = p->part.live;
    p->more = p->alone = &p->searches[0];
    if (p->part.max_width > WIDTH) {
        p->alone = &p->searches[1];
        beams_open(p->alone, on, what, BEAM_SEARCH, WIDTH);
    }
    beam_call_open(&p->call, p->more, 1);
    beam_call_open(&p->call_alone, p->alone, has_done ? gap(p) : 1);
    p->seconds = calloc(3 * (size_t)repeats, sizeof *p->seconds);
    if (p->seconds == NULL) fail("out of memory for %u repeats", repeats);
    p->seconds_alone = p->seconds + repeats;
    p->over = p->seconds_alone + repeats;
}

static void close_pairing(pairing *p)
{
    beam_call_close(&p->call);
    beam_call_close(&p->call_alone);
    if (p->alone != p->more) beams_close(p->alone);
    beams_close(p->more);
    batches_close(&p->b);
    free(p->seconds);
}

static void measure_part(stage *on, const pool *logits, const pace *tempo, beam_part part,
                         results *out)
{
    pairing p;
    memset(&p, 0, sizeof p);
    p.part = part;
    progress("beams: %u of %u requests live, made for width %u", part.live, part.what.requests,
             part.max_width);
    open_pairing(&p, on, logits, tempo->repeats);
    check(&p);
    const double end = now() + tempo->case_seconds;
    while (p.count < tempo->repeats && !is_stopped()) {
        if (p.count >= REPEATS_LEAST && now() > end) break;
        time_pair(&p);
    }
    p.part.repeats = p.count;
    p.part.over_alone = quantile(p.over, p.count, 0.5);
    p.part.over_alone_p5 = quantile(p.over, p.count, 0.05);
    p.part.over_alone_p95 = quantile(p.over, p.count, 0.95);
    p.part.median_s = quantile(p.seconds, p.count, 0.5);
    p.part.alone_median_s = quantile(p.seconds_alone, p.count, 0.5);
    if (p.count >= REPEATS_OF_USE || p.count == tempo->repeats)
        results_add_beam_part(out, &p.part);
    close_pairing(&p);
}

void measure_beam_parts(stage *on, const pool *logits, const pace *p, results *out)
{
    static const uint32_t live[] = {1, 8, 32, 64};
    beam_part part;
    memset(&part, 0, sizeof part);
    part.what = (beam_setting){logits->shape, logits->vocab, logits->dtype, REQUESTS, WIDTH, 0};
    part.max_width = WIDTH;
    for (unsigned i = 0; i < sizeof live / sizeof live[0] && !is_stopped(); ++i) {
        part.live = live[i];
        measure_part(on, logits, p, part, out);
    }
    part.what.requests = part.live = NARROW;
    part.max_width = WIDE;
    if (!is_stopped()) measure_part(on, logits, p, part, out);
}
