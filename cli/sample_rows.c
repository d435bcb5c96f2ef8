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
    sample_results *results;
    sample_summary *summary;
    lms_sampler *sampler;
    size_t batch;      /* rows in memory */
    size_t call_draws; /* of one call */
    size_t row_bytes;
    uint64_t first_row;   /* of the file, that is the first in memory */
    uint64_t draws_shown; /* as one step of the progress: a row's or 1 */
    char *rows;
    float *probs; /* [batch][vocab] */
    /* of a call */
    lms_row_params *row_params;
    int32_t *index;
    int32_t *tokens;
    uint32_t *status;
    float *logprobs;
    float *raw_logprobs;
    int32_t *kept;
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

static int allocate_all(sample_job *job)
{
    const sample_options *const options = job->options;
    const size_t draws = job->call_draws;
    job->rows = allocate(job->batch, job->row_bytes);
    if (job->rows == NULL) return fail_memory("a batch of rows");
    if (options->sides[SIDE_PROBS] != NULL) {
        job->probs = allocate(job->batch, job->logits->vocab * sizeof *job->probs);
        if (job->probs == NULL) return fail_memory("the probabilities of a batch of rows");
    }
    job->row_params = allocate(draws, sizeof *job->row_params);
    job->index = allocate(draws, sizeof *job->index);
    job->tokens = allocate(draws, sizeof *job->tokens);
    job->status = allocate(draws, sizeof *job->status);
    job->logprobs = allocate(draws, sizeof *job->logprobs);
    job->raw_logprobs = allocate(draws, sizeof *job->raw_logprobs);
    job->kept = allocate(draws, sizeof *job->kept);
    if (job->row_params == NULL || job->index == NULL || job->tokens == NULL ||
        job->status == NULL || job->logprobs == NULL || job->raw_logprobs == NULL ||
        job->kept == NULL) {
        return fail_memory("the results of a batch of rows");
    }
    return EXIT_DONE;
}

static uint32_t outputs_of(const sample_options *options)
{
    const bool has_details = options->has_details;
    uint32_t outputs = 0;
    if (has_details || options->sides[SIDE_LOGPROBS] != NULL) outputs |= LMS_OUT_LOGPROB;
    if (has_details || options->sides[SIDE_RAW_LOGPROBS] != NULL) {
        outputs |= LMS_OUT_LOGPROB_RAW;
    }
    if (has_details || options->sides[SIDE_KEPT] != NULL) outputs |= LMS_OUT_KEPT;
    if (options->sides[SIDE_PROBS] != NULL) outputs |= LMS_OUT_PROBS;
    return outputs;
}

/* Workspace for outputs grows with the rows at once; a call of more is done in parts. */
static int make_sampler(sample_job *job, lms_context *context)
{
    const uint64_t at_once = least(CALL_DRAWS, CALL_LOGITS / job->logits->vocab);
    const lms_sampler_desc desc = {
        .vocab = job->logits->vocab,
        .max_rows = (uint32_t)least(job->call_draws, at_once),
        .logits = job->logits->type,
        .outputs = outputs_of(job->options),
        .max_in_flight = 1,
    };
    build_notice_begin();
    const lms_status status = lms_sampler_create(context, &desc, &job->sampler);
    build_notice_end();
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
    free(job->logprobs);
    free(job->raw_logprobs);
    free(job->kept);
}

/* --- A call ------------------------------------------------------------------------------ */

/* Sets every draw's parameters; returns how many rows they are of. */
static size_t list_draws(sample_job *job, const sample_call *call)
{
    uint64_t draw = call->draw;
    size_t row = 0;
    lms_row_params params = params_file_row(job->params, job->first_row + call->row);
    params.step += draw;
    for (size_t i = 0; i < call->count; i++) {
        job->row_params[i] = params;
        job->index[i] = (int32_t)row;
        params.step++;
        if (++draw < call->draws || i + 1 == call->count) continue;
        draw = 0;
        row++;
        params = params_file_row(job->params, job->first_row + call->row + row);
    }
    return row + 1;
}

static int run_call(sample_job *job, const sample_call *call)
{
    const uint32_t outputs = outputs_of(job->options);
    const size_t rows = list_draws(job, call);
    const lms_sample_host_args batch = {
        .rows = (uint32_t)call->count,
        .logits = job->rows + call->row * job->row_bytes,
        .logits_rows = rows,
        .params = job->row_params,
        .index = job->index,
        .tokens = job->tokens,
        .status = job->status,
        .logprob_raw = (outputs & LMS_OUT_LOGPROB_RAW) != 0 ? job->raw_logprobs : NULL,
        .logprob = (outputs & LMS_OUT_LOGPROB) != 0 ? job->logprobs : NULL,
        .kept = (outputs & LMS_OUT_KEPT) != 0 ? job->kept : NULL,
        .probs = call->probs,
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
        .logprobs = job->logprobs,
        .raw_logprobs = job->raw_logprobs,
        .kept = job->kept,
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
        int status = logits_file_read(job->logits, job->rows, count);
        if (status == EXIT_DONE) status = sample_batch(job, count);
        if (status != EXIT_DONE) return status;
        job->first_row += count;
    }
    return logits_file_end(job->logits);
}

int sample_rows(const sample_options *options, lms_context *context, logits_file *logits,
                const params_file *params, sample_results *results, sample_summary *summary)
{
    sample_job job = {.options = options,
                      .logits = logits,
                      .params = params,
                      .results = results,
                      .summary = summary};
    memset(summary, 0, sizeof *summary);
    choose_sizes(&job);
    int status = allocate_all(&job);
    if (status == EXIT_DONE) status = make_sampler(&job, context);
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
