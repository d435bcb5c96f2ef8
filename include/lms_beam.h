/* lms_beam.h - beam search: the beams of many requests, a step at a time
 *
 *     lms_beam_create -> lms_beam_open, for each request
 *                     -> lms_beam_step, the caller's model, step, model ... until it is done
 *                     -> lms_beam_results -> lms_beam_close
 *
 * A request is in a slot, where its state is on the device: scores, back pointers, finished
 * sequences. A step takes the logits of the live beams of any of the open requests, scores
 * their continuations and says which beams go on: for each its parent, its token and its
 * score. The model and its cache are the caller's, who moves the cache by the parents. Requests
 * join and leave between any two steps, and none has an influence on another.
 *
 * What a request gets is a function of its logits and its lms_beam_params, bit for bit, as it
 * is for lms_sampler. Scores are sums of log-probabilities, natural, in 64-bit fixed point
 * (LMS_BEAM_SCORE_ONE to the nat), added and compared exactly; equal ones go to the lower
 * parent, then to the lower token. docs/reference/specification.md, from section 12 on.
 */
#ifndef LMSAMPLE_BEAM_H
#define LMSAMPLE_BEAM_H

#include "lmsample.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lms_beam lms_beam;

#define LMS_BEAM_SCORE_ONE 4294967296.0 /* fixed-point score of one nat: 2^32 */

/* clang-format off */
/* What a search is for. Zero what is not needed. */
typedef struct lms_beam_desc {
    uint32_t vocab;          /* V, logits per row: 1 .. LMS_MAX_VOCAB                       */
    uint32_t max_requests;   /* slots: >= 1                                                 */
    uint32_t max_width;      /* most beams of a request: 1 .. LMS_MAX_BEAM_WIDTH            */
    uint32_t max_length;     /* most generated tokens: 1 .. LMS_MAX_BEAM_LENGTH             */
    uint32_t max_end_tokens; /* of a request; max(2, 1 + this) * max_width is at most
                                LMS_MAX_BEAM_CANDIDATES                                     */
    uint32_t max_rows;       /* most beams of one step, all requests together;
                                0 = max_requests * max_width                                */
    lms_dtype logits;        /* type of the logits                                          */
    lms_token_type tokens;   /* type of the tokens; 0 = LMS_INT32                           */
    uint32_t max_in_flight;  /* calls that may be unfinished at once, 1 .. 64; 0 = 8        */
    uint32_t work_items;     /* as in lms_sampler_desc, like all below                      */
    uint32_t requests;       /* LMS_REQUESTS_... or-ed: what beams' rows may bring; 0 = none */
    uint32_t max_lists;      /* 0 = 4 * max_rows                                            */
    size_t table_bytes;      /* 0 = 256 for each of max_rows                                */
    lms_slots *slots;
    uint32_t reserved[2];    /* 0                                                           */
} lms_beam_desc;

/* One step of some requests. A request of width N has N rows, for its beams 0 .. N-1, and beam
 * n of request r is row first_rows[r] + n: of the logits, of row_requests, and of parents,
 * tokens and scores. Only rows of live beams are read: at a request's first step, which follows
 * the prompt, the one of beam 0 alone. Where a request has fewer live beams than N, the others
 * are the last (of each diversity group) and have token LMS_NO_TOKEN.
 *
 * In a search with requests a beam's row is edited as its record of row_requests says, and the
 * beam offers what is then there. Each beam has a slot of lms_slots, which follows it: after
 * each step lms_slots_reorder by its parents, then lms_slots_append of its tokens. Edits with a
 * top_p_decay are refused. */
