/* check.c - what can be wrong with a call. A message names the argument, its value, the
 * rule. */
#include "../kernels/lib/params.h"

#include "sampler.h"
#include "status.h"

uint32_t lms_row_params_check(const lms_row_params *params)
{
    return params == NULL ? LMS_FIELD_RESERVED : lms_bad_field(*params);
}

static lms_status params_fail(uint32_t row, const lms_row_params *p, uint32_t field)
{
    switch (field) {
    case LMS_FIELD_TEMPERATURE:
        return lmsi_fail(LMS_E_ROW_PARAMS,
                         "params[%u].temperature: %g is not 0 or in [2^-64, 2^64]",
                         (unsigned)row, (double)p->temperature);
    case LMS_FIELD_TOP_P:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].top_p: is NaN", (unsigned)row);
    case LMS_FIELD_MIN_P:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].min_p: %g is not at most 1",
                         (unsigned)row, (double)p->min_p);
    case LMS_FIELD_FLAGS:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].flags: 0x%x has bits other than 0x%x",
                         (unsigned)row, (unsigned)p->flags, LMS_ROW_FLAGS);
    default: return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].reserved: is not 0", (unsigned)row);
    }
}

/* A view: `rows` rows of `columns` elements, `stride` apart. */
typedef struct lmsi_extent {
    const char *name;
    lms_view view;
    uint64_t rows;
    uint64_t stride;
    uint64_t columns;
    uint64_t element;
    int written;
} lmsi_extent;

static int mul_overflows(uint64_t a, uint64_t b, uint64_t *product)
{
    *product = a * b;
    return a != 0 && *product / a != b;
}

/* Bytes from the buffer's begin to the view's end; 0 on overflow. */
static uint64_t extent_bytes(const lmsi_extent *e)
{
    uint64_t elements = 0, bytes = 0;
    if (e->rows == 0) return 1;
    if (mul_overflows(e->rows - 1, e->stride, &elements)) return 0;
    if (elements > UINT64_MAX - e->columns) return 0;
    elements += e->columns;
    if (elements > UINT64_MAX - e->view.offset) return 0;
    elements += e->view.offset;
    return mul_overflows(elements, e->element, &bytes) ? 0 : bytes;
}

static lms_status extent_check(const lms_sampler *s, const lmsi_extent *e)
{
    lms_status status = LMS_OK;
    size_t size = 0;
    cl_context context = NULL;
    cl_mem_flags flags = 0;
    cl_mem_object_type type = 0;
    const uint64_t needed = extent_bytes(e);
    const cl_int code =
        clGetMemObjectInfo(e->view.buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    LMSI_FAIL_IF(code == CL_INVALID_MEM_OBJECT, LMS_E_ARGUMENT, "%s: is not a buffer", e->name);
    LMSI_CL_NAMED(code, "clGetMemObjectInfo");
    LMSI_CL(clGetMemObjectInfo(e->view.buffer, CL_MEM_TYPE, sizeof type, &type, NULL));
    LMSI_FAIL_IF(type != CL_MEM_OBJECT_BUFFER, LMS_E_ARGUMENT,
                 "%s: is not a buffer, but a memory object of type 0x%x", e->name,
                 (unsigned)type);
    LMSI_CL(clGetMemObjectInfo(e->view.buffer, CL_MEM_CONTEXT, sizeof context, &context, NULL));
    LMSI_FAIL_IF(context != s->ctx->context, LMS_E_ARGUMENT,
                 "%s: belongs to another cl_context than the sampler", e->name);
    LMSI_CL(clGetMemObjectInfo(e->view.buffer, CL_MEM_FLAGS, sizeof flags, &flags, NULL));
    LMSI_FAIL_IF(e->written && (flags & CL_MEM_READ_ONLY), LMS_E_ARGUMENT,
                 "%s: is written to, and was made CL_MEM_READ_ONLY", e->name);
    LMSI_FAIL_IF(!e->written && (flags & CL_MEM_WRITE_ONLY), LMS_E_ARGUMENT,
                 "%s: is read, and was made CL_MEM_WRITE_ONLY", e->name);
    LMSI_FAIL_IF(
        needed == 0 || needed > size, LMS_E_BUFFER_SIZE,
        "%s: offset %llu + (%llu rows - 1) * stride %llu + %llu elements of %llu bytes need "
        "%llu bytes; the buffer has %llu",
        e->name, (unsigned long long)e->view.offset, (unsigned long long)e->rows,
        (unsigned long long)e->stride, (unsigned long long)e->columns,
        (unsigned long long)e->element, needed == 0 ? ~0ull : (unsigned long long)needed,
        (unsigned long long)size);
fail:
    return status;
}

static lms_status queue_check(const lms_sampler *s, cl_command_queue queue)
{
    lms_status status = LMS_OK;
    cl_context context = NULL;
    cl_device_id device = NULL;
    LMSI_FAIL_IF(queue == NULL, LMS_E_ARGUMENT, "queue: is NULL");
    LMSI_CL(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL));
    LMSI_CL(clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL));
    LMSI_FAIL_IF(context != s->ctx->context || device != s->ctx->id, LMS_E_ARGUMENT,
                 "queue: is of another cl_context or device than the sampler");
fail:
    return status;
}

