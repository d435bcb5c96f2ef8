/* What the rows of a call name, as the oracle has it, and section 10's checks of it. */
#ifndef LMSAMPLE_TESTS_ORACLE_TABLES_H
#define LMSAMPLE_TESTS_ORACLE_TABLES_H

#include "oracle_edits.h"

typedef struct oracle_tables {
    uint32_t slot_count; /* slots are named 1 .. slot_count here */
    uint32_t edit_count;
    uint32_t want_count;
    uint32_t mask_count;
    const oracle_sequence *slots;
    const lms_row_edits *edits;
    const lms_row_wants *wants;
    oracle_lists lists;
    const void *masks;
    size_t mask_stride; /* in elements */
    uint32_t mask_type;
    uint32_t mask_columns;
    uint32_t logits_rows;
    uint32_t max_top;
} oracle_tables;

/* 0, or BAD_PARAMS with the field. */
uint32_t oracle_check_request(const oracle_params *p, uint32_t vocab, const oracle_tables *t);

/* What a row that passes the check is edited by; `logits` are all rows of the call. */
oracle_request oracle_request_of(const oracle_params *p, uint32_t vocab, const float *logits,
                                 const oracle_tables *t);

/* The record that sampling is left with: filters and the step as they are after edits. */
oracle_params oracle_edited_params(const oracle_params *p, const oracle_request *request);

#endif
