#include "sample_rows.h"

#include "build_notice.h"
#include "message.h"
#include "progress.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES = 64 << 20, /* of logits, unless a row has more */
    BATCH_ROWS = 1024,
    CALL_DRAWS = 1024,     /* at once ... */
    CALL_LOGITS = 1 << 28, /* ... unless they have more logits: workspace grows with them */
    PAGE = 4096            /* what devices that share memory like arrays to begin at */
};

/* A call of the library: some draws, row after row, of the rows in memory. */
typedef struct sample_call {
    size_t row;     /* in memory, of the first draw */
    uint64_t draw;  /* ... and which of the row's it is */
    uint64_t draws; /* of each row */
    size_t count;
    float *probs; /* of the rows, where each has one draw; NULL: not wanted */
} sample_call;

typedef struct sample_job {
    const sample_options *options;
    logits_file *logits;
    const params_file *params;
    sample_requests *requests;
    lms_context *context;
    sample_results *results;
    sample_summary *summary;
    lms_sampler *sampler;
    size_t batch;      /* rows in memory */
    size_t call_draws; /* of one call */
    size_t row_bytes;
    size_t rows_read;     /* in memory */
    uint64_t first_row;   /* of the file, that is the first in memory */
    uint64_t draws_shown; /* as one step of the progress: a row's or 1 */
    char *rows;
    float *probs; /* [batch][vocab] */
    /* of a call */
    lms_row_params *row_params;
    int32_t *index;
    int32_t *tokens;
    uint32_t *status;
    void *sides[SIDES];  /* but the probabilities; NULL: not wanted, like those below */
    int32_t *top_tokens; /* [call_draws][top] */
    float *top_values;
} sample_job;

/* --- Making ready ------------------------------------------------------------------------ */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void choose_sizes(sample_job *job)
{
    const uint64_t rows = most(job->logits->rows, 1), draws = job->options->draws;
    job->row_bytes = job->logits->vocab * logits_file_item(job->logits);
    uint64_t batch = job->options->batch;
    if (batch == 0) batch = least(most(BATCH_BYTES / job->row_bytes, 1), BATCH_ROWS);
    batch = least(batch, rows);
    if (sample_requests_any(job->requests)) batch = least(batch, REQUEST_ROWS);
    job->batch = (size_t)batch;
    /* batch < 2^31 and draws < 2^31: no overflow. */
    const uint64_t several = most(batch, least(CALL_DRAWS, CALL_LOGITS / job->logits->vocab));
    job->call_draws = (size_t)least(batch * draws, several);
}

static void *allocate(size_t count, size_t size)
{
    return count > (SIZE_MAX - PAGE) / size
               ? NULL
               : aligned_alloc(PAGE, (count * size + PAGE - 1) / PAGE * PAGE);
}

static bool is_wanted(const sample_options *options, unsigned side)
{
    return options->sides[side] != NULL || (options->details >> side & 1) != 0;
}

static uint32_t outputs_of(const sample_job *job)
{
    uint32_t outputs = sample_requests_top(job->requests) > 0 ? LMS_OUT_TOP : 0;
    for (unsigned i = 0; i < SIDES; i++) {
        if (is_wanted(job->options, i)) outputs |= sample_sides[i].output;
    }
    return outputs;
}

static int allocate_results(sample_job *job)
{
    const size_t draws = job->call_draws, top = sample_requests_top(job->requests);
    bool is_out = false;
    job->row_params = allocate(draws, sizeof *job->row_params);
    job->index = allocate(draws, sizeof *job->index);
    job->tokens = allocate(draws, sizeof *job->tokens);
    job->status = allocate(draws, sizeof *job->status);
    for (unsigned i = 0; i < SIDE_PROBS; i++) {
        if (!is_wanted(job->options, i)) continue;
        job->sides[i] = allocate(draws, 4);
        is_out |= job->sides[i] == NULL;
    }
    if (top > 0) {
        job->top_tokens = allocate(draws, top * sizeof *job->top_tokens);
        job->top_values = allocate(draws, top * sizeof *job->top_values);
        is_out |= job->top_tokens == NULL || job->top_values == NULL;
    }
    if (job->row_params == NULL || job->index == NULL || job->tokens == NULL ||
        job->status == NULL || is_out) {
        return fail_memory("the results of a batch of rows");
    }
    return EXIT_DONE;
}

