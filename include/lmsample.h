/* lmsample.h - batched LLM token sampling on OpenCL devices.
 *
 * Turns rows of logits that are on the device into tokens that are on the device. Every row of
 * a call has its own temperature, top-k, top-p, min-p, order of filters, seed and step.
 *
 *     lms_context_open -> lms_sampler_create -> lms_sampler_run, run, run ... -> destroy both
 *
 * Beam search and contrastive search, for many requests at once, and batches that are recorded
 * are in headers of their own, which this one includes: lms_beam.h, lms_contrastive.h,
 * lms_recording.h; so are what requests bring (penalties, masks, ...: lms_edits.h and
 * lms_tables.h) and what is known of sequences from step to step (lms_slots.h). How
 * `lmsample tune` finds the fastest kernels for a device is in lms_tuning.h, which nobody else
 * needs.
 *
 * Reproducible  A row's token depends on its logits and its lms_row_params alone, bit for bit:
 *               not on the other rows, its place in the batch, the work-group size, the number
 *               of threads, the device or the driver.
 *               docs/reference/specification.md defines every bit.
 * Run           lms_sampler_run, and what steps a beam search or a contrastive search,
 *               allocates, builds and blocks nothing, and copies nothing but what it is given
 *               on the host (params, index, slots). All checks come before the first enqueue,
 *               and nothing fails behind the last one. A call that fails has changed no object
 *               and can be repeated. If it fails with OpenCL's code, some of its commands may
 *               be enqueued: they read its inputs and may leave values of no use in its outputs
 *               until clFinish of the queue, or until a later call on the object is over, which
 *               waits for them.
 * Kernels       A call enqueues, whatever it holds: lms_sampler_run at most 3 (at most 2 where
 *               a team is one work-item, as on CPUs), lms_beam_step at most 3,
 *               lms_contrastive_propose at most 2, and these three up to 2 (1) more if a row
 *               has a request, and 1 more if it appends to slots and pages of closed ones are
 *               taken; lms_beam_results 1, lms_contrastive_select 2 and up to one scan and one
 *               append for each buffer of pages, lms_contrastive_append up to one for each of
 *               these, lms_contrastive_fork at most 1; calls on slots are in lms_slots.h;
 *               lms_recording_run one command, or at most 5 kernels. Before them it
 *               enqueues the writes of what it is given on the host.
 * Units         Offsets, strides and sizes count elements, never bytes, and are 64 bits wide.
 * Buffers       Every buffer is of the context's cl_context, holds all that the call may read
 *               or write, and was made for that use (CL_MEM_READ_ONLY, _WRITE_ONLY). No output
 *               may overlap another array of the call: that is not checked. In the place of
 *               any buffer a call may be given a pointer that the device takes: lms_view.svm.
 * Ownership     The library retains the cl_context, device and queue handles it keeps, and
 *               never keeps a buffer, event or pointer of a call beyond it, except that
 *               enqueued commands use the buffers until the call's event completes. Until
 *               then nobody may write to a call's inputs.
 * Threads       A context may be used by any number of threads. A sampler, an lms_beam or an
 *               lms_contrastive may be used by one thread at a time; threads that sample at
 *               once have a sampler each. Any number of calls may be in flight (up to
 *               max_in_flight of its description): a sampler's calls wait for each other on
 *               the device. Devices may be listed and contexts opened by several threads at
 *               once, also as the process's first use of OpenCL; a program that asks OpenCL for
 *               platforms or devices by itself must not do so at the same time.
 * Fork          OpenCL runtimes have threads and locks, which a child of fork() does not get.
 *               In a child of a process that has used this library every call that would use
 *               OpenCL, lms_devices and lms_context_open too, returns LMS_E_FORKED, and a
 *               destroy does nothing. Fork before the first use, or exec in the child.
 * Errors        Every call returns an lms_status: 0, a positive code of this list, or OpenCL's
 *               own negative code. lms_error_message() says which argument, its value and the
 *               rule. Beside the codes that calls name themselves, any may return
 *               LMS_E_ARGUMENT; LMS_E_FORKED if it uses OpenCL; LMS_E_BUFFER_SIZE if it takes
 *               buffers; LMS_E_BUSY if it takes something on the host that the device reads
 *               (params, index, slots); LMS_E_SLOT if it takes slots; and what creates or
 *               opens an object LMS_E_MEMORY, LMS_E_UNSUPPORTED and LMS_E_BUILD. What is wrong
 *               with one row's data is that row's status, never the call's.
 */
#ifndef LMSAMPLE_H
#define LMSAMPLE_H

#include "lms_abi.h"
#include "lms_opencl.h"
#include "lms_tables.h"

#ifndef LMS_API
#define LMS_API
#endif

