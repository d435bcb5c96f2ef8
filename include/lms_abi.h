/* lms_abi.h - records and constants that have one layout on the host and on the device.
 *
 * Included by lmsample.h (C11, C++11) and, unchanged, by every kernel (OpenCL C 1.2).
 * Fixed-width scalars only, larger ones first, padding spelled out.
 */
#ifndef LMS_ABI_H
#define LMS_ABI_H

#include "lms_edits.h"
#include "lms_filters.h"

/* The version of docs/reference/specification.md that results follow, bit for bit. */
#define LMS_SPECIFICATION 4u

/* How one row is sampled. 80 bytes. Start from LMS_ROW_PARAMS_INIT; an all-zero record is
 * greedy. A row's token depends on its logits, on this record and what it names, alone. */
typedef struct lms_row_params {
    lms_u64 seed;        /* names the sequence: never its place in the batch               */
    lms_u64 step;        /* names the position in the sequence; (seed, step) is one draw;
                            LMS_STEP_OF_SLOT: the tokens that its slot has generated       */
    lms_request request; /* slot, edits, mask, guidance: lms_edits.h                       */
    lms_filters filters; /* temperature, top_k, ...: lms_filters.h                         */
    lms_u32 wants;       /* 1 + an entry of `wants` of lms_tables; 0 = none                */
    lms_u32 target;      /* 1 + the token that outputs tell of: nothing is drawn; 0 = draw */
    lms_u32 reserved[2]; /* 0                                                              */
} lms_row_params;

#define LMS_STEP_OF_SLOT 0xffffffffffffffffu

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

/* A field that is out of its range: the first one, temperature to rules of the filters, then
 * slot, edits, mask, unconditional, wants, target, step and reserved; then what they name. */
#define LMS_FIELD_TEMPERATURE 1u
#define LMS_FIELD_TOP_P 2u
#define LMS_FIELD_MIN_P 3u
#define LMS_FIELD_FLAGS 4u
#define LMS_FIELD_RESERVED 5u
#define LMS_FIELD_RULES 6u
#define LMS_FIELD_SLOT 7u
#define LMS_FIELD_EDITS 8u
#define LMS_FIELD_WANTS 9u
#define LMS_FIELD_MASK 10u
#define LMS_FIELD_UNCONDITIONAL 11u
#define LMS_FIELD_TARGET 12u
#define LMS_FIELD_STEP 13u   /* LMS_STEP_OF_SLOT without a slot                             */
#define LMS_FIELD_RECORD 14u /* something in the record of edits or wants that it names    */
#define LMS_FIELD_LIST 15u   /* a list that it names, or an id or a value in that           */

/* Outputs beyond token and status. Each costs at least one more read of the logits, and is
 * there only in a sampler that was made for it. A call that asks for another than LOGPROB_RAW
 * has the cut of each row's filters found, which tokens seldom need. */
#define LMS_OUT_LOGPROB_RAW 1u     /* log-probability before temperature and filters          */
#define LMS_OUT_LOGPROB 2u         /* ... in the distribution that the token was drawn from   */
#define LMS_OUT_KEPT 4u            /* how many tokens the filters kept                        */
#define LMS_OUT_PROBS 8u           /* the processed probabilities of the whole row            */
#define LMS_OUT_LOGPROB_EDITED 16u /* log-probability after edits, before temperature     */
#define LMS_OUT_RANK_RAW 32u       /* its rank before edits, ...                          */
#define LMS_OUT_RANK_EDITED 64u    /* ... and after them                                  */
#define LMS_OUT_ENTROPY_RAW 128u   /* entropy of the row before edits, in nats, ...       */
#define LMS_OUT_ENTROPY 256u       /* ... and of what the token was drawn from            */
#define LMS_OUT_TOP 512u           /* the best tokens and their log-probabilities         */
#define LMS_OUT_NAMED 1024u        /* log-probabilities of tokens that the row names      */
#define LMS_OUT_ALL 2047u
/* Those that every sampler can have. */
#define LMS_OUT_OLD 15u
/* Those that tell what filters keep. */
#define LMS_OUT_OF_KEPT (LMS_OUT_LOGPROB | LMS_OUT_KEPT | LMS_OUT_PROBS | LMS_OUT_ENTROPY)

