/* host_parts.c - cuts a batch on the host into parts, each for one call. */
#include "sampler/host_call.h"

/* The logits may fill a buffer, and so may all other arrays together: but not more than a
 * quarter of the device's memory each. */
lmsi_part_limits lmsi_part_limits_of(const lms_sampler *s, const lms_sample_host_args *b)
{
    const lmsi_device *const device = &s->op.ctx->device;
    const uint64_t quarter = device->memory_bytes / 4, largest = device->max_alloc_bytes;
    const uint64_t most = largest < quarter ? largest : quarter;
    lmsi_host_array arrays[LMSI_HOST_ARRAYS];
    lms_sampler_run_args call;
    uint64_t others = sizeof(lms_row_params); /* of a row: at least its parameters */
    lmsi_host_arrays(s, b, &call, arrays);
    for (int i = 1; i < LMSI_HOST_ARRAYS; ++i) {
        if (arrays[i].host != NULL) others += arrays[i].row;
    }
    const uint64_t fit = most / others;
    const uint64_t rows = fit < s->desc.max_rows ? fit : s->desc.max_rows;
    const uint64_t rest = most > arrays[0].row ? most - arrays[0].row : 0;
    const lmsi_part_limits limits = {rows > 0 ? (size_t)rows : 1,
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

lms_sample_host_args lmsi_part_of(const lms_sampler *s, const lms_sample_host_args *b,
                                  uint32_t first, lmsi_part_limits most, int32_t *near)
{
    const lmsi_host_sizes z = lmsi_host_sizes_of(s, b);
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
    part.logprob_edited = behind(b->logprob_edited, first * sizeof *b->logprob_edited);
    part.rank_raw = behind(b->rank_raw, first * sizeof *b->rank_raw);
    part.rank_edited = behind(b->rank_edited, first * sizeof *b->rank_edited);
    part.entropy_raw = behind(b->entropy_raw, first * sizeof *b->entropy_raw);
    part.entropy = behind(b->entropy, first * sizeof *b->entropy);
    part.top_tokens = behind(b->top_tokens, first * z.top);
    part.top_values = behind(b->top_values, first * z.top);
    part.named_values = behind(b->named_values, first * z.named);
    return part;
}
