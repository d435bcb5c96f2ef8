#include "contrastive_loop.h"

#include <math.h>
#include <stdlib.h>

/* Request r is in slot r of the search. Its k candidates are neighbouring rows: of what is
 * proposed, of the logits and hidden states that the model makes of them, and of the model's
 * batch, where a row's keys and values are. A request keeps its rows to its end. */
typedef struct {
    const setup *setup;
    contrastive_request *requests;
    int rows;
    int length;
    lm_batch *sequences;
    lms_contrastive *search;
    /* The prompts' hidden states, with room for a whole context each. */
    cl_mem prompts;
    uint32_t *prompt_rows;
    uint32_t *prompt_lengths;
    /* What the model says of the candidates; and at first, in a request's first row, of its
     * prompt. */
    cl_mem hidden;
    cl_mem logits;
    /* The requests that go on, and their first rows: what a step is called with. */
    uint32_t going;
    uint32_t *slots;
    uint32_t *first_rows;
    /* The candidates. */
    output tokens;
    output probs;
    output penalties;
    /* What is chosen: of each request that goes on. */
    output next;
    output rows_chosen;
    /* For the model: which row's sequence each row goes on from, and the new tokens. */
    int *origins;
    lm_entry *entries;
} loop;

static bool make_search(loop *l, uint32_t requests)
{
    const setup *s = l->setup;
    uint32_t max_k = 1;
    for (uint32_t r = 0; r < requests; r++) {
        const uint32_t k = l->requests[r].params.k;
        l->rows += (int)k;
        max_k = k > max_k ? k : max_k;
    }
    const lms_contrastive_desc desc = {.vocab = (uint32_t)lm_vocab(s->model),
                                       .width = (uint32_t)lm_width(s->model),
                                       .max_requests = requests,
                                       .max_k = max_k,
                                       .max_length = (uint32_t)lm_context(s->model),
                                       .max_rows = (uint32_t)l->rows,
                                       .logits = LMS_FLOAT32,
                                       .hidden = LMS_FLOAT32};
    return succeeded(s, "cannot make a contrastive search",
                     lms_contrastive_create(s->context, &desc, &l->search));
}

static bool make_buffers(loop *l, size_t requests)
{
    const setup *s = l->setup;
    const size_t rows = (size_t)l->rows;
    l->sequences = lm_batch_create(s->model, l->rows);
    l->prompt_rows = calloc(requests, sizeof *l->prompt_rows);
    l->prompt_lengths = calloc(requests, sizeof *l->prompt_lengths);
    l->slots = calloc(requests, sizeof *l->slots);
    l->first_rows = calloc(requests, sizeof *l->first_rows);
    l->origins = calloc(rows, sizeof *l->origins);
    l->entries = calloc(rows, sizeof *l->entries);
    bool good = l->sequences != NULL && l->prompt_rows != NULL && l->prompt_lengths != NULL &&
                l->slots != NULL && l->first_rows != NULL && l->origins != NULL &&
                l->entries != NULL;
    for (size_t r = 0; r < requests && good; r++) {
        l->requests[r].tokens = calloc((size_t)l->length, sizeof(int32_t));
        good = l->requests[r].tokens != NULL;
    }
    if (!good) {
        return fail(s, "no memory for so many candidates");
    }
    return make_input(s, (int)requests * lm_context(s->model), lm_width(s->model),
                      &l->prompts) &&
           make_input(s, l->rows, lm_width(s->model), &l->hidden) &&
           make_input(s, l->rows, lm_vocab(s->model), &l->logits) &&
           make_output(s, rows * sizeof(cl_int), &l->tokens) &&
           make_output(s, rows * sizeof(cl_float), &l->probs) &&
           make_output(s, rows * sizeof(cl_float), &l->penalties) &&
           make_output(s, requests * sizeof(cl_int), &l->next) &&
           make_output(s, requests * sizeof(cl_int), &l->rows_chosen);
}

static void close_loop(loop *l)
{
    output *outputs[] = {&l->tokens, &l->probs, &l->penalties, &l->next, &l->rows_chosen};
    const cl_mem inputs[] = {l->prompts, l->hidden, l->logits};
    lms_contrastive_destroy(l->search);
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        free_output(outputs[i]);
    }
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        if (inputs[i] != NULL) {
            clReleaseMemObject(inputs[i]);
        }
    }
    lm_batch_free(l->sequences);
    free(l->prompt_rows);
    free(l->prompt_lengths);
    free(l->slots);
    free(l->first_rows);
    free(l->origins);
    free(l->entries);
}

