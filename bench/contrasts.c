#include "contrasts.h"

#include "say.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROOM = 64 /* positions that steps append before a context begins anew */
};

static uint32_t candidate_rows(const contrasts *c) { return c->size.requests * c->size.k; }

static cl_mem device_bytes(const contrasts *c, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    cl_mem buffer = clCreateBuffer(lms_context_cl_context(c->on->ctx), CL_MEM_READ_WRITE, bytes,
                                   NULL, &code);
    expect(code, "a buffer of contrastive search");
    return buffer;
}

static void *host_words(size_t count)
{
    void *const memory = calloc(count, 4);
    if (memory == NULL) fail("out of memory for %zu candidates", count);
    return memory;
}

static void write_words(const contrasts *c, cl_mem to, const void *from, size_t count)
{
    expect(clEnqueueWriteBuffer(c->on->queue, to, CL_TRUE, 0, 4 * count, from, 0, NULL, NULL),
           "writing candidates");
}

static void read_words(cl_command_queue queue, cl_mem from, void *to, size_t count)
{
    expect(clEnqueueReadBuffer(queue, from, CL_TRUE, 0, 4 * count, to, 0, NULL, NULL),
           "reading choices");
}

/* Tokens and falling probabilities, others for each request; the model that is in the place of
 * these states has no say in them. */
static void give_candidates(contrasts *c)
{
    const uint32_t rows = candidate_rows(c), k = c->size.k;
    int32_t *const tokens = host_words(rows);
    for (uint32_t r = 0; r < c->size.requests; ++r) {
        float p = 0.25f + 0.5f * (float)r / (float)c->size.requests;
        for (uint32_t i = 0; i < k; ++i) {
            c->probs_given[r * k + i] = p;
            tokens[r * k + i] = (int32_t)(1000 * r + i);
            p *= 0.75f;
        }
    }
    write_words(c, c->tokens, tokens, rows);
    write_words(c, c->probs, c->probs_given, rows);
    free(tokens);
}

static void make_memory(contrasts *c)
{
    const size_t rows = candidate_rows(c), requests = c->size.requests;
    c->slots = host_words(c->sets * requests);
    c->lengths = host_words(c->sets);
    c->probs_given = host_words(rows);
    c->next = host_words(2 * requests);
    c->rows = c->next + requests;
    c->scores = host_words(2 * rows);
    c->penalties = c->scores + rows;
    c->proposed = host_words(2 * rows);
    c->tokens = device_bytes(c, 4 * rows);
    c->probs = device_bytes(c, 4 * rows);
    c->moves = device_bytes(c, 2 * 4 * requests);
    c->figures = device_bytes(c, 2 * 4 * rows);
    c->no_logits = device_bytes(c, 4 * (size_t)c->vocab);
    c->no_rows = host_words(requests);
    for (uint32_t i = 0; i < requests; ++i) c->no_rows[i] = LMS_SKIP_ROW;
    for (uint32_t i = 0; i < c->sets * requests; ++i) c->slots[i] = i;
}

void contrasts_open(contrasts *c, stage *on, const contrastive_setting *what, uint32_t vocab,
                    const batches *states, uint32_t sets)
{
    lms_contrastive_desc desc;
    memset(c, 0, sizeof *c);
    memset(&desc, 0, sizeof desc);
    c->on = on;
    c->size = what->size;
    c->vocab = vocab;
    c->states = states;
    c->sets = sets;
    desc.vocab = vocab;
    desc.width = what->size.width;
    desc.max_requests = sets * what->size.requests;
    desc.max_k = what->size.k;
    desc.max_length = what->size.context + ROOM;
    desc.max_rows = candidate_rows(c);
    desc.logits = LMS_FLOAT32;
    desc.hidden = what->dtype;
    desc.work_items = on->work_items;
    expect(lms_contrastive_create(on->ctx, &desc, &c->search), "lms_contrastive_create");
    make_memory(c);
    give_candidates(c);
}

void contrasts_close(contrasts *c)
{
    lms_contrastive_destroy(c->search);
    clReleaseMemObject(c->tokens);
    clReleaseMemObject(c->probs);
    clReleaseMemObject(c->moves);
    clReleaseMemObject(c->figures);
    clReleaseMemObject(c->no_logits);
    free(c->no_rows);
    free(c->slots);
    free(c->lengths);
    free(c->probs_given);
    free(c->next);
    free(c->scores);
    free(c->proposed);
}

void contrasts_restart(contrasts *c, uint32_t set)
{
    const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(CONTRASTIVE_ALPHA, c->size.k);
    const uint32_t *const slots = c->slots + set * c->size.requests;
    for (uint32_t r = 0; r < c->size.requests; ++r) {
        if (c->lengths[set] > 0)
            expect(lms_contrastive_close(c->search, slots[r]), "lms_contrastive_close");
        expect(lms_contrastive_open(c->search, slots[r], &p), "lms_contrastive_open");
    }
    c->lengths[set] = 0;
}

