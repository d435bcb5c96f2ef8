/* lms_edits.h - what a request asks of its logits, before temperature and filters, and what it
 * wants back: records with one layout on the host and on the device.
 *
 * Included by lms_abi.h, and unchanged by kernels (OpenCL C 1.2). Fixed-width scalars only,
 * larger ones first, padding spelled out. docs/reference/specification.md, sections 25 to 29,
 * defines every bit; docs/use/requests.md says which stack defines what which way.
 */
#ifndef LMS_EDITS_H
#define LMS_EDITS_H

#include "lms_filters.h"

/* What a row of a batch has to do with: 24 bytes; all-zero is nothing. The numbers name entries
 * of the call's lms_tables. */
typedef struct lms_request {
    lms_u64 slot;          /* the sequence: a name of lms_slots; 0 = none                   */
    lms_u32 edits;         /* 1 + an entry of `edits`; 0 = the logits as they are           */
    lms_u32 mask;          /* 1 + a row of `masks`; 0 = none                                */
    lms_u32 unconditional; /* 1 + the row of logits that guidance goes away from; 0 = none  */
    lms_u32 reserved;      /* 0                                                             */
} lms_request;

/* Edits of a row. 128 bytes. Start from LMS_ROW_EDITS_INIT, which edits nothing. In an all-zero
 * record `repetition` is an error, and `guidance` takes what is unconditional alone.
 *
 * Applied in this order: guidance, bias, sequence_bias, repetition, frequency and presence,
 * DRY, decay of end tokens, and then what bans tokens (reads them as -inf): mask, allowed,
 * banned, bad_words, min_tokens, n-grams; forced is last of all.
 *
 * Lists are named by 1 + an entry of `lists` of the call's lms_tables; 0 = none. A list is ids,
 * in no order, or, where it says sequences, of tokens with LMS_NO_TOKEN behind each; those with
 * values have one for each id, or, for a sequence, the one at its LMS_NO_TOKEN. What looks back
 * at a sequence needs a slot in the row's request: else nothing was generated yet.
 *
 * repetition       > 0, finite; 1 = off. Of a token that is there already, a logit above 0 is
 *                  divided by it, others are multiplied. (Keskar et al. 2019, "CTRL".)
 * frequency        Finite; for each time that the token is there, subtracted.
 * presence         Finite; subtracted if the token is there at all.
 * window           Only the sequence's last so many tokens count for these three; 0 = all.
 * flags            LMS_REPETITION_NOT_PROMPT and the like, or-ed; a preset.
 * bias             List with values: added to the tokens' logits, in its order if a token is
 *                  there more than once. -inf bans, +inf makes a logit +inf.
 * sequence_bias    Sequences with values: added to the logit of a sequence's last token where
 *                  the tokens before it are the row's last ones.
 * allowed          List: all other tokens are banned.
 * banned           List.
 * bad_words        Sequences: the last token of one is banned where the tokens before it are
 *                  the row's last ones, all of them generated, unless LMS_BAD_WORDS_PROMPT.
 * end_tokens       List, for min_tokens, decay and LMS_IGNORE_END, which bans them always.
 * min_tokens       End tokens are banned until so many tokens are generated.
 * ngram            n of n-grams that must not be there twice: tokens that would complete one
 *                  are banned; 1 bans what is there already; 0 = off.
 * encoder_ngram    The same for n-grams of the list `encoder`, in its order.
 * dry_multiplier   >= 0, finite; 0 = off. Subtracted from a token that would repeat what
 *                  follows n tokens like the last n, n >= dry_allowed_length:
 *                  multiplier * base ^ (n - dry_allowed_length). (llama.cpp, Text Generation
 *                  WebUI.)
 * dry_base         >= 1, finite, where the multiplier is not 0.
 * dry_range        Looks at the last so many tokens; 0 = all.
 * dry_breakers     Sequences, of LMS_MAX_BREAKERS entries at most, at which a repetition ends;
 *                  a breaker of one token is never penalized.
 * forced           1 + a token: it gets logit 0 and is the only one; 0 = none.
 * decay_start      With more tokens generated than that, end tokens get
 * decay_factor     |logit| * (factor ^ (generated - start) - 1) added; >= 1, finite; 0 = off.
 * top_p_decay      In (0, 1]: top_p is multiplied by it for each generated token, but not below
 * top_p_min        in [0, 1], and begins anew behind a token
 * top_p_reset      1 + that token; 0 = none. top_p_decay 0 = off. (TensorRT-LLM.)
 * guidance         Finite; with `unconditional`: u + guidance * (c - u) of conditional and
 *                  unconditional logits (classifier-free guidance); 1 = off. Each is made
 *                  log-probabilities first where LMS_GUIDANCE_LOGPROBS says so. */