static lms_status doors_check(const lms_batch *b)
{
    lms_status status = LMS_OK;
    const uint64_t logits_rows = b->logits_rows ? b->logits_rows : b->rows;
    LMSI_FAIL_IF((b->params != NULL) == (b->params_device.buffer != NULL), LMS_E_ARGUMENT,
                 "params, params_device: exactly one of them is given, not %s",
                 b->params != NULL ? "both" : "none");
    LMSI_FAIL_IF(b->index != NULL && b->index_device.buffer != NULL, LMS_E_ARGUMENT,
                 "index, index_device: at most one of them is given");
    LMSI_FAIL_IF((b->uniforms.buffer != NULL) != (b->uniforms_per_row != 0), LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is not 0 exactly when uniforms is not given",
                 (unsigned)b->uniforms_per_row);
    LMSI_FAIL_IF(b->uniforms_per_row > INT32_MAX, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is above 2^31-1", (unsigned)b->uniforms_per_row);
    for (uint32_t r = 0; b->params != NULL && r < b->rows; ++r) {
        const uint32_t field = lms_bad_field(b->params[r]);
        if (field) return params_fail(r, &b->params[r], field);
    }
    for (uint32_t r = 0; b->index != NULL && r < b->rows; ++r) {
        const int32_t i = b->index[r];
        LMSI_FAIL_IF(i != LMS_SKIP_ROW && (i < 0 || (uint64_t)i >= logits_rows),
                     LMS_E_ROW_INDEX, "index[%u]: %d is not LMS_SKIP_ROW or in 0..%llu",
                     (unsigned)r, (int)i, (unsigned long long)logits_rows - 1);
    }
    LMSI_FAIL_IF(b->index == NULL && b->index_device.buffer == NULL && logits_rows < b->rows,
                 LMS_E_ARGUMENT, "logits_rows: %llu is less than rows (%u) without an index",
                 (unsigned long long)logits_rows, (unsigned)b->rows);
fail:
    return status;
}

static lms_status extents_check(const lms_sampler *s, const lms_batch *b)
{
    const uint64_t rows = b->rows, v = s->desc.vocab;
    const uint64_t logits_rows = b->logits_rows ? b->logits_rows : rows;
    const uint64_t stride = b->row_stride ? b->row_stride : v;
    const uint64_t probs_stride = b->probs_stride ? b->probs_stride : v;
    const uint64_t attempts = b->uniforms_per_row;
    const uint64_t token = s->desc.tokens == LMS_INT64 ? 8 : 4;
    const uint64_t logit = s->desc.logits == LMS_FLOAT32 ? 4 : 2;
    const struct {
        lmsi_extent e;
        int required;
        uint32_t output; /* LMS_OUT_ bit it needs */
    } all[] = {
        {{"logits", b->logits, logits_rows, stride, v, logit, 0}, 1, 0},
        {{"params_device", b->params_device, rows, 1, 1, sizeof(lms_row_params), 0}, 0, 0},
        {{"index_device", b->index_device, rows, 1, 1, 4, 0}, 0, 0},
        {{"uniforms", b->uniforms, rows, attempts, attempts, 16, 0}, 0, 0},
        {{"tokens", b->tokens, rows, 1, 1, token, 1}, 1, 0},
        {{"status", b->status, rows, 1, 1, 4, 1}, 0, 0},
        {{"logprob_raw", b->logprob_raw, rows, 1, 1, 4, 1}, 0, LMS_OUT_LOGPROB_RAW},
        {{"logprob", b->logprob, rows, 1, 1, 4, 1}, 0, LMS_OUT_LOGPROB},
        {{"kept", b->kept, rows, 1, 1, 4, 1}, 0, LMS_OUT_KEPT},
        {{"probs", b->probs, rows, probs_stride, v, 4, 1}, 0, LMS_OUT_PROBS},
    };
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(stride < v, LMS_E_ARGUMENT, "row_stride: %llu is less than vocab (%u)",
                 (unsigned long long)stride, (unsigned)s->desc.vocab);
    LMSI_FAIL_IF(b->probs.buffer != NULL && probs_stride < v, LMS_E_ARGUMENT,
                 "probs_stride: %llu is less than vocab (%u)", (unsigned long long)probs_stride,
                 (unsigned)s->desc.vocab);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        const lmsi_extent *const e = &all[i].e;
        LMSI_FAIL_IF(all[i].required && e->view.buffer == NULL, LMS_E_ARGUMENT, "%s: is NULL",
                     e->name);
        if (e->view.buffer == NULL) continue;
        LMSI_FAIL_IF(all[i].output & ~s->desc.outputs, LMS_E_ARGUMENT,
                     "%s: the sampler was made without this output", e->name);
        LMSI_TRY(extent_check(s, e));
    }
fail:
    return status;
}

lms_status lmsi_batch_check(const lms_sampler *s, cl_command_queue queue, const lms_batch *b,
                            cl_uint num_wait, const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(queue_check(s, queue));
    LMSI_FAIL_IF(b == NULL, LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_FAIL_IF((num_wait == 0) != (wait_list == NULL), LMS_E_ARGUMENT,
                 "num_wait: %u does not fit a wait list that is %sNULL", (unsigned)num_wait,
                 wait_list == NULL ? "" : "not ");
    for (cl_uint i = 0; i < num_wait; ++i) {
        LMSI_FAIL_IF(wait_list[i] == NULL, LMS_E_ARGUMENT, "wait_list[%u]: is NULL",
                     (unsigned)i);
    }
    LMSI_FAIL_IF(b->rows > s->desc.max_rows, LMS_E_ARGUMENT, "rows: %u is above max_rows (%u)",
                 (unsigned)b->rows, (unsigned)s->desc.max_rows);
    LMSI_FAIL_IF(b->logits_rows > (size_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %llu is above 2^31", (unsigned long long)b->logits_rows);
    if (b->rows == 0) return LMS_OK;
    LMSI_TRY(doors_check(b));
    LMSI_TRY(extents_check(s, b));
fail:
    return status;
}
