/* lms_filters.h - which tokens of a row may be chosen: one record, for sampling, beam search
 * and contrastive search alike.
 *
 * Included by lms_abi.h, and unchanged by kernels (OpenCL C 1.2): one layout on the host and on
 * the device. Fixed-width scalars only, larger ones first, padding spelled out.
 */
#ifndef LMS_FILTERS_H
#define LMS_FILTERS_H

#ifdef __OPENCL_VERSION__
typedef int lms_i32;
typedef uint lms_u32;
typedef long lms_i64;
typedef ulong lms_u64;
typedef float lms_f32;
#else
#include <stdint.h>
typedef int32_t lms_i32;
typedef uint32_t lms_u32;
typedef int64_t lms_i64;
typedef uint64_t lms_u64;
typedef float lms_f32;
#endif

/* A temperature and filters of a row of V logits. 24 bytes. Start from LMS_FILTERS_INIT.
 *
 * temperature  0 = greedy: the token with the largest logit; or in [2^-64, 2^64]: probabilities
 *              are those of softmax(logits / temperature). An error: all else, NaN too.
 * top_k        1 .. V-1: keeps the top_k tokens with the largest logits. Off: <= 0 or >= V, so
 *              that every number is allowed. (Fan, Lewis and Dauphin 2018, "Hierarchical neural
 *              story generation".)
 * top_p        In (0, 1): keeps the most probable tokens, as few as have that much probability
 *              together. Off: >= 1. <= 0 = greedy. An error: NaN. (Holtzman et al. 2020, "The
 *              curious case of neural text degeneration".)
 * min_p        In (0, 1]: keeps the tokens that are at least min_p times as probable as the
 *              most probable one. Off: <= 0. An error: above 1, or NaN. (Nguyen et al. 2024,
 *              "Turning up the heat: min-p sampling for creative and coherent LLM outputs".)
 * flags        LMS_TEMPERATURE_LAST and the like, or-ed; a preset. An error: other bits.
 * rules        0: the filters above. Anything else is an error in this version, which has no
 *              others.
 *
 * A token is kept if all filters that are on keep it; at least one always is. Equal logits rank
 * by the token, lower first. An all-zero record is greedy; the other fields of a greedy record
 * are checked, but change nothing. Beam and contrastive searches are never greedy by their
 * filters: for them a temperature of 0 and a top_p <= 0 are errors.
 * docs/reference/specification.md, section 6. */
typedef struct lms_filters {
    lms_f32 temperature;
    lms_f32 top_p;
    lms_f32 min_p;
    lms_i32 top_k;
    lms_u32 flags;
    lms_u32 rules;
} lms_filters;

/* Flags: the choices in which other stacks differ. */
#define LMS_TEMPERATURE_LAST 1u /* filters see the logits before temperature (llama.cpp)   */
#define LMS_MIN_P_LAST 2u       /* min-p does not count for top-p's base (HF, llama.cpp)   */
#define LMS_TOP_P_WHOLE_ROW 4u  /* top-p's base is the whole row ("joint": FlashInfer)     */
#define LMS_TOP_K_TIES 8u       /* top-k keeps all tokens tied with the k-th (HF)          */
#define LMS_FILTER_FLAGS 15u    /* all of them                                             */

/* What `flags` is for the results of another stack. docs/use/coming-from.md says where they
 * differ from what they are named after. */
#define LMS_PRESET_VLLM 0u
#define LMS_PRESET_HUGGING_FACE (LMS_TOP_K_TIES | LMS_MIN_P_LAST)
#define LMS_PRESET_LLAMA_CPP (LMS_TEMPERATURE_LAST | LMS_MIN_P_LAST)
#define LMS_PRESET_JOINT (LMS_TOP_P_WHOLE_ROW | LMS_MIN_P_LAST)

/* Temperature 1, no filter. */
#define LMS_FILTERS_INIT                                                                       \
    {                                                                                          \
        1.0f, 1.0f, 0.0f, 0, LMS_PRESET_VLLM, 0                                                \
    }

#endif /* LMS_FILTERS_H */
