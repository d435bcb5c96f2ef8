#include "beam_loop.h"

#include <stdlib.h>

/* Request r is in slot r of the search, and its beams are neighbouring rows: of the logits, of
 * what the search says of them, and of the model's batch, where a row's keys and values are.
 * A request keeps its rows to its end. */
typedef struct {
    const setup *setup;
    beam_request *requests;
    int rows;
    uint32_t max_results;
    uint32_t max_length;
    lm_batch *sequences;
    lms_beam *beam;
    cl_mem logits;
    /* The requests that are not done, and their first rows: what a step is called with. */
    uint32_t going;
    uint32_t *slots;
    uint32_t *first_rows;
    /* What a step says. */
    output parents;
    output next;
    output done;
    /* The results of requests that are done. */
    output counts;
    output lengths;
    output tokens;
    output logprobs; /* of each token */
    output scores;
    /* For the model: which row's sequence each row goes on from, and the new tokens. */
    int *origins;
    lm_entry *entries;
} loop;

static bool make_search(loop *l, uint32_t requests, uint32_t max_width)
{
    const setup *s = l->setup;
    const lms_beam_desc desc = {.vocab = (uint32_t)lm_vocab(s->model),
                                .max_requests = requests,
                                .max_width = max_width,
                                .max_length = l->max_length,
                                .max_end_tokens = 1,
                                .max_rows = (uint32_t)l->rows,
                                .logits = LMS_FLOAT32};
    return succeeded(s, "cannot make a beam search",
                     lms_beam_create(s->context, &desc, &l->beam));
}

static bool make_buffers(loop *l, size_t requests)
{
    const setup *s = l->setup;
    const size_t rows = (size_t)l->rows;
    const size_t sequences = requests * l->max_results;
    l->sequences = lm_batch_create(s->model, l->rows);
    l->slots = calloc(requests, sizeof *l->slots);
    l->first_rows = calloc(requests, sizeof *l->first_rows);
    l->origins = calloc(rows, sizeof *l->origins);
    l->entries = calloc(rows, sizeof *l->entries);
    if (l->sequences == NULL || l->slots == NULL || l->first_rows == NULL ||
        l->origins == NULL || l->entries == NULL) {
        return fail(s, "no memory for so many beams");
    }
    return make_input(s, l->rows, lm_vocab(s->model), &l->logits) &&
           make_output(s, rows * sizeof(cl_int), &l->parents) &&
           make_output(s, rows * sizeof(cl_int), &l->next) &&
           make_output(s, requests * sizeof(cl_uint), &l->done) &&
           make_output(s, requests * sizeof(cl_int), &l->counts) &&
           make_output(s, sequences * sizeof(cl_int), &l->lengths) &&
           make_output(s, sequences * l->max_length * sizeof(cl_int), &l->tokens) &&
           make_output(s, sequences * l->max_length * sizeof(cl_float), &l->logprobs) &&
           make_output(s, sequences * sizeof(cl_float), &l->scores);
}

static bool open_loop(loop *l, uint32_t requests)
{
    uint32_t max_width = 1;
    for (uint32_t r = 0; r < requests; r++) {
        const lms_beam_params *p = &l->requests[r].params;
        l->rows += (int)p->width;
        max_width = p->width > max_width ? p->width : max_width;
        l->max_length = p->max_length > l->max_length ? p->max_length : l->max_length;
        l->max_results = p->results > l->max_results ? p->results : l->max_results;
    }
    return make_search(l, requests, max_width) && make_buffers(l, requests);
}

static void close_loop(loop *l)
{
    output *outputs[] = {&l->parents, &l->next,   &l->done,     &l->counts,
                         &l->lengths, &l->tokens, &l->logprobs, &l->scores};
    lms_beam_destroy(l->beam);
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        free_output(outputs[i]);
    }
    if (l->logits != NULL) {
        clReleaseMemObject(l->logits);
    }
    lm_batch_free(l->sequences);
    free(l->slots);
    free(l->first_rows);
    free(l->origins);
    free(l->entries);
}

/* Waits, because only some calls may be unfinished at once (max_in_flight). */
static bool open_request(loop *l, uint32_t r)
{
    const setup *s = l->setup;
    const int32_t end = lm_end_of_text(s->model);
    lms_beam_params params = l->requests[r].params;
    params.end_tokens = 1;
    return succeeded(s, "cannot open a request",
                     lms_beam_open(l->beam, s->queue, r, &params, &end, 0, NULL, NULL)) &&
           succeeded(s, "cannot open a request", clFinish(s->queue));
}

/* Each prompt is fed once, in the row of beam 0: the first step reads no other, and all beams
 * go on from there. */
static bool start(loop *l, uint32_t requests)
{
    const setup *s = l->setup;
    uint32_t row = 0;
    float *logits = map_input(s, l->logits);
    bool good = logits != NULL;
    for (uint32_t r = 0; r < requests && good; r++) {
        const beam_request *request = &l->requests[r];
        good = open_request(l, r) &&
               feed_prompt(s, l->sequences, (int)row, request->prompt,
                           (int)request->params.max_length,
                           logits + row * (size_t)lm_vocab(s->model), NULL) > 0;
        l->slots[r] = r;
        l->first_rows[r] = row;
        row += request->params.width;
    }
    l->going = requests;
    return logits != NULL && unmap_input(s, l->logits, logits) && good;
}

