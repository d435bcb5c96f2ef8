/* lmsample.h - batched LLM token sampling on OpenCL devices.
 *
 * Turns rows of logits that are on the device into tokens that are on the device. Every row of
 * a call has its own temperature, top-k, top-p, min-p, order of filters, seed and step.
 *
 *     lms_context_open -> lms_sampler_create -> lms_sampler_run, run, run ... -> destroy both
 *
 * Beam search and contrastive search, for many requests at once, have sections of their own:
 * lms_beam, lms_contrastive.
 *
 * Reproducible  A row's token depends on its logits and its lms_row_params alone, bit for bit:
 *               not on the other rows, its place in the batch, the work-group size, the number
 *               of threads, the device or the driver. docs/specification.md defines every bit.
 * Run           lms_sampler_run, and what steps a beam search or a contrastive search,
 *               allocates, builds, blocks and copies nothing. All checks come before the first
 *               enqueue; a call that fails has changed nothing and can be repeated. It enqueues
 *               at most 4 kernels, whatever the batch holds; of lms_contrastive, where contexts
 *               lie in B buffers, at most 2 + 2 * B.
 * Units         Offsets, strides and sizes count elements, never bytes, and are 64 bits wide.
 * Ownership     The library retains the cl_context, device and queue handles it keeps, and
 *               never keeps a buffer, event or pointer of a call beyond it, except that
 *               enqueued commands use the buffers until the call's event completes. Until
 *               then nobody may write to a call's inputs.
 * Threads       A context may be used by any number of threads. A sampler, an lms_beam or an
 *               lms_contrastive may be used by one thread at a time; threads that sample at
 *               once have a sampler each. Any number of calls may be in flight (up to max_in_flight of its
 *               description): a sampler's calls wait for each other on the device.
 * Errors        Every call returns an lms_status: 0, a positive code of this list, or OpenCL's
 *               own negative code. lms_error_message() says which argument, its value and the
 *               rule. What is wrong with one row's data is that row's status, never the call's.
 */
#ifndef LMSAMPLE_H
#define LMSAMPLE_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>
#include <stddef.h>
#include <stdint.h>

#include "lms_abi.h"

#ifndef LMS_API
#define LMS_API
#endif

#define LMS_VERSION_MAJOR 0
#define LMS_VERSION_MINOR 1
#define LMS_VERSION_PATCH 0
#define LMS_VERSION (LMS_VERSION_MAJOR * 10000u + LMS_VERSION_MINOR * 100u + LMS_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/* 0: success. > 0: one of these. < 0: an OpenCL error code, passed on unchanged. */
typedef int32_t lms_status;
#define LMS_STATUS_MAP(X)                                                                      \
    X(LMS_OK, 0, "success")                                                                    \
    X(LMS_E_ARGUMENT, 1, "an argument is out of its range, missing, or contradictory")         \
    X(LMS_E_BUFFER_SIZE, 2, "a buffer is smaller than the call would touch")                   \
    X(LMS_E_ROW_PARAMS, 3, "a row's parameters are out of range")                              \
    X(LMS_E_ROW_INDEX, 4, "a row index is outside the logits")                                 \
    X(LMS_E_NO_DEVICE, 5, "no OpenCL device fits the request")                                 \
    X(LMS_E_UNSUPPORTED, 6, "the device lacks what the library needs")                         \
    X(LMS_E_BUILD, 7, "a kernel did not compile; see lms_context_log()")                       \
    X(LMS_E_MEMORY, 8, "a host allocation failed")                                             \
    X(LMS_E_BUSY, 9, "too many calls are in flight; wait for the event of an earlier one")     \
    X(LMS_E_BEAM_PARAMS, 10, "a beam search's parameters are out of range")                    \
    X(LMS_E_SLOT, 11, "a slot is not there, not open, or open already")                        \
    X(LMS_E_CONTRASTIVE_PARAMS, 12, "a contrastive search's parameters are out of range")      \
    X(LMS_E_CONTEXT_FULL, 13, "there is no room for more hidden states")
enum {
#define LMS_STATUS_ENUM(name, value, text) name = value,
    LMS_STATUS_MAP(LMS_STATUS_ENUM)
#undef LMS_STATUS_ENUM
};

/* LMS_VERSION of the linked library. */
LMS_API uint32_t lms_version(void);

/* What a status means; also for OpenCL's codes. Static, never NULL. */
LMS_API const char *lms_status_text(lms_status status);

