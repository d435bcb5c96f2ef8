/* explain.h - what the parameters do to one row of logits: the chain of filters, each stage
 * computed by the library, and how it is shown. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "output.h"
#include "sampling.h"
#include "vocabulary.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum color_mode {
    COLOR_AUTO,
    COLOR_ALWAYS,
    COLOR_NEVER
} color_mode;

typedef struct explain_options {
    sampling_options sampling;
    const char *logits;
    const char *prompt;
    const char *model;
    const char *vocabulary;
    const char *svg;
    const char *output;
    uint64_t row;
    uint32_t top; /* tokens of the head */
    bool has_row;
    bool as_bfloat16;
    bool is_json;
    color_mode color;
} explain_options;

/* --- One row of logits ------------------------------------------------------------------- */

typedef struct explain_row {
    char *title; /* such as "row 3 of logits.npy"; may hold any bytes */
    uint32_t vocab;
    lms_dtype type;
    void *logits;
    lm_model *model;   /* or NULL */
    vocabulary *texts; /* or NULL */
} explain_row;

int explain_row_open(explain_row *row, const explain_options *options);
void explain_row_close(explain_row *row);

/* The logit of each token as a float, exactly. */
void explain_row_floats(const explain_row *row, float *logits);

/* --- The chain --------------------------------------------------------------------------- */

typedef enum stage_kind {
    STAGE_SOFTMAX,
    STAGE_TEMPERATURE,
    STAGE_MIN_P,
    STAGE_TOP_K,
    STAGE_TOP_P,
    STAGE_GREEDY,
    STAGE_KINDS
} stage_kind;

/* Temperature and all filters on all that went before. */
typedef struct stage {
    stage_kind kind;
    char label[40]; /* such as "min-p 0.05" */
    lms_row_params params;
    uint32_t kept;
    uint32_t removed;           /* by this stage */
    double removed_probability; /* of what was left before it */
    double reached;     /* top-p: what the kept tokens have of its base; top-k, min-p: the
                         least probability that is kept, of what was left before */
    double threshold;   /* min-p: the least that would be kept; top-p: what must be reached */
    double entropy;     /* in nats */
    const float *probs; /* by token */
} stage;

typedef struct explanation {
    const explain_row *row;
    uint64_t number;       /* of the row in its file */
    uint64_t seed;         /* of all rows there, as it was given */
    lms_row_params params; /* of the row, with its own seed */
    uint32_t live;         /* tokens that can be drawn */
    uint32_t nans;         /* logits that are NaN */
    uint32_t infinites;    /* ... that are +inf */
    int32_t drawn;         /* token, or LMS_NO_TOKEN */
    size_t stage_count;
    stage stages[STAGE_KINDS];
    int32_t *order;  /* tokens by rank; those that are never drawn come last */
    float *logits;   /* by token */
    double *sums[2]; /* by rank: the probability up to it, before and after */
    float *probs;
} explanation;

extern const char *const stage_names[STAGE_KINDS]; /* "min-p" */

int explain_compute(explanation *e, const explain_row *row, const explain_options *options);
void explain_free(explanation *e);

const stage *explain_last(const explanation *e);

/* The stage that removed the token of a rank (from 0), or NULL. */
const stage *explain_removed_by(const explanation *e, uint32_t rank);

/* The rank of a token, from 0. */
uint32_t explain_rank(const explanation *e, int32_t token);

/* e^entropy: how many equally probable tokens would be as uncertain. */
double explain_choices(const stage *s);

/* --- What is shown ------------------------------------------------------------------------ */

typedef struct item {
    enum {
        ITEM_TOKEN,
        ITEM_CUT, /* a stage's, before the token of the rank */
        ITEM_GAP  /* tokens left out, from the rank on */
    } kind;
    uint32_t rank;
    uint32_t count; /* of a gap */
    const stage *cut;
} item;

/* The head, the tokens around each cut, and gaps between. NULL where memory is out. */
item *explain_layout(const explanation *e, uint32_t top, size_t *count);

/* What the tokens of a gap have before, together. */
double explain_gap(const explanation *e, const item *gap);

/* The largest probability there is, before or after. */
double explain_scale(const explanation *e);

enum {
    EXPLAIN_TEXT = 512 /* bytes that hold a displayed token or reason */
};

/* What decided a stage's cut, such as "below 0.05 x 31.2% = 1.56%". */
void explain_reason(const stage *s, const explanation *e, bool is_unicode, char *text,
                    size_t size);

/* What names the random numbers: "seed 1, step 0", or, of row 3, "seed 1, row 3, step 0". */
const char *explain_draw(const explanation *e, char text[96]);

/* "31.2%", at most 7 columns. */
const char *explain_percent(double probability, char text[16]);

/* The same with its decimal point in one column for all of the picture; 7 columns at most. */
const char *explain_aligned(const explanation *e, double probability, char text[16]);

/* A number of choices or nats with three digits or more. */
const char *explain_number(double number, char text[32]);

int explain_print_text(const explanation *e, const explain_options *options, output *out);
int explain_print_json(const explanation *e, const explain_options *options, output *out);
int explain_print_svg(const explanation *e, const explain_options *options, output *out);

#endif
