/* serve_step.c - sequences come, get tokens, and go. */
#include "say.h"
#include "serve_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOAD 0.9 /* of the slots, on average */

enum {
    HOST_TOKENS = 65536, /* of a call that opens, as slots take by themselves */
    SAMPLE_TOKENS = 256  /* that are enough of a sample */
};

/* A call that opens: s->opened and its lengths and tokens. */
typedef struct opening {
    uint32_t count; /* requests */
    uint32_t rows;
    size_t brought; /* tokens */
} opening;

static void *host_bytes(size_t count, size_t size)
{
    void *const memory = calloc(count, size);
    if (memory == NULL) fail("out of memory for serving");
    return memory;
}

static uint32_t pages_of(const serve_request *r)
{
    return (r->prompt + r->output + LMS_SLOT_PAGE - 1) / LMS_SLOT_PAGE;
}

/* --- Opening and closing of it all -------------------------------------------------------- */

static void open_slots(serving *s)
{
    lms_slots_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.max_slots = s->what->rows + SERVE_BEAM_ROWS;
    desc.max_length = s->limits.prompt_most + s->limits.output_most;
    /* A quarter of what all could take, for these are few; but pages are taken whole. */
    const uint32_t each = desc.max_length / 4;
    desc.max_tokens =
        (uint64_t)s->what->rows * (each > 2 * LMS_SLOT_PAGE ? each : 2 * LMS_SLOT_PAGE) +
        SERVE_BEAM_PAGES * LMS_SLOT_PAGE;
    desc.max_call = desc.max_slots;
    desc.max_in_flight = 32; /* calls of a step */
    desc.vocab = s->what->vocab;
    expect(lms_slots_create(s->on->ctx, &desc, &s->slots), "lms_slots_create");
    s->room = lms_slots_room(s->slots) / LMS_SLOT_PAGE;
    s->pages = s->room - SERVE_BEAM_PAGES;
}

static void open_sampler(serving *s)
{
    lms_sampler_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.vocab = s->what->vocab;
    desc.max_rows = s->what->rows;
    desc.logits = s->what->dtype;
    desc.outputs = LMS_OUT_LOGPROB_RAW | LMS_OUT_TOP;
    desc.work_items = s->on->work_items;
    desc.requests = LMS_REQUESTS_ALL;
    desc.max_top = SERVE_TOP;
    desc.table_bytes = s->tables.bytes;
    desc.slots = s->slots;
    expect(lms_sampler_create(s->on->ctx, &desc, &s->sampler), "lms_sampler_create");
}

void serve_open(serving *s, stage *on, const batches *logits, const setting *what)
{
    cl_int code = CL_SUCCESS;
    const size_t rows = what->rows;
    memset(s, 0, sizeof *s);
    s->on = on;
    s->what = what;
    s->logits = logits;
    s->logit_rows = logits->per_buffer * rows;
    s->limits = serve_limits_of(what->vocab);
    s->state = 40;
    s->arrivals = LOAD * what->rows / serve_mean_work(&s->limits);
    serve_tables_open(&s->tables, what->vocab);
    open_slots(s);
    open_sampler(s);
    s->word_count = rows * (3 + 2 * SERVE_TOP);
    s->told = host_bytes(s->word_count, sizeof *s->told);
    s->words = clCreateBuffer(lms_context_cl_context(on->ctx), CL_MEM_READ_WRITE,
                              s->word_count * sizeof *s->told, NULL, &code);
    expect(code, "the buffer of the tokens");
    s->params = host_bytes(rows, sizeof *s->params);
    s->index = host_bytes(rows, sizeof *s->index);
    s->lengths = host_bytes(rows, sizeof *s->lengths);
    s->prompt_lengths = host_bytes(rows, sizeof *s->prompt_lengths);
    s->names = host_bytes(rows, sizeof *s->names);
    s->from = host_bytes(rows, sizeof *s->from);
    s->opened = host_bytes(rows, sizeof *s->opened);
    s->prompts = host_bytes(HOST_TOKENS, sizeof *s->prompts);
    s->rows = host_bytes(rows, sizeof *s->rows);
    for (size_t r = 0; r < rows; ++r)
        s->rows[r].tokens = host_bytes(s->limits.output_most, sizeof *s->rows[r].tokens);
    for (unsigned i = 0; i < SERVE_SAMPLES; ++i)
        s->samples[i].tokens = host_bytes(s->limits.output_most, sizeof(int32_t));
    serve_beams_open(s);
    serve_contrasts_open(s);
}

