/* Whole searches as a program has them, with a small model of its own: three prompts, one of
 * them forked on the way, each step on the rows that the one before has chosen. Every step is
 * held against the textbook's formula in double. */
#include "rig.h"

#include <math.h>
#include <stdlib.h>

enum {
    VOCAB = 60,
    WIDTH = 24,
    K = 6,
    PROMPTS = 3,
    REQUESTS = 4,
    STEPS = 40,
    FORK_STEP = 17,
    LENGTH = 5 * PROMPTS + STEPS,
    ROWS = REQUESTS * K
};
#define CLOSE 1e-5

/* The model: the last hidden state is a mix of the one before and of the token. */
typedef struct vector {
    float h[WIDTH];
} vector;
static float embedding[VOCAB][WIDTH];

/* What the test knows of a request. */
typedef struct request {
    uint32_t slot;
    lms_contrastive_params params;
    vector context[LENGTH];
    uint32_t length;
} request;

/* A search, its requests, and the buffers of the caller. */
typedef struct world {
    lms_context *ctx;
    lms_contrastive *search;
    cl_command_queue queue;
    cl_mem logits, hidden, tokens, probs, next, rows, scores, penalties, status;
    request requests[REQUESTS];
    uint32_t count;
    float row_logits[ROWS][VOCAB]; /* by candidate rows; at first by requests */
    int32_t row_of[REQUESTS];      /* the row that each goes on with */
    vector candidates[ROWS];
    int32_t proposed[ROWS];
    float probabilities[ROWS];
} world;

static void make_model(void)
{
    uint32_t noise = 7;
    for (int i = 0; i < VOCAB * WIDTH; ++i) {
        noise = noise * 1664525u + 1013904223u;
        embedding[i / WIDTH][i % WIDTH] = (float)(noise >> 16) * 0x1p-15f - 1.0f;
    }
}

static vector feed(const vector *before, int32_t token)
{
    vector after;
    for (int i = 0; i < WIDTH; ++i) {
        after.h[i] = 0.6f * before->h[i] + 0.8f * embedding[token][i];
    }
    return after;
}

static void logits_of(const vector *s, float *logits)
{
    for (int v = 0; v < VOCAB; ++v) {
        logits[v] = 0.0f;
        for (int i = 0; i < WIDTH; ++i) logits[v] += 0.2f * s->h[i] * embedding[v][i];
    }
}

/* --- The textbook ------------------------------------------------------------------------ */

static double cosine(const vector *a, const vector *b)
{
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (int i = 0; i < WIDTH; ++i) {
        ab += (double)a->h[i] * (double)b->h[i];
        aa += (double)a->h[i] * (double)a->h[i];
        bb += (double)b->h[i] * (double)b->h[i];
    }
    return ab / sqrt(aa * bb);
}

static double penalty_of(const request *q, const vector *candidate)
{
    double most = -2.0;
    const uint32_t window = q->params.context_window;
    const uint32_t latest = window > 0 && window < q->length ? q->length - window : 0;
    uint32_t at = q->params.context_begin > latest ? q->params.context_begin : latest;
    for (; at < q->length; ++at) most = fmax(most, cosine(candidate, &q->context[at]));
    return most < -1.5 ? 0.0 : most;
}

/* The k best tokens, best first, and their probabilities: no filter is on. */
static void check_proposal(const world *w, uint32_t r)
{
    const request *const q = &w->requests[r];
    const float *const logits = w->row_logits[w->row_of[r]];
    double sum = 0.0, most = -INFINITY;
    for (int v = 0; v < VOCAB; ++v) most = fmax(most, (double)logits[v]);
    const double t = (double)q->params.filters.temperature;
    for (int v = 0; v < VOCAB; ++v) sum += exp(((double)logits[v] - most) / t);
    for (uint32_t i = 0; i < q->params.k; ++i) {
        const int32_t token = w->proposed[r * K + i];
        assert_in_range(token, 0, VOCAB - 1);
        uint32_t better = 0;
        for (int v = 0; v < VOCAB; ++v) {
            better += logits[v] > logits[token] || (logits[v] == logits[token] && v < token);
        }
        assert_int_equal(better, i);
        const double p = exp(((double)logits[token] - most) / t) / sum;
        assert_true(fabs((double)w->probabilities[r * K + i] - p) < CLOSE);
    }
}