typedef struct lms_row_edits {
    lms_f32 repetition;
    lms_f32 frequency;
    lms_f32 presence;
    lms_u32 window;
    lms_u32 flags;
    lms_u32 bias;
    lms_u32 sequence_bias;
    lms_u32 allowed;
    lms_u32 banned;
    lms_u32 bad_words;
    lms_u32 end_tokens;
    lms_u32 min_tokens;
    lms_u32 ngram;
    lms_u32 encoder_ngram;
    lms_u32 encoder;
    lms_f32 dry_multiplier;
    lms_f32 dry_base;
    lms_u32 dry_allowed_length;
    lms_u32 dry_range;
    lms_u32 dry_breakers;
    lms_u32 forced;
    lms_u32 decay_start;
    lms_f32 decay_factor;
    lms_f32 top_p_decay;
    lms_f32 top_p_min;
    lms_u32 top_p_reset;
    lms_f32 guidance;
    lms_u32 reserved[5]; /* 0 */
} lms_row_edits;

/* Whose tokens the three penalties count. None of these: repetition those of prompt and output,
 * frequency and presence those of the output (vLLM). */
#define LMS_REPETITION_NOT_PROMPT 1u
#define LMS_REPETITION_NOT_OUTPUT 2u
#define LMS_FREQUENCY_PROMPT 4u
#define LMS_FREQUENCY_NOT_OUTPUT 8u
#define LMS_PRESENCE_PROMPT 16u
#define LMS_PRESENCE_NOT_OUTPUT 32u
#define LMS_ADDITIVE_FIRST 64u /* frequency and presence before repetition (SGLang, MLC-LLM) */
/* frequency and presence are for logits that temperature has already divided (TensorRT-LLM's
 * C++ sampler): they are multiplied by it, if it is not 0. */
#define LMS_ADDITIVE_TEMPERED 128u
#define LMS_IGNORE_END 256u        /* end tokens are banned                                 */
#define LMS_GUIDANCE_LOGPROBS 512u /* guidance of log-probabilities (Hugging Face)          */
#define LMS_BAD_WORDS_PROMPT 1024u /* bad words may begin in the prompt, not the output alone */
#define LMS_EDIT_FLAGS 2047u       /* all of them                                           */

/* What `flags` is for the penalties of another stack. */
#define LMS_EDITS_VLLM 0u
#define LMS_EDITS_HUGGING_FACE (LMS_GUIDANCE_LOGPROBS | LMS_BAD_WORDS_PROMPT)
#define LMS_EDITS_LLAMA_CPP (LMS_FREQUENCY_PROMPT | LMS_PRESENCE_PROMPT)
#define LMS_EDITS_TENSORRT_LLM                                                                 \
    (LMS_FREQUENCY_PROMPT | LMS_PRESENCE_PROMPT | LMS_ADDITIVE_TEMPERED | LMS_BAD_WORDS_PROMPT)
#define LMS_EDITS_SGLANG (LMS_REPETITION_NOT_PROMPT | LMS_ADDITIVE_FIRST)
#define LMS_EDITS_MLC (LMS_REPETITION_NOT_PROMPT | LMS_ADDITIVE_FIRST)

/* What a row wants back beside what the call's outputs have of every row. 16 bytes; all-zero is
 * nothing. */
typedef struct lms_row_wants {
    lms_u32 top_n;    /* so many of the best tokens, 0 .. lms_sampler_desc.max_top          */
    lms_u32 named;    /* 1 + a list of ids whose values are wanted; 0 = none                */
    lms_u32 flags;    /* LMS_WANT_... or-ed                                                 */
    lms_u32 reserved; /* 0                                                                  */
} lms_row_wants;

/* Of which row the best and the named tokens are told: of the logits as they came, ... */
#define LMS_WANT_RAW 0u
#define LMS_WANT_EDITED 1u    /* ... as edited, ...                                        */
#define LMS_WANT_PROCESSED 2u /* ... or after temperature and filters                      */
#define LMS_WANT_LOGITS 4u    /* logits in the place of log-probabilities, not if PROCESSED */
/* Ranks count tokens above it; else those at least as probable, itself among them (vLLM). */
#define LMS_WANT_RANK_FROM_0 8u
#define LMS_WANT_FLAGS 15u

#define LMS_MAX_TOP 1024u  /* best tokens of a row                                          */
#define LMS_MAX_NAMED 128u /* named tokens of a row                                         */

/* Masks, which tokens may be chosen: uint32 words, bit t % 32 of word t / 32, 1 = allowed
 * (xgrammar, llguidance); or a uint8 for each token, not 0 = allowed. */
#define LMS_MASK_BITS 0u
#define LMS_MASK_BYTES 1u

/* Entries of a list of breakers, each of which is compared with all of a sequence. */
#define LMS_MAX_BREAKERS 1024u
#define LMS_MAX_LISTS 65536u /* of the tables of a call                                     */

#define LMS_SLOT_PAGE 256u
#define LMS_MAX_SLOTS 65536u
#define LMS_MAX_SLOT_LENGTH 1048576u

/* clang-format off */
#define LMS_REQUEST_INIT                                                                       \
    {                                                                                          \
        0, 0, 0, 0, 0                                                                          \
    }
#define LMS_ROW_EDITS_INIT                                                                     \
    {                                                                                          \
        1.0f, 0.0f, 0.0f, 0, LMS_EDITS_VLLM, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0f, 1.75f, 2, 0,  \
        0, 0, 0, 0.0f, 0.0f, 0.0f, 0, 1.0f, { 0, 0, 0, 0, 0 }                                  \
    }
/* clang-format on */

#endif /* LMS_EDITS_H */
