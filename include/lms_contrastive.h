/* lms_contrastive.h - contrastive search, with the context's hidden states on the device
 *
 *     lms_contrastive_create -> lms_contrastive_open, for each request
 *                            -> lms_contrastive_append, the hidden states of its prompt
 *                            -> lms_contrastive_propose, the caller's model on the candidates,
 *                               lms_contrastive_select, propose, model, select ...
 *                            -> lms_contrastive_close
 *
 * Su et al. 2022, "A Contrastive Framework for Neural Text Generation": of the k most probable
 * tokens v the one with the largest
 *
 *     (1 - alpha) * p(v) - alpha * max over j of cos(h_v, h_j)
 *
 * where h_v is the model's last hidden state at v, fed behind the context, and the h_j are
 * those of the context. A request is in a slot: the states of its context so far are on the
 * device, each at a position, 0, 1, 2 ... A step has two calls. Propose takes logits and gives,
 * of every request, k candidates and their probabilities. The caller runs the model on all
 * candidates, a row each: that gives hidden states, and the logits of the next step, whichever
 * candidate is chosen. Select takes the hidden states, chooses, appends the chosen one's state,
 * and says which row the model's cache, and the next propose, go on with. Requests join and
 * leave between any two steps, and none has an influence on another.
 *
 * A proposal belongs to its slot, for one select, for the context that there was, with the
 * parameters of then. A select of a slot without one is refused.
 *
 * What a request gets is a function of its logits, its hidden states and its
 * lms_contrastive_params, bit for bit, as it is for lms_sampler:
 * docs/reference/specification.md, from section 19 on. The context is read once a step,
 * whatever k is, as it is stored.
 */
#ifndef LMSAMPLE_CONTRASTIVE_H
#define LMSAMPLE_CONTRASTIVE_H

#include "lmsample.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lms_contrastive lms_contrastive;

/* clang-format off */
/* What a search is for. Zero what is not needed. As contexts grow, they take pages of
 * LMS_CONTEXT_PAGE positions from the memory that is reserved; nothing that is there is ever
 * moved. */
typedef struct lms_contrastive_desc {
    uint64_t max_positions;    /* of all contexts together, shared ones once: the memory that
                                  is reserved; 0, or more than that: enough for
                                  max_requests * max_length                                 */
    uint64_t max_buffer_bytes; /* largest buffer to make of it; 0 = as the device allows    */
    uint32_t vocab;            /* V, logits per row: 1 .. LMS_MAX_VOCAB                     */
    uint32_t width;            /* elements of a hidden state: 1 .. LMS_MAX_HIDDEN_WIDTH     */
    uint32_t max_requests;     /* slots: >= 1                                               */
    uint32_t max_k;            /* most candidates of a request: 1 .. LMS_MAX_CONTRASTIVE_K  */
    uint32_t max_length;       /* most positions of a context: 1 .. LMS_MAX_CONTEXT_LENGTH  */
    uint32_t max_rows;         /* most candidates of one call, all requests together;
                                  0 = max_requests * max_k                                  */
    lms_dtype logits;          /* type of the logits                                        */
    lms_dtype hidden;          /* type of the hidden states                                 */
    lms_token_type tokens;     /* type of the tokens; 0 = LMS_INT32                         */
    uint32_t max_in_flight;    /* calls that may be unfinished at once, 1 .. 64; 0 = 8      */
    uint32_t work_items;       /* as in lms_sampler_desc, like all below                    */
    uint32_t requests;         /* LMS_REQUESTS_... or-ed: what rows of logits may bring; 0 =
                                  none                                                      */
    size_t table_bytes;        /* 0 = 256 for each of max_requests                          */
    lms_slots *slots;
    uint32_t max_lists;        /* 0 = 4 * max_requests                                      */
    uint32_t reserved;         /* 0                                                         */
} lms_contrastive_desc;

/* Hidden states to append: of request r, counts[r] of them, from row first_rows[r] on. */
typedef struct lms_contrastive_append_args {
    uint32_t requests;          /* 0 .. max_requests; 0 enqueues a marker only              */
    const uint32_t *slots;      /* in: [requests], on the host: open, none twice            */
    const uint32_t *counts;     /* in: [requests], on the host; NULL: 1 each                */
    const uint32_t *first_rows; /* in: [requests], on the host; rows may be shared; NULL: one
                                   request's rows behind the other's                        */
    lms_view hidden;            /* in: [hidden_rows][row_stride], `width` used of each row;
                                   never written                                            */
    size_t row_stride;          /*     from row to row, >= width; 0 = width                 */
    size_t hidden_rows;         /*     rows that the buffer has, <= 2^31; 0 = as many as the
                                       requests need                                        */
} lms_contrastive_append_args;

