/* Rows of logits and records of parameters that strain the kernels, from a seed. */
#ifndef LMSAMPLE_TESTS_GEN_H
#define LMSAMPLE_TESTS_GEN_H

#include "lmsample.h"

#define GEN_ROWS(X)                                                                            \
    X(NORMAL_TINY)  /* sigma 0.01 */                                                           \
    X(NORMAL_ONE)   /* sigma 1 */                                                              \
    X(NORMAL_FIVE)  /* sigma 5 */                                                              \
    X(NORMAL_WIDE)  /* sigma 50 */                                                             \
    X(ONE_HOT)      /* one token far above equal others */                                     \
    X(EQUAL)        /* all the same */                                                         \
    X(THREE_VALUES) /* three different logits, at random */                                    \
    X(DEAD)         /* all -inf */                                                             \
    X(ALL_NAN)                                                                                 \
    X(NAN_LACED)      /* a tenth NaN of all signs and payloads */                              \
    X(PLUS_INF)       /* a few +inf, -inf and NaN among others */                              \
    X(MASKED)         /* nearly all -inf */                                                    \
    X(LAST_ONLY)      /* the last token lives */                                               \
    X(ONE_TILE)       /* one tile lives */                                                     \
    X(LADDER)         /* evenly falling, in a random direction */                              \
    X(HUGE_SCALE)     /* around 1e30, both signs */                                            \
    X(HUGE_NEGATIVE)  /* all around -1e30 */                                                   \
    X(HUGE_EDGE)      /* times log2(e) around 2^40, both sides */                              \
    X(SUBNORMAL)      /* subnormals of both signs */                                           \
    X(ZEROS)          /* +0 and -0 */                                                          \
    X(ZEROS_AND_LESS) /* +0 and -0 with a few tiny and a few negative ones */                  \
    X(HEAD_TAIL)      /* one token 12 to 20 above a long tail */                               \
    X(HEAVY_TAIL)     /* -ln of a power of the rank, shuffled */                               \
    X(NEIGHBOURS)     /* floats next to each other */                                          \
    X(STEEP_TILES)    /* every tile octaves below another */                                   \
    X(FALLING_TILES)  /* every tile a little below the one before */                           \
    X(COARSE)         /* normal, rounded to bfloat16: many ties */                             \
    X(ANY_FINITE)     /* any finite bit pattern */                                             \
    X(ANY_BITS)       /* any bit pattern at all */

typedef enum gen_kind {
#define GEN_ENUM(name) GEN_##name,
    GEN_ROWS(GEN_ENUM)
#undef GEN_ENUM
    GEN_KINDS
} gen_kind;

const char *gen_name(gen_kind kind);
void gen_row(gen_kind kind, float *x, uint32_t vocab, uint64_t *state);

/* The nearest stored pattern; NaN stays NaN, too large becomes infinite. */
uint16_t gen_to_half(float x);
uint16_t gen_to_bfloat16(float x);

uint32_t gen_below(uint32_t end, uint64_t *state); /* in [0, end) */

/* Good parameters: filters by the bits of `turn` (1 top-k, 2 top-p, 4 min-p, the next four the
 * flags), their values from lists of edges and at random. */
void gen_params(lms_row_params *p, uint32_t turn, uint32_t vocab, uint64_t *state);

/* Parameters with at least one bad field, and often more than one. */
void gen_hostile(lms_row_params *p, uint64_t *state);

/* One or more fields are not 0 that have to be, as in a record of a later version. */
void gen_early(lms_row_params *p, uint64_t *state);

#endif
