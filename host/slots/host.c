/* host.c - the calls on slots for callers that have arrays on the host: they run on the
 * context's queue and wait. */
#include "base/extent.h"
#include "base/process.h"
#include "base/status.h"
#include "op/host_arrays.h"
#include "slots/sequences.h"

static lms_status slots_check(const lms_slots *s)
{
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "slots: is NULL");
    return lmsi_child_check();
}

lms_status lms_slots_open_host(lms_slots *s, const lms_slots_open_args *args)
{
    cl_event event = NULL;
    lms_status status = LMS_OK;
    LMSI_TRY(slots_check(s));
    status = lms_slots_open(s, s->op.ctx->queue, args, 0, NULL, &event);
fail:
    return lmsi_host_wait(event, status);
}

lms_status lms_slots_roll_back_host(lms_slots *s, uint32_t count, const uint64_t *names,
                                    const uint32_t *lengths)
{
    cl_event event = NULL;
    lms_status status = LMS_OK;
    LMSI_TRY(slots_check(s));
    status = lms_slots_roll_back(s, s->op.ctx->queue, count, names, lengths, 0, NULL, &event);
fail:
    return lmsi_host_wait(event, status);
}

lms_status lms_slots_fork_host(lms_slots *s, uint32_t count, const uint64_t *from,
                               uint64_t *names)
{
    cl_event event = NULL;
    lms_status status = LMS_OK;
    LMSI_TRY(slots_check(s));
    status = lms_slots_fork(s, s->op.ctx->queue, count, from, names, 0, NULL, &event);
fail:
    return lmsi_host_wait(event, status);
}

/* How many rows a call reads, and how many tokens of one at most. */
static void size_of(const lms_slots_append_host_args *a, size_t *rows, uint32_t *most)
{
    for (uint32_t i = 0; i < a->count; ++i) {
        const uint32_t count = a->counts != NULL ? a->counts[i] : 1;
        const size_t row = a->rows != NULL ? a->rows[i] : i;
        if (count > *most) *most = count;
        if (count > 0 && row >= *rows) *rows = row + 1;
    }
}

/* The rows that nobody names are not looked at. */
lms_status lms_slots_append_host(lms_slots *s, const lms_slots_append_host_args *a)
{
    lms_status status = LMS_OK;
    size_t rows = 0;
    uint32_t most = 0;
    LMSI_TRY(slots_check(s));
    LMSI_FAIL_IF(a == NULL, LMS_E_ARGUMENT, "args: is NULL");
    LMSI_TRY(lmsi_slots_count_check(s, a->count, a->names));
    size_of(a, &rows, &most);
    const size_t token = (size_t)lmsi_token_bytes(s->op.desc.tokens);
    const size_t stride = a->stride != 0 ? a->stride : most;
    lms_slots_append_args call = {
        .count = a->count,
        .names = a->names,
        .counts = a->counts,
        .stride = a->stride,
        .rows = a->rows,
        .token_rows = a->token_rows,
    };
    const lmsi_host_array tokens = {"tokens",
                                    rows > 0 ? (void *)(uintptr_t)a->tokens : NULL,
                                    &call.tokens,
                                    rows,
                                    most * token,
                                    stride * token,
                                    LMSI_HOST_READ | (rows > 0 ? LMSI_HOST_REQUIRED : 0u)};
    LMSI_FAIL_IF(a->token_rows != 0 && rows > a->token_rows, LMS_E_ARGUMENT,
                 "token_rows: %zu is less than the %zu that the slots need", a->token_rows,
                 rows);
    LMSI_TRY(lmsi_stride_check("stride", stride, "the largest count", most));
    LMSI_TRY(lmsi_host_stride_check("stride", "tokens", rows, stride, most, token));
    if (call.token_rows != 0) call.token_rows = rows; /* the buffer has those */
    LMSI_TRY(lmsi_host_begin(s->op.ctx, &tokens, 1));
    status = lmsi_host_end(s->op.ctx, &tokens, 1, NULL, 0,
                           lms_slots_append(s, s->op.ctx->queue, &call, 0, NULL, NULL));
fail:
    return status;
}

lms_status lms_slots_reorder_host(lms_slots *s, uint32_t count, const uint64_t *names,
                                  const int32_t *parents, int32_t first)
{
    lms_status status = LMS_OK;
    lms_view view = {NULL, 0, NULL};
    const size_t bytes = sizeof *parents;
    const lmsi_host_array array = {
        "parents", count > 0 ? (void *)(uintptr_t)parents : NULL,         &view, count, bytes,
        bytes,     LMSI_HOST_READ | (count > 0 ? LMSI_HOST_REQUIRED : 0u)};
    LMSI_TRY(slots_check(s));
    LMSI_TRY(lmsi_slots_count_check(s, count, names));
    LMSI_TRY(lmsi_host_begin(s->op.ctx, &array, 1));
    status = lmsi_host_end(
        s->op.ctx, &array, 1, NULL, 0,
        lms_slots_reorder(s, s->op.ctx->queue, count, names, view, first, 0, NULL, NULL));
fail:
    return status;
}