/* What was wrong with the last call that failed on the calling thread: argument, value, rule.
 * Never NULL; valid until the thread's next failing call. */
LMS_API const char *lms_error_message(void);

/* ---------------------------------------------------------------------------------------------
 * Devices
 */
/* clang-format off */
typedef struct lms_device {
    cl_device_id id;
    cl_device_type type;      /* CL_DEVICE_TYPE_...                                         */
    uint64_t memory_bytes;    /* all of its memory                                          */
    uint64_t max_alloc_bytes; /* largest buffer                                             */
    uint32_t compute_units;
    uint32_t unified;         /* 1: shares memory with the host, whose arrays need no copy  */
    uint32_t chosen;          /* 1: what lms_context_open(NULL) opens                       */
    char platform[128];       /* texts are cut to fit                                       */
    char name[128];
    char driver[128];
    char version[128];        /* as the device gives it: "OpenCL 1.2 ..."                   */
    char problem[128];        /* why the library cannot use it, or ""                       */
} lms_device;
/* clang-format on */

/* Every device of every platform, in the order of the OpenCL loader. Writes the first
 * `capacity`, and how many there are to *count; `devices` may be NULL if `capacity` is 0. No
 * device at all is no error. */
LMS_API lms_status lms_devices(lms_device *devices, uint32_t capacity, uint32_t *count);

/* ---------------------------------------------------------------------------------------------
 * Context: one device and the programs built for it
 */
typedef struct lms_context lms_context;

/* Opens a device by itself: with its own cl_context. `device` NULL or "": a GPU if there is
 * one, else an accelerator, else a CPU. Otherwise the first device that the library can use and
 * whose "platform name: device name" contains `device`, in upper or lower case. *out is NULL
 * unless LMS_OK is returned. */
LMS_API lms_status lms_context_open(const char *device, lms_context **out);

/* Works in the caller's cl_context, on one of its devices. Retains both. */
LMS_API lms_status lms_context_create(cl_context context, cl_device_id device,
                                      lms_context **out);

/* Accepts NULL. Destroy the context's samplers first. */
LMS_API void lms_context_destroy(lms_context *ctx);

/* The handles the context works with, still owned by it. The queue is an in-order queue, made
 * for callers that have none. */
LMS_API cl_context lms_context_cl_context(const lms_context *ctx);
LMS_API cl_device_id lms_context_device(const lms_context *ctx);
LMS_API cl_command_queue lms_context_queue(const lms_context *ctx);

/* The log of the last build that failed, or "". Valid until the next build that fails. */
LMS_API const char *lms_context_log(const lms_context *ctx);

/* ---------------------------------------------------------------------------------------------
 * Sampler: kernels and workspace for one shape
 */
typedef struct lms_sampler lms_sampler;

typedef enum lms_dtype {
    LMS_FLOAT32 = 1,
    LMS_FLOAT16 = 2,
    LMS_BFLOAT16 = 3
} lms_dtype;
typedef enum lms_token_type {
    LMS_INT32 = 1,
    LMS_INT64 = 2
} lms_token_type;

/* clang-format off: the tables below are laid out by hand */

/* What a sampler is for. Zero what is not needed. */
typedef struct lms_sampler_desc {
    uint32_t vocab;         /* V, logits per row: 1 .. LMS_MAX_VOCAB                        */
    uint32_t max_rows;      /* most rows of one call: >= 1                                  */
    lms_dtype logits;       /* type of the logits                                           */
    lms_token_type tokens;  /* type of the tokens; 0 = LMS_INT32                            */
    uint32_t outputs;       /* LMS_OUT_... or-ed                                            */
    uint32_t max_in_flight; /* calls with host records or indices that may be unfinished
                               at once, 1 .. 64; 0 = 8                                      */
    uint32_t work_items;    /* work-items that share a row: a power of two, 1 .. 256, at
                               most the device's limit; 0 = as LMS_SHAPE, `lmsample tune`
                               or the device say. Never changes a result                    */
    uint32_t reserved;      /* 0                                                            */
} lms_sampler_desc;

/* A buffer and the element at which the data begins. */
typedef struct lms_view {
    cl_mem buffer;
    size_t offset;
} lms_view;

/* One call. Zero what is not used. `rows` outputs are written, at [offset + row].
 *
 * Parameters come by one of two doors. Host records (`params`) are checked before anything is
 * enqueued, and read before the call returns. Records on the device (`params_device`) are
 * checked by the kernel: a bad one gives its own row LMS_ROW_BAD_PARAMS and touches no other.
 * The same holds for the row indices. */