static int allocate_all(sample_job *job)
{
    const size_t more = sample_requests_guide(job->requests) ? job->batch : 0;
    job->rows = allocate(job->batch + more, job->row_bytes);
    if (job->rows == NULL) return fail_memory("a batch of rows");
    if (job->options->sides[SIDE_PROBS] != NULL) {
        job->probs = allocate(job->batch, job->logits->vocab * sizeof *job->probs);
        if (job->probs == NULL) return fail_memory("the probabilities of a batch of rows");
    }
    return allocate_results(job);
}

/* Workspace for outputs grows with the rows at once; a call of more is done in parts. */
static int make_sampler(sample_job *job)
{
    const uint64_t at_once = least(CALL_DRAWS, CALL_LOGITS / job->logits->vocab);
    const uint32_t outputs = outputs_of(job);
    lms_sampler_desc desc = {
        .vocab = job->logits->vocab,
        .max_rows = (uint32_t)least(job->call_draws, at_once),
        .logits = job->logits->type,
        .outputs = outputs,
        .max_in_flight = 1,
        .requests = (outputs & ~LMS_OUT_OLD) != 0 ? LMS_REQUESTS_EDITS : 0,
    };
    build_notice_begin();
    const int described =
        sample_requests_describe(job->requests, job->context, job->batch, &desc);
    const lms_status status = described == EXIT_DONE
                                  ? lms_sampler_create(job->context, &desc, &job->sampler)
                                  : LMS_OK;
    build_notice_end();
    if (described != EXIT_DONE) return described;
    return status == LMS_OK ? EXIT_DONE : fail_library("device", status);
}

static void free_all(sample_job *job)
{
    lms_sampler_destroy(job->sampler);
    free(job->rows);
    free(job->probs);
    free(job->row_params);
    free(job->index);
    free(job->tokens);
    free(job->status);
    for (unsigned i = 0; i < SIDES; i++) free(job->sides[i]);
    free(job->top_tokens);
    free(job->top_values);
}

/* --- A call ------------------------------------------------------------------------------ */

/* The row in memory, with what it asks for. */
static lms_row_params params_of(const sample_job *job, size_t row)
{
    lms_row_params params = params_file_row(job->params, job->first_row + row);
    sample_requests_row(job->requests, row, &params);
    return params;
}

/* Sets every draw's parameters; returns how many rows they are of. Rows are counted from the
 * call's first one, or, where others go away from rows behind all of them, from memory's. */
static size_t list_draws(sample_job *job, const sample_call *call)
{
    uint64_t draw = call->draw;
    size_t row = call->row;
    const size_t first = sample_requests_guide(job->requests) ? 0 : row;
    lms_row_params params = params_of(job, row);
    params.step += draw;
    for (size_t i = 0; i < call->count; i++) {
        job->row_params[i] = params;
        job->index[i] = (int32_t)(row - first);
        params.step++;
        if (++draw < call->draws || i + 1 == call->count) continue;
        draw = 0;
        params = params_of(job, ++row);
    }
    return row - first + 1;
}

static int run_call(sample_job *job, const sample_call *call)
{
    void *const *const sides = job->sides;
    const size_t rows = list_draws(job, call);
    const bool is_guided = sample_requests_guide(job->requests);
    const lms_sample_host_args batch = {
        .rows = (uint32_t)call->count,
        .logits = job->rows + (is_guided ? 0 : call->row * job->row_bytes),
        .logits_rows = is_guided ? 2 * job->rows_read : rows,
        .params = job->row_params,
        .index = job->index,
        .tokens = job->tokens,
        .status = job->status,
        .logprob_raw = sides[SIDE_RAW_LOGPROBS],
        .logprob = sides[SIDE_LOGPROBS],
        .kept = sides[SIDE_KEPT],
        .probs = call->probs,
        .tables = sample_requests_tables(job->requests),
        .logprob_edited = sides[SIDE_EDITED_LOGPROBS],
        .rank_raw = sides[SIDE_RAW_RANKS],
        .rank_edited = sides[SIDE_RANKS],
        .entropy_raw = sides[SIDE_RAW_ENTROPY],
        .entropy = sides[SIDE_ENTROPY],
        .top_tokens = job->top_tokens,
        .top_values = job->top_values,
    };
    const lms_status status = lms_sample_host(job->sampler, &batch);
    return status == LMS_OK ? EXIT_DONE : fail_library("device", status);
}

