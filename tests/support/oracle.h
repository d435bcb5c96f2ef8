/*
 * The oracle: docs/reference/specification.md as plain scalar C, one row at a time.
 *
 * It is written from that page alone and shares no arithmetic with the kernels, so that an
 * agreement of the two means something. Section numbers below are those of that page.
 *
 * Compile with -ffp-contract=off: every fl(...) of the specification is one rounding.
 */
#ifndef LMSAMPLE_TESTS_ORACLE_H
#define LMSAMPLE_TESTS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#define ORACLE_TILE 256u
#define ORACLE_GROUP 32u
#define ORACLE_W 29
#define ORACLE_GUARD 13
#define ORACLE_ROUND 32u
#define ORACLE_ATTEMPTS 4096u
#define ORACLE_VOCAB_MAX 1048576u

enum {
    ORACLE_TEMPERATURE_LAST = 1,
    ORACLE_MIN_P_LAST = 2,
    ORACLE_TOP_P_WHOLE_ROW = 4,
    ORACLE_TOP_K_TIES = 8
};

enum {
    ORACLE_OK = 0,
    ORACLE_EMPTY = 1,
    ORACLE_SKIPPED = 2,
    ORACLE_BAD_PARAMS = 3,
    ORACLE_BAD_INDEX = 4,
    ORACLE_UNIFORMS_SPENT = 5,
    ORACLE_SAW_NAN = 0x10000,
    ORACLE_SAW_INF = 0x20000
};

/* A row's parameters, laid out as in lms_row_params. What a request names is looked at by
 * oracle_edits.h; a row of oracle_prepare has no request. */
typedef struct oracle_params {
    uint64_t seed; /* the Philox key; read by oracle_sample only */
    uint64_t step; /* counter words 2 and 3; read by oracle_sample only */
    uint64_t slot; /* from here on 0 */
    uint32_t edits;
    uint32_t mask;
    uint32_t unconditional;
    uint32_t request_reserved;
    float temperature; /* 0 is greedy; else in [2^-64, 2^64] */
    float top_p;       /* <= 0 is greedy, >= 1 is off */
    float min_p;       /* <= 0 is off, > 1 is bad */
    int32_t top_k;     /* <= 0 and >= vocab are off */
    uint32_t flags;    /* ORACLE_TEMPERATURE_LAST | ... */
    uint32_t rules;    /* must be 0, and what follows too */
    uint32_t wants;
    uint32_t target;
    uint32_t reserved[2];
} oracle_params;

typedef struct oracle_result {
    int64_t token;     /* -1 without a token */
    uint32_t status;   /* section 10 */
    int64_t kept;      /* 0 without a token */
    float logprob_raw; /* NaN without a token */
    float logprob;     /* NaN without a token */
    uint32_t attempts; /* attempts looked at, the accepted one included; 0 if greedy */
} oracle_result;

/* hi (h), lo (c) and hugeness of section 3, of a logit at a scale; h, c and M are 0 if huge. */
typedef struct oracle_split {
    bool huge;
    float h;
    float c;
    int64_t m;
} oracle_split;

/* One tile, measured at one scale (sections 3 and 4). */
typedef struct oracle_tile {
    bool live;
    bool counts;         /* takes part in total and in E */
    oracle_split split;  /* of top */
    float top;           /* x_t; unset if the tile is not live */
    uint64_t shift;      /* d_t; 0 for tiles that do not count */
    uint64_t weight_sum; /* S_t */
} oracle_tile;

/* A whole row, measured at one scale. */
typedef struct oracle_measure {
    float scale;
    bool huge;
    int64_t top_exponent; /* R; 0 if huge */
    uint64_t total;
    oracle_tile *tiles;
    uint32_t *weights; /* per token */
} oracle_measure;

typedef struct oracle_row oracle_row;

/* --- single steps of the specification --- */