static void check_choice(const world *w, uint32_t r, uint32_t chosen, double score,
                         double penalty)
{
    const request *const q = &w->requests[r];
    const double alpha = (double)q->params.alpha;
    double best = -INFINITY, own = -INFINITY;
    for (uint32_t i = 0; i < q->params.k; ++i) {
        const double cos = penalty_of(q, &w->candidates[r * K + i]);
        const double value = (1.0 - alpha) * (double)w->probabilities[r * K + i] - alpha * cos;
        best = fmax(best, value);
        if (i != chosen) continue;
        own = value;
        assert_true(fabs(penalty - cos) < CLOSE);
    }
    assert_true(fabs(score - own) < CLOSE);
    assert_true(own > best - CLOSE);
}

/* --- The program ------------------------------------------------------------------------- */

static void write_all(const world *w, cl_mem to, const void *from, size_t bytes)
{
    assert_int_equal(clEnqueueWriteBuffer(w->queue, to, CL_TRUE, 0, bytes, from, 0, NULL, NULL),
                     CL_SUCCESS);
}

static void read_all(const world *w, cl_mem from, void *to, size_t bytes)
{
    assert_int_equal(clEnqueueReadBuffer(w->queue, from, CL_TRUE, 0, bytes, to, 0, NULL, NULL),
                     CL_SUCCESS);
}

static void open_world(world *w)
{
    const lms_contrastive_desc desc = {.max_buffer_bytes = 40000,
                                       .vocab = VOCAB,
                                       .width = WIDTH,
                                       .max_requests = REQUESTS,
                                       .max_k = K,
                                       .max_length = LENGTH,
                                       .logits = LMS_FLOAT32,
                                       .hidden = LMS_FLOAT32};
    const struct {
        cl_mem *buffer;
        size_t bytes;
    } all[] = {
        {&w->logits, sizeof w->row_logits},        {&w->hidden, ROWS * sizeof(vector)},
        {&w->tokens, ROWS * sizeof(cl_int)},       {&w->probs, ROWS * sizeof(cl_float)},
        {&w->next, REQUESTS * sizeof(cl_int)},     {&w->rows, REQUESTS * sizeof(cl_int)},
        {&w->scores, REQUESTS * sizeof(cl_float)}, {&w->penalties, REQUESTS * sizeof(cl_float)},
        {&w->status, REQUESTS * sizeof(cl_uint)}};
    RIG_OK(lms_context_open(NULL, &w->ctx));
    w->queue = lms_context_queue(w->ctx);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        *all[i].buffer =
            rig_buffer(lms_context_cl_context(w->ctx), CL_MEM_READ_WRITE, all[i].bytes);
    }
    RIG_OK(lms_contrastive_create(w->ctx, &desc, &w->search));
}

static void close_world(world *w)
{
    const cl_mem all[] = {w->logits, w->hidden, w->tokens,    w->probs, w->next,
                          w->rows,   w->scores, w->penalties, w->status};
    for (uint32_t r = 0; r < w->count; ++r) {
        RIG_OK(lms_contrastive_close(w->search, w->requests[r].slot));
    }
    lms_contrastive_destroy(w->search);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) clReleaseMemObject(all[i]);
    lms_context_destroy(w->ctx);
}

/* Opens a request with a prompt of some tokens. */
static void begin_request(world *w, uint32_t r)
{
    request *const q = &w->requests[r];
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, K);
    vector last = {{0}};
    q->slot = (r + 2) % REQUESTS;
    q->params = params;
    if (r == 1) q->params.context_window = 20;
    if (r == 2) {
        q->params.k = 4;
        q->params.alpha = 0.3f;
        q->params.filters.temperature = 1.5f;
        q->params.context_begin = 15;
    }
    for (uint32_t i = 0; i < 5 * (r + 1); ++i) {
        last = feed(&last, (int32_t)((7 * r + 11 * i) % VOCAB));
        q->context[q->length++] = last;
    }
    RIG_OK(lms_contrastive_open(w->search, q->slot, &q->params));
    write_all(w, w->hidden, q->context, q->length * sizeof(vector));
    const lms_contrastive_append_args s = {
        .requests = 1, .slots = &q->slot, .counts = &q->length, .hidden = {w->hidden, 0}};
    RIG_OK(lms_contrastive_append(w->search, w->queue, &s, 0, NULL, NULL));
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    logits_of(&last, w->row_logits[r]);
    w->row_of[r] = (int32_t)r;
    ++w->count;
}