#define LMS_VERSION_MAJOR 0
#define LMS_VERSION_MINOR 1
#define LMS_VERSION_PATCH 0
#define LMS_VERSION (LMS_VERSION_MAJOR * 10000u + LMS_VERSION_MINOR * 100u + LMS_VERSION_PATCH)

/* Arguments of the initializers below: C++ takes nothing narrower than a field there. */
#ifdef __cplusplus
#define LMS_CAST(type, value) static_cast<type>(value)
#else
#define LMS_CAST(type, value) ((type)(value))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* 0: success. > 0: one of these. < 0: an OpenCL error code, passed on unchanged. */
typedef int32_t lms_status;
#define LMS_STATUS_MAP(X)                                                                      \
    X(LMS_OK, 0, "success")                                                                    \
    X(LMS_E_ARGUMENT, 1, "an argument is out of its range, missing, or contradictory")         \
    X(LMS_E_BUFFER_SIZE, 2, "a buffer is too small for the call, or too large for the device") \
    X(LMS_E_ROW_PARAMS, 3, "a row's parameters are out of range")                              \
    X(LMS_E_ROW_INDEX, 4, "a row index is outside the logits")                                 \
    X(LMS_E_NO_DEVICE, 5, "no OpenCL device fits the request")                                 \
    X(LMS_E_UNSUPPORTED, 6, "the device lacks what the library needs")                         \
    X(LMS_E_BUILD, 7, "a kernel did not compile; see lms_context_log()")                       \
    X(LMS_E_MEMORY, 8, "a host allocation failed")                                             \
    X(LMS_E_BUSY, 9, "too many calls are in flight; wait for the event of an earlier one")     \
    X(LMS_E_BEAM_PARAMS, 10, "a beam search's parameters are out of range")                    \
    X(LMS_E_SLOT, 11, "a slot is not there, not open, open already, or has no proposal")       \
    X(LMS_E_CONTRASTIVE_PARAMS, 12, "a contrastive search's parameters are out of range")      \
    X(LMS_E_CONTEXT_FULL, 13, "there is no room for more tokens or hidden states")             \
    X(LMS_E_FORKED, 14, "OpenCL does not work in a child of fork()")
enum {
#define LMS_STATUS_ENUM(name, value, text) name = value,
    LMS_STATUS_MAP(LMS_STATUS_ENUM)
#undef LMS_STATUS_ENUM
};

/* LMS_VERSION of the linked library. */
LMS_API uint32_t lms_version(void);

/* LMS_SPECIFICATION of the linked library: libraries in which it is the same give the same
 * bits. */
LMS_API uint32_t lms_specification(void);

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
 * device at all is no error; then lms_error_message() says what the platforms answered. */
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

/* Works in the caller's cl_context, on one of its devices or on a sub-device of one, for
 * programs that keep a part of the device for something else. Retains both. */
LMS_API lms_status lms_context_create(cl_context context, cl_device_id device,
                                      lms_context **out);

/* Accepts NULL. Destroy first what was made of the context: samplers and searches. */
LMS_API void lms_context_destroy(lms_context *ctx);

/* The handles the context works with, still owned by it. The queue is an in-order queue, made
 * for callers that have none. */
LMS_API cl_context lms_context_cl_context(const lms_context *ctx);
LMS_API cl_device_id lms_context_device(const lms_context *ctx);
LMS_API cl_command_queue lms_context_queue(const lms_context *ctx);

/* The compiler's log, cut to 16 KiB, of the last build that failed on the calling thread, if
 * that was for this context, or "". Valid until the thread's next build that fails. */
LMS_API const char *lms_context_log(const lms_context *ctx);

/* ---------------------------------------------------------------------------------------------
 * Sampler: kernels and workspace for one shape
 */
typedef struct lms_sampler lms_sampler;
typedef struct lms_slots lms_slots; /* lms_slots.h */

typedef enum lms_dtype {
    LMS_FLOAT32 = 1,
    LMS_FLOAT16 = 2,
    LMS_BFLOAT16 = 3
} lms_dtype;
typedef enum lms_token_type {
    LMS_INT32 = 1,
    LMS_INT64 = 2
} lms_token_type;

/* The tables below are laid out by hand. */
/* clang-format off */