typedef struct lms_batch {
    uint32_t rows;                /* 0 .. max_rows; 0 enqueues a marker only                */
    lms_view logits;              /* in: [logits_rows][row_stride], V used of each row;
                                     never written                                          */
    size_t row_stride;            /*     from row to row, >= V; 0 = V                       */
    size_t logits_rows;           /*     rows that the buffer has, <= 2^31; 0 = `rows`      */
    const lms_row_params *params; /* in: [rows], on the host, or ...                        */
    lms_view params_device;       /*     ... lms_row_params[rows] (offset in records)       */
    const int32_t *index;         /* in: [rows], the logits row that each row reads,
                                     LMS_SKIP_ROW for none; or ...                          */
    lms_view index_device;        /*     ... int32[rows]; neither: row r reads logits row r */
    lms_view uniforms;            /* in: uint32[rows][uniforms_per_row][4] (offset in
                                     attempts, of 4 words), or none: random words in the
                                     place of Philox's (specification, section 7)           */
    uint32_t uniforms_per_row;    /*     attempts they suffice for, >= 1 if given           */
    lms_view tokens;              /* out: int32 or int64[rows]; LMS_NO_TOKEN where none     */
    lms_view status;              /* out: uint32[rows], LMS_ROW_...; optional               */
    lms_view logprob_raw;         /* out: float[rows], natural log; optional (LMS_OUT_...)  */
    lms_view logprob;             /* out: float[rows]; optional                             */
    lms_view kept;                /* out: int32[rows]; optional                             */
    lms_view probs;               /* out: float[rows][probs_stride]; optional               */
    size_t probs_stride;          /*      from row to row, >= V; 0 = V                      */
} lms_batch;
/* clang-format on */

/* Builds or finds the kernels and allocates the workspace. Slow; once per shape.
 * *out is NULL unless LMS_OK is returned. */
LMS_API lms_status lms_sampler_create(lms_context *ctx, const lms_sampler_desc *desc,
                                      lms_sampler **out);

/* Accepts NULL. Waits for the sampler's calls in flight. */
LMS_API void lms_sampler_destroy(lms_sampler *sampler);

/* Device memory that the sampler holds, in bytes. */
LMS_API size_t lms_sampler_workspace(const lms_sampler *sampler);

/* Enqueues one batch on a queue of the context's device, in order or out of order. The wait
 * list and the event are as for clEnqueueNDRangeKernel; the caller releases the event. */
LMS_API lms_status lms_sampler_run(lms_sampler *sampler, cl_command_queue queue,
                                   const lms_batch *batch, cl_uint num_wait,
                                   const cl_event *wait_list, cl_event *event);

/* clang-format off */
/* One call whose data is all in host memory: shapes and rules as in lms_batch. Of a skipped row
 * only token and status are written. */
typedef struct lms_host_batch {
    uint32_t rows;                /* 0 .. max_rows                                          */
    const void *logits;           /* in: [logits_rows][row_stride]                          */
    size_t row_stride;            /*     >= V; 0 = V                                        */
    size_t logits_rows;           /*     <= 2^31; 0 = `rows`                                */
    const lms_row_params *params; /* in: [rows]                                             */
    const int32_t *index;         /* in: [rows], or NULL: row r reads logits row r          */
    const uint32_t *uniforms;     /* in: [rows][uniforms_per_row][4], or NULL               */
    uint32_t uniforms_per_row;
    void *tokens;                 /* out: int32 or int64[rows], by the sampler's token type */
    uint32_t *status;             /* out: [rows]; NULL if not wanted, like all below        */
    float *logprob_raw;           /* out: [rows]                                            */
    float *logprob;               /* out: [rows]                                            */
    int32_t *kept;                /* out: [rows]                                            */
    float *probs;                 /* out: [rows][probs_stride], V written of each row       */
    size_t probs_stride;          /*      >= V; 0 = V                                       */
} lms_host_batch;
/* clang-format on */

/* lms_sampler_run for callers that just have arrays: runs on the context's queue and waits.
 * Where host and device share memory the logits are read in place, else copied. May allocate.
 * On failure the outputs hold nothing of use. */
LMS_API lms_status lms_sample_host(lms_sampler *sampler, const lms_host_batch *batch);

