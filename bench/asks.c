#include "asks.h"

#include "say.h"

#include <stdlib.h>
#include <string.h>

static void *host_bytes(size_t count, size_t size)
{
    void *const memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL) fail("out of memory for requests");
    return memory;
}

bool asks_edits(const asks *a) { return a->what->edits != 0 || a->what->bias > 0; }
bool asks_wants(const asks *a) { return a->what->top > 0 || a->what->named > 0; }
bool asks_row(const asks *a, uint32_t row)
{
    return row == 0 || !(a->what->ways & WAY_ONE_ROW);
}

/* --- Sequences ------------------------------------------------------------------------ */

static uint32_t greatest_divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Tokens that are scattered over the vocabulary, as clustered ones would be easier: multiples
 * of a number that has no divisor with it. All of them are there, the first ones most often. */
static void fill_history(const asks *a, uint32_t row, int32_t *out)
{
    const uint32_t vocab = a->size.vocab, history = a->what->history;
    uint32_t distinct = a->what->distinct, by = (uint32_t)(0.618 * vocab) | 1u;
    uint64_t state = 1000 + row;
    if (distinct > vocab) distinct = vocab;
    while (greatest_divisor(by, vocab) != 1) ++by;
    const uint64_t first = random_next(&state) % vocab;
    for (uint32_t i = 0; i < history; ++i) {
        const double u = random_uniform(&state);
        const uint64_t entry = i < distinct ? i : (uint64_t)(u * u * u * distinct);
        out[i] = (int32_t)((first + entry * by) % vocab);
    }
}

/* Of each row half of the tokens are its prompt. */
static void open_slots(asks *a)
{
    const uint32_t rows = a->size.rows, history = a->what->history;
    lms_slots_desc desc;
    lms_slots_open_args open;
    memset(&desc, 0, sizeof desc);
    memset(&open, 0, sizeof open);
    desc.max_slots = rows;
    desc.max_length = 2 * history + LMS_SLOT_PAGE; /* steps append */
    desc.vocab = a->size.vocab;
    expect(lms_slots_create(a->on->ctx, &desc, &a->slots), "lms_slots_create");
    a->names = host_bytes(rows, sizeof *a->names);
    a->histories = host_bytes((size_t)rows * history, sizeof *a->histories);
    for (uint32_t r = 0; r < rows; ++r) fill_history(a, r, a->histories + (size_t)r * history);
    const uint32_t length = history, prompt = history / 2;
    for (uint32_t r = 0; r < rows; ++r) {
        open.count = 1;
        open.lengths = &length;
        open.prompts = &prompt;
        open.tokens = a->histories + (size_t)r * history;
        open.token_count = history;
        open.names = &a->names[r];
        expect(lms_slots_open(a->slots, a->on->queue, &open, 0, NULL, NULL), "lms_slots_open");
        expect(clFinish(a->on->queue), "clFinish");
    }
}

/* --- The sampler ---------------------------------------------------------------------- */

static size_t table_bytes(const asks *a)
{
    const size_t records = sizeof(lms_row_edits) + sizeof(lms_row_wants);
    return a->size.rows * (records + 4 * (size_t)asks_mask_columns(a)) + 8 * a->entries +
           4 * ((size_t)a->lists + 1);
}

static void make_sampler(asks *a)
{
    lms_sampler_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.vocab = a->size.vocab;
    desc.max_rows = a->size.rows;
    desc.logits = a->size.dtype;
    desc.outputs = a->what->outputs;
    desc.work_items = a->on->work_items;
    if (!(a->what->ways & WAY_PLAIN)) {
        desc.requests = LMS_REQUESTS_EDITS;
        if (a->what->edits & ASK_DRY) desc.requests |= LMS_REQUESTS_DRY;
        if (a->what->outputs & LMS_OUT_TOP) desc.max_top = a->what->top;
        desc.max_lists = a->lists > 0 ? a->lists : 1;
        if (a->what->ways & WAY_HOST) desc.table_bytes = table_bytes(a);
        desc.slots = a->slots;
    }
    expect(lms_sampler_create(a->on->ctx, &desc, &a->sampler), "lms_sampler_create");
}

/* Where outputs are that no case asks for is 0, as is the tokens' place. */
static size_t add_words(asks *a, uint32_t output, uint32_t columns)
{
    if (!(a->what->outputs & output)) return 0;
    const size_t place = a->at.count;
    a->at.count += (size_t)a->size.rows * columns;
    return place;
}

static void make_outputs(asks *a)
{
    cl_int code = CL_SUCCESS;
    ask_words *const at = &a->at;
    at->count = a->size.rows;
    at->logprob_raw = add_words(a, LMS_OUT_LOGPROB_RAW, 1);
    at->rank_raw = add_words(a, LMS_OUT_RANK_RAW, 1);
    at->rank_edited = add_words(a, LMS_OUT_RANK_EDITED, 1);
    at->entropy_raw = add_words(a, LMS_OUT_ENTROPY_RAW, 1);
    at->entropy = add_words(a, LMS_OUT_ENTROPY, 1);
    at->top_tokens = add_words(a, LMS_OUT_TOP, a->what->top);
    at->top_values = add_words(a, LMS_OUT_TOP, a->what->top);
    at->named_values = add_words(a, LMS_OUT_NAMED, a->what->named);
    a->told = host_bytes(at->count, sizeof *a->told);
    a->words = clCreateBuffer(lms_context_cl_context(a->on->ctx), CL_MEM_READ_WRITE,
                              at->count * sizeof *a->told, NULL, &code);
    expect(code, "the buffer of what comes back");
}

