/* What the rows of a batch name: sequences, records of edits and wants, lists, masks. They are
 * on the host here; the rig of batch.h gives them to a call. */
#ifndef LMSAMPLE_TESTS_REQUESTS_H
#define LMSAMPLE_TESTS_REQUESTS_H

#include "lmsample.h"
#include "oracle_tables.h"

typedef struct requests {
    uint32_t slot_count, edit_count, want_count, list_count, mask_count;
    oracle_sequence *slots; /* rows name them 1 .. slot_count; the rig has other names */
    lms_row_edits *edits;
    lms_row_wants *wants;
    uint32_t *list_offsets; /* [list_count + 1] */
    int32_t *list_ids;
    float *list_values;
    uint32_t list_entries; /* that the two arrays have; more than the last offset is spare */
    void *masks;
    uint32_t mask_type, mask_columns;
    size_t mask_stride;
    uint32_t max_top, top_stride, named_stride;
} requests;

requests *requests_new(void);
void requests_free(requests *r); /* accepts NULL */

/* Each copies what it is given and returns the name by which rows and records have it: 1 + its
 * number. */
uint32_t requests_add_slot(requests *r, const int32_t *tokens, uint32_t length, uint32_t prompt,
                           uint32_t ignored);
uint32_t requests_add_edits(requests *r, const lms_row_edits *edits);
uint32_t requests_add_wants(requests *r, const lms_row_wants *wants);
uint32_t requests_add_list(requests *r, const int32_t *ids, const float *values,
                           uint32_t count); /* values NULL: zeros */

/* `count` rows of masks, all zero: nothing is allowed. */
void requests_set_masks(requests *r, uint32_t count, uint32_t type, uint32_t columns,
                        size_t stride);
void requests_allow(requests *r, uint32_t mask, uint32_t token); /* of mask 0 .. count-1 */

oracle_tables requests_tables(const requests *r, uint32_t logits_rows);

#endif