/* First half of a step. A request with k in its parameters has k candidate rows: its candidate
 * i, by falling logit, then by token, is row first_rows[r] + i of the outputs, and of what the
 * caller's model makes of them. Where the filters leave fewer than k tokens, or the request
 * gets none, its last rows have token LMS_NO_TOKEN and probability 0.
 *
 * In a search with requests a row of logits is edited as its record of row_requests says, and
 * candidates are those of the row that comes of it. An lms_slots' slot follows by
 * lms_slots_append of what select gives as `next`. Edits with a top_p_decay are refused. */
typedef struct lms_contrastive_propose_args {
    uint32_t requests;          /* 0 .. max_requests; 0 enqueues a marker only              */
    const uint32_t *slots;      /* in: [requests], on the host: open, none twice            */
    const uint32_t *first_rows; /* in: [requests], on the host; rising, so that no rows are
                                   shared; NULL: r * max_k                                  */
    size_t candidate_rows;      /*     candidate rows that the outputs have, <= 2^31; 0 = as
                                       many as the requests need                            */
    lms_view logits;            /* in: [logits_rows][row_stride], V used of each row; never
                                   written                                                  */
    size_t row_stride;          /*     from row to row, >= V; 0 = V                         */
    size_t logits_rows;         /*     rows that the buffer has, <= 2^31; 0 = `requests`    */
    const int32_t *index;       /* in: [requests], the logits row that each request reads,
                                   LMS_SKIP_ROW for none; or ...                            */
    lms_view index_device;      /*     ... int32[requests], such as the last select's `rows`;
                                       neither: request r reads logits row r                */
    lms_view tokens;            /* out: int32 or int64[candidate_rows]                      */
    lms_view probs;             /* out: float[candidate_rows], after temperature, of all tokens
                                   that the filters keep, the whole vocabulary if there are
                                   none; never rising within a request                      */
    lms_view status;            /* out: uint32[requests], LMS_ROW_...; optional             */
    const lms_tables *tables;   /* in: what rows name, as in lms_sampler_run_args (`wants`
                                   count for nothing); NULL: nothing                        */
    const lms_request *row_requests; /* in: [requests], on the host, or ...                 */
    lms_view row_requests_device;    /*     ... lms_request[requests] (offset in records);
                                            neither: the logits as they are                 */
} lms_contrastive_propose_args;

/* Second half, by the parameters that the slots had when they were proposed to. Every context
 * gets one position more, with the chosen candidate's state. */
typedef struct lms_contrastive_select_args {
    uint32_t requests;          /* 0 .. max_requests; 0 enqueues a marker only              */
    const uint32_t *slots;      /* in: [requests], on the host: open, none twice            */
    const uint32_t *first_rows; /* in: as in lms_contrastive_propose_args                   */
    size_t candidate_rows;      /*     rows of hidden, tokens, probs, <= 2^31; 0 = as many as
                                       the requests need                                    */
    lms_view hidden;            /* in: [candidate_rows][row_stride], the candidates' hidden
                                   states, `width` used of each row; never written          */
    size_t row_stride;          /*     from row to row, >= width; 0 = width                 */
    lms_view tokens;            /* in: int32 or int64[candidate_rows], as proposed; one below
                                   0 is no candidate                                        */
    lms_view probs;             /* in: float[candidate_rows]                                */
    lms_view next;              /* out: int32 or int64[requests], the chosen tokens;
                                   LMS_NO_TOKEN where none                                  */
    lms_view rows;              /* out: int32[requests], the chosen candidates' rows;
                                   LMS_SKIP_ROW where none                                  */
    lms_view scores;            /* out: float[requests], NaN where none; optional           */
    lms_view penalties;         /* out: float[requests], the largest cosine, NaN where none;
                                   optional                                                 */
    lms_view row_scores;        /* out: float[candidate_rows], each candidate's, NaN for those
                                   that are none or bad; optional                           */
    lms_view row_penalties;     /* out: float[candidate_rows], the same; optional           */
    lms_view status;            /* out: uint32[requests], LMS_CHOICE_...; optional          */
} lms_contrastive_select_args;

