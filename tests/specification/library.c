/* The library's calls with all data in host arrays, one request at a time, for the tests in
 * Python: what the specification is compared with. Every call waits. Any failure ends it with
 * a status, which lms_error_message() explains. */
#include "lmsample.h"

#include <string.h>

#define MAX_VIEWS 12

/* Buffers of one call. */
typedef struct call {
    lms_context *ctx;
    cl_mem mem[MAX_VIEWS];
    void *host[MAX_VIEWS]; /* NULL: an input */
    size_t size[MAX_VIEWS];
    int count;
    cl_int status;
} call;

static lms_view view(call *c, const void *in, void *out, size_t size)
{
    if ((!in && !out) || c->status) return (lms_view){NULL, 0, NULL};
    const void *const data = in ? in : out;
    void *copy = NULL;
    memcpy(&copy, &data, sizeof copy); /* clCreateBuffer reads only, but does not say so */
    const cl_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR;
    const int i = c->count++;
    c->mem[i] = clCreateBuffer(lms_context_cl_context(c->ctx), flags, size ? size : 1, copy,
                               &c->status);
    c->host[i] = out;
    c->size[i] = size;
    return (lms_view){c->mem[i], 0, NULL};
}

static lms_view input(call *c, const void *in, size_t size) { return view(c, in, NULL, size); }

static lms_view output(call *c, void *out, size_t size) { return view(c, NULL, out, size); }

/* Reads the outputs back, if all went well, and frees the buffers. */
static lms_status end(call *c, lms_status status)
{
    cl_command_queue queue = lms_context_queue(c->ctx);
    if (status == LMS_OK) status = c->status;
    for (int i = 0; i < c->count; ++i) {
        if (status == LMS_OK && c->host[i])
            status = clEnqueueReadBuffer(queue, c->mem[i], CL_TRUE, 0, c->size[i], c->host[i],
                                         0, NULL, NULL);
        if (c->mem[i]) clReleaseMemObject(c->mem[i]);
    }
    clFinish(queue);
    return status;
}

static size_t element(lms_dtype type) { return type == LMS_FLOAT32 ? 4 : 2; }

/* Parameters and indices by the device's door, so that bad ones are rows' statuses. */
lms_status specification_rows(lms_context *ctx, lms_dtype type, uint32_t vocab, uint32_t rows,
                              uint32_t logits_rows, const void *logits,
                              const lms_row_params *params, const int32_t *index,
                              const uint32_t *uniforms, uint32_t uniforms_per_row,
                              int32_t *tokens, uint32_t *row_status, float *logprob_raw,
                              float *logprob, int32_t *kept, float *probs)
{
    lms_sampler *sampler = NULL;
    lms_sampler_desc desc = {.vocab = vocab, .max_rows = rows, .logits = type};
    desc.outputs = LMS_OUT_LOGPROB_RAW | LMS_OUT_LOGPROB | LMS_OUT_KEPT | LMS_OUT_PROBS;
    lms_status status = lms_sampler_create(ctx, &desc, &sampler);
    if (status) return status;
    call c = {.ctx = ctx};
    lms_sampler_run_args batch = {.rows = rows, .logits_rows = logits_rows};
    batch.logits = input(&c, logits, (size_t)logits_rows * vocab * element(type));
    batch.params_device = input(&c, params, rows * sizeof *params);
    batch.index_device = input(&c, index, rows * sizeof *index);
    batch.uniforms = input(&c, uniforms, (size_t)rows * uniforms_per_row * 16);
    batch.uniforms_per_row = uniforms_per_row;
    batch.tokens = output(&c, tokens, rows * sizeof *tokens);
    batch.status = output(&c, row_status, rows * sizeof *row_status);
    batch.logprob_raw = output(&c, logprob_raw, rows * sizeof *logprob_raw);
    batch.logprob = output(&c, logprob, rows * sizeof *logprob);
    batch.kept = output(&c, kept, rows * sizeof *kept);
    batch.probs = output(&c, probs, (size_t)rows * vocab * sizeof *probs);
    if (c.status == CL_SUCCESS)
        status = lms_sampler_run(sampler, lms_context_queue(ctx), &batch, 0, NULL, NULL);
    status = end(&c, status);
    lms_sampler_destroy(sampler);
    return status;
}

/* An lms_beam with one request in slot 0. */
lms_status specification_beam_open(lms_context *ctx, lms_dtype type, uint32_t vocab,
                                   const lms_beam_params *params, const int32_t *end_tokens,
                                   lms_beam **beam)
{
    lms_beam_desc desc = {.vocab = vocab, .max_requests = 1, .logits = type};
    desc.max_width = params->width;
    desc.max_length = params->max_length;
    desc.max_end_tokens = params->end_tokens;
    lms_status status = lms_beam_create(ctx, &desc, beam);
    if (status == LMS_OK)
        status =
            lms_beam_open(*beam, lms_context_queue(ctx), 0, params, end_tokens, 0, NULL, NULL);
    clFinish(lms_context_queue(ctx));
    return status;
}

lms_status specification_beam_step(lms_context *ctx, lms_beam *beam, lms_dtype type,
                                   uint32_t vocab, uint32_t width, const void *logits,
                                   int32_t *parents, int32_t *tokens, float *scores,
                                   int64_t *scores_fixed, uint32_t *done, uint32_t *state)
{
    call c = {.ctx = ctx};
    const uint32_t slot = 0;
    lms_beam_step_args batch = {.requests = 1, .slots = &slot};
    batch.logits = input(&c, logits, (size_t)width * vocab * element(type));
    batch.parents = output(&c, parents, width * sizeof *parents);
    batch.tokens = output(&c, tokens, width * sizeof *tokens);
    batch.scores = output(&c, scores, width * sizeof *scores);
    batch.scores_fixed = output(&c, scores_fixed, width * sizeof *scores_fixed);
    batch.done = output(&c, done, sizeof *done);
    batch.status = output(&c, state, sizeof *state);
    lms_status status = LMS_OK;
    if (c.status == CL_SUCCESS)
        status = lms_beam_step(beam, lms_context_queue(ctx), &batch, 0, NULL, NULL);
    return end(&c, status);
}

