/*
 * The oracle of beam search: sections 12 to 17 of docs/reference/specification.md as plain
 * scalar C, one request at a time. It uses the oracle of rows (oracle.h) for sections 1 to 8
 * and, like that, is written from the specification alone. Everything is a full scan or a sort.
 */
#ifndef LMSAMPLE_TESTS_ORACLE_BEAM_H
#define LMSAMPLE_TESTS_ORACLE_BEAM_H

#include <stddef.h>

#include "lms_abi.h"
#include "oracle.h"

#define ORACLE_BEAM_FLOOR (-(INT64_C(1) << 62))
#define ORACLE_BEAM_NONE INT64_MIN /* the score of no beam */

/* --- single steps of the specification --- */

int64_t oracle_beam_gap(float top, float x, float temperature); /* of live logits */
int64_t oracle_beam_norm(const oracle_row *row, uint64_t mass); /* mass > 0, at scale(T) */
int64_t oracle_beam_exponential(uint64_t word);                 /* -ln of a uniform */
float oracle_beam_exp2(int64_t z);                              /* z in units of 2^-32 */
int64_t oracle_beam_ln(float tau);                              /* of a float, section 15 */
uint64_t oracle_beam_power(uint32_t fraction);                  /* root(f) of section 16 */
float oracle_beam_float(int64_t score);                         /* in nats */

/* sign * mantissa * 2^exponent, in units of 2^-32 nat; mantissa >= 2^63, or all are 0 */
typedef struct oracle_rating {
    int sign;
    uint64_t mantissa;
    int32_t exponent;
} oracle_rating;

oracle_rating oracle_rating_of(int64_t score);
oracle_rating oracle_beam_rate(int64_t score, uint64_t length, float p); /* s / length^p */
int oracle_rating_compare(oracle_rating a, oracle_rating b);             /* < 0, 0, > 0 */
float oracle_rating_float(oracle_rating rating);      /* in nats, for people */
long double oracle_rating_nats(oracle_rating rating); /* exactly */

/* What one beam offers: section 13. */
typedef struct oracle_offers {
    oracle_row *row;   /* without what is suppressed */
    oracle_row *whole; /* with that; NULL if nothing is suppressed */
    bool *eligible;    /* per token */
    uint32_t count;    /* of eligible tokens */
    uint32_t seen;     /* ORACLE_SAW_NAN | ORACLE_SAW_INF, of the whole row */
    uint64_t e_total;  /* `eligible` of section 13 */
    oracle_row *base;  /* the row of section 12: one of the two */
    int64_t norm;      /* what a token's logprob has beside its gap; 0 for an empty row */
} oracle_offers;

/* Of a beam with `t` tokens. False if memory is out. */
bool oracle_offers_make(oracle_offers *offers, const lms_beam_params *p, const int32_t *ends,
                        uint32_t t, const float *logits, uint32_t vocab);
void oracle_offers_free(oracle_offers *offers);
int64_t oracle_offers_logprob(const oracle_offers *offers, uint32_t token); /* eligible */

/* --- a request --- */

typedef struct oracle_beam oracle_beam;

typedef struct oracle_beam_move {
    int32_t parent; /* a beam of the request; its own where the beam does not go on */
    int32_t token;  /* LMS_NO_TOKEN where it does not */
    int64_t score;  /* ORACLE_BEAM_NONE for no beam */
} oracle_beam_move;

typedef struct oracle_beam_result {
    uint32_t length;
    oracle_rating rating; /* what results are ordered by */
    int64_t score;        /* the sum of logprobs, less diversity penalties */
    int32_t *tokens;      /* [length] */
    int32_t *beams;       /* [length], the beam that each token continued */
    int64_t *logprobs;    /* [length] */
} oracle_beam_result;

/* Parameters must be good, end tokens in the vocabulary. NULL if memory is out. */
oracle_beam *oracle_beam_new(const lms_beam_params *p, const int32_t *ends, uint32_t vocab);
void oracle_beam_free(oracle_beam *beam);

/* Whether the next step looks at the row of beam n. */
bool oracle_beam_reads(const oracle_beam *beam, uint32_t n);
bool oracle_beam_done(const oracle_beam *beam);
/* The sequence of beam n: its length; tokens (if not NULL) need room for that many. */
uint32_t oracle_beam_sequence(const oracle_beam *beam, uint32_t n, int32_t *tokens);
/* Its score; ORACLE_BEAM_NONE for no beam. */
int64_t oracle_beam_score(const oracle_beam *beam, uint32_t n);
/* Its value: the perturbed score of LMS_BEAM_STOCHASTIC. */
int64_t oracle_beam_value(const oracle_beam *beam, uint32_t n);

/* One step: beam n's logits are at logits + n * stride. Writes `width` moves and returns the
 * status. Runs out of memory by ending the program. */
uint32_t oracle_beam_step(oracle_beam *beam, const float *logits, size_t stride,
                          oracle_beam_move *moves);

/* The best results, at most params.results; returns how many. They belong to the request and
 * are good until the next call. */
uint32_t oracle_beam_results(oracle_beam *beam, const oracle_beam_result **results);

#endif
