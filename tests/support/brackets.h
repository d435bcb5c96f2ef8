/* Questions about bounds of masses, and whether the answers are right, by the oracle. The
 * device's side is in ../inside/: brackets.cl answers, test_brackets.c asks. */
#ifndef LMSAMPLE_TESTS_BRACKETS_H
#define LMSAMPLE_TESTS_BRACKETS_H

#include "lmsample.h"

#include "bracket_records.h"
#include "oracle.h"

#define BRACKET_VOCAB (BRACKET_TILES * ORACLE_TILE)
#define BRACKET_GROUPS (BRACKET_TILES * 8u)

/* A row, and what the oracle knows of it. */
typedef struct bracket_row {
    const char *name;
    uint64_t seed;
    oracle_row *row;
    uint64_t *before; /* by rank: the mass of those that rank before */
    int32_t group_key[BRACKET_GROUPS];
    uint32_t group_weight[BRACKET_GROUPS];
    uint32_t rank[BRACKET_TOKENS];
} bracket_row;

/* How much was used of what bounds allow, at most; and how often they decided. */
typedef struct bracket_tally {
    double pass[2], others; /* a rough pass, a finer one; groups that are not looked into */
    const char *pass_name[2], *others_name;
    unsigned long rows, views, decided[2]; /* cut, kept */
} bracket_tally;

uint32_t bracket_vocab(uint64_t *state); /* in [1, BRACKET_VOCAB] */

/* Stores a row in a type; x is what is read back. Returns the end of it. */
void *bracket_store(lms_dtype dtype, void *to, float *x, uint32_t vocab);

/* Fills `a` and the question, which has its place, vocab and temperature. */
void bracket_ask(bracket_row *a, const float *x, bracket_question *q, uint64_t *state);
void bracket_row_free(bracket_row *a);

/* Fails the test if an answer is wrong. */
void bracket_check(const bracket_row *a, const bracket_question *q,
                   const bracket_answer *answer, bracket_tally *tally);

#endif