lms_status specification_beam_results(lms_context *ctx, lms_beam *beam, uint32_t results,
                                      uint32_t max_length, int32_t *count, int32_t *lengths,
                                      int32_t *tokens, float *scores, float *logprobs,
                                      float *token_logprobs, int32_t *beams)
{
    call c = {.ctx = ctx};
    const uint32_t slot = 0;
    const size_t all = (size_t)results * max_length;
    lms_beam_results_args wanted = {.requests = 1, .slots = &slot, .max_results = results};
    wanted.token_stride = max_length;
    wanted.counts = output(&c, count, sizeof *count);
    wanted.lengths = output(&c, lengths, results * sizeof *lengths);
    wanted.tokens = output(&c, tokens, all * sizeof *tokens);
    wanted.scores = output(&c, scores, results * sizeof *scores);
    wanted.logprobs = output(&c, logprobs, results * sizeof *logprobs);
    wanted.token_logprobs = output(&c, token_logprobs, all * sizeof *token_logprobs);
    wanted.beams = output(&c, beams, all * sizeof *beams);
    lms_status status = LMS_OK;
    if (c.status == CL_SUCCESS)
        status = lms_beam_results(beam, lms_context_queue(ctx), &wanted, 0, NULL, NULL);
    return end(&c, status);
}

/* An lms_contrastive with one request in slot 0. */
lms_status specification_contrastive_open(lms_context *ctx, lms_dtype logits, lms_dtype hidden,
                                          uint32_t vocab, uint32_t width, uint32_t max_length,
                                          const lms_contrastive_params *params,
                                          lms_contrastive **contrastive)
{
    lms_contrastive_desc desc = {.vocab = vocab, .width = width, .max_length = max_length};
    desc.max_requests = 1;
    desc.max_k = params->k;
    desc.logits = logits;
    desc.hidden = hidden;
    const lms_status status = lms_contrastive_create(ctx, &desc, contrastive);
    return status ? status : lms_contrastive_open(*contrastive, 0, params);
}

lms_status specification_contrastive_append(lms_context *ctx, lms_contrastive *contrastive,
                                            lms_dtype type, uint32_t width, uint32_t count,
                                            const void *hidden)
{
    call c = {.ctx = ctx};
    const uint32_t slot = 0;
    lms_contrastive_append_args states = {.requests = 1, .slots = &slot, .counts = &count};
    states.hidden = input(&c, hidden, (size_t)count * width * element(type));
    lms_status status = LMS_OK;
    if (c.status == CL_SUCCESS)
        status =
            lms_contrastive_append(contrastive, lms_context_queue(ctx), &states, 0, NULL, NULL);
    return end(&c, status);
}

lms_status specification_contrastive_propose(lms_context *ctx, lms_contrastive *contrastive,
                                             lms_dtype type, uint32_t vocab, uint32_t k,
                                             const void *logits, const int32_t *index,
                                             int32_t *tokens, float *probs,
                                             uint32_t *row_status)
{
    call c = {.ctx = ctx};
    const uint32_t slot = 0;
    lms_contrastive_propose_args proposal = {.requests = 1, .slots = &slot};
    proposal.logits = input(&c, logits, (size_t)vocab * element(type));
    proposal.index_device = input(&c, index, sizeof *index);
    proposal.tokens = output(&c, tokens, k * sizeof *tokens);
    proposal.probs = output(&c, probs, k * sizeof *probs);
    proposal.status = output(&c, row_status, sizeof *row_status);
    lms_status status = LMS_OK;
    if (c.status == CL_SUCCESS)
        status = lms_contrastive_propose(contrastive, lms_context_queue(ctx), &proposal, 0,
                                         NULL, NULL);
    return end(&c, status);
}

lms_status specification_contrastive_select(lms_context *ctx, lms_contrastive *contrastive,
                                            lms_dtype type, uint32_t width, uint32_t k,
                                            const void *hidden, const int32_t *tokens,
                                            const float *probs, int32_t *next, int32_t *row,
                                            float *score, float *penalty, float *row_scores,
                                            float *row_penalties, uint32_t *choice_status)
{
    call c = {.ctx = ctx};
    const uint32_t slot = 0;
    lms_contrastive_select_args batch = {.requests = 1, .slots = &slot};
    batch.hidden = input(&c, hidden, (size_t)k * width * element(type));
    batch.tokens = input(&c, tokens, k * sizeof *tokens);
    batch.probs = input(&c, probs, k * sizeof *probs);
    batch.next = output(&c, next, sizeof *next);
    batch.rows = output(&c, row, sizeof *row);
    batch.scores = output(&c, score, sizeof *score);
    batch.penalties = output(&c, penalty, sizeof *penalty);
    batch.row_scores = output(&c, row_scores, k * sizeof *row_scores);
    batch.row_penalties = output(&c, row_penalties, k * sizeof *row_penalties);
    batch.status = output(&c, choice_status, sizeof *choice_status);
    lms_status status = LMS_OK;
    if (c.status == CL_SUCCESS)
        status =
            lms_contrastive_select(contrastive, lms_context_queue(ctx), &batch, 0, NULL, NULL);
    return end(&c, status);
}
