/* Hidden states and records of parameters that strain contrastive search, from a seed. */
#ifndef LMSAMPLE_TESTS_CONTRASTIVE_GEN_H
#define LMSAMPLE_TESTS_CONTRASTIVE_GEN_H

#include "lmsample.h"

#define STATE_KINDS(X)                                                                         \
    X(NORMAL)     /* sigma 1 */                                                                \
    X(CROWDED)    /* a little off the request's own direction: all cosines near 1 */           \
    X(DIRECTION)  /* the request's own direction: repeated states, cosines of 1 */             \
    X(OPPOSITE)   /* its negative */                                                           \
    X(SCALED)     /* that or its negative, times a power of two */                             \
    X(COARSE)     /* -1, 0 and 1: equal cosines */                                             \
    X(UNIT)       /* one element that is not 0: cosines of exactly 0 and 1 */                  \
    X(OUTLIER)    /* one element far larger than the others */                                 \
    X(ZERO)       /* +0 and -0 */                                                              \
    X(HUGE_ONES)  /* as large as the type allows */                                            \
    X(TINY_ONES)  /* as small as the type allows, subnormals among them */                     \
    X(SUBNORMAL)  /* of float32 and bfloat16: nothing but subnormals */                        \
    X(MIXED)      /* exponents from everywhere */                                              \
    X(ANY_FINITE) /* any finite bit pattern */

typedef enum state_kind {
#define STATE_ENUM(name) STATE_##name,
    STATE_KINDS(STATE_ENUM)
#undef STATE_ENUM
    STATE_KIND_COUNT
} state_kind;

const char *state_name(state_kind kind);

/* Fills x[0..width) with a finite state; `direction` names the request's own direction. */
void state_fill(state_kind kind, uint64_t direction, float *x, uint32_t width, lms_dtype dtype,
                uint64_t *state);
/* Makes one of its elements NaN or infinite. */
void state_spoil(float *x, uint32_t width, uint64_t *state);

/* What a request may at most be. */
typedef struct contrastive_limits {
    uint32_t vocab;
    uint32_t k;
    uint32_t length;
} contrastive_limits;

/* Good parameters. */
void contrastive_gen(lms_contrastive_params *p, const contrastive_limits *limits,
                     uint64_t *state);

/* One line from which the record can be made again. */
void contrastive_gen_tell(const lms_contrastive_params *p);

#endif