/* ---------------------------------------------------------------------------------------------
 * Beam search: the beams of many requests, a step at a time
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
 * (LMS_SCORE_ONE to the nat), added and compared exactly; equal ones go to the lower parent,
 * then to the lower token. docs/specification.md, from section 12 on.
 */
typedef struct lms_beam lms_beam;

#define LMS_SCORE_ONE 4294967296.0 /* fixed-point score of one nat: 2^32 */

/* clang-format off */
/* What a search is for. Zero what is not needed. */
typedef struct lms_beam_desc {
    uint32_t vocab;          /* V, logits per row: 1 .. LMS_MAX_VOCAB                       */
    uint32_t max_requests;   /* slots: >= 1                                                 */
    uint32_t max_width;      /* most beams of a request: 1 .. LMS_MAX_BEAM_WIDTH            */
    uint32_t max_length;     /* most generated tokens: 1 .. LMS_MAX_BEAM_LENGTH             */
    uint32_t max_end_tokens; /* of a request; max(2, 1 + this) * max_width is at most
                                LMS_MAX_CANDIDATES                                          */
    uint32_t max_rows;       /* most beams of one step, all requests together;
                                0 = max_requests * max_width                                */
    lms_dtype logits;        /* type of the logits                                          */
    lms_token_type tokens;   /* type of the tokens; 0 = LMS_INT32                           */
    uint32_t max_in_flight;  /* calls that may be unfinished at once, 1 .. 64; 0 = 8        */
    uint32_t work_items;     /* as in lms_sampler_desc                                      */
    uint32_t reserved[2];    /* 0                                                           */
} lms_beam_desc;

/* One step of some requests. A request of width N has N rows, for its beams 0 .. N-1, and beam
 * n of request r is row first_rows[r] + n: of the logits and of parents, tokens and scores.
 * Only rows of live beams are read: at a request's first step, which follows the prompt, the
 * one of beam 0 alone. Where a request has fewer live beams than N, the others are the last (of
 * each diversity group) and have token LMS_NO_TOKEN. */
typedef struct lms_beam_batch {
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
                                   1 / LMS_SCORE_ONE; INT64_MIN for no beam; optional       */
    lms_view done;              /* out: uint32[requests], 1: the search is over             */
    lms_view status;            /* out: uint32[requests], LMS_BEAM_DONE and so on; optional */
} lms_beam_batch;

/* The best sequences of some requests, at any time. Of request r, result i:
 * sequence s = r * max_results + i, best first. */
typedef struct lms_beam_output {
    uint32_t requests;          /* 0 .. max_requests                                        */
    const uint32_t *slots;      /* in: [requests], on the host: open, none twice            */
    uint32_t max_results;       /* 1 .. max_width, at least the results of each request     */
    size_t token_stride;        /* from sequence to sequence, >= the longest that there can
                                   be so far; 0 = max_length; what lies beyond max_length
                                   is not written                                           */
    lms_view counts;            /* out: int32[requests], how many results there are         */
    lms_view lengths;           /* out: int32[sequences], tokens, an end token included     */
    lms_view tokens;            /* out: int32 or int64[sequences][token_stride], then
                                   LMS_NO_TOKEN                                             */
    lms_view scores;            /* out: float[sequences], what they are ranked by: the sum
                                   over length ^ length_penalty, or the perturbed one of
                                   LMS_BEAM_STOCHASTIC; optional                            */
    lms_view logprobs;          /* out: float[sequences], the sum of log-probabilities, less
                                   diversity penalties; optional                            */
    lms_view token_logprobs;    /* out: float[sequences][token_stride], each token's, without
                                   diversity penalties; then 0; optional                    */
    lms_view beams;             /* out: int32[sequences][token_stride], the beam that each
                                   token continued; then -1; optional                       */
} lms_beam_output;
/* clang-format on */

/* As lms_sampler_create. With C = max(2, 1 + max_end_tokens) * max_width, it holds about
 * max_requests * (max_width * (12 * max_length + 144) + 120 * C) bytes of the device, 24 * C
 * for each of max_rows, and a workspace for rows. */
LMS_API lms_status lms_beam_create(lms_context *ctx, const lms_beam_desc *desc, lms_beam **out);

/* Accepts NULL. Waits for the calls in flight. */
LMS_API void lms_beam_destroy(lms_beam *beam);

/* Device memory that it holds, in bytes. */
LMS_API size_t lms_beam_workspace(const lms_beam *beam);

