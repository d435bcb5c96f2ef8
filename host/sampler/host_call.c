/* host_call.c - lms_sample_host: for callers that just have arrays. A batch of any size is cut
 * into parts that the sampler and the device's buffers take: rows do not depend on each other,
 * so where it is cut changes no result. */
#include "base/process.h"
#include "sampler/sampler.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>

/* One array of the caller and the buffer that stands for it during the call. */
typedef struct host_array {
    const char *name;
    void *host; /* NULL: not given */
    lms_view *view;
    size_t rows;
    size_t row;    /* bytes of a row that count */
    size_t stride; /* bytes from row to row in the caller's array */
    enum {
        READ,
        WRITTEN,            /* of every row */
        WRITTEN_IF_SAMPLED, /* not of skipped rows */
        WRITTEN_AND_LAST,   /* of every row; read back when all others are */
    } use;
} host_array;

enum {
    HOST_ARRAYS = 8
};

/* No array of C has more bytes. */
#define LARGEST_ARRAY ((size_t)PTRDIFF_MAX)

/* The caller's arrays in bytes, and rows of logits. */
typedef struct host_sizes {
    size_t logits_rows;
    size_t row, stride;             /* of logits */
    size_t probs_row, probs_stride; /* of probabilities */
    size_t token;
    size_t attempts; /* of a row */
} host_sizes;