void contrasts_fill(contrasts *c, uint32_t set, cl_command_queue queue)
{
    lms_contrastive_append_args states;
    uint32_t *const counts = host_words(c->size.requests);
    memset(&states, 0, sizeof states);
    for (uint32_t r = 0; r < c->size.requests; ++r) counts[r] = c->size.context;
    states.requests = c->size.requests;
    states.slots = c->slots + set * c->size.requests;
    states.counts = counts;
    states.hidden = batch_logits(c->states, set);
    expect(lms_contrastive_append(c->search, queue, &states, 0, NULL, NULL),
           "lms_contrastive_append");
    expect(clFinish(queue), "clFinish");
    c->lengths[set] = c->size.context;
    free(counts);
}

void contrasts_offer(contrasts *c, uint32_t set)
{
    lms_contrastive_propose_args proposal;
    memset(&proposal, 0, sizeof proposal);
    proposal.requests = c->size.requests;
    proposal.slots = c->slots + set * c->size.requests;
    proposal.logits.buffer = c->no_logits;
    proposal.logits_rows = 1;
    proposal.index = c->no_rows;
    proposal.tokens.buffer = proposal.probs.buffer = c->figures;
    proposal.probs.offset = candidate_rows(c);
    expect(lms_contrastive_propose(c->search, c->on->queue, &proposal, 0, NULL, NULL),
           "lms_contrastive_propose");
    expect(clFinish(c->on->queue), "clFinish");
}

void contrasts_prepare(contrasts *c, uint32_t set)
{
    if (c->lengths[set] == 0 || c->lengths[set] >= c->size.context + ROOM) {
        contrasts_restart(c, set);
        contrasts_fill(c, set, c->on->queue);
    }
    contrasts_offer(c, set);
}

/* Of the batch after the set's own: neither in its contexts nor lately read. */
size_t contrasts_candidates(const contrasts *c, uint32_t set, size_t turn)
{
    const size_t batch_rows = c->states->what.rows, rows = candidate_rows(c);
    const size_t batch = (set + 1) % c->states->count;
    return batch * batch_rows + turn * rows % (batch_rows - rows + 1);
}

static void enqueue_select(contrasts *c, uint32_t set, size_t candidates,
                           cl_command_queue queue, bool scored)
{
    const size_t batch_rows = c->states->what.rows;
    lms_contrastive_select_args batch;
    memset(&batch, 0, sizeof batch);
    batch.requests = c->size.requests;
    batch.slots = c->slots + set * c->size.requests;
    batch.hidden = batch_logits(c->states, candidates / batch_rows);
    batch.hidden.offset += candidates % batch_rows * c->size.width;
    batch.tokens.buffer = c->tokens;
    batch.probs.buffer = c->probs;
    batch.next.buffer = batch.rows.buffer = c->moves;
    batch.rows.offset = c->size.requests;
    if (scored) {
        batch.row_scores.buffer = batch.row_penalties.buffer = c->figures;
        batch.row_penalties.offset = candidate_rows(c);
    }
    expect(lms_contrastive_select(c->search, queue, &batch, 0, NULL, NULL),
           "lms_contrastive_select");
    ++c->lengths[set];
}

void contrasts_select(contrasts *c, uint32_t set, size_t candidates, cl_command_queue queue)
{
    enqueue_select(c, set, candidates, queue, false);
    read_words(queue, c->moves, c->next, 2 * (size_t)c->size.requests);
}

void contrasts_select_scored(contrasts *c, uint32_t set, size_t candidates)
{
    enqueue_select(c, set, candidates, c->on->queue, true);
    read_words(c->on->queue, c->moves, c->next, 2 * (size_t)c->size.requests);
    read_words(c->on->queue, c->figures, c->scores, 2 * (size_t)candidate_rows(c));
}

void contrasts_propose(contrasts *c, lms_view logits, cl_command_queue queue)
{
    const size_t rows = candidate_rows(c);
    lms_contrastive_propose_args proposal;
    memset(&proposal, 0, sizeof proposal);
    proposal.requests = c->size.requests;
    proposal.slots = c->slots;
    proposal.logits = logits;
    proposal.tokens.buffer = proposal.probs.buffer = c->figures;
    proposal.probs.offset = rows;
    expect(lms_contrastive_propose(c->search, queue, &proposal, 0, NULL, NULL),
           "lms_contrastive_propose");
    read_words(queue, c->figures, c->proposed, 2 * rows);
}