static bool step(loop *l)
{
    const setup *s = l->setup;
    const lms_beam_step_args batch = {.requests = l->going,
                                      .slots = l->slots,
                                      .first_rows = l->first_rows,
                                      .logits = {l->logits, 0},
                                      .logits_rows = (size_t)l->rows,
                                      .parents = {l->parents.buffer, 0},
                                      .tokens = {l->next.buffer, 0},
                                      .done = {l->done.buffer, 0}};
    return succeeded(s, "cannot step",
                     lms_beam_step(l->beam, s->queue, &batch, 0, NULL, NULL)) &&
           read_output(s, &l->parents) && read_output(s, &l->next) && read_output(s, &l->done);
}

/* Copies one of the results that were gathered. */
static bool keep_result(loop *l, size_t from, beam_result *result)
{
    const size_t first = from * l->max_length;
    const int32_t *tokens = (const int32_t *)l->tokens.copy + first;
    const float *logprobs = (const float *)l->logprobs.copy + first;
    const size_t length = (size_t)((const int32_t *)l->lengths.copy)[from];
    result->tokens = calloc(length + 1, sizeof *tokens);
    if (result->tokens == NULL) {
        return fail(l->setup, "no memory");
    }
    result->length = (int)length;
    result->score = ((const float *)l->scores.copy)[from];
    for (size_t i = 0; i < length; i++) {
        result->tokens[i] = tokens[i];
        result->logprob += (double)logprobs[i];
    }
    return true;
}

/* Of a request that is the i-th of those whose results were gathered. */
static bool keep_results(loop *l, beam_request *request, size_t i)
{
    const int count = ((const int32_t *)l->counts.copy)[i];
    request->results = calloc((size_t)count + 1, sizeof *request->results);
    if (request->results == NULL) {
        return fail(l->setup, "no memory");
    }
    bool good = true;
    for (int k = 0; k < count && good; k++) {
        good = keep_result(l, i * l->max_results + (size_t)k, &request->results[k]);
        request->result_count++;
    }
    return good;
}

/* Gathers the results of some requests that are done, and gives their slots back. */
static bool finish(loop *l, const uint32_t *slots, uint32_t count)
{
    const setup *s = l->setup;
    const lms_beam_results_args results = {.requests = count,
                                           .slots = slots,
                                           .max_results = l->max_results,
                                           .token_stride = l->max_length,
                                           .counts = {l->counts.buffer, 0},
                                           .lengths = {l->lengths.buffer, 0},
                                           .tokens = {l->tokens.buffer, 0},
                                           .scores = {l->scores.buffer, 0},
                                           .token_logprobs = {l->logprobs.buffer, 0}};
    bool good = succeeded(s, "cannot get results",
                          lms_beam_results(l->beam, s->queue, &results, 0, NULL, NULL)) &&
                read_output(s, &l->counts) && read_output(s, &l->lengths) &&
                read_output(s, &l->tokens) && read_output(s, &l->scores) &&
                read_output(s, &l->logprobs);
    for (uint32_t i = 0; i < count && good; i++) {
        good = keep_results(l, &l->requests[slots[i]], i) &&
               succeeded(s, "cannot close a request", lms_beam_close(l->beam, slots[i]));
    }
    return good;
}

/* Takes the requests that are done out of the list of those that go on. */
static bool let_go(loop *l)
{
    const uint32_t *done = l->done.copy;
    uint32_t *finished = calloc(l->going, sizeof *finished);
    uint32_t finished_count = 0;
    uint32_t going = 0;
    if (finished == NULL) {
        return fail(l->setup, "no memory");
    }
    for (uint32_t i = 0; i < l->going; i++) {
        if (done[i]) {
            finished[finished_count++] = l->slots[i];
        } else {
            l->first_rows[going] = l->first_rows[i];
            l->slots[going++] = l->slots[i];
        }
    }
    l->going = going;
    const bool good = finished_count == 0 || finish(l, finished, finished_count);
    free(finished);
    return good;
}

/* Moves the model's keys and values as the beams go on, and appends their tokens. */
static bool advance_model(loop *l)
{
    const setup *s = l->setup;
    const int32_t *parents = l->parents.copy;
    const int32_t *next = l->next.copy;
    size_t count = 0;
    float *logits = map_input(s, l->logits);
    if (logits == NULL) {
        return false;
    }
    for (int row = 0; row < l->rows; row++) {
        l->origins[row] = -1; /* those of requests that are done */
    }
    for (uint32_t i = 0; i < l->going; i++) {
        const size_t first = l->first_rows[i];
        for (size_t row = first; row < first + l->requests[l->slots[i]].params.width; row++) {
            l->origins[row] = parents[row];
            if (next[row] != LMS_NO_TOKEN) {
                float *to = logits + row * (size_t)lm_vocab(s->model);
                l->entries[count++] =
                    (lm_entry){.slot = (int)row, .token = next[row], .logits = to};
            }
        }
    }
    bool good = (lm_batch_reorder(l->sequences, l->origins) == 0 &&
                 lm_batch_step(l->sequences, l->entries, count) == 0) ||
                fail(s, "the model cannot go on from these beams");
    return unmap_input(s, l->logits, logits) && good;
}

bool beam_search(const setup *s, beam_request *requests, int count)
{
    if (count <= 0) {
        return true;
    }
    loop l = {.setup = s, .requests = requests};
    bool good = open_loop(&l, (uint32_t)count) && start(&l, (uint32_t)count);
    while (good && l.going > 0) {
        good = step(&l) && let_go(&l) && (l.going == 0 || advance_model(&l));
    }
    close_loop(&l);
    return good;
}

void beam_requests_free(beam_request *requests, int count)
{
    for (int r = 0; r < count; r++) {
        for (int k = 0; k < requests[r].result_count; k++) {
            free(requests[r].results[k].tokens);
        }
        free(requests[r].results);
    }
}
