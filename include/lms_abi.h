/* lms_abi.h - records and constants that have one layout on the host and on the device.
 *
 * Included by lmsample.h (C11, C++11) and, unchanged, by every kernel (OpenCL C 1.2).
 * Fixed-width scalars only, larger ones first, padding spelled out.
 */
#ifndef LMS_ABI_H
#define LMS_ABI_H

#ifdef __OPENCL_VERSION__
typedef int lms_i32;
typedef uint lms_u32;
typedef ulong lms_u64;
typedef float lms_f32;
#else
#include <stdint.h>
typedef int32_t lms_i32;
typedef uint32_t lms_u32;
typedef uint64_t lms_u64;
typedef float lms_f32;
#endif

/* How one row is sampled. 48 bytes. Start from LMS_ROW_PARAMS_INIT or a preset; an all-zero
 * record is greedy. A row's token depends on its logits and on this record alone. */
typedef struct lms_row_params {
    lms_u64 seed;        /* names the sequence: never its place in the batch               */
    lms_u64 step;        /* names the position in the sequence; (seed, step) is one draw   */
    lms_f32 temperature; /* 0 = greedy, or in [2^-64, 2^64]                                */
    lms_f32 top_p;       /* <= 0 = greedy; in (0, 1) the nucleus; >= 1 off; never NaN      */
    lms_f32 min_p;       /* <= 0 off; at most 1; never NaN                                 */
    lms_i32 top_k;       /* 1 .. V-1; <= 0 or >= V off                                     */
    lms_u32 flags;       /* LMS_TEMPERATURE_LAST and the like                              */
    lms_u32 reserved[3]; /* must be 0                                                      */
} lms_row_params;

/* Row flags: the choices in which other stacks differ. */
#define LMS_TEMPERATURE_LAST 1u /* filters see the logits before temperature (llama.cpp)   */
#define LMS_MIN_P_LAST 2u       /* min-p does not count for top-p's base (HF, llama.cpp)   */
#define LMS_TOP_P_WHOLE_ROW 4u  /* top-p's base is the whole row ("joint": FlashInfer)     */
#define LMS_TOP_K_TIES 8u       /* top-k keeps all tokens tied with the k-th (HF)          */
#define LMS_ROW_FLAGS 15u       /* all of them                                             */

#define LMS_PRESET_VLLM 0u
#define LMS_PRESET_HUGGING_FACE (LMS_TOP_K_TIES | LMS_MIN_P_LAST)
#define LMS_PRESET_LLAMA_CPP (LMS_TEMPERATURE_LAST | LMS_MIN_P_LAST)
#define LMS_PRESET_JOINT (LMS_TOP_P_WHOLE_ROW | LMS_MIN_P_LAST)

/* Row status: a code in the low 8 bits, ... */
#define LMS_ROW_OK 0u
#define LMS_ROW_EMPTY 1u          /* every logit is NaN or -inf: no token                   */
#define LMS_ROW_SKIPPED 2u        /* the row's index is LMS_SKIP_ROW                        */
#define LMS_ROW_BAD_PARAMS 3u     /* bits 8-15 name the field: LMS_FIELD_...                */
#define LMS_ROW_BAD_INDEX 4u      /* the row's index is outside the logits                  */
#define LMS_ROW_UNIFORMS_SPENT 5u /* the caller's uniforms ended before the draw did        */
#define LMS_ROW_CODE(status) ((status)&0xffu)
#define LMS_ROW_FIELD(status) (((status) >> 8) & 0xffu)
/* ... and what was seen on the way. */
#define LMS_ROW_NAN_SEEN 0x10000u /* at least one logit is NaN; NaN tokens are never drawn  */
#define LMS_ROW_INF_SEEN 0x20000u /* at least one logit is +inf; the draw is among those    */

#define LMS_FIELD_TEMPERATURE 1u
#define LMS_FIELD_TOP_P 2u
#define LMS_FIELD_MIN_P 3u
#define LMS_FIELD_FLAGS 4u
#define LMS_FIELD_RESERVED 5u

/* Outputs beyond token and status. Each costs at least one more read of the logits, and is
 * there only in a sampler that was made for it. */
#define LMS_OUT_LOGPROB_RAW 1u /* log-probability before temperature and filters          */
#define LMS_OUT_LOGPROB 2u     /* ... in the distribution that the token was drawn from   */
#define LMS_OUT_KEPT 4u        /* how many tokens the filters kept                        */
#define LMS_OUT_PROBS 8u       /* the processed probabilities of the whole row            */

#define LMS_SKIP_ROW (-1)
#define LMS_NO_TOKEN (-1)

#define LMS_MAX_VOCAB 1048576u

#endif /* LMS_ABI_H */