#define LMS_SKIP_ROW (-1)
#define LMS_NO_TOKEN (-1)

#define LMS_MAX_VOCAB 1048576u

/* How one beam search goes. 96 bytes. Start from LMS_BEAM_PARAMS_INIT. Lengths count generated
 * tokens unless they say otherwise. What a search finds depends on its logits and on this
 * record alone. */
typedef struct lms_beam_params {
    lms_u64 seed;              /* names the search; for LMS_BEAM_STOCHASTIC and _SAMPLE       */
    lms_filters filters;       /* what they cut is no candidate; temperature and top_p > 0    */
    lms_u32 mode;              /* LMS_BEAM_SEARCH, _STOCHASTIC or _SAMPLE                     */
    lms_u32 width;             /* N, beams: 1 .. lms_beam_desc.max_width                      */
    lms_u32 groups;            /* diversity groups: divides width; 1 unless LMS_BEAM_SEARCH   */
    lms_f32 diversity_penalty; /* Hamming, in nats for each earlier group's beam: >= 0, and
                                  of several groups >= 2^-32, or all would find the same      */
    lms_f32 length_penalty;    /* scores are divided by length ^ this; finite (beyond 2^24 in
                                  size, 2^24)                                                 */
    lms_u32 length_counts;     /* LMS_BEAM_LENGTH_...: what that length is                    */
    lms_u32 early_stopping;    /* LMS_BEAM_EARLY_...: when a search with N results is done    */
    lms_u32 flags;             /* LMS_BEAM_KEEP_LIVE and the like                             */
    lms_u32 prompt_length;     /* < 2^31, of the prompt, for LMS_BEAM_LENGTH_WITH_PROMPT      */
    lms_u32 min_length;        /* tokens before the first at which a search may end           */
    lms_u32 max_length;        /* 1 .. lms_beam_desc.max_length                               */
    lms_u32 results;           /* sequences that are wanted: 1 .. width                       */
    lms_u32 end_tokens;        /* how many: 0 .. lms_beam_desc.max_end_tokens                 */
    lms_u32 reserved[3];       /* 0                                                           */
} lms_beam_params;

/* How a step picks candidates. */
#define LMS_BEAM_SEARCH 0u     /* the best ones                                               */
#define LMS_BEAM_STOCHASTIC 1u /* whole sequences are drawn without replacement (Kool et al.) */
#define LMS_BEAM_SAMPLE 2u     /* each step draws without replacement (Hugging Face)          */
#define LMS_BEAM_MODES 3u

#define LMS_BEAM_LENGTH_GENERATED 0u   /* generated tokens (Hugging Face, TensorRT-LLM)       */
#define LMS_BEAM_LENGTH_WITH_PROMPT 1u /* ... and the prompt's (vLLM)                         */
#define LMS_BEAM_LENGTH_NONE 2u        /* scores are not divided                              */
#define LMS_BEAM_LENGTHS 3u

#define LMS_BEAM_EARLY_HEURISTIC 0u /* done when no live beam beats the worst result as it is */
#define LMS_BEAM_EARLY_YES 1u       /* done as soon as there are N results                    */
#define LMS_BEAM_EARLY_NEVER 2u     /* done when no live beam can beat it at any length       */
#define LMS_BEAM_EARLY_OFF 3u       /* goes on to max_length (vLLM)                           */
#define LMS_BEAM_EARLIES 4u

