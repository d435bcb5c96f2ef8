/* to.cl - where the outputs of a sampler go, beside token and status. */
#pragma once
#include "numeric/types.cl"

/* Where the outputs go. */
typedef struct lms_report_to {
    uint wanted;
    __global float *logprob_raw;
    __global float *logprob;
    __global int *kept;
    __global float *probs;
    ulong probs_stride;
} lms_report_to;

/* ... of samplers for requests. */
typedef struct lms_tell_to {
    lms_report_to of_all;
    __global float *logprob_edited;
    __global int *rank_raw;
    __global int *rank_edited;
    __global float *entropy_raw;
    __global float *entropy;
    __global int *top_tokens;
    __global float *top_values;
    ulong top_stride;
    __global float *named_values;
    ulong named_stride;
} lms_tell_to;

/* Where the outputs go, as arguments of a kernel. */
#define LMS_REPORT_ARGUMENTS                                                                   \
    uint wanted, __global float *logprob_raw, ulong logprob_raw_offset,                        \
        __global float *logprob, ulong logprob_offset, __global int *kept, ulong kept_offset,  \
        __global float *probs, ulong probs_offset, ulong probs_stride
#define LMS_REPORT_TO                                                                          \
    {                                                                                          \
        wanted, logprob_raw + logprob_raw_offset, logprob + logprob_offset,                    \
            kept + kept_offset, probs + probs_offset, probs_stride                             \
    }

/* ... behind those. */
#define LMS_TELL_ARGUMENTS                                                                     \
    __global float *logprob_edited, ulong logprob_edited_offset, __global int *rank_raw,       \
        ulong rank_raw_offset, __global int *rank_edited, ulong rank_edited_offset,            \
        __global float *entropy_raw, ulong entropy_raw_offset, __global float *entropy,        \
        ulong entropy_offset, __global int *top_tokens, ulong top_tokens_offset,               \
        __global float *top_values, ulong top_values_offset, ulong top_stride,                 \
        __global float *named_values, ulong named_values_offset, ulong named_stride
#define LMS_TELL_TO                                                                            \
    {                                                                                          \
        LMS_REPORT_TO, logprob_edited + logprob_edited_offset, rank_raw + rank_raw_offset,     \
            rank_edited + rank_edited_offset, entropy_raw + entropy_raw_offset,                \
            entropy + entropy_offset, top_tokens + top_tokens_offset,                          \
            top_values + top_values_offset, top_stride, named_values + named_values_offset,    \
            named_stride                                                                       \
    }
