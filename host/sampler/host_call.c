/* host_call.c - lms_sample_host: for callers that just have arrays. A batch of any size is cut
 * into parts that the sampler and the device's buffers take: rows do not depend on each other,
 * so where it is cut changes no result. */
#include "base/process.h"
#include "sampler/host_call.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>

lmsi_host_sizes lmsi_host_sizes_of(const lms_sampler *s, const lms_sample_host_args *b)
{
    const size_t v = s->desc.vocab, logit = (size_t)lmsi_dtype_bytes(s->desc.logits);
    return (lmsi_host_sizes){
        .logits_rows = b->logits_rows != 0 ? b->logits_rows : b->rows,
        .row = v * logit,
        .stride = (b->row_stride != 0 ? b->row_stride : v) * logit,
        .probs_row = v * sizeof *b->probs,
        .probs_stride = (b->probs_stride != 0 ? b->probs_stride : v) * sizeof *b->probs,
        .token = (size_t)lmsi_token_bytes(s->op.desc.tokens),
        .attempts = (size_t)b->uniforms_per_row * 16,
        .top = 4 * (b->top_stride != 0 ? b->top_stride : s->requester.max_top),
        .named = 4 * (b->named_stride != 0 ? b->named_stride : LMS_MAX_NAMED),
    };
}