/* Hidden states in host memory, to append: as in lms_contrastive_append_args. */
typedef struct lms_contrastive_append_host_args {
    uint32_t requests;          /* 0 .. max_requests; 0 does nothing                        */
    const uint32_t *slots;      /* in: [requests]                                           */
    const uint32_t *counts;     /* in: [requests]; NULL: 1 each                             */
    const uint32_t *first_rows; /* in: [requests]; NULL: one behind the other               */
    const void *hidden;         /* in: [hidden_rows][row_stride]                            */
    size_t row_stride;          /*     >= width; 0 = width                                  */
    size_t hidden_rows;         /*     <= 2^31; 0 = as many as the requests need            */
} lms_contrastive_append_host_args;

/* First half of a step whose data is all in host memory: as in lms_contrastive_propose_args.
 * Of the outputs by candidate rows, those of the requests' candidates are written. */
typedef struct lms_contrastive_propose_host_args {
    uint32_t requests;          /* 0 .. max_requests; 0 does nothing                        */
    const uint32_t *slots;      /* in: [requests]                                           */
    const uint32_t *first_rows; /* in: [requests], rising; NULL: r * max_k                  */
    size_t candidate_rows;      /*     <= 2^31; 0 = as many as the requests need            */
    const void *logits;         /* in: [logits_rows][row_stride]                            */
    size_t row_stride;          /*     >= V; 0 = V                                          */
    size_t logits_rows;         /*     <= 2^31; 0 = `requests`                              */
    const int32_t *index;       /* in: [requests], LMS_SKIP_ROW for none; NULL: request r
                                   reads logits row r                                       */
    void *tokens;               /* out: int32 or int64[candidate_rows], by the token type   */
    float *probs;               /* out: [candidate_rows]                                    */
    uint32_t *status;           /* out: [requests]; NULL if not wanted                      */
    const lms_tables *tables;   /* in: all on the host, also above table_bytes; NULL:
                                   nothing                                                  */
    const lms_request *row_requests; /* in: [requests]; NULL: the logits as they are        */
} lms_contrastive_propose_host_args;

/* Second half: as in lms_contrastive_select_args. */
typedef struct lms_contrastive_select_host_args {
    uint32_t requests;          /* 0 .. max_requests; 0 does nothing                        */
    const uint32_t *slots;      /* in: [requests]                                           */
    const uint32_t *first_rows; /* in: [requests], rising; NULL: r * max_k                  */
    size_t candidate_rows;      /*     <= 2^31; 0 = as many as the requests need            */
    const void *hidden;         /* in: [candidate_rows][row_stride]                         */
    size_t row_stride;          /*     >= width; 0 = width                                  */
    const void *tokens;         /* in: int32 or int64[candidate_rows], as proposed          */
    const float *probs;         /* in: [candidate_rows]                                     */
    void *next;                 /* out: int32 or int64[requests]                            */
    int32_t *rows;              /* out: [requests]                                          */
    float *scores;              /* out: [requests]; NULL if not wanted, like all below      */
    float *penalties;           /* out: [requests]                                          */
    float *row_scores;          /* out: [candidate_rows]                                    */
    float *row_penalties;       /* out: [candidate_rows]                                    */
    uint32_t *status;           /* out: [requests]                                          */
} lms_contrastive_select_host_args;
/* clang-format on */

/* As lms_sampler_create. It holds max_positions times the bytes of a state (the width rounded
 * up to 64 elements) and 5 more, about 4 * width + max_length / 8 bytes for each of max_rows,
 * max_length for each of max_requests, and a workspace for rows of logits; with requests, for
 * rows what a sampler with them has, too; on the host, about max_length bytes for each of
 * max_requests and of max_in_flight. */
LMS_API lms_status lms_contrastive_create(lms_context *ctx, const lms_contrastive_desc *desc,
                                          lms_contrastive **out);

/* Accepts NULL. Waits for the calls in flight. */
LMS_API void lms_contrastive_destroy(lms_contrastive *contrastive);

/* Device memory that it holds, in bytes. */
LMS_API size_t lms_contrastive_workspace(const lms_contrastive *contrastive);

/* Opens a slot with an empty context; enqueues nothing. LMS_E_CONTRASTIVE_PARAMS, in fork and
 * update too, if the parameters are out of range. */
LMS_API lms_status lms_contrastive_open(lms_contrastive *contrastive, uint32_t slot,
                                        const lms_contrastive_params *params);