static void note_empty(sample_job *job, const sample_call *call)
{
    uint64_t row = job->first_row + call->row + (call->draw > 0);
    size_t i = call->draw == 0 ? 0 : (size_t)(call->draws - call->draw);
    for (; i < call->count; i += (size_t)call->draws, row++) {
        if (LMS_ROW_CODE(job->status[i]) != LMS_ROW_EMPTY) continue;
        if (job->summary->rows_empty++ == 0) job->summary->first_empty = row;
    }
}

static int write_call(sample_job *job, const sample_call *call)
{
    const sample_draws draws = {
        .row = job->first_row + call->row,
        .draw = call->draw,
        .count = call->count,
        .params = job->row_params,
        .tokens = job->tokens,
        .status = job->status,
        .sides = job->sides,
        .top = sample_requests_top(job->requests),
        .top_tokens = job->top_tokens,
        .top_values = job->top_values,
    };
    note_empty(job, call);
    return sample_results_draws(job->results, &draws);
}

/* --- A batch ----------------------------------------------------------------------------- */

static int sample_draws_of(sample_job *job, size_t rows)
{
    const uint64_t draws = job->options->draws;
    const uint64_t all = rows * draws;
    if (draws == 0) return EXIT_DONE;
    for (uint64_t done = 0; done < all;) {
        const sample_call call = {
            .row = (size_t)(done / draws),
            .draw = done % draws,
            .draws = draws,
            .count = (size_t)least(job->call_draws, all - done),
            .probs = draws == 1 ? job->probs : NULL,
        };
        int status = run_call(job, &call);
        if (status == EXIT_DONE) status = write_call(job, &call);
        if (status != EXIT_DONE) return status;
        done += call.count;
        progress_show((job->first_row * draws + done) / job->draws_shown);
    }
    return EXIT_DONE;
}

/* A row's probabilities are one for all its draws: where it has several, they are computed with
 * the first one, in a call of their own. */
static int sample_batch(sample_job *job, size_t rows)
{
    if (job->probs != NULL && job->options->draws > 1) {
        const sample_call call = {.draws = 1, .count = rows, .probs = job->probs};
        const int status = run_call(job, &call);
        if (status != EXIT_DONE) return status;
    }
    const int status = sample_draws_of(job, rows);
    if (status != EXIT_DONE || job->probs == NULL) return status;
    return sample_results_probs(job->results, job->probs, rows);
}

static int sample_all(sample_job *job)
{
    const uint64_t rows = job->logits->rows;
    while (job->first_row < rows) {
        const size_t count = (size_t)least(job->batch, rows - job->first_row);
        job->rows_read = count;
        int status = logits_file_read(job->logits, job->rows, count);
        if (status == EXIT_DONE) {
            status = sample_requests_begin(job->requests, job->context, job->first_row, count,
                                           job->rows);
        }
        if (status == EXIT_DONE) status = sample_batch(job, count);
        if (status == EXIT_DONE) status = sample_requests_end(job->requests);
        if (status != EXIT_DONE) return status;
        job->first_row += count;
    }
    return logits_file_end(job->logits);
}

int sample_rows(const sample_options *options, lms_context *context, logits_file *logits,
                const params_file *params, sample_requests *requests, sample_results *results,
                sample_summary *summary)
{
    sample_job job = {.options = options,
                      .logits = logits,
                      .params = params,
                      .requests = requests,
                      .context = context,
                      .results = results,
                      .summary = summary};
    memset(summary, 0, sizeof *summary);
    choose_sizes(&job);
    int status = allocate_all(&job);
    if (status == EXIT_DONE) status = make_sampler(&job);
    if (status == EXIT_DONE) {
        const bool by_draw = options->draws > 1 && logits->rows <= UINT64_MAX / options->draws;
        job.draws_shown = by_draw ? 1 : most(options->draws, 1);
        progress_start(by_draw ? "draws" : "rows",
                       by_draw ? logits->rows * options->draws : logits->rows);
        status = sample_all(&job);
        progress_end();
    }
    free_all(&job);
    return status;
}
