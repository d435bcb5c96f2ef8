#include "serve.h"

#include "launches.h"
#include "machine.h"
#include "say.h"
#include "serve_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLOTS = 1024,
    VOCAB = 128256,
    STEPS_MOST = 1 << 20,
    COUNTED = 16,          /* launches are counted in every so many steps */
    WARM_UP = 10,          /* parts of the time: memory is looked at behind the first */
    GROWTH_MOST = 16 << 20 /* of the resident set, in bytes */
};

/* What is timed of a step. */
enum {
    ALL,
    SAMPLER,
    BEAMS,
    CONTRASTS,
    TIMED
};

typedef struct steps {
    double *seconds[TIMED];
    size_t count;
    size_t rows; /* of all steps */
    unsigned launches;
    size_t counted;
} steps;

/* Pages that are in memory. */
static size_t resident_bytes(void)
{
    char text[256] = "", *resident = text; /* the second number */
    FILE *const file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    if (fgets(text, sizeof text, file) == NULL) text[0] = '\0';
    fclose(file);
    strtoul(text, &resident, 10);
    return strtoul(resident, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t device_bytes(const serving *s)
{
    return lms_slots_workspace(s->slots) + lms_sampler_workspace(s->sampler) +
           lms_beam_workspace(s->others.beams) + lms_contrastive_workspace(s->others.contrasts);
}

static void open_steps(steps *t)
{
    double *const seconds = malloc(TIMED * (size_t)STEPS_MOST * sizeof *seconds);
    memset(t, 0, sizeof *t);
    if (seconds == NULL) fail("out of memory for steps");
    /* All pages, so that the resident set does not grow by these. */
    memset(seconds, 0, TIMED * (size_t)STEPS_MOST * sizeof *seconds);
    for (unsigned i = 0; i < TIMED; ++i) t->seconds[i] = seconds + i * (size_t)STEPS_MOST;
}

static void one_step(serving *s, steps *t)
{
    double ends[TIMED], device_seconds;
    const bool is_counted = t->count % COUNTED == 0;
    const double begin = now();
    if (is_counted) launches_begin();
    serve_admit(s);
    t->rows += s->active;
    serve_sample_all(s);
    ends[SAMPLER] = now();
    serve_beams(s, t->count);
    ends[BEAMS] = now();
    serve_contrasts(s, t->count);
    ends[CONTRASTS] = now();
    if (is_counted) {
        t->launches += launches_end(&device_seconds);
        ++t->counted;
    }
    t->seconds[ALL][t->count] = ends[CONTRASTS] - begin;
    t->seconds[SAMPLER][t->count] = ends[SAMPLER] - begin;
    t->seconds[BEAMS][t->count] = ends[BEAMS] - ends[SAMPLER];
    t->seconds[CONTRASTS][t->count] = ends[CONTRASTS] - ends[BEAMS];
    ++t->count;
}

static void run_steps(serving *s, steps *t, double seconds, serve_result *out)
{
    const double begin = now();
    double passed = 0.0;
    while (passed < seconds && t->count < STEPS_MOST && !is_stopped()) {
        one_step(s, t);
        if (out->resident_begin == 0 && now() - begin >= seconds / WARM_UP) {
            out->resident_begin = resident_bytes();
            out->device_begin = device_bytes(s);
        }
        progress("%.1f of %.1f s: %u sequences, %llu are over", passed, seconds, s->active,
                 (unsigned long long)s->finished);
        passed = now() - begin;
    }
    out->seconds = passed;
    out->resident_end = resident_bytes();
    out->device_end = device_bytes(s);
    if (out->resident_begin == 0) out->resident_begin = out->resident_end;
}

/* Every slot gives back what it took. */
static void end_all(serving *s)
{
    while (s->active > 0) {
        --s->active;
        expect(lms_slots_close(s->slots, s->rows[s->active].name), "lms_slots_close");
    }
    for (uint32_t r = 0; r < SERVE_BEAM_ROWS && s->others.beam_names[r] != 0; ++r)
        expect(lms_slots_close(s->slots, s->others.beam_names[r]), "lms_slots_close");
    expect(clFinish(s->on->queue), "clFinish");
    const uint64_t room = lms_slots_room(s->slots) / LMS_SLOT_PAGE;
    if (room != s->room)
        fail("all slots are closed, and %llu of %llu pages are free", (unsigned long long)room,
             (unsigned long long)s->room);
}

static void sum_up(const serving *s, steps *t, serve_result *out)
{
    double sum = 0.0;
    for (size_t i = 0; i < t->count; ++i) sum += t->seconds[ALL][i];
    out->steps = t->count;
    out->rows_per_step = (double)t->rows / (double)t->count;
    out->tokens = s->tokens;
    out->tokens_per_s = (double)s->tokens / sum;
    out->finished = s->finished;
    out->arrived = s->arrived - s->arrived_before;
    out->waiting = s->arrived - s->admitted;
    out->calls_per_step = (double)s->calls / (double)t->count;
    out->launches_per_step = (double)t->launches / (double)t->counted;
    out->median_s = quantile(t->seconds[ALL], t->count, 0.5);
    out->p99_s = quantile(t->seconds[ALL], t->count, 0.99);
    out->sampler_median_s = quantile(t->seconds[SAMPLER], t->count, 0.5);
    out->beam_median_s = quantile(t->seconds[BEAMS], t->count, 0.5);
    out->contrastive_median_s = quantile(t->seconds[CONTRASTS], t->count, 0.5);
}

static setting chosen_setting(const selection *c)
{
    setting s;
    memset(&s, 0, sizeof s);
    s.shape = c->shapes.count > 0 ? (bench_shape)c->shapes.values[0] : SHAPE_PEAKED;
    s.rows = c->rows.count > 0 ? c->rows.values[0] : SLOTS;
    s.vocab = c->vocabs.count > 0 ? c->vocabs.values[0] : VOCAB;
    s.dtype = c->dtypes.count > 0 ? (lms_dtype)c->dtypes.values[0] : LMS_FLOAT32;
    s.rotated = true;
    return s;
}

static void serve_setting(run *r, const setting *what)
{
    static serving s;
    static steps t;
    static batches logits;
    serve_result *const out = &r->all.serving;
    batches_open_logits(&logits, &r->on, &r->logits, what);
    progress("opening");
    serve_open(&s, &r->on, &logits, what);
    open_steps(&t);
    serve_fill(&s);
    s.calls = 0;
    out->what = *what;
    run_steps(&s, &t, r->o.selected.serve_seconds, out);
    sum_up(&s, &t, out);
    end_all(&s);
    out->samples = s.sample_count;
    out->compared = serve_check(&s);
    r->all.has_serving = true;
    free(t.seconds[0]);
    serve_close(&s);
    batches_close(&logits);
}

void serve(run *r)
{
    const setting what = chosen_setting(&r->o.selected);
    r->all.cold_s = r->all.warm_s = NAN;
    r->memory_most = machine_available_bytes() / RUN_MEMORY_SHARE;
    if (!make_logits(r, what.shape, what.vocab, what.dtype, what.rows)) {
        leave_out(r, what.shape, what.rows, what.vocab, what.dtype);
        return;
    }
    serve_setting(r, &what);
    r->all.is_interrupted = is_stopped();
    progress_clear();
    table_serving(&r->all.serving);
    const size_t before = r->all.serving.resident_begin, after = r->all.serving.resident_end;
    if (after > before + GROWTH_MOST)
        fail("the resident set has grown from %zu to %zu MiB", before >> 20, after >> 20);
}