typedef struct lms_beam_step_args {
    uint32_t requests;          /* 0 .. max_requests; 0 enqueues a marker only              */
    const uint32_t *slots;      /* in: [requests], on the host: open, none twice            */
    const uint32_t *first_rows; /* in: [requests], on the host; rising, so that no rows are
                                   shared; NULL: r * max_width                              */
    lms_view logits;            /* in: [logits_rows][row_stride], V used of each row; never
                                   written                                                  */
    size_t row_stride;          /*     from row to row, >= V; 0 = V                         */
    size_t logits_rows;         /*     rows that the buffer and the outputs have, <= 2^31;
                                       0 = as many as the requests need                     */
    lms_view parents;           /* out: int32[rows], the row whose sequence (and cache) the
                                   beam continues; its own where it does not go on          */
    lms_view tokens;            /* out: int32 or int64[rows], what it appends to that       */
    lms_view scores;            /* out: float[rows], the sum of its log-probabilities, less
                                   diversity penalties; -inf for no beam; optional          */
    lms_view scores_fixed;      /* out: int64[rows], the same exactly, in units of
                                   1 / LMS_BEAM_SCORE_ONE; INT64_MIN for no beam; optional  */
    lms_view done;              /* out: uint32[requests], 1: the search is over             */
    lms_view status;            /* out: uint32[requests], LMS_BEAM_DONE and so on; optional */
    const lms_tables *tables;   /* in: what rows name, as in lms_sampler_run_args (`wants`
                                   count for nothing); NULL: nothing                        */
    const lms_request *row_requests; /* in: [rows], on the host, or ...                     */
    lms_view row_requests_device;    /*     ... lms_request[rows] (offset in records);
                                            neither: the logits as they are                 */
} lms_beam_step_args;

/* The best sequences of some requests, at any time. Of request r, result i:
 * sequence s = r * max_results + i, best first. */
typedef struct lms_beam_results_args {
    uint32_t requests;          /* 0 .. max_requests                                        */
    const uint32_t *slots;      /* in: [requests], on the host: open, none twice            */
    uint32_t max_results;       /* 1 .. max_width, at least the results of each request     */
    size_t token_stride;        /* from sequence to sequence, >= the longest that there can
                                   be so far; 0 = max_length; what lies beyond max_length
                                   is not written                                           */
    lms_view counts;            /* out: int32[requests], how many results there are: 0 only
                                   where a step says LMS_BEAM_NOT_OPENED                    */
    lms_view lengths;           /* out: int32[sequences], tokens, an end token included     */
    lms_view tokens;            /* out: int32 or int64[sequences][token_stride], then
                                   LMS_NO_TOKEN                                             */
    lms_view scores;            /* out: float[sequences], what they are ranked by: the sum
                                   over length ^ length_penalty, or the perturbed one of
                                   LMS_BEAM_STOCHASTIC. Ranks have more range and digits: a
                                   score below 2^-126 is 0, and none is beyond FLT_MAX, here;
                                   optional                                                 */
    lms_view logprobs;          /* out: float[sequences], the sum of log-probabilities, less
                                   diversity penalties; optional                            */
    lms_view token_logprobs;    /* out: float[sequences][token_stride], each token's, without
                                   diversity penalties; then 0; optional                    */
    lms_view beams;             /* out: int32[sequences][token_stride], the beam that each
                                   token continued; then -1; optional                       */
} lms_beam_results_args;

/* A step whose data is all in host memory: shapes and rules as in lms_beam_step_args. All of
 * the logits' rows are there, also those that are not read. Of the outputs by rows, those of
 * the requests' rows are written. */
typedef struct lms_beam_step_host_args {
    uint32_t requests;          /* 0 .. max_requests; 0 does nothing                        */
    const uint32_t *slots;      /* in: [requests]                                           */
    const uint32_t *first_rows; /* in: [requests], rising; NULL: r * max_width              */
    const void *logits;         /* in: [logits_rows][row_stride]                            */
    size_t row_stride;          /*     >= V; 0 = V                                          */
    size_t logits_rows;         /*     <= 2^31; 0 = as many as the requests need            */
    int32_t *parents;           /* out: [logits_rows]                                       */
    void *tokens;               /* out: int32 or int64[logits_rows], by the token type      */
    float *scores;              /* out: [logits_rows]; NULL if not wanted                   */
    int64_t *scores_fixed;      /* out: [logits_rows]; NULL if not wanted                   */
    uint32_t *done;             /* out: [requests]                                          */
    uint32_t *status;           /* out: [requests]; NULL if not wanted                      */
    const lms_tables *tables;   /* in: all on the host, also above table_bytes; NULL:
                                   nothing                                                  */
    const lms_request *row_requests; /* in: [logits_rows], those of the requests' rows are
                                        read; NULL: the logits as they are                  */
} lms_beam_step_host_args;

