/* serve_beams.c - beam search beside the sampler's sequences. Its beams have slots, which
 * follow them, and penalties or banned n-grams; searches begin anew when they are done. */
#include "say.h"
#include "serve_state.h"

#include <string.h>

#define FIRST_NUMBER                                                                           \
    ((uint64_t)1 << 40) /* of the beams' prompts: no sequence has one of these */

void serve_beams_open(serving *s)
{
    cl_int code = CL_SUCCESS;
    lms_beam_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.vocab = s->what->vocab;
    desc.max_requests = SERVE_BEAM_REQUESTS;
    desc.max_width = SERVE_BEAM_WIDTH;
    desc.max_length = SERVE_BEAM_LENGTH;
    desc.logits = s->what->dtype;
    desc.work_items = s->on->work_items;
    desc.max_in_flight = 2 * SERVE_BEAM_REQUESTS; /* all may be opened at once */
    desc.requests = LMS_REQUESTS_ALL;
    desc.table_bytes = s->tables.bytes;
    desc.slots = s->slots;
    expect(lms_beam_create(s->on->ctx, &desc, &s->others.beams), "lms_beam_create");
    s->others.beam_moves = clCreateBuffer(lms_context_cl_context(s->on->ctx), CL_MEM_READ_WRITE,
                                          sizeof s->others.beam_told, NULL, &code);
    expect(code, "the buffer of the moves");
}

void serve_beams_close(serving *s)
{
    lms_beam_destroy(s->others.beams);
    clReleaseMemObject(s->others.beam_moves);
}

/* Slots for all beams of a request, which begin alike. */
static void open_slots(serving *s, uint64_t *names)
{
    static const size_t firsts[SERVE_BEAM_WIDTH];
    uint32_t lengths[SERVE_BEAM_WIDTH];
    int32_t prompt[SERVE_BEAM_PROMPT];
    lms_slots_open_args open;
    for (uint32_t i = 0; i < SERVE_BEAM_PROMPT; ++i)
        prompt[i] =
            serve_prompt_token(FIRST_NUMBER + s->others.beams_opened, i, s->what->vocab);
    for (uint32_t i = 0; i < SERVE_BEAM_WIDTH; ++i) lengths[i] = SERVE_BEAM_PROMPT;
    memset(&open, 0, sizeof open);
    open.count = SERVE_BEAM_WIDTH;
    open.lengths = lengths;
    open.firsts = firsts;
    open.tokens = prompt;
    open.token_count = SERVE_BEAM_PROMPT;
    open.names = names;
    expect(lms_slots_open(s->slots, s->on->queue, &open, 0, NULL, NULL), "lms_slots_open");
    ++s->others.beams_opened;
    ++s->calls;
}

static void renew(serving *s, uint32_t request)
{
    uint64_t *const names = s->others.beam_names + request * SERVE_BEAM_WIDTH;
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(SERVE_BEAM_WIDTH);
    p.max_length = SERVE_BEAM_LENGTH;
    p.seed = request + 1;
    if (names[0] != 0) {
        expect(lms_beam_close(s->others.beams, request), "lms_beam_close");
        for (uint32_t i = 0; i < SERVE_BEAM_WIDTH; ++i)
            expect(lms_slots_close(s->slots, names[i]), "lms_slots_close");
    }
    open_slots(s, names);
    expect(lms_beam_open(s->others.beams, s->on->queue, request, &p, NULL, 0, NULL, NULL),
           "lms_beam_open");
    ++s->calls;
}

lms_view serve_logits(const serving *s, uint64_t step, uint64_t who, size_t rows)
{
    lms_view view = batch_logits(s->logits, 0);
    view.offset +=
        serve_mixed(step, who, 7) % (s->logit_rows - rows + 1) * (size_t)s->what->vocab;
    return view;
}

static void step_beams(serving *s, uint64_t step)
{
    static const uint32_t slots[SERVE_BEAM_REQUESTS] = {0, 1, 2, 3, 4, 5, 6, 7};
    lms_request asked[SERVE_BEAM_ROWS];
    lms_beam_step_args batch;
    memset(asked, 0, sizeof asked);
    for (uint32_t r = 0; r < SERVE_BEAM_ROWS; ++r) {
        asked[r].slot = s->others.beam_names[r];
        asked[r].edits = r < SERVE_BEAM_ROWS / 2 ? SERVE_EDITS_NGRAM : SERVE_EDITS_REPETITION;
    }
    memset(&batch, 0, sizeof batch);
    batch.requests = SERVE_BEAM_REQUESTS;
    batch.slots = slots;
    batch.logits = serve_logits(s, step, 1, SERVE_BEAM_ROWS);
    batch.tables = &s->tables.given;
    batch.row_requests = asked;
    batch.parents.buffer = batch.tokens.buffer = batch.done.buffer = s->others.beam_moves;
    batch.tokens.offset = SERVE_BEAM_ROWS;
    batch.done.offset = 2 * (size_t)SERVE_BEAM_ROWS;
    expect(lms_beam_step(s->others.beams, s->on->queue, &batch, 0, NULL, NULL),
           "lms_beam_step");
    ++s->calls;
}

/* The slots go on as the beams do. */
static void follow(serving *s)
{
    lms_slots_append_args tokens;
    memset(&tokens, 0, sizeof tokens);
    tokens.count = SERVE_BEAM_ROWS;
    tokens.names = s->others.beam_names;
    tokens.tokens = (lms_view){s->others.beam_moves, SERVE_BEAM_ROWS, NULL};
    expect(lms_slots_reorder(s->slots, s->on->queue, SERVE_BEAM_ROWS, s->others.beam_names,
                             (lms_view){s->others.beam_moves, 0, NULL}, 0, 0, NULL, NULL),
           "lms_slots_reorder");
    expect(lms_slots_append(s->slots, s->on->queue, &tokens, 0, NULL, NULL),
           "lms_slots_append");
    s->calls += 2;
}

void serve_beams(serving *s, uint64_t step)
{
    serve_others *const o = &s->others;
    for (uint32_t r = 0; r < SERVE_BEAM_REQUESTS; ++r) {
        if (step == 0 || o->beam_told[2 * SERVE_BEAM_ROWS + r] != 0) renew(s, r);
    }
    step_beams(s, step);
    follow(s);
    expect(clEnqueueReadBuffer(s->on->queue, o->beam_moves, CL_TRUE, 0, sizeof o->beam_told,
                               o->beam_told, 0, NULL, NULL),
           "reading moves");
    for (uint32_t r = 0; r < SERVE_BEAM_ROWS; ++r) {
        if (o->beam_told[r] / SERVE_BEAM_WIDTH != (int32_t)(r / SERVE_BEAM_WIDTH))
            fail("beam %u has parent %d", r, (int)o->beam_told[r]);
    }
    s->tokens += SERVE_BEAM_REQUESTS; /* of each request one sequence is wanted */
}