/* Opens a slot for a new request. Parameters and end tokens (params->end_tokens of them) are
 * checked and read before the call returns; that they reach the device is enqueued. Each such
 * call is one in flight: LMS_E_BUSY if more than max_in_flight are unfinished. */
LMS_API lms_status lms_beam_open(lms_beam *beam, cl_command_queue queue, uint32_t slot,
                                 const lms_beam_params *params, const int32_t *end_tokens,
                                 cl_uint num_wait, const cl_event *wait_list, cl_event *event);

/* Frees an open slot, whether its search is done or not; enqueues nothing. Calls in flight
 * still finish with it. */
LMS_API lms_status lms_beam_close(lms_beam *beam, uint32_t slot);

/* Enqueues one step, at most 3 kernels. A request whose search is done may be among the
 * requests: nothing of it changes. */
LMS_API lms_status lms_beam_step(lms_beam *beam, cl_command_queue queue,
                                 const lms_beam_batch *batch, cl_uint num_wait,
                                 const cl_event *wait_list, cl_event *event);

/* Enqueues the gathering of results, one kernel. Changes nothing of the requests: a search may
 * go on afterwards. */
LMS_API lms_status lms_beam_results(lms_beam *beam, cl_command_queue queue,
                                    const lms_beam_output *output, cl_uint num_wait,
                                    const cl_event *wait_list, cl_event *event);

/* clang-format off */
/* Hugging Face's defaults for a width; max_length must be set, and end_tokens if any. */
#define LMS_BEAM_PARAMS_INIT(beams)                                                            \
    {                                                                                          \
        0, 1.0f, 1.0f, 0.0f, 0, 0, LMS_BEAM_SEARCH, (beams), 1, 0.0f, 1.0f,                    \
            LMS_LENGTH_GENERATED, LMS_EARLY_HEURISTIC, LMS_BEAM_PRESET_HUGGING_FACE, 0, 0, 0,  \
            1, 0, { 0, 0, 0, 0 }                                                               \
    }
/* clang-format on */

/* ---------------------------------------------------------------------------------------------
 * Contrastive search: the context's hidden states on the device, a token at a time
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
 * where h_v is the model's last hidden state at v, fed behind the context, and the h_j are those
 * of the context. A request is in a slot: the states of its context so far are on the device,
 * each at a position, 0, 1, 2 ... A step has two calls. Propose takes logits and gives, of every
 * request, k candidates and their probabilities. The caller runs the model on all candidates, a
 * row each: that gives hidden states, and the logits of the next step, whichever candidate is
 * chosen. Select takes the hidden states, chooses, appends the chosen one's state, and says which
 * row the model's cache, and the next propose, go on with. Requests join and leave between any
 * two steps, and none has an influence on another.
 *
 * What a request gets is a function of its logits, its hidden states and its
 * lms_contrastive_params, bit for bit, as it is for lms_sampler. docs/specification.md, from
 * section 19 on. The context is read once a step, whatever k is, as it is stored.
 */
typedef struct lms_contrastive lms_contrastive;

/* clang-format off */
/* What a search is for. Zero what is not needed. Positions are taken from the device's memory in
 * pages of LMS_CONTEXT_PAGE, as contexts grow; nothing that is there is ever moved. */
typedef struct lms_contrastive_desc {
    uint64_t max_positions;    /* of all contexts together, shared ones once: the memory that
                                  is reserved; 0 = enough for max_requests * max_length     */
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
    uint32_t work_items;       /* as in lms_sampler_desc                                    */
    uint32_t reserved;         /* 0                                                         */
} lms_contrastive_desc;

/* Hidden states to append: of request r, counts[r] of them, from row first_rows[r] on. */
typedef struct lms_contrastive_states {
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
} lms_contrastive_states;

/* First half of a step. A request with k in its parameters has k candidate rows: its candidate i,
 * by falling logit, then by token, is row first_rows[r] + i of the outputs, and of what the
 * caller's model makes of them. Where the filters leave fewer than k tokens, or the request gets
 * none, its last rows have token LMS_NO_TOKEN and probability 0. */
typedef struct lms_contrastive_proposal {
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
    lms_view probs;             /* out: float[candidate_rows], of the whole vocabulary, after
                                   temperature and filters; never rising within a request   */
    lms_view status;            /* out: uint32[requests], LMS_ROW_...; optional             */
} lms_contrastive_proposal;