/* --- Prompts ----------------------------------------------------------------------------- */

/* Each prompt is fed once, in its request's first row, which all candidates go on from. */
static bool feed_prompts(loop *l, uint32_t requests, float *logits, float *hidden)
{
    const setup *s = l->setup;
    const size_t width = (size_t)lm_width(s->model);
    const size_t vocab = (size_t)lm_vocab(s->model);
    uint32_t row = 0;
    for (uint32_t r = 0; r < requests; r++) {
        const uint32_t state = r * (uint32_t)lm_context(s->model);
        const int count = feed_prompt(s, l->sequences, (int)row, l->requests[r].prompt,
                                      l->length, logits + row * vocab, hidden + state * width);
        if (count == 0) {
            return false;
        }
        l->prompt_rows[r] = state;
        l->prompt_lengths[r] = (uint32_t)count;
        l->slots[r] = r;
        l->first_rows[r] = row;
        ((int32_t *)l->rows_chosen.copy)[r] = (int32_t)row;
        row += l->requests[r].params.k;
    }
    l->going = requests;
    return true;
}

/* The hidden states of a prompt are what its request's context begins with. */
static bool open_requests(loop *l, uint32_t requests)
{
    const setup *s = l->setup;
    const lms_contrastive_append_args states = {.requests = requests,
                                                .slots = l->slots,
                                                .counts = l->prompt_lengths,
                                                .first_rows = l->prompt_rows,
                                                .hidden = {l->prompts, 0}};
    for (uint32_t r = 0; r < requests; r++) {
        if (!succeeded(s, "cannot open a request",
                       lms_contrastive_open(l->search, r, &l->requests[r].params))) {
            return false;
        }
    }
    return succeeded(s, "cannot append the prompts",
                     lms_contrastive_append(l->search, s->queue, &states, 0, NULL, NULL));
}

static bool start(loop *l, uint32_t requests)
{
    const setup *s = l->setup;
    float *logits = map_input(s, l->logits);
    float *hidden = map_input(s, l->prompts);
    bool good = logits != NULL && hidden != NULL && feed_prompts(l, requests, logits, hidden);
    good = (logits == NULL || unmap_input(s, l->logits, logits)) && good;
    good = (hidden == NULL || unmap_input(s, l->prompts, hidden)) && good;
    return good && open_requests(l, requests) && write_output(s, &l->rows_chosen);
}

/* --- A step ------------------------------------------------------------------------------ */

/* The first half: candidates out of the logits of the rows that were chosen last. */
static bool propose(loop *l)
{
    const setup *s = l->setup;
    const lms_contrastive_propose_args proposal = {.requests = l->going,
                                                   .slots = l->slots,
                                                   .first_rows = l->first_rows,
                                                   .candidate_rows = (size_t)l->rows,
                                                   .logits = {l->logits, 0},
                                                   .logits_rows = (size_t)l->rows,
                                                   .index_device = {l->rows_chosen.buffer, 0},
                                                   .tokens = {l->tokens.buffer, 0},
                                                   .probs = {l->probs.buffer, 0}};
    return succeeded(s, "cannot propose",
                     lms_contrastive_propose(l->search, s->queue, &proposal, 0, NULL, NULL)) &&
           read_output(s, &l->tokens) && read_output(s, &l->probs);
}

/* All candidates of a request go on from the row that was chosen last, each with its token:
 * lists these tokens, and where the model's answers shall go. */
static size_t list_candidates(loop *l, float *logits, float *hidden)
{
    const lm_model *model = l->setup->model;
    const int32_t *tokens = l->tokens.copy;
    const int32_t *rows_chosen = l->rows_chosen.copy;
    size_t count = 0;
    for (int row = 0; row < l->rows; row++) {
        l->origins[row] = -1; /* those of requests that have left */
    }
    for (uint32_t i = 0; i < l->going; i++) {
        const size_t first = l->first_rows[i];
        for (size_t row = first; row < first + l->requests[l->slots[i]].params.k; row++) {
            l->origins[row] = rows_chosen[i];
            if (tokens[row] != LMS_NO_TOKEN) {
                l->entries[count++] =
                    (lm_entry){.slot = (int)row,
                               .token = tokens[row],
                               .logits = logits + row * (size_t)lm_vocab(model),
                               .hidden = hidden + row * (size_t)lm_width(model)};
            }
        }
    }
    return count;
}