/* The last request becomes a fork of the first, which cares less for repetition. */
static void fork_request(world *w)
{
    request *const to = &w->requests[w->count];
    const request *const from = &w->requests[0];
    const uint32_t slot = (w->count + 2) % REQUESTS;
    *to = *from;
    to->slot = slot;
    to->params.alpha = 0.1f;
    RIG_OK(lms_contrastive_fork(w->search, w->queue, from->slot, slot, &to->params, 0, NULL,
                                NULL));
    w->row_of[w->count++] = w->row_of[0];
    write_all(w, w->rows, w->row_of, w->count * sizeof w->row_of[0]);
}

static void propose(world *w, const uint32_t *slots, bool is_first)
{
    lms_contrastive_propose_args p = {.requests = w->count,
                                      .slots = slots,
                                      .candidate_rows = ROWS,
                                      .logits = {w->logits, 0},
                                      .logits_rows = ROWS,
                                      .tokens = {w->tokens, 0},
                                      .probs = {w->probs, 0}};
    if (!is_first) p.index_device.buffer = w->rows;
    write_all(w, w->logits, w->row_logits, sizeof w->row_logits);
    RIG_OK(lms_contrastive_propose(w->search, w->queue, &p, 0, NULL, NULL));
    read_all(w, w->tokens, w->proposed, sizeof w->proposed);
    read_all(w, w->probs, w->probabilities, sizeof w->probabilities);
    for (uint32_t r = 0; r < w->count; ++r) check_proposal(w, r);
}

/* The caller's model on all candidates. */
static void run_model(world *w)
{
    for (uint32_t r = 0; r < w->count; ++r) {
        const request *const q = &w->requests[r];
        for (uint32_t row = r * K; row < r * K + q->params.k; ++row) {
            w->candidates[row] = feed(&q->context[q->length - 1], w->proposed[row]);
            logits_of(&w->candidates[row], w->row_logits[row]);
        }
    }
    write_all(w, w->hidden, w->candidates, sizeof w->candidates);
}

static void choose(world *w, const uint32_t *slots)
{
    const lms_contrastive_select_args b = {.requests = w->count,
                                           .slots = slots,
                                           .candidate_rows = ROWS,
                                           .hidden = {w->hidden, 0},
                                           .tokens = {w->tokens, 0},
                                           .probs = {w->probs, 0},
                                           .next = {w->next, 0},
                                           .rows = {w->rows, 0},
                                           .scores = {w->scores, 0},
                                           .penalties = {w->penalties, 0},
                                           .status = {w->status, 0}};
    int32_t next[REQUESTS];
    uint32_t status[REQUESTS], length = 0;
    float scores[REQUESTS], penalties[REQUESTS];
    RIG_OK(lms_contrastive_select(w->search, w->queue, &b, 0, NULL, NULL));
    read_all(w, w->next, next, sizeof next);
    read_all(w, w->rows, w->row_of, sizeof w->row_of);
    read_all(w, w->scores, scores, sizeof scores);
    read_all(w, w->penalties, penalties, sizeof penalties);
    read_all(w, w->status, status, sizeof status);
    for (uint32_t r = 0; r < w->count; ++r) {
        request *const q = &w->requests[r];
        const uint32_t row = (uint32_t)w->row_of[r];
        assert_int_equal(status[r], 0);
        assert_in_range(row, r * K, r * K + q->params.k - 1);
        assert_int_equal(next[r], w->proposed[row]);
        check_choice(w, r, row - r * K, (double)scores[r], (double)penalties[r]);
        q->context[q->length++] = w->candidates[row];
        RIG_OK(lms_contrastive_length(w->search, q->slot, &length));
        assert_int_equal(length, q->length);
    }
}

static void test_a_whole_search(void **state)
{
    world *const w = calloc(1, sizeof *w);
    uint32_t others = 0;
    (void)state;
    assert_non_null(w);
    make_model();
    open_world(w);
    for (uint32_t r = 0; r < PROMPTS; ++r) begin_request(w, r);
    for (unsigned step = 0; step < STEPS; ++step) {
        uint32_t slots[REQUESTS];
        if (step == FORK_STEP) fork_request(w);
        for (uint32_t r = 0; r < w->count; ++r) slots[r] = w->requests[r].slot;
        propose(w, slots, step == 0);
        run_model(w);
        choose(w, slots);
        for (uint32_t r = 0; r < w->count; ++r) others += (uint32_t)w->row_of[r] != r * K;
    }
    assert_true(others > STEPS / 2); /* the penalty has an influence */
    close_world(w);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_whole_search)};
    return cmocka_run_group_tests_name("contrastive_model", tests, NULL, NULL);
}