#define LMS_BEAM_KEEP_LIVE 1u          /* live beams compete with results at the end          */
#define LMS_BEAM_END_ANY_RANK 2u       /* an end token counts at any rank of its beam         */
#define LMS_BEAM_LENGTH_WITHOUT_END 4u /* lengths do not count the end token                  */
#define LMS_BEAM_RENORMALIZE 8u        /* log-probabilities among what filters keep           */
/* Early stopping looks at a step's best candidate, end tokens too, not at the best live
 * beam. */
#define LMS_BEAM_STOP_BY_CANDIDATE 16u
#define LMS_BEAM_FLAGS 31u /* all of them                                                     */

#define LMS_BEAM_PRESET_HUGGING_FACE 0u
#define LMS_BEAM_PRESET_TENSORRT_LLM (LMS_BEAM_KEEP_LIVE | LMS_BEAM_STOP_BY_CANDIDATE)
/* With LMS_BEAM_EARLY_OFF and LMS_BEAM_LENGTH_WITH_PROMPT. */
#define LMS_BEAM_PRESET_VLLM                                                                   \
    (LMS_BEAM_KEEP_LIVE | LMS_BEAM_END_ANY_RANK | LMS_BEAM_LENGTH_WITHOUT_END)

/* Request status: bits. Those of this step's rows are added: LMS_ROW_NAN_SEEN, _INF_SEEN,
 * LMS_BEAM_BAD_REQUEST. */
#define LMS_BEAM_DONE 1u  /* the search is over: its results are final                       */
#define LMS_BEAM_EARLY 2u /* ... by early_stopping                                           */
#define LMS_BEAM_EMPTY 4u /* ... because no beam of some group had a candidate               */
#define LMS_BEAM_NOT_OPENED 8u /* ... before it began: its open was terminated               */
/* What a live beam's row names on the device is bad: it offers nothing in this step. */
#define LMS_BEAM_BAD_REQUEST 16u

#define LMS_MAX_BEAM_WIDTH 1024u
#define LMS_MAX_BEAM_CANDIDATES 4096u /* of one step: max(2, 1 + end tokens) * width          */
#define LMS_MAX_BEAM_LENGTH 1048576u

/* How one contrastive search goes. 56 bytes. Start from LMS_CONTRASTIVE_PARAMS_INIT. */
typedef struct lms_contrastive_params {
    lms_f32 alpha;          /* weight of the degeneration penalty: in [0, 1]; 0 = greedy      */
    lms_u32 k;              /* candidates: 1 .. lms_contrastive_desc.max_k                    */
    lms_u32 context_begin;  /* positions before it take no part: the prompt's length leaves
                               the prompt out                                                 */
    lms_u32 context_window; /* only the last so many positions take part; 0 = all             */
    lms_filters filters;    /* what they cut is no candidate; temperature and top_p > 0       */
    lms_u32 reserved[4];    /* 0                                                              */
} lms_contrastive_params;

/* Choice status: bits. NONE: there is no candidate, so no token, and the new position stays
 * empty. BAD_CANDIDATE: one was left out, because its hidden state has a NaN or an infinity, or
 * its probability is not in [0, 1]. BAD_STATE: a position was left out, for such a state.
 * EMPTY_STATE: one was left out that was never written, for want of a choice, or because its
 * call was terminated. NOT_PROPOSED: the call that proposed was terminated, so that there is no
 * candidate. */
#define LMS_CHOICE_NONE 1u
#define LMS_CHOICE_BAD_CANDIDATE 2u
#define LMS_CHOICE_BAD_STATE 4u
#define LMS_CHOICE_EMPTY_STATE 8u
#define LMS_CHOICE_NOT_PROPOSED 16u

#define LMS_CONTEXT_PAGE 32u
#define LMS_MAX_CONTRASTIVE_K 64u
#define LMS_MAX_HIDDEN_WIDTH 16384u
#define LMS_MAX_CONTEXT_LENGTH 1048576u

#endif /* LMS_ABI_H */