static bool feed_candidates(loop *l)
{
    const setup *s = l->setup;
    float *logits = map_input(s, l->logits);
    float *hidden = map_input(s, l->hidden);
    bool good = logits != NULL && hidden != NULL;
    if (good) {
        const size_t count = list_candidates(l, logits, hidden);
        good = (lm_batch_reorder(l->sequences, l->origins) == 0 &&
                lm_batch_step(l->sequences, l->entries, count) == 0) ||
               fail(s, "the model cannot go on with these candidates");
    }
    good = (logits == NULL || unmap_input(s, l->logits, logits)) && good;
    return (hidden == NULL || unmap_input(s, l->hidden, hidden)) && good;
}

/* The second half: a candidate of each request, whose hidden state its context gets. */
static bool choose(loop *l)
{
    const setup *s = l->setup;
    const lms_contrastive_select_args batch = {.requests = l->going,
                                               .slots = l->slots,
                                               .first_rows = l->first_rows,
                                               .candidate_rows = (size_t)l->rows,
                                               .hidden = {l->hidden, 0},
                                               .tokens = {l->tokens.buffer, 0},
                                               .probs = {l->probs.buffer, 0},
                                               .next = {l->next.buffer, 0},
                                               .rows = {l->rows_chosen.buffer, 0},
                                               .row_penalties = {l->penalties.buffer, 0}};
    return succeeded(s, "cannot select",
                     lms_contrastive_select(l->search, s->queue, &batch, 0, NULL, NULL)) &&
           read_output(s, &l->next) && read_output(s, &l->rows_chosen) &&
           read_output(s, &l->penalties);
}

/* Adds up what is told of a request's texts. The candidates are `k` rows from `first` on. */
static void add_figures(const loop *l, contrastive_request *request, int chosen, size_t first)
{
    const int32_t *tokens = l->tokens.copy;
    const float *penalties = l->penalties.copy;
    float least = penalties[chosen];
    float most = penalties[chosen];
    for (size_t row = first; row < first + request->params.k; row++) {
        if (tokens[row] != LMS_NO_TOKEN) {
            least = penalties[row] < least ? penalties[row] : least;
            most = penalties[row] > most ? penalties[row] : most;
        }
    }
    request->logprob += log((double)((const float *)l->probs.copy)[chosen]);
    request->penalty += (double)penalties[chosen];
    request->spread += (double)most - (double)least;
}

/* Keeps the chosen tokens, and takes the requests whose text has ended out of the list of those
 * that go on. The next proposal reads the chosen rows on the device: they are written again if
 * they are in other places now. */
static bool keep(loop *l)
{
    const setup *s = l->setup;
    int32_t *rows_chosen = l->rows_chosen.copy;
    uint32_t going = 0;
    for (uint32_t i = 0; i < l->going; i++) {
        contrastive_request *request = &l->requests[l->slots[i]];
        const int32_t token = ((const int32_t *)l->next.copy)[i];
        if (token == LMS_NO_TOKEN) {
            return fail(s, "there is no candidate");
        }
        request->tokens[request->length++] = token;
        add_figures(l, request, rows_chosen[i], l->first_rows[i]);
        if (token == lm_end_of_text(s->model)) {
            if (!succeeded(s, "cannot close a request",
                           lms_contrastive_close(l->search, l->slots[i]))) {
                return false;
            }
        } else {
            l->first_rows[going] = l->first_rows[i];
            rows_chosen[going] = rows_chosen[i];
            l->slots[going++] = l->slots[i];
        }
    }
    const bool are_moved = going < l->going;
    l->going = going;
    return !are_moved || write_output(s, &l->rows_chosen);
}

bool contrastive_search(const setup *s, contrastive_request *requests, int count, int length)
{
    if (count <= 0) {
        return true;
    }
    loop l = {.setup = s, .requests = requests, .length = length};
    bool good = make_search(&l, (uint32_t)count) && make_buffers(&l, (size_t)count) &&
                start(&l, (uint32_t)count);
    for (int step = 0; step < length && l.going > 0 && good; step++) {
        good = propose(&l) && feed_candidates(&l) && choose(&l) && keep(&l);
    }
    for (int r = 0; r < count && good; r++) {
        requests[r].penalty /= requests[r].length;
        requests[r].spread /= requests[r].length;
    }
    close_loop(&l);
    return good;
}

void contrastive_requests_free(contrastive_request *requests, int count)
{
    for (int r = 0; r < count; r++) {
        free(requests[r].tokens);
    }
}