/* Second half. Every context gets one position more, with the chosen candidate's state. */
typedef struct lms_contrastive_batch {
    uint32_t requests;          /* 0 .. max_requests; 0 enqueues a marker only              */
    const uint32_t *slots;      /* in: [requests], on the host: open, none twice            */
    const uint32_t *first_rows; /* in: as in lms_contrastive_proposal                       */
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
} lms_contrastive_batch;
/* clang-format on */

/* As lms_sampler_create. It holds max_positions times the bytes of a state (the width rounded up
 * to 64 elements) and 8 more, 4 * width bytes for each of max_rows, and a workspace for rows. */
LMS_API lms_status lms_contrastive_create(lms_context *ctx, const lms_contrastive_desc *desc,
                                          lms_contrastive **out);

/* Accepts NULL. Waits for the calls in flight. */
LMS_API void lms_contrastive_destroy(lms_contrastive *search);

/* Device memory that it holds, in bytes. */
LMS_API size_t lms_contrastive_workspace(const lms_contrastive *search);

/* Opens a slot with an empty context; enqueues nothing. */
LMS_API lms_status lms_contrastive_open(lms_contrastive *search, uint32_t slot,
                                        const lms_contrastive_params *params);

/* Opens slot `to` with the context of slot `from`, which both share: at most one page is copied.
 * `params` NULL: those of `from`. Enqueues a kernel, or a marker only. */
LMS_API lms_status lms_contrastive_fork(lms_contrastive *search, cl_command_queue queue,
                                        uint32_t from, uint32_t to,
                                        const lms_contrastive_params *params, cl_uint num_wait,
                                        const cl_event *wait_list, cl_event *event);

/* Other parameters for an open slot, from the next call on; enqueues nothing. */
LMS_API lms_status lms_contrastive_update(lms_contrastive *search, uint32_t slot,
                                          const lms_contrastive_params *params);

/* Frees an open slot, and what of its context no other shares; enqueues nothing. Calls in flight
 * still finish with it. */
LMS_API lms_status lms_contrastive_close(lms_contrastive *search, uint32_t slot);

/* Positions of an open slot's context, counted by the calls made, finished or not. */
LMS_API lms_status lms_contrastive_length(const lms_contrastive *search, uint32_t slot,
                                          uint32_t *length);

/* Positions in pages that are free. */
LMS_API uint64_t lms_contrastive_room(const lms_contrastive *search);

/* Enqueues the appending of hidden states. LMS_E_CONTEXT_FULL if one of the contexts would be
 * longer than max_length, or all together larger than max_positions: then none of them is
 * appended. */
LMS_API lms_status lms_contrastive_append(lms_contrastive *search, cl_command_queue queue,
                                          const lms_contrastive_states *states,
                                          cl_uint num_wait, const cl_event *wait_list,
                                          cl_event *event);

/* Enqueues the choice of candidates, at most 2 kernels. Changes nothing of the requests. */
LMS_API lms_status lms_contrastive_propose(lms_contrastive *search, cl_command_queue queue,
                                           const lms_contrastive_proposal *proposal,
                                           cl_uint num_wait, const cl_event *wait_list,
                                           cl_event *event);

/* Enqueues the choice among candidates, and the appending. LMS_E_CONTEXT_FULL as above. */
LMS_API lms_status lms_contrastive_select(lms_contrastive *search, cl_command_queue queue,
                                          const lms_contrastive_batch *batch, cl_uint num_wait,
                                          const cl_event *wait_list, cl_event *event);

/* clang-format off */
/* Temperature 1, no filter, the whole context. The paper has alpha 0.6 and k 5 or 8. */
#define LMS_CONTRASTIVE_PARAMS_INIT(alpha, k)                                                  \
    {                                                                                          \
        (alpha), (k), 0, 0, 1.0f, 1.0f, 0.0f, 0, 0, { 0, 0, 0 }                                \
    }
/* clang-format on */

/* ---------------------------------------------------------------------------------------------
 * Row parameters
 */
/* Temperature 1, no filter. */
#define LMS_ROW_PARAMS_INIT                                                                    \
    {                                                                                          \
        0, 0, 1.0f, 1.0f, 0.0f, 0, LMS_PRESET_VLLM, { 0, 0, 0 }                                \
    }

/* The check that both doors make: 0 or the LMS_FIELD_... that is out of range. */
LMS_API uint32_t lms_row_params_check(const lms_row_params *params);

#ifdef __cplusplus
}
#endif
#endif /* LMSAMPLE_H */
