/* cases.h - what is measured: strategies, and the settings they are measured in. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "lmsample.h"
#include "shapes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The strategies a row can have, then a batch that has all of them in turn, then what plain C
 * does on the same logits (arithmetic.h). */
enum {
    ROW_STRATEGIES = 11,
    EVERY_ROW_DIFFERENT = ROW_STRATEGIES,
    TILE_MAXIMA,
    ROW_MASS,
    SUBJECTS
};
#define HEAVY_STRATEGY 6u /* of batches with one flat row: top-p 0.9 */

/* The name by which a subject is chosen. */
const char *subject_name(unsigned subject);
/* As results have them: the strategy, and who carried it out. */
const char *subject_strategy(unsigned subject);
const char *subject_who(unsigned subject);
/* The strategy of a row of a batch. */
unsigned row_strategy(unsigned subject, size_t row);
void set_strategy(lms_row_params *params, unsigned which);

/* All subjects of a setting are measured in turn, on the same logits. */
typedef struct setting {
    bench_shape shape;
    uint32_t rows;
    uint32_t vocab;
    lms_dtype dtype;
    bool rotated;      /* else: the logits have just been written */
    uint32_t subjects; /* 1 << subject, or-ed */
} setting;

#define ALL_SUBJECTS ((1u << SUBJECTS) - 1u)
/* For sweeps: greedy, temperature, top-k 50, top-p 0.9, every row different. */
#define FEW_SUBJECTS (1u | 1u << 1 | 1u << 3 | 1u << 6 | 1u << EVERY_ROW_DIFFERENT)

enum {
    LIST_MOST = 64
};

/* The values chosen for one quantity. */
typedef struct choice {
    uint32_t values[LIST_MOST];
    unsigned count; /* 0: none chosen */
} choice;

/* Of a contrastive search: requests, positions of each context, elements of a state, candidates
 * of a request. */
typedef struct contrastive_size {
    uint32_t requests;
    uint32_t context;
    uint32_t width;
    uint32_t k;
} contrastive_size;

typedef struct contrastive_sizes {
    contrastive_size sizes[LIST_MOST];
    unsigned count; /* 0: none chosen */
} contrastive_sizes;

typedef struct selection {
    choice rows;
    choice vocabs;
    choice dtypes;
    choice shapes;
    uint32_t real_vocab; /* of SHAPE_REAL; 0: there are no such rows */
    uint32_t subjects;   /* 0: none chosen */
    bool full;
    bool fresh; /* logits that have just been written */
    bool beam;  /* beam search instead, beam_cases.h */
    choice beams;
    uint32_t beam_modes; /* 0: none chosen */
    bool contrastive;    /* contrastive search instead, contrastive_cases.h */
    contrastive_sizes contrasts;
    bool requests; /* requests instead, request_cases.h */
    choice request_cases;
    bool serve; /* a simulation of serving instead, serve.h */
    double serve_seconds;
} selection;

/* The values that the full matrix has. */
extern const choice all_rows, all_vocabs, all_dtypes, all_shapes;

typedef struct plan {
    setting *settings;
    size_t count;
    uint32_t real_vocab;
} plan;

bool is_selected(const selection *s);
/* The settings, in the order in which they are to be measured. */
plan make_plan(const selection *s);
void plan_free(plan *p);

#endif