void asks_open(asks *a, stage *on, const request_setting *size, const request_case *what)
{
    memset(a, 0, sizeof *a);
    a->on = on;
    a->size = *size;
    a->what = what;
    if (what->history > 0) open_slots(a);
    if (!(what->ways & WAY_PLAIN)) asks_make_tables(a);
    make_sampler(a);
    make_outputs(a);
    a->params = host_bytes(size->rows, sizeof *a->params);
    if (!(what->ways & WAY_DRAWS)) return;
    a->index = host_bytes(size->rows, sizeof *a->index);
    for (uint32_t r = 0; r < size->rows; ++r) a->index[r] = (int32_t)(r / DRAWS);
}

void asks_close(asks *a)
{
    lms_sampler_destroy(a->sampler);
    lms_slots_destroy(a->slots);
    for (unsigned i = 0; i < a->table_count; ++i) clReleaseMemObject(a->tables[i]);
    clReleaseMemObject(a->words);
    free(a->params);
    free(a->names);
    free(a->histories);
    free(a->index);
    free(a->edits);
    free(a->wants);
    free(a->offsets);
    free(a->ids);
    free(a->values);
    free(a->masks);
    free(a->told);
}

/* --- A step --------------------------------------------------------------------------- */

static void prepare_row(asks *a, uint32_t row)
{
    const request_case *const c = a->what;
    lms_row_params *const p = &a->params[row];
    uint64_t state = a->step + ((uint64_t)row << 32);
    *p = (lms_row_params)LMS_ROW_PARAMS_INIT;
    p->filters.temperature = 0.8f;
    p->seed = row + 1;
    p->step = a->step;
    if (c->ways & WAY_TARGETS) p->target = 1 + (uint32_t)(random_next(&state) % a->size.vocab);
    if (!asks_row(a, row)) return;
    if (a->names != NULL) p->request.slot = a->names[row];
    if (asks_edits(a)) p->request.edits = row + 1;
    if (c->mask != MASK_NONE) p->request.mask = row + 1;
    if (c->edits & ASK_GUIDANCE)
        p->request.unconditional = 1 + (row + a->size.rows / 2) % a->size.rows;
    if (asks_wants(a)) p->wants = row + 1;
}

/* Sequences that became too long begin anew. */
static void renew_slots(asks *a)
{
    uint32_t length = 0;
    if (!(a->what->ways & WAY_APPEND)) return;
    expect(lms_slots_length(a->slots, a->names[0], &length), "lms_slots_length");
    if (length < 2 * a->what->history) return;
    uint32_t *const lengths = host_bytes(a->size.rows, sizeof *lengths);
    for (uint32_t r = 0; r < a->size.rows; ++r) lengths[r] = a->what->history;
    expect(lms_slots_roll_back(a->slots, a->on->queue, a->size.rows, a->names, lengths, 0, NULL,
                               NULL),
           "lms_slots_roll_back");
    expect(clFinish(a->on->queue), "clFinish");
    free(lengths);
}

void asks_prepare(asks *a)
{
    for (uint32_t r = 0; r < a->size.rows; ++r) prepare_row(a, r);
    renew_slots(a);
    ++a->step;
}

static lms_view output_at(const asks *a, size_t place)
{
    return (lms_view){place > 0 ? a->words : NULL, place, NULL};
}

void asks_run(asks *a, lms_view logits, cl_command_queue queue)
{
    lms_sampler_run_args batch;
    memset(&batch, 0, sizeof batch);
    batch.rows = a->size.rows;
    batch.logits = logits;
    batch.logits_rows = a->size.rows;
    batch.params = a->params;
    batch.index = a->index;
    batch.tokens.buffer = a->words;
    batch.logprob_raw = output_at(a, a->at.logprob_raw);
    batch.rank_raw = output_at(a, a->at.rank_raw);
    batch.rank_edited = output_at(a, a->at.rank_edited);
    batch.entropy_raw = output_at(a, a->at.entropy_raw);
    batch.entropy = output_at(a, a->at.entropy);
    batch.top_tokens = output_at(a, a->at.top_tokens);
    batch.top_values = output_at(a, a->at.top_values);
    batch.top_stride = a->what->outputs & LMS_OUT_TOP ? a->what->top : 0;
    batch.named_values = output_at(a, a->at.named_values);
    batch.named_stride = a->what->outputs & LMS_OUT_NAMED ? a->what->named : 0;
    if (!(a->what->ways & WAY_PLAIN)) batch.tables = &a->given;
    batch.append = (a->what->ways & WAY_APPEND) != 0;
    expect(lms_sampler_run(a->sampler, queue, &batch, 0, NULL, NULL), "lms_sampler_run");
    expect(clEnqueueReadBuffer(queue, a->words, CL_TRUE, 0, a->at.count * sizeof *a->told,
                               a->told, 0, NULL, NULL),
           "reading what comes back");
}
