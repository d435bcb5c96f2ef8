/*
 * The oracle of requests: sections 25 to 28 of docs/reference/specification.md as plain scalar
 * C. Written from that page alone: it looks at everything there is, for every token anew.
 *
 * Compile with -ffp-contract=off, as oracle.c.
 */
#ifndef LMSAMPLE_TESTS_ORACLE_EDITS_H
#define LMSAMPLE_TESTS_ORACLE_EDITS_H

#include <stddef.h>

#include "lms_abi.h"
#include "oracle.h"

/* c_0 .. c_(length-1) of section 25; all of them are in 0 .. V-1. */
typedef struct oracle_sequence {
    const int32_t *tokens;
    uint32_t length;
    uint32_t prompt;  /* at most length */
    uint32_t ignored; /* at most prompt */
} oracle_sequence;

/* What records name by number: lists, 1 + an entry of them; as in lms_tables. */
typedef struct oracle_lists {
    uint32_t count;
    const uint32_t *offsets; /* [count + 1] */
    const int32_t *ids;
    const float *values; /* may be NULL: no list has values */
    size_t entries;
} oracle_lists;

/* What a row's edits are made of. All-zero is nothing. */
typedef struct oracle_request {
    const lms_row_edits *edits; /* NULL: none */
    oracle_sequence sequence;   /* empty without a slot */
    const oracle_lists *lists;  /* may be NULL where the record names none */
    const void *mask;           /* a row of LMS_MASK_BITS or _BYTES; NULL: none */
    uint32_t mask_type;
    uint32_t mask_columns;
    const float *unconditional; /* a row of `vocab` logits; NULL: none */
    float temperature;          /* for LMS_ADDITIVE_TEMPERED */
} oracle_request;

/* One list of a record; `named` is 1 + its number, 0 = none (which is an empty one). */
typedef struct oracle_list {
    const int32_t *ids;
    const float *values;
    uint32_t count;
} oracle_list;

oracle_list oracle_list_of(const oracle_lists *lists, uint32_t named);
bool oracle_list_has(const oracle_list *list, uint32_t token);
/* A list of sequences, one after another: the next one from entry *at on, which is moved behind
 * its end; false behind the last. `value` may be NULL. */
bool oracle_next_sequence(const oracle_list *list, uint32_t *at, oracle_list *one,
                          float *value);
/* All but the last token of `one` are the last ones of the sequence (section 26, step 3). */
bool oracle_sequence_matches(const oracle_sequence *s, const oracle_list *one, uint32_t most);

float oracle_tidy(float x);
float oracle_power(float base, uint32_t exponent);
float oracle_repeated(float x, float repetition); /* of a logit that is tidy */

/* The `vocab` floats that sections 1 to 11 read in the place of the stored logits. */
void oracle_edit(const oracle_request *r, const float *logits, uint32_t vocab, float *x);
bool oracle_is_banned(const oracle_request *request, uint32_t token);
/* DRY's longest n of a token, or -1 if none applies. */
int64_t oracle_dry_length(const oracle_request *request, uint32_t token);
/* What is subtracted for such an n. */
float oracle_dry_penalty(const lms_row_edits *e, uint32_t n);
float oracle_edited_top_p(const oracle_request *request, float top_p);
uint64_t oracle_edited_step(const oracle_request *request, uint64_t step);

#endif