/* Results in host memory, as lms_beam_results_args has them. */
typedef struct lms_beam_results_host_args {
    uint32_t requests;          /* 0 .. max_requests; 0 does nothing                        */
    const uint32_t *slots;      /* in: [requests]                                           */
    uint32_t max_results;
    size_t token_stride;        /* 0 = max_length                                           */
    int32_t *counts;            /* out: [requests]                                          */
    int32_t *lengths;           /* out: [sequences]                                         */
    void *tokens;               /* out: int32 or int64[sequences][token_stride]             */
    float *scores;              /* out: [sequences]; NULL if not wanted, like all below     */
    float *logprobs;            /* out: [sequences]                                         */
    float *token_logprobs;      /* out: [sequences][token_stride]                           */
    int32_t *beams;             /* out: [sequences][token_stride]                           */
} lms_beam_results_host_args;
/* clang-format on */

/* As lms_sampler_create. With C = max(2, 1 + max_end_tokens) * max_width, it holds about
 * max_requests * (max_width * (12 * max_length + 180) + 136 * C) bytes of the device, 24 * C
 * for each of max_rows, and a workspace for rows; with requests, for rows what a sampler with
 * them has, too. */
LMS_API lms_status lms_beam_create(lms_context *ctx, const lms_beam_desc *desc, lms_beam **out);

/* Accepts NULL. Waits for the calls in flight. */
LMS_API void lms_beam_destroy(lms_beam *beam);

/* Device memory that it holds, in bytes. */
LMS_API size_t lms_beam_workspace(const lms_beam *beam);

/* Opens a slot for a new request. Parameters and end tokens (params->end_tokens of them, each
 * in 0 .. V-1; NULL if there are none) are checked, LMS_E_BEAM_PARAMS, and read before the call
 * returns; that they reach the device is enqueued. Each such call is one in flight: LMS_E_BUSY
 * if more than max_in_flight are unfinished. Where they never do, as an event of the wait list
 * failed, steps say LMS_BEAM_NOT_OPENED, there are no results, and the slot must be closed and
 * opened again. */
LMS_API lms_status lms_beam_open(lms_beam *beam, cl_command_queue queue, uint32_t slot,
                                 const lms_beam_params *params, const int32_t *end_tokens,
                                 cl_uint num_wait, const cl_event *wait_list, cl_event *event);

/* Frees an open slot, whether its search is done or not; enqueues nothing. Calls in flight
 * still finish with it. */
LMS_API lms_status lms_beam_close(lms_beam *beam, uint32_t slot);

/* Enqueues one step, at most 3 kernels (with requests, 5); queue, wait list and event as for
 * lms_sampler_run. A request whose search is done may be among the requests: nothing of it
 * changes. LMS_E_ROW_PARAMS: a record of row_requests is bad. */
LMS_API lms_status lms_beam_step(lms_beam *beam, cl_command_queue queue,
                                 const lms_beam_step_args *batch, cl_uint num_wait,
                                 const cl_event *wait_list, cl_event *event);

/* Enqueues the gathering of results, 1 kernel. Changes nothing of the requests: a search may
 * go on afterwards. */
LMS_API lms_status lms_beam_results(lms_beam *beam, cl_command_queue queue,
                                    const lms_beam_results_args *output, cl_uint num_wait,
                                    const cl_event *wait_list, cl_event *event);

/* The same three for callers that have arrays on the host: they run on the context's queue and
 * wait. Where host and device share memory the logits are read in place, else copied. They may
 * allocate. What is wrong with an argument is said before anything is done; if OpenCL fails
 * later, the outputs hold nothing of use and the requests may have taken the step: close
 * them. */
LMS_API lms_status lms_beam_open_host(lms_beam *beam, uint32_t slot,
                                      const lms_beam_params *params, const int32_t *end_tokens);
LMS_API lms_status lms_beam_step_host(lms_beam *beam, const lms_beam_step_host_args *batch);
LMS_API lms_status lms_beam_results_host(lms_beam *beam,
                                         const lms_beam_results_host_args *output);

/* clang-format off */
/* Hugging Face's defaults for a width; max_length must be set, and end_tokens if any. */
#define LMS_BEAM_PARAMS_INIT(beams)                                                            \
    {                                                                                          \
        0, LMS_FILTERS_INIT, LMS_BEAM_SEARCH, LMS_CAST(uint32_t, beams), 1, 0.0f, 1.0f,        \
            LMS_BEAM_LENGTH_GENERATED, LMS_BEAM_EARLY_HEURISTIC, LMS_BEAM_PRESET_HUGGING_FACE, \
            0, 0, 0, 1, 0, { 0, 0, 0 }                                                         \
    }
/* clang-format on */

#ifdef __cplusplus
}
#endif
#endif /* LMSAMPLE_BEAM_H */