/* What a sampler is for. Zero what is not needed. */
typedef struct lms_sampler_desc {
    uint32_t vocab;         /* V, logits per row: 1 .. LMS_MAX_VOCAB                        */
    uint32_t max_rows;      /* most rows of one call: >= 1                                  */
    lms_dtype logits;       /* type of the logits                                           */
    lms_token_type tokens;  /* type of the tokens; 0 = LMS_INT32                            */
    uint32_t outputs;       /* LMS_OUT_... or-ed, that calls may ask for; 0 = none          */
    uint32_t max_in_flight; /* calls with host records or indices that may be unfinished
                               at once, 1 .. 64; 0 = 8                                      */
    uint32_t work_items;    /* work-items that share a row: a power of two, 1 .. 256, at
                               most the device's limit; 0 = as LMS_SHAPE, `lmsample tune`
                               or the device say. Never changes a result                    */
    uint32_t requests;      /* LMS_REQUESTS_... or-ed: what rows may bring; 0 = none: their
                               `request`, `wants` and `target` are 0                        */
    uint32_t max_top;       /* most best tokens of a row, 1 .. LMS_MAX_TOP with LMS_OUT_TOP;
                               0 = 20                                                       */
    uint32_t max_lists;     /* most lists of one call's tables; 0 = 4 * max_rows            */
    size_t table_bytes;     /* room for tables of one call that are on the host: records of
                               edits and wants, lists, masks; 0 = 256 for each of max_rows  */
    lms_slots *slots;       /* the slots that rows name, or NULL; destroyed behind it       */
    uint32_t reserved[2];   /* 0                                                            */
} lms_sampler_desc;

/* Rows may have edits, masks, slots, guidance, wants and targets. It takes another program, and
 * memory of the device: table_bytes, 64 bytes and one bit for each logit for each of max_rows,
 * and, for each row that is under way at once, 4.4 bytes for each logit and 4 for each of the
 * slots' max_length. */
#define LMS_REQUESTS_EDITS 1u
/* ... DRY among the edits; alone it is as both. 8 bytes more for each of max_rows and each of
 * the slots' max_length. */
#define LMS_REQUESTS_DRY 2u
#define LMS_REQUESTS_ALL 3u

/* One call. Zero what is not used. `rows` outputs are written, at [offset + row].
 *
 * Parameters come by one of two doors. Host records (`params`) are checked before anything is
 * enqueued, and read before the call returns. Records on the device (`params_device`) are
 * checked by the kernel: a bad one gives its own row LMS_ROW_BAD_PARAMS and touches no other.
 * Row indices have the same two doors; there it is LMS_ROW_BAD_INDEX.
 *
 * A row that gets no token, whatever its status, has token LMS_NO_TOKEN, log-probabilities NaN,
 * kept 0 and probabilities 0; but a row with a `target` whose edits leave nothing (EMPTY) still
 * has its raw outputs. Of a skipped row only token and status are written. */
typedef struct lms_sampler_run_args {
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
    uint32_t uniforms_per_row;    /*     attempts they suffice for, 1 .. 2^31-1 if given    */
    lms_view tokens;              /* out: int32 or int64[rows]; LMS_NO_TOKEN where none     */
    lms_view status;              /* out: uint32[rows], LMS_ROW_...; optional               */
    lms_view logprob_raw;         /* out: float[rows], natural log, at most 0, or, by
                                     LMS_WANT_LOGITS, a logit; optional                     */
    lms_view logprob;             /* out: float[rows]; optional                             */
    lms_view kept;                /* out: int32[rows]; optional                             */
    lms_view probs;               /* out: float[rows][probs_stride]; optional               */
    size_t probs_stride;          /*      from row to row, >= V; 0 = V                      */
    const lms_tables *tables;     /* in: what rows name; NULL: nothing                      */
    uint32_t append;              /* 1: a row's token is appended to its slot, which no other
                                     row names; params are on the host                      */
    lms_view logprob_edited;      /* out: float[rows]; optional, like all below             */
    lms_view rank_raw;            /* out: int32[rows]; 0 where there is no token            */
    lms_view rank_edited;         /* out: int32[rows]                                       */
    lms_view entropy_raw;         /* out: float[rows], in nats                              */
    lms_view entropy;             /* out: float[rows]                                       */
    lms_view top_tokens;          /* out: int32[rows][top_stride], best first; LMS_NO_TOKEN
                                     where a row wants, or has, no more                     */
    lms_view top_values;          /* out: float[rows][top_stride], theirs; NaN where none;
                                     given with top_tokens                                  */
    size_t top_stride;            /*      from row to row, 1 .. max_top; 0 = max_top        */
    lms_view named_values;        /* out: float[rows][named_stride], of the tokens of the
                                     row's list `named`, in its order; then NaN             */
    size_t named_stride;          /*      from row to row, 1 .. LMS_MAX_NAMED; 0 = that     */
} lms_sampler_run_args;
/* clang-format on */

/* Builds or finds the kernels and allocates the workspace. Slow; once per shape. What the
 * device has not the memory for is LMS_E_BUFFER_SIZE, before anything is built or allocated.
 * *out is NULL unless LMS_OK is returned. */
LMS_API lms_status lms_sampler_create(lms_context *ctx, const lms_sampler_desc *desc,
                                      lms_sampler **out);