/* Are the sizes above those that the caller means, or would they overflow? */
static lms_status strides_check(const lms_sampler *s, const lms_sample_host_args *b)
{
    lms_status status = LMS_OK;
    const size_t v = s->desc.vocab, element = (size_t)lmsi_dtype_bytes(s->desc.logits);
    const size_t rows = b->logits_rows ? b->logits_rows : b->rows;
    const size_t stride = b->row_stride ? b->row_stride : v;
    const size_t probs = b->probs_stride ? b->probs_stride : v;
    LMSI_FAIL_IF(stride < v, LMS_E_ARGUMENT, "row_stride: %zu is less than vocab (%zu)", stride,
                 v);
    LMSI_TRY(lmsi_host_stride_check("row_stride", "logits", rows, stride, v, element));
    LMSI_FAIL_IF(b->uniforms_per_row > INT32_MAX, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is above 2^31-1", (unsigned)b->uniforms_per_row);
    LMSI_FAIL_IF(b->uniforms_per_row > LMSI_LARGEST_ARRAY / 16 / b->rows, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u rows of %u attempts overflow", (unsigned)b->rows,
                 (unsigned)b->uniforms_per_row);
    if (b->probs == NULL) return LMS_OK;
    LMSI_FAIL_IF(probs < v, LMS_E_ARGUMENT, "probs_stride: %zu is less than vocab (%zu)", probs,
                 v);
    LMSI_TRY(lmsi_host_stride_check("probs_stride", "probabilities", b->rows, probs, v, 4));
fail:
    return status;
}

void lmsi_host_arrays(const lms_sampler *s, const lms_sample_host_args *b,
                      lms_sampler_run_args *call, lmsi_host_array arrays[LMSI_HOST_ARRAYS])
{
    const lmsi_host_sizes z = lmsi_host_sizes_of(s, b);
    const size_t rows = b->rows;
    void *const logits = (void *)(uintptr_t)b->logits;
    void *const uniforms = (void *)(uintptr_t)b->uniforms;
    const lmsi_host_array all[LMSI_HOST_ARRAYS] = {
        {"logits", logits, &call->logits, z.logits_rows, z.row, z.stride, LMSI_HOST_READ},
        {"uniforms", uniforms, &call->uniforms, rows, z.attempts, z.attempts, LMSI_HOST_READ},
        {"tokens", b->tokens, &call->tokens, rows, z.token, z.token,
         LMSI_HOST_WRITTEN_AND_LAST},
        {"status", b->status, &call->status, rows, 4, 4, LMSI_HOST_WRITTEN},
        {"logprob_raw", b->logprob_raw, &call->logprob_raw, rows, 4, 4,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"logprob", b->logprob, &call->logprob, rows, 4, 4, LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"kept", b->kept, &call->kept, rows, 4, 4, LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"probs", b->probs, &call->probs, rows, z.probs_row, z.probs_stride,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"logprob_edited", b->logprob_edited, &call->logprob_edited, rows, 4, 4,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"rank_raw", b->rank_raw, &call->rank_raw, rows, 4, 4, LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"rank_edited", b->rank_edited, &call->rank_edited, rows, 4, 4,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"entropy_raw", b->entropy_raw, &call->entropy_raw, rows, 4, 4,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"entropy", b->entropy, &call->entropy, rows, 4, 4, LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"top_tokens", b->top_tokens, &call->top_tokens, rows, z.top, z.top,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"top_values", b->top_values, &call->top_values, rows, z.top, z.top,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
        {"named_values", b->named_values, &call->named_values, rows, z.named, z.named,
         LMSI_HOST_WRITTEN_IF_SAMPLED},
    };
    memcpy(arrays, all, sizeof all);
}

/* What is wrong with the batch as a whole; lms_sampler_run checks the rest of each part. */
static lms_status batch_check(lms_sampler *s, const lms_sample_host_args *b,
                              lmsi_requests *requests)
{
    lms_status status = LMS_OK;
    const lmsi_table_place any = {NULL, 0, SIZE_MAX};
    cl_uint has_request = 0;
    lmsi_host_array arrays[LMSI_HOST_ARRAYS];
    lms_sampler_run_args call;
    const size_t logits_rows = lmsi_host_sizes_of(s, b).logits_rows;
    const uint64_t largest = s->op.ctx->device.max_alloc_bytes;
    LMSI_FAIL_IF(b->logits == NULL, LMS_E_ARGUMENT, "logits: is NULL");
    LMSI_FAIL_IF(b->params == NULL, LMS_E_ARGUMENT, "params: is NULL");
    LMSI_FAIL_IF(b->tokens == NULL, LMS_E_ARGUMENT, "tokens: is NULL");
    LMSI_FAIL_IF(logits_rows > (size_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %zu is above 2^31", logits_rows);
    LMSI_FAIL_IF((b->uniforms != NULL) != (b->uniforms_per_row != 0), LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is not 0 exactly when uniforms is not given",
                 (unsigned)b->uniforms_per_row);
    LMSI_TRY(strides_check(s, b));
    lmsi_host_arrays(s, b, &call, arrays);
    for (int i = 0; i < LMSI_HOST_ARRAYS; ++i) {
        LMSI_FAIL_IF(arrays[i].host != NULL && arrays[i].row > largest, LMS_E_BUFFER_SIZE,
                     "%s: one row has %zu bytes; the device allocates at most %llu",
                     arrays[i].name, arrays[i].row, (unsigned long long)largest);
    }
    LMSI_FAIL_IF(b->index == NULL && logits_rows < b->rows, LMS_E_ARGUMENT,
                 "logits_rows: %zu is less than rows (%u) without an index", logits_rows,
                 (unsigned)b->rows);
    LMSI_FAIL_IF(b->top_stride > LMS_MAX_TOP || b->named_stride > LMS_MAX_NAMED, LMS_E_ARGUMENT,
                 "top_stride, named_stride: %zu, %zu are not at most %u, %u", b->top_stride,
                 b->named_stride, LMS_MAX_TOP, LMS_MAX_NAMED);
    LMSI_TRY(lmsi_tables_check(&s->op, &s->requester, b->tables, &any, requests));
    LMSI_TRY(lmsi_params_check(s, requests, logits_rows, b->params, b->rows, &has_request));
    /* What one part appends could not be taken back when the next one is refused. */
    LMSI_TRY(lmsi_sampler_append_check(s, b->append, b->params, b->rows));
    LMSI_TRY(lmsi_indices_check(b->index, b->rows, logits_rows));
fail:
    return status;
}

/* Run by run of rows that were written. */
static lms_status read_back(const lms_sampler *s, const lmsi_host_array *a,
                            const int32_t *index)
{
    lms_status status = LMS_OK;
    if (a->use == LMSI_HOST_READ || a->host == NULL) return LMS_OK;
    const int may_skip = a->use == LMSI_HOST_WRITTEN_IF_SAMPLED && index != NULL;
    for (size_t row = 0, end = 0; row < a->rows; row = end + 1) {
        end = may_skip ? row : a->rows;
        while (end < a->rows && index[end] != LMS_SKIP_ROW) ++end;
        if (end > row) LMSI_TRY(lmsi_host_array_read(s->op.ctx, a, row, end - row));
    }
fail:
    return status;
}

/* As one call; `logits` is the buffer of them if there is one already. */
static lms_status sample_part(lms_sampler *s, const lms_sample_host_args *b, cl_mem logits)
{
    lms_status status = LMS_OK;
    lmsi_host_array arrays[LMSI_HOST_ARRAYS];
    lms_sampler_run_args call = {0};
    int enqueued = 0;
    call.rows = b->rows;
    call.row_stride = b->row_stride;
    call.logits_rows = b->logits_rows;
    call.params = b->params;
    call.index = b->index;
    call.uniforms_per_row = b->uniforms_per_row;
    call.tables = b->tables;
    call.append = b->append;
    call.top_stride = b->top_stride;
    call.named_stride = b->named_stride;
    lmsi_host_arrays(s, b, &call, arrays);
    if (logits != NULL) {
        arrays[0].host = NULL;
        call.logits.buffer = logits;
    }
    for (int i = 0; i < LMSI_HOST_ARRAYS; ++i)
        LMSI_TRY(lmsi_host_array_make(s->op.ctx, &arrays[i]));
    status = lms_sampler_run(s, s->op.ctx->queue, &call, 0, NULL, NULL);
    enqueued = status <= 0;
    LMSI_TRY(status);
    for (int i = LMSI_HOST_ARRAYS; i-- > 0;) LMSI_TRY(read_back(s, &arrays[i], b->index));
fail:
    /* The caller's arrays may be freed on return. */
    if (status != LMS_OK && enqueued) clFinish(s->op.ctx->queue);
    for (int i = 0; i < LMSI_HOST_ARRAYS; ++i) lmsi_host_array_release(&arrays[i]);
    return status;
}

/* Logits that several parts read, in a buffer for all of them. */
static lms_status make_logits(const lms_sampler *s, const lms_sample_host_args *b, cl_mem *out)
{
    lmsi_host_array arrays[LMSI_HOST_ARRAYS];
    lms_sampler_run_args call = {0};
    lmsi_host_arrays(s, b, &call, arrays);
    const lms_status status = lmsi_host_array_make(s->op.ctx, &arrays[0]);
    *out = call.logits.buffer;
    return status;
}

/* Guidance names other rows of logits, so that each part has to have all of them: then rows are
 * told by indices, which *index gets if the batch has none. */
static lms_status keep_together(lms_sample_host_args *b, int32_t **index, int *is_needed)
{
    lms_status status = LMS_OK;
    uint32_t r = 0;
    while (r < b->rows && b->params[r].request.unconditional == 0) ++r;
    *is_needed = r < b->rows;
    if (r == b->rows || b->index != NULL) return LMS_OK;
    *index = malloc((size_t)b->rows * sizeof **index);
    LMSI_FAIL_IF(*index == NULL, LMS_E_MEMORY, "out of memory for %u indices",
                 (unsigned)b->rows);
    for (r = 0; r < b->rows; ++r) (*index)[r] = (int32_t)r;
    if (b->logits_rows == 0) b->logits_rows = b->rows;
    b->index = *index;
fail:
    return status;
}

/* What parts have in common. */
typedef struct host_whole {
    cl_mem logits, tables[LMSI_TABLE_PARTS];
    int32_t *near, *index;
    lms_tables made;
} host_whole;

static lms_status make_whole(const lms_sampler *s, lms_sample_host_args *b,
                             const lmsi_requests *requests, lmsi_part_limits *most,
                             host_whole *w)
{
    lms_status status = LMS_OK;
    int is_together = 0;
    LMSI_TRY(keep_together(b, &w->index, &is_together));
    *most = lmsi_part_limits_of(s, b);
    if (b->index != NULL && lmsi_host_sizes_of(s, b).logits_rows > most->logits_rows) {
        LMSI_FAIL_IF(is_together, LMS_E_BUFFER_SIZE,
                     "logits: with guidance, all rows have to fit one buffer");
        w->near = malloc(most->rows * sizeof *w->near);
        LMSI_FAIL_IF(w->near == NULL, LMS_E_MEMORY, "out of memory for %zu indices",
                     most->rows);
    } else if (b->index != NULL && b->rows > most->rows) {
        LMSI_TRY(make_logits(s, b, &w->logits));
    }
    if (requests->bytes > s->requester.table_bytes ||
        (b->tables != NULL && b->rows > most->rows)) {
        LMSI_TRY(lmsi_tables_make(&s->op, b->tables, requests, &w->made, w->tables));
        b->tables = &w->made;
    }
fail:
    return status;
}

lms_status lms_sample_host(lms_sampler *s, const lms_sample_host_args *batch)
{
    lms_status status = LMS_OK;
    lms_sample_host_args b, part;
    lmsi_part_limits most;
    lmsi_requests requests = {0};
    host_whole whole = {0};
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    if (batch == NULL) return lmsi_fail(LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_TRY(lmsi_child_check());
    if (batch->rows == 0) return LMS_OK;
    b = *batch;
    LMSI_TRY(batch_check(s, &b, &requests));
    LMSI_TRY(make_whole(s, &b, &requests, &most, &whole));
    for (uint32_t first = 0; first < b.rows; first += part.rows) {
        part = lmsi_part_of(s, &b, first, most, whole.near);
        LMSI_TRY(sample_part(s, &part, whole.logits));
    }
fail:
    lmsi_memory_release(&whole.logits, 1);
    lmsi_memory_release(whole.tables, LMSI_TABLE_PARTS);
    free(whole.near);
    free(whole.index);
    return status;
}