float oracle_from_half(uint16_t pattern);
float oracle_from_bfloat16(uint16_t pattern);
uint32_t oracle_bits(float x);
float oracle_float(uint32_t bits);
bool oracle_is_dead(float x);
int32_t oracle_key(float x);      /* of a live token */
float oracle_scale(float t);      /* log2(e) / t, t in [2^-64, 2^64] */
float oracle_reciprocal(float t); /* 1 / t, t positive and normal */
uint64_t oracle_lg(uint64_t n);   /* log2(n) * 2^32, n >= 1 */
void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
oracle_split oracle_split_at(float x, float scale);
/* z clamped as in section 3, and its weight; of a live token in a tile that is not huge */
uint32_t oracle_weight_of_z(float z, float c);
uint32_t oracle_weight(float x, float scale, const oracle_split *split);
uint64_t oracle_bound(uint32_t group_weight); /* bound of section 5 */
uint64_t oracle_mass(uint32_t weight, uint64_t shift);
/* a * 2^b == x with the smallest a that is an integer in [1, 2^24); x positive and finite */
void oracle_decompose(float x, uint32_t *a, int *b);
/* 0, or BAD_PARAMS with the field: of a row without a request */
uint32_t oracle_check_params(const oracle_params *p);

/* --- a row --- */

/* Everything but the draw. NULL if vocab is not in [1, ORACLE_VOCAB_MAX] or memory is out. */
oracle_row *oracle_prepare(const float *logits, uint32_t vocab, const oracle_params *p);
void oracle_row_free(oracle_row *row);

/*
 * One draw. `uniforms` NULL takes Philox with seed and step; otherwise the row's own words,
 * four for each of `uniform_attempts` attempts (those past ORACLE_ATTEMPTS are not read).
 */
void oracle_draw(const oracle_row *row, uint64_t seed, uint64_t step, const uint32_t *uniforms,
                 uint32_t uniform_attempts, oracle_result *out);

/* Prepare, draw with p->seed and p->step, free. False if prepare failed. */
bool oracle_sample(const float *logits, uint32_t vocab, const oracle_params *p,
                   const uint32_t *uniforms, uint32_t uniform_attempts, oracle_result *out);

/*
 * Section 9, the whole row: `vocab` floats. A draw that ended as UNIFORMS_SPENT has all zeros
 * instead; this function cannot know of it.
 */
void oracle_probs(const oracle_row *row, float *probs);

/* What a draw that took no uniforms would have as status (never UNIFORMS_SPENT). */
uint32_t oracle_row_status(const oracle_row *row);
uint32_t oracle_row_vocab(const oracle_row *row);
float oracle_row_logit(const oracle_row *row, uint32_t token); /* -0 read as +0 */
uint32_t oracle_row_live(const oracle_row *row);
bool oracle_row_greedy(const oracle_row *row);
bool oracle_row_filtered(const oracle_row *row); /* a filter of section 6 is active */
/* The live tokens in the order of section 1; the first oracle_row_kept() of them are kept. */
const uint32_t *oracle_row_order(const oracle_row *row);
uint32_t oracle_row_kept(const oracle_row *row);
bool oracle_row_is_kept(const oracle_row *row, uint32_t token);
/* How many tokens each filter alone keeps; the number of live tokens if it is not active. */
uint32_t oracle_row_top_k(const oracle_row *row);
uint32_t oracle_row_min_p(const oracle_row *row);
uint32_t oracle_row_top_p(const oracle_row *row);
/* At scale(T), or at scale(1) if greedy or if `at_one`. */
const oracle_measure *oracle_row_measure(const oracle_row *row, bool at_one);
uint64_t oracle_measure_mass(const oracle_measure *measure, uint32_t token);
uint64_t oracle_row_kept_mass(const oracle_row *row); /* section 9; 0 if greedy */
float oracle_row_logprob_raw(const oracle_row *row, uint32_t token);
float oracle_row_logprob(const oracle_row *row, uint32_t token);
/*
 * w * E'_t / E_t of a kept token, 0 of another: the unnormalised distribution of the draws of
 * the first round, in which groups of a small tile are rounded together. In later rounds E'_t
 * and E_t are those of fewer groups, which moves it by less than a unit for each tile.
 */
long double oracle_row_draw_mass(const oracle_row *row, uint32_t token);
/* Of the first round: E, and bound_g of a group, which is 0 if it is not in reach. */
uint64_t oracle_row_envelope(const oracle_row *row);
uint64_t oracle_row_group_bound(const oracle_row *row, uint32_t group);

#endif
