/* serve_contrasts.c - contrastive search beside the sampler's sequences. Hidden states stand
 * for what a model would make; contexts begin anew when they are full. */
#include "say.h"
#include "serve_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES = SERVE_CONTRASTIVE_REQUESTS * SERVE_CONTRASTIVE_K,
    HIDDEN_ROWS = 1024
};

static cl_mem device_words(const serving *s, size_t words)
{
    cl_int code = CL_SUCCESS;
    cl_mem buffer = clCreateBuffer(lms_context_cl_context(s->on->ctx), CL_MEM_READ_WRITE,
                                   4 * words, NULL, &code);
    expect(code, "a buffer of the searches");
    return buffer;
}

static void make_states(serving *s)
{
    const size_t count = (size_t)HIDDEN_ROWS * SERVE_CONTRASTIVE_WIDTH;
    uint64_t state = 41;
    float *const states = malloc(count * sizeof *states);
    if (states == NULL) fail("out of memory for hidden states");
    for (size_t i = 0; i < count; ++i)
        states[i] = (float)(random_uniform(&state) + random_uniform(&state) - 1.0);
    s->others.hidden = device_words(s, count);
    s->others.hidden_rows = HIDDEN_ROWS;
    expect(clEnqueueWriteBuffer(s->on->queue, s->others.hidden, CL_TRUE, 0,
                                count * sizeof *states, states, 0, NULL, NULL),
           "writing hidden states");
    free(states);
}

void serve_contrasts_open(serving *s)
{
    lms_contrastive_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.vocab = s->what->vocab;
    desc.width = SERVE_CONTRASTIVE_WIDTH;
    desc.max_requests = SERVE_CONTRASTIVE_REQUESTS;
    desc.max_k = SERVE_CONTRASTIVE_K;
    desc.max_length = SERVE_CONTRASTIVE_LENGTH;
    desc.logits = s->what->dtype;
    desc.hidden = LMS_FLOAT32;
    desc.work_items = s->on->work_items;
    expect(lms_contrastive_create(s->on->ctx, &desc, &s->others.contrasts),
           "lms_contrastive_create");
    make_states(s);
    s->others.candidates = device_words(s, 2 * CANDIDATES);
    s->others.choices = device_words(s, 2 * SERVE_CONTRASTIVE_REQUESTS);
}

static lms_view hidden_of(const serving *s, uint64_t step, uint32_t rows)
{
    const size_t row = serve_mixed(step, 2, 7) % (s->others.hidden_rows - rows + 1);
    return (lms_view){s->others.hidden, row * SERVE_CONTRASTIVE_WIDTH, NULL};
}

/* All contexts anew, with prompts. */
static void renew_contrasts(serving *s, uint64_t step, const uint32_t *slots)
{
    const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, SERVE_CONTRASTIVE_K);
    lms_contrastive *const search = s->others.contrasts;
    uint32_t counts[SERVE_CONTRASTIVE_REQUESTS];
    lms_contrastive_append_args states;
    for (uint32_t r = 0; r < SERVE_CONTRASTIVE_REQUESTS; ++r) {
        counts[r] = SERVE_CONTRASTIVE_PROMPT;
        if (step > 0) expect(lms_contrastive_close(search, slots[r]), "lms_contrastive_close");
        expect(lms_contrastive_open(search, slots[r], &p), "lms_contrastive_open");
    }
    memset(&states, 0, sizeof states);
    states.requests = SERVE_CONTRASTIVE_REQUESTS;
    states.slots = slots;
    states.counts = counts;
    states.hidden = hidden_of(s, step, SERVE_CONTRASTIVE_REQUESTS * SERVE_CONTRASTIVE_PROMPT);
    expect(lms_contrastive_append(search, s->on->queue, &states, 0, NULL, NULL),
           "lms_contrastive_append");
    ++s->calls;
    s->others.positions = SERVE_CONTRASTIVE_PROMPT;
}

static void propose(serving *s, uint64_t step, const uint32_t *slots)
{
    lms_contrastive_propose_args proposal;
    memset(&proposal, 0, sizeof proposal);
    proposal.requests = SERVE_CONTRASTIVE_REQUESTS;
    proposal.slots = slots;
    proposal.logits = serve_logits(s, step, 2, SERVE_CONTRASTIVE_REQUESTS);
    proposal.tokens.buffer = proposal.probs.buffer = s->others.candidates;
    proposal.probs.offset = CANDIDATES;
    expect(lms_contrastive_propose(s->others.contrasts, s->on->queue, &proposal, 0, NULL, NULL),
           "lms_contrastive_propose");
    ++s->calls;
}

void serve_contrasts(serving *s, uint64_t step)
{
    static const uint32_t slots[SERVE_CONTRASTIVE_REQUESTS] = {0, 1, 2, 3};
    serve_others *const o = &s->others;
    lms_contrastive_select_args batch;
    if (step == 0 || o->positions == SERVE_CONTRASTIVE_LENGTH) renew_contrasts(s, step, slots);
    propose(s, step, slots);
    memset(&batch, 0, sizeof batch);
    batch.requests = SERVE_CONTRASTIVE_REQUESTS;
    batch.slots = slots;
    batch.hidden = hidden_of(s, step, CANDIDATES);
    batch.tokens.buffer = batch.probs.buffer = o->candidates;
    batch.probs.offset = CANDIDATES;
    batch.next.buffer = batch.rows.buffer = o->choices;
    batch.rows.offset = SERVE_CONTRASTIVE_REQUESTS;
    expect(lms_contrastive_select(o->contrasts, s->on->queue, &batch, 0, NULL, NULL),
           "lms_contrastive_select");
    expect(clEnqueueReadBuffer(s->on->queue, o->choices, CL_TRUE, 0, sizeof o->chosen,
                               o->chosen, 0, NULL, NULL),
           "reading choices");
    ++s->calls;
    ++o->positions;
    for (uint32_t r = 0; r < SERVE_CONTRASTIVE_REQUESTS; ++r) {
        if (o->chosen[r] < 0 || (uint32_t)o->chosen[r] >= s->what->vocab)
            fail("contrastive request %u has token %d", r, (int)o->chosen[r]);
    }
    s->tokens += SERVE_CONTRASTIVE_REQUESTS;
}

void serve_contrasts_close(serving *s)
{
    lms_contrastive_destroy(s->others.contrasts);
    clReleaseMemObject(s->others.hidden);
    clReleaseMemObject(s->others.candidates);
    clReleaseMemObject(s->others.choices);
}