static host_sizes sizes_of(const lms_sampler *s, const lms_sample_host_args *b)
{
    const size_t v = s->desc.vocab, logit = (size_t)lmsi_dtype_bytes(s->desc.logits);
    return (host_sizes){
        .logits_rows = b->logits_rows != 0 ? b->logits_rows : b->rows,
        .row = v * logit,
        .stride = (b->row_stride != 0 ? b->row_stride : v) * logit,
        .probs_row = v * sizeof *b->probs,
        .probs_stride = (b->probs_stride != 0 ? b->probs_stride : v) * sizeof *b->probs,
        .token = (size_t)lmsi_token_bytes(s->op.desc.tokens),
        .attempts = (size_t)b->uniforms_per_row * 16,
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
    LMSI_FAIL_IF(stride > (LARGEST_ARRAY / element - v) / rows, LMS_E_ARGUMENT,
                 "row_stride: %zu rows of %zu logits overflow", rows, stride);
    LMSI_FAIL_IF(b->uniforms_per_row > INT32_MAX, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is above 2^31-1", (unsigned)b->uniforms_per_row);
    LMSI_FAIL_IF(b->uniforms_per_row > LARGEST_ARRAY / 16 / b->rows, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u rows of %u attempts overflow", (unsigned)b->rows,
                 (unsigned)b->uniforms_per_row);
    if (b->probs == NULL) return LMS_OK;
    LMSI_FAIL_IF(probs < v, LMS_E_ARGUMENT, "probs_stride: %zu is less than vocab (%zu)", probs,
                 v);
    LMSI_FAIL_IF(probs > (LARGEST_ARRAY / 4 - v) / b->rows, LMS_E_ARGUMENT,
                 "probs_stride: %u rows of %zu probabilities overflow", (unsigned)b->rows,
                 probs);
fail:
    return status;
}

static void list_arrays(const lms_sampler *s, const lms_sample_host_args *b,
                        lms_sampler_run_args *call, host_array arrays[HOST_ARRAYS])
{
    const host_sizes z = sizes_of(s, b);
    const size_t rows = b->rows;
    void *const logits = (void *)(uintptr_t)b->logits;
    void *const uniforms = (void *)(uintptr_t)b->uniforms;
    const host_array all[HOST_ARRAYS] = {
        {"logits", logits, &call->logits, z.logits_rows, z.row, z.stride, READ},
        {"uniforms", uniforms, &call->uniforms, rows, z.attempts, z.attempts, READ},
        {"tokens", b->tokens, &call->tokens, rows, z.token, z.token, WRITTEN_AND_LAST},
        {"status", b->status, &call->status, rows, 4, 4, WRITTEN},
        {"logprob_raw", b->logprob_raw, &call->logprob_raw, rows, 4, 4, WRITTEN_IF_SAMPLED},
        {"logprob", b->logprob, &call->logprob, rows, 4, 4, WRITTEN_IF_SAMPLED},
        {"kept", b->kept, &call->kept, rows, 4, 4, WRITTEN_IF_SAMPLED},
        {"probs", b->probs, &call->probs, rows, z.probs_row, z.probs_stride,
         WRITTEN_IF_SAMPLED},
    };
    memcpy(arrays, all, sizeof all);
}

/* What is wrong with the batch as a whole; lms_sampler_run checks the rest of each part. */
static lms_status batch_check(const lms_sampler *s, const lms_sample_host_args *b)
{
    lms_status status = LMS_OK;
    host_array arrays[HOST_ARRAYS];
    lms_sampler_run_args call;
    const size_t logits_rows = sizes_of(s, b).logits_rows;
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
    list_arrays(s, b, &call, arrays);
    for (int i = 0; i < HOST_ARRAYS; ++i) {
        LMSI_FAIL_IF(arrays[i].host != NULL && arrays[i].row > largest, LMS_E_BUFFER_SIZE,
                     "%s: one row has %zu bytes; the device allocates at most %llu",
                     arrays[i].name, arrays[i].row, (unsigned long long)largest);
    }
    LMSI_FAIL_IF(b->index == NULL && logits_rows < b->rows, LMS_E_ARGUMENT,
                 "logits_rows: %zu is less than rows (%u) without an index", logits_rows,
                 (unsigned)b->rows);
    LMSI_TRY(lmsi_params_check(b->params, b->rows));
    LMSI_TRY(lmsi_indices_check(b->index, b->rows, logits_rows));
fail:
    return status;
}

/* Inputs in shared memory are used where they are: CL_MEM_USE_HOST_PTR never writes to a
 * READ_ONLY buffer. Outputs have dense buffers of their own. */
static lms_status make_buffer(const lms_sampler *s, const host_array *a)
{
    cl_int code = CL_SUCCESS;
    const cl_mem_flags place =
        s->op.ctx->device.unified ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR;
    const cl_mem_flags flags = a->use == READ ? CL_MEM_READ_ONLY | place : CL_MEM_READ_WRITE;
    const size_t bytes = a->use == READ ? (a->rows - 1) * a->stride + a->row : a->rows * a->row;
    if (a->host == NULL) return LMS_OK;
    a->view->buffer = clCreateBuffer(s->op.ctx->context, flags, bytes,
                                     a->use == READ ? a->host : NULL, &code);
    if (code == CL_SUCCESS) return LMS_OK;
    return lmsi_fail(code, "%s (%d) from clCreateBuffer for %s: %zu bytes",
                     lms_status_text(code), (int)code, a->name, bytes);
}

/* What lies between the rows in the caller's array stays as it is. The tokens are read last and
 * waited for: the queue is in order, and other threads may go on using it. */
static lms_status read_rows(const lms_sampler *s, const host_array *a, size_t first,
                            size_t rows)
{
    lms_status status = LMS_OK;
    const cl_bool waits = a->use == WRITTEN_AND_LAST ? CL_TRUE : CL_FALSE;
    const size_t origin[3] = {0, first, 0};
    const size_t region[3] = {a->row, rows, 1};
    if (a->stride == a->row) {
        LMSI_CL(clEnqueueReadBuffer(s->op.ctx->queue, a->view->buffer, waits, first * a->row,
                                    rows * a->row, (char *)a->host + first * a->row, 0, NULL,
                                    NULL));
    } else {
        LMSI_CL(clEnqueueReadBufferRect(s->op.ctx->queue, a->view->buffer, waits, origin,
                                        origin, region, a->row, 0, a->stride, 0, a->host, 0,
                                        NULL, NULL));
    }
fail:
    return status;
}

/* Run by run of rows that were written. */
static lms_status read_back(const lms_sampler *s, const host_array *a, const int32_t *index)
{
    lms_status status = LMS_OK;
    if (a->use == READ || a->host == NULL) return LMS_OK;
    const int may_skip = a->use == WRITTEN_IF_SAMPLED && index != NULL;
    for (size_t row = 0, end = 0; row < a->rows; row = end + 1) {
        end = may_skip ? row : a->rows;
        while (end < a->rows && index[end] != LMS_SKIP_ROW) ++end;
        if (end > row) LMSI_TRY(read_rows(s, a, row, end - row));
    }
fail:
    return status;
}

/* As one call; `logits` is the buffer of them if there is one already. */
static lms_status sample_part(lms_sampler *s, const lms_sample_host_args *b, cl_mem logits)
{
    lms_status status = LMS_OK;
    host_array arrays[HOST_ARRAYS];
    lms_sampler_run_args call = {0};
    int enqueued = 0;
    call.rows = b->rows;
    call.row_stride = b->row_stride;
    call.logits_rows = b->logits_rows;
    call.params = b->params;
    call.index = b->index;
    call.uniforms_per_row = b->uniforms_per_row;
    list_arrays(s, b, &call, arrays);
    if (logits != NULL) {
        arrays[0].host = NULL;
        call.logits.buffer = logits;
    }
    for (int i = 0; i < HOST_ARRAYS; ++i) LMSI_TRY(make_buffer(s, &arrays[i]));
    status = lms_sampler_run(s, s->op.ctx->queue, &call, 0, NULL, NULL);
    enqueued = status <= 0;
    LMSI_TRY(status);
    for (int i = HOST_ARRAYS; i-- > 0;) LMSI_TRY(read_back(s, &arrays[i], b->index));
fail:
    /* The caller's arrays may be freed on return. */
    if (status != LMS_OK && enqueued) clFinish(s->op.ctx->queue);
    for (int i = 0; i < HOST_ARRAYS; ++i) {
        if (arrays[i].host != NULL) lmsi_memory_release(&arrays[i].view->buffer, 1);
    }
    return status;
}

/* --- The cut ----------------------------------------------------------------------------- */

/* The most rows of a part, and of its logits. */
typedef struct part_limits {
    size_t rows;
    size_t logits_rows;
} part_limits;

/* The logits may fill a buffer, and so may all other arrays together: but not more than a
 * quarter of the device's memory each. */
static part_limits limits_of(const lms_sampler *s, const lms_sample_host_args *b)
{
    const lmsi_device *const device = &s->op.ctx->device;
    const uint64_t quarter = device->memory_bytes / 4, largest = device->max_alloc_bytes;
    const uint64_t most = largest < quarter ? largest : quarter;
    host_array arrays[HOST_ARRAYS];
    lms_sampler_run_args call;
    uint64_t others = sizeof(lms_row_params); /* of a row: at least its parameters */
    list_arrays(s, b, &call, arrays);
    for (int i = 1; i < HOST_ARRAYS; ++i) {
        if (arrays[i].host != NULL) others += arrays[i].row;
    }
    const uint64_t fit = most / others;
    const uint64_t rows = fit < s->desc.max_rows ? fit : s->desc.max_rows;
    const uint64_t rest = most > arrays[0].row ? most - arrays[0].row : 0;
    const part_limits limits = {rows > 0 ? (size_t)rows : 1,
                                1 + (size_t)(rest / arrays[0].stride)};
    return limits;
}

/* Takes rows from the front of `part`, until the next one's logits lie too far from the
 * others' for one buffer; the first of those logits rows is *first. */
static void cut_by_index(lms_sample_host_args *part, size_t most, size_t *first)
{
    size_t low = SIZE_MAX, high = 0;
    uint32_t rows = 0;
    for (; rows < part->rows; ++rows) {
        if (part->index[rows] == LMS_SKIP_ROW) continue;
        const size_t i = (size_t)part->index[rows];
        const size_t new_low = i < low ? i : low, new_high = i > high ? i : high;
        if (new_high - new_low >= most) break;
        low = new_low;
        high = new_high;
    }
    part->rows = rows;
    *first = low == SIZE_MAX ? 0 : low;
    part->logits_rows = high - *first + 1;
}

static void *behind(const void *array, size_t bytes)
{
    return array == NULL ? NULL : (char *)(uintptr_t)array + bytes;
}

/* The rows from `first` on that one call takes. Where it cannot have all logits, `near` gets
 * the indices among those that it has. */
static lms_sample_host_args part_of(const lms_sampler *s, const lms_sample_host_args *b,
                                    uint32_t first, part_limits most, int32_t *near)
{
    const host_sizes z = sizes_of(s, b);
    lms_sample_host_args part = *b;
    size_t source = first;
    part.rows = b->rows - first < most.rows ? b->rows - first : (uint32_t)most.rows;
    part.index = behind(b->index, first * sizeof *b->index);
    if (b->index == NULL) {
        if (part.rows > most.logits_rows) part.rows = (uint32_t)most.logits_rows;
        part.logits_rows = part.rows;
    } else if (near == NULL) {
        source = 0;
        part.logits_rows = z.logits_rows;
    } else {
        cut_by_index(&part, most.logits_rows, &source);
        for (uint32_t r = 0; r < part.rows; ++r) {
            const int32_t i = part.index[r];
            near[r] = i == LMS_SKIP_ROW ? i : i - (int32_t)source;
        }
        part.index = near;
    }
    part.logits = behind(b->logits, source * z.stride);
    part.params = b->params + first;
    part.uniforms = behind(b->uniforms, first * z.attempts);
    part.tokens = behind(b->tokens, first * z.token);
    part.status = behind(b->status, first * sizeof *b->status);
    part.logprob_raw = behind(b->logprob_raw, first * sizeof *b->logprob_raw);
    part.logprob = behind(b->logprob, first * sizeof *b->logprob);
    part.kept = behind(b->kept, first * sizeof *b->kept);
    part.probs = behind(b->probs, first * z.probs_stride);
    return part;
}

/* Logits that several parts read, in a buffer for all of them. */
static lms_status make_logits(const lms_sampler *s, const lms_sample_host_args *b, cl_mem *out)
{
    host_array arrays[HOST_ARRAYS];
    lms_sampler_run_args call = {0};
    list_arrays(s, b, &call, arrays);
    const lms_status status = make_buffer(s, &arrays[0]);
    *out = call.logits.buffer;
    return status;
}

lms_status lms_sample_host(lms_sampler *s, const lms_sample_host_args *b)
{
    lms_status status = LMS_OK;
    lms_sample_host_args part;
    cl_mem logits = NULL;
    int32_t *near = NULL;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_TRY(lmsi_child_check());
    if (b->rows == 0) return LMS_OK;
    LMSI_TRY(batch_check(s, b));
    const part_limits most = limits_of(s, b);
    if (b->index != NULL && sizes_of(s, b).logits_rows > most.logits_rows) {
        near = malloc(most.rows * sizeof *near);
        LMSI_FAIL_IF(near == NULL, LMS_E_MEMORY, "out of memory for %zu indices", most.rows);
    } else if (b->index != NULL && b->rows > most.rows) {
        LMSI_TRY(make_logits(s, b, &logits));
    }
    for (uint32_t first = 0; first < b->rows; first += part.rows) {
        part = part_of(s, b, first, most, near);
        LMSI_TRY(sample_part(s, &part, logits));
    }
fail:
    lmsi_memory_release(&logits, 1);
    free(near);
    return status;
}
