/* A batch, the ways to run it through the public API, and what the oracle expects of it.
 *
 * Every result is compared bit for bit. What no row may touch (the outputs of skipped rows,
 * what lies before, between and behind the rows) is filled with a pattern and compared as well.
 */
#ifndef LMSAMPLE_TESTS_BATCH_H
#define LMSAMPLE_TESTS_BATCH_H

#include <stdbool.h>

#include "gen.h"
#include "lmsample.h"
#include "requests.h"

/* Outputs of a batch without requests; one that has some has LMS_OUT_ALL. */
#define BATCH_OUT_ALL (LMS_OUT_LOGPROB_RAW | LMS_OUT_LOGPROB | LMS_OUT_KEPT | LMS_OUT_PROBS)
#define BATCH_UNTOUCHED 0xa5a5a5a5u /* bits of an output element that was not written */

/* What is sampled. */
typedef struct batch {
    uint32_t vocab;
    uint32_t rows;
    uint32_t logits_rows;
    lms_dtype dtype;
    const char **names;     /* [logits_rows], for messages */
    float *logits;          /* [logits_rows][vocab], as the oracle reads them */
    void *stored;           /* the same as the device reads them: logits, or 16-bit patterns */
    lms_row_params *params; /* [rows] */
    int32_t *index;         /* [rows] */
    uint32_t *uniforms;     /* [rows][uniforms_per_row][4] or NULL */
    uint32_t uniforms_per_row;
    requests *requests; /* what rows name, or NULL; slots are named from 1 on */
} batch;

/* How the rig gets slots to what they are. */
typedef enum batch_slots {
    BATCH_SLOTS_OPEN,      /* opened with all of it, from the host */
    BATCH_SLOTS_DEVICE,    /* ... from the device, with tokens among it that are none */
    BATCH_SLOTS_APPEND,    /* opened with the prompt, then appended to by turns */
    BATCH_SLOTS_ROLL_BACK, /* too much is appended, and taken back */
    BATCH_SLOTS_FORK,      /* of another one, which is appended to and closed */
    BATCH_SLOTS_WAYS
} batch_slots;

/* How it is run; all zeros is good. None of it may show in a result. */
typedef struct batch_way {
    uint32_t work_items;
    lms_token_type tokens;
    uint32_t not_wanted; /* LMS_OUT_... left out */
    uint32_t
        stride_pad;  /* poisoned elements behind every row of logits, sentinels behind probs */
    uint32_t offset; /* elements before all arrays */
    uint32_t spare_rows; /* of the sampler beyond the batch's */
    uint32_t per_call;   /* rows of one call, several of them in flight; 0 = all */
    bool params_on_device;
    bool index_on_device;
    bool out_of_order; /* on a queue of that kind */
    bool tables_on_device;
    batch_slots slots;
    uint32_t other_slots; /* opened before, so that slots and pages are others */
    bool append;          /* tokens are appended to slots, which is looked at behind the call */
} batch_way;

/* Results, tightly packed. NULL where they were not wanted. Floats as bits, every NaN as
 * 0x7fc00000. */
typedef struct batch_out {
    int64_t *token;
    uint32_t *status;
    uint32_t *logprob_raw;
    uint32_t *logprob;
    uint32_t *kept;
    uint32_t *probs;
    uint32_t *logprob_edited;
    uint32_t *rank_raw;
    uint32_t *rank_edited;
    uint32_t *entropy_raw;
    uint32_t *entropy;
    uint32_t *top_tokens;
    uint32_t *top_values;
    uint32_t *named_values;
} batch_out;

/* All of them but the token. */
#define BATCH_OUTPUTS 13u
typedef struct batch_output {
    size_t member; /* of batch_out */
    size_t view;   /* of lms_sampler_run_args */
    const char *name;
    uint32_t wanted; /* LMS_OUT_...; 0: always */
    bool floats;
} batch_output;
extern const batch_output batch_outputs[BATCH_OUTPUTS];

uint32_t **batch_member(batch_out *out, size_t output);
const uint32_t *batch_values(const batch_out *out, size_t output);
size_t batch_columns(const batch *b, size_t output);         /* elements of a row */
uint32_t batch_wanted(const batch *b, const batch_way *way); /* LMS_OUT_... */
/* Of floats as bits: any NaN is as good as another. */
uint32_t batch_one_nan(uint32_t bits);

/* A batch of `rows` rows that read `logits_rows` rows in turn, with LMS_ROW_PARAMS_INIT. */
batch *batch_new(uint32_t vocab, uint32_t rows, uint32_t logits_rows, lms_dtype dtype);
void batch_free(batch *b);

/* Stores a row in the batch's type; the oracle's logits follow. */
void batch_set_logits(batch *b, uint32_t logits_row, const float *x, const char *name);
/* For 16-bit types: the patterns themselves. */
void batch_set_patterns(batch *b, uint32_t logits_row, const uint16_t *patterns,
                        const char *name);
/* Row r becomes `from`'s row: logits row, parameters, words. */
void batch_copy_row(batch *b, uint32_t r, const batch *from, uint32_t from_row);

/* One logits row of every kind, each read by `per_kind` rows with parameters of all turns from
 * *turn on, which is moved on. */
batch *batch_of_all_kinds(uint32_t vocab, uint32_t per_kind, lms_dtype dtype, uint32_t *turn,
                          uint64_t *state);

/* The results by the oracle. */
batch_out *batch_expect(const batch *b);
/* The results by the device. Fails the test if the call fails or something was touched. */
batch_out *batch_run(lms_context *ctx, const batch *b, const batch_way *way);
void batch_out_free(batch_out *out);

/* Rows in which two results differ, where both have an output; tells the first few in a form
 * from which they can be made again. `what` names the comparison. */
uint32_t batch_differences(const batch *b, const batch_out *expected, const batch_out *actual,
                           const char *what);
/* Row `r` of one against row `s` of another, of batches of the same shape. */
bool batch_same_row(const batch *of, const batch_out *a, uint32_t r, const batch_out *b,
                    uint32_t s);
/* The row as the oracle has it, if the batch has requests. */
void batch_expect_request(const batch *b, uint32_t r, batch_out *out);
/* Prints what a row names. */
void batch_tell_request(const batch *b, uint32_t r);

/* batch_run and batch_differences, as an assertion. Outputs that tell what is kept need each
 * row's cut, and without them a token is drawn in another way: where the way has such, both are
 * run. The second one has one output left, so that it is the same program. */
void batch_check(lms_context *ctx, const batch *b, const batch_way *way,
                 const batch_out *expected);

/* Rows that batch_differences has compared so far. */
uint64_t batch_compared(void);

#endif