void serve_close(serving *s)
{
    serve_beams_close(s);
    serve_contrasts_close(s);
    lms_sampler_destroy(s->sampler);
    lms_slots_destroy(s->slots);
    clReleaseMemObject(s->words);
    for (uint32_t r = 0; r < s->what->rows; ++r) free(s->rows[r].tokens);
    for (unsigned i = 0; i < SERVE_SAMPLES; ++i) free(s->samples[i].tokens);
    serve_tables_close(&s->tables);
    free(s->told);
    free(s->params);
    free(s->index);
    free(s->lengths);
    free(s->prompt_lengths);
    free(s->names);
    free(s->from);
    free(s->opened);
    free(s->prompts);
    free(s->rows);
}

/* --- Requests that come ------------------------------------------------------------------- */

uint32_t serve_opening(const serving *s, const serve_request *r, uint32_t begin, int32_t *out)
{
    const uint32_t length = r->prompt + begin;
    for (uint32_t i = 0; i < length; ++i)
        out[i] = serve_prompt_token(r->number, i, s->what->vocab);
    return length;
}

static bool has_room(const serving *s, const serve_request *r, const opening *o)
{
    const uint64_t pages = (uint64_t)pages_of(r) * r->draws;
    return s->active + o->rows + r->draws <= s->what->rows && s->reserved + pages <= s->pages;
}

/* False if it is too much for this call. */
static bool add_opening(serving *s, opening *o, const serve_request *r, uint32_t begin)
{
    if (o->brought + r->prompt + begin > HOST_TOKENS) return false;
    s->prompt_lengths[o->count] = r->prompt;
    s->lengths[o->count] = serve_opening(s, r, begin, s->prompts + o->brought);
    o->brought += s->lengths[o->count];
    s->opened[o->count++] = *r;
    o->rows += r->draws;
    s->reserved += (uint64_t)pages_of(r) * r->draws;
    return true;
}

static void add_row(serving *s, const serve_request *r, uint64_t name, uint32_t draw,
                    uint32_t begin)
{
    serve_row *const row = &s->rows[s->active++];
    int32_t *const tokens = row->tokens;
    *row = (serve_row){*r, name, draw, begin, begin, tokens};
}

/* The other draws of the requests that were just opened, in one call. */
static void fork_draws(serving *s, uint32_t count)
{
    uint32_t forks = 0, at = 0;
    for (uint32_t i = 0; i < count; ++i) {
        for (uint32_t d = 1; d < s->opened[i].draws; ++d) s->from[forks++] = s->names[i];
    }
    if (forks > 0) {
        expect(lms_slots_fork(s->slots, s->on->queue, forks, s->from, s->names + count, 0, NULL,
                              NULL),
               "lms_slots_fork");
        ++s->calls;
    }
    for (uint32_t i = 0; i < count; ++i) {
        const serve_request *const r = &s->opened[i];
        const uint32_t begin = s->lengths[i] - r->prompt;
        add_row(s, r, s->names[i], 0, begin);
        for (uint32_t d = 1; d < r->draws; ++d) add_row(s, r, s->names[count + at++], d, begin);
    }
}

static void open_requests(serving *s, opening *o)
{
    lms_slots_open_args open;
    if (o->count > 0) {
        memset(&open, 0, sizeof open);
        open.count = o->count;
        open.lengths = s->lengths;
        open.prompts = s->prompt_lengths;
        open.tokens = s->prompts;
        open.token_count = o->brought;
        open.names = s->names;
        expect(lms_slots_open(s->slots, s->on->queue, &open, 0, NULL, NULL), "lms_slots_open");
        ++s->calls;
        fork_draws(s, o->count);
    }
    memset(o, 0, sizeof *o);
}

/* Poisson, by products of uniform numbers. */
static unsigned poisson(uint64_t *state, double mean)
{
    const double end = exp(-mean);
    double product = random_uniform(state);
    unsigned count = 0;
    while (product > end) {
        product *= random_uniform(state);
        ++count;
    }
    return count;
}

/* Requests that came so many steps ago, and are not over. */
static void fill_age(serving *s, opening *o, uint32_t age)
{
    for (unsigned left = poisson(&s->state, s->arrivals); left > 0; --left) {
        const serve_request r = serve_request_of(s->arrived++, &s->limits);
        if (r.output <= age || !has_room(s, &r, o)) continue;
        if (add_opening(s, o, &r, age)) continue;
        open_requests(s, o);
        expect(clFinish(s->on->queue), "clFinish");
        add_opening(s, o, &r, age);
    }
}

void serve_fill(serving *s)
{
    opening o;
    memset(&o, 0, sizeof o);
    for (uint32_t age = s->limits.output_most; age-- > 0;) fill_age(s, &o, age);
    open_requests(s, &o);
    expect(clFinish(s->on->queue), "clFinish");
    s->admitted = s->arrived_before = s->arrived;
}