/* Opens slot `to` with the context of slot `from`, which both share: at most one page is
 * copied. `params` NULL: those of `from`. What was proposed to `from` stays its own. Enqueues 1
 * kernel, or a marker only. LMS_E_CONTEXT_FULL if no page is free. */
LMS_API lms_status lms_contrastive_fork(lms_contrastive *contrastive, cl_command_queue queue,
                                        uint32_t from, uint32_t to,
                                        const lms_contrastive_params *params, cl_uint num_wait,
                                        const cl_event *wait_list, cl_event *event);

/* Other parameters for an open slot, from the next propose on; enqueues nothing. */
LMS_API lms_status lms_contrastive_update(lms_contrastive *contrastive, uint32_t slot,
                                          const lms_contrastive_params *params);

/* Frees an open slot, and what of its context no other shares; enqueues nothing. Calls in
 * flight still finish with it. */
LMS_API lms_status lms_contrastive_close(lms_contrastive *contrastive, uint32_t slot);

/* Positions of an open slot's context, counted by the calls made, finished or not. */
LMS_API lms_status lms_contrastive_length(const lms_contrastive *contrastive, uint32_t slot,
                                          uint32_t *length);

/* Positions in pages that are free. A context takes whole pages. */
LMS_API uint64_t lms_contrastive_room(const lms_contrastive *contrastive);

/* Enqueues the appending of hidden states, 1 kernel for each buffer of pages that gets some;
 * queue, wait list and event as for lms_sampler_run. LMS_E_CONTEXT_FULL if one of the contexts
 * would be longer than max_length, or all together larger than max_positions: then none of
 * them is appended. */
LMS_API lms_status lms_contrastive_append(lms_contrastive *contrastive, cl_command_queue queue,
                                          const lms_contrastive_append_args *states,
                                          cl_uint num_wait, const cl_event *wait_list,
                                          cl_event *event);

/* Enqueues the choice of candidates, at most 2 kernels (with requests, 4). Changes nothing of
 * the requests but that these are their candidates now, in the place of any before.
 * LMS_E_ROW_PARAMS: a record of row_requests is bad. */
LMS_API lms_status lms_contrastive_propose(lms_contrastive *contrastive, cl_command_queue queue,
                                           const lms_contrastive_propose_args *proposal,
                                           cl_uint num_wait, const cl_event *wait_list,
                                           cl_event *event);

/* Enqueues the choice among candidates, and the appending: 2 kernels, and a scan and an append
 * for each buffer of pages that has some of the contexts. LMS_E_SLOT if a slot has no
 * proposal: none since it was opened, or a select or an append with states came after it.
 * LMS_E_CONTEXT_FULL as above. */
LMS_API lms_status lms_contrastive_select(lms_contrastive *contrastive, cl_command_queue queue,
                                          const lms_contrastive_select_args *batch,
                                          cl_uint num_wait, const cl_event *wait_list,
                                          cl_event *event);

/* The same four for callers that have arrays on the host: they run on the context's queue and
 * wait. Where host and device share memory logits and hidden states are read in place, else
 * copied. They may allocate. What is wrong with an argument is said before anything is done; if
 * OpenCL fails later, the outputs hold nothing of use and the contexts may have grown: close
 * them. */
LMS_API lms_status lms_contrastive_fork_host(lms_contrastive *contrastive, uint32_t from,
                                             uint32_t to, const lms_contrastive_params *params);
LMS_API lms_status lms_contrastive_append_host(lms_contrastive *contrastive,
                                               const lms_contrastive_append_host_args *states);
LMS_API lms_status lms_contrastive_propose_host(
    lms_contrastive *contrastive, const lms_contrastive_propose_host_args *proposal);
LMS_API lms_status lms_contrastive_select_host(lms_contrastive *contrastive,
                                               const lms_contrastive_select_host_args *batch);

/* clang-format off */
/* Temperature 1, no filter, the whole context. The paper has alpha 0.6 and k 5 or 8. */
#define LMS_CONTRASTIVE_PARAMS_INIT(alpha, k)                                                  \
    {                                                                                          \
        LMS_CAST(float, alpha), LMS_CAST(uint32_t, k), 0, 0, LMS_FILTERS_INIT,                 \
        { 0, 0, 0, 0 }                                                                         \
    }
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif /* LMSAMPLE_CONTRASTIVE_H */