/* Accepts NULL. Waits for the sampler's calls in flight. */
LMS_API void lms_sampler_destroy(lms_sampler *sampler);

/* Device memory that the sampler holds, in bytes, but for what requests take: 124 for each of
 * max_rows, and, for each row that is under way at once, 32 KiB and 44 bytes for each 256
 * logits. All of max_rows may be under way; but where work-items do whole rows (on a CPU), 8
 * for each compute unit, or the fewer that are too few to be done so. */
LMS_API size_t lms_sampler_workspace(const lms_sampler *sampler);

/* Enqueues one batch on a queue of the context's device, or of a sub-device of that, in order
 * or out of order, and flushes it. The wait list and the event are as for
 * clEnqueueNDRangeKernel (`event` may be NULL); the caller releases the event. If an event of
 * the wait list fails, OpenCL terminates the call, and its outputs are not written.
 * LMS_E_ROW_PARAMS and LMS_E_ROW_INDEX: a record or an index on the host is bad. */
LMS_API lms_status lms_sampler_run(lms_sampler *sampler, cl_command_queue queue,
                                   const lms_sampler_run_args *batch, cl_uint num_wait,
                                   const cl_event *wait_list, cl_event *event);

/* clang-format off */
/* A batch whose data is all in host memory: shapes and rules as in lms_sampler_run_args, but
 * for the number of rows. Of a skipped row only token and status are written. */
typedef struct lms_sample_host_args {
    uint32_t rows;                /* any number: what is above max_rows, or needs more than
                                     a buffer of the device has, is done in parts            */
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
    const lms_tables *tables;     /* in: all on the host, also above table_bytes;
                                     NULL: nothing                                          */
    uint32_t append;              /* 1: as in lms_sampler_run_args: no slot is there twice,
                                     whatever the parts                                     */
    float *logprob_edited;        /* out: [rows]                                            */
    int32_t *rank_raw;            /* out: [rows]                                            */
    int32_t *rank_edited;         /* out: [rows]                                            */
    float *entropy_raw;           /* out: [rows]                                            */
    float *entropy;               /* out: [rows]                                            */
    int32_t *top_tokens;          /* out: [rows][top_stride]                                */
    float *top_values;            /* out: [rows][top_stride]                                */
    size_t top_stride;
    float *named_values;          /* out: [rows][named_stride]                              */
    size_t named_stride;
} lms_sample_host_args;
/* clang-format on */

/* lms_sampler_run for callers that have arrays on the host: runs on the context's queue and
 * waits. Where host and device share memory the logits are read in place, else copied. May
 * allocate.
 * What is wrong with any row's parameters, index or slot is said before anything is done. If
 * OpenCL fails, the outputs hold nothing of use: some rows may be written, and others not. */
LMS_API lms_status lms_sample_host(lms_sampler *sampler, const lms_sample_host_args *batch);

/* ---------------------------------------------------------------------------------------------
 * Row parameters
 */
/* Temperature 1, no filter. */
#define LMS_ROW_PARAMS_INIT                                                                    \
    {                                                                                          \
        0, 0, LMS_REQUEST_INIT, LMS_FILTERS_INIT, 0, 0, { 0, 0 }                               \
    }

/* The check that both doors make, but for what the record names of a call's tables and slots: 0
 * or the LMS_FIELD_... that is out of range. Uses no OpenCL; NULL is LMS_FIELD_RESERVED. */
LMS_API uint32_t lms_row_params_check(const lms_row_params *params);

/* The seed of row `row`, from 0, of a batch that `seed` names: for callers that have one seed
 * for many rows. The same seed in every row would give every row the same random numbers, and
 * seed + row would give neighbouring batches the same rows. The command line and the Python
 * package use it where one seed is given. Row 0 has `seed` itself, row r the r-th number of
 * SplitMix64 from the state mix(seed), modulo 2^64 throughout:
 *
 *     lms_row_seed(seed, 0) = seed
 *     lms_row_seed(seed, r) = mix(mix(seed) + r * 0x9E3779B97F4A7C15)
 *     mix(z):  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9
 *              z = (z ^ z >> 27) * 0x94D049BB133111EB
 *              mix = z ^ z >> 31
 */
LMS_API uint64_t lms_row_seed(uint64_t seed, uint64_t row);

/* Gives params[i], i < rows, the seed of row first_row + i, of which one is `seed` itself if
 * first_row is 0; touches nothing else of them. `params` may be NULL if `rows` is 0. */
LMS_API void lms_seed_rows(lms_row_params *params, size_t rows, uint64_t seed,
                           uint64_t first_row);

#ifdef __cplusplus
}
#endif

#include "lms_beam.h"
#include "lms_contrastive.h"
#include "lms_recording.h"
#include "lms_slots.h"

#endif /* LMSAMPLE_H */