void serve_admit(serving *s)
{
    opening o;
    memset(&o, 0, sizeof o);
    s->arrived += poisson(&s->state, s->arrivals);
    for (; s->admitted < s->arrived; ++s->admitted) {
        const serve_request r = serve_request_of(s->admitted, &s->limits);
        if (!has_room(s, &r, &o) || !add_opening(s, &o, &r, 0)) break;
    }
    open_requests(s, &o);
}

/* --- A step ------------------------------------------------------------------------------- */

int32_t serve_next(const serving *s, const serve_row *row, lms_row_params *params)
{
    const serve_request *const r = &row->request;
    /* The first token of several draws is of one row of logits. */
    const uint32_t draw = row->made > row->begin ? row->draw : 0;
    const uint64_t mixed = serve_mixed(r->number, row->made, 4 + draw);
    *params = (lms_row_params)LMS_ROW_PARAMS_INIT;
    params->filters = r->filters;
    params->seed = serve_mixed(r->number, row->draw, 5);
    params->step = LMS_STEP_OF_SLOT;
    params->request.slot = row->name;
    params->request.edits = r->edits;
    params->request.mask = r->is_masked ? 1 + (uint32_t)(mixed >> 32) % SERVE_MASKS : 0;
    params->wants = r->wants;
    return (int32_t)(mixed % s->logit_rows);
}

/* One of each kind, which has many tokens. */
static void keep_sample(serving *s, const serve_row *row)
{
    serve_sample *kept = NULL;
    const uint32_t count = row->made - row->begin;
    for (unsigned i = 0; i < s->sample_count && kept == NULL; ++i) {
        if (s->samples[i].request.kind == row->request.kind) kept = &s->samples[i];
    }
    if (kept != NULL && (count > SAMPLE_TOKENS || count <= kept->request.output - kept->begin))
        return;
    if (kept == NULL && s->sample_count == SERVE_SAMPLES) return;
    if (kept == NULL) kept = &s->samples[s->sample_count++];
    kept->request = row->request;
    kept->draw = row->draw;
    kept->begin = row->begin;
    memcpy(kept->tokens, row->tokens, row->made * sizeof *kept->tokens);
}

/* The last sequence takes its place. */
static void end_row(serving *s, uint32_t at)
{
    serve_row *const row = &s->rows[at], over = *row;
    keep_sample(s, row);
    expect(lms_slots_close(s->slots, row->name), "lms_slots_close");
    s->reserved -= pages_of(&over.request);
    *row = s->rows[--s->active];
    s->rows[s->active] = over;
    ++s->finished;
}

static void take_token(serving *s, serve_row *row, uint32_t at)
{
    const int32_t token = (int32_t)s->told[at];
    const uint32_t status = s->told[s->what->rows + at];
    if (LMS_ROW_CODE(status) != LMS_ROW_OK || token < 0 || (uint32_t)token >= s->what->vocab)
        fail("request %llu has token %d and status %#x",
             (unsigned long long)row->request.number, (int)token, status);
    row->tokens[row->made++] = token;
    ++s->tokens;
}

static void run_rows(serving *s)
{
    lms_sampler_run_args batch;
    const size_t rows = s->what->rows;
    memset(&batch, 0, sizeof batch);
    batch.rows = s->active;
    batch.logits = batch_logits(s->logits, 0);
    batch.logits_rows = s->logit_rows;
    batch.params = s->params;
    batch.index = s->index;
    batch.tables = &s->tables.given;
    batch.append = 1;
    batch.tokens.buffer = batch.status.buffer = batch.logprob_raw.buffer = s->words;
    batch.top_tokens.buffer = batch.top_values.buffer = s->words;
    batch.status.offset = rows;
    batch.logprob_raw.offset = 2 * rows;
    batch.top_tokens.offset = 3 * rows;
    batch.top_values.offset = (3 + SERVE_TOP) * rows;
    batch.top_stride = SERVE_TOP;
    expect(lms_sampler_run(s->sampler, s->on->queue, &batch, 0, NULL, NULL), "lms_sampler_run");
    expect(clEnqueueReadBuffer(s->on->queue, s->words, CL_TRUE, 0,
                               s->word_count * sizeof *s->told, s->told, 0, NULL, NULL),
           "reading tokens");
    ++s->calls;
}

void serve_sample_all(serving *s)
{
    if (s->active == 0) return;
    for (uint32_t r = 0; r < s->active; ++r)
        s->index[r] = serve_next(s, &s->rows[r], &s->params[r]);
    run_rows(s);
    for (uint32_t r = 0; r < s->active; ++r) take_token(s, &s->rows[r], r);
    for (uint32_t r = s->active; r-- > 0;) {
        if (s->rows[r].made == s->rows[r].request.output) end_row(s, r);
    }
}
