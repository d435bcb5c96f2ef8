/* lms_tables.h - what the rows of a batch name by number: records of edits and wants, lists of
 * tokens, and masks.
 *
 * Included by lmsample.h. lms_edits.h has the records.
 */
#ifndef LMSAMPLE_TABLES_H
#define LMSAMPLE_TABLES_H

#include "lms_edits.h"
#include "lms_opencl.h"

/* clang-format off */
/* What rows name by number: records, lists of tokens, masks. Zero what is not used.
 *
 * Each table is on the host (read before the call returns; all that is on the host takes
 * table_bytes) or on the device. What is on the host is checked before anything is enqueued;
 * what is wrong with a table on the device, such as an id beyond V, gives LMS_ROW_BAD_PARAMS
 * to the rows that name it, with LMS_FIELD_RECORD or LMS_FIELD_LIST. */
typedef struct lms_tables {
    uint32_t edit_count;           /* entries of `edits`                                    */
    uint32_t want_count;           /* entries of `wants`                                    */
    uint32_t list_count;           /* lists, <= max_lists                                   */
    uint32_t mask_count;           /* rows of `masks`                                       */
    const lms_row_edits *edits;    /* in: [edit_count], or ...                              */
    lms_view edits_device;         /*     ... the same (offset in records)                  */
    const lms_row_wants *wants;    /* in: [want_count], or ...                              */
    lms_view wants_device;         /*     ... the same                                      */
    const uint32_t *list_offsets;  /* in: [list_count + 1], rising: list i has the entries
                                      from offsets[i] to before offsets[i + 1]; or ...      */
    lms_view list_offsets_device;  /*     ... the same                                      */
    const int32_t *list_ids;       /* in: [list_offsets[list_count]]; or ...                */
    lms_view list_ids_device;      /*     ... int32[list_entries]                           */
    const float *list_values;      /* in: as many, where a list has values; or ...          */
    lms_view list_values_device;   /*     ... float[list_entries]                           */
    size_t list_entries;           /*     that the arrays on the device have                */
    const void *masks;             /* in: [mask_count][mask_stride]; or ...                 */
    lms_view masks_device;         /*     ... the same (offset in elements)                 */
    uint32_t mask_type;            /*     LMS_MASK_BITS: uint32, LMS_MASK_BYTES: uint8      */
    uint32_t mask_columns;         /*     elements of each row that count; tokens beyond them
                                          are banned                                        */
    size_t mask_stride;            /*     from row to row, >= mask_columns; 0 = that        */
} lms_tables;
/* clang-format on */

#endif /* LMSAMPLE_TABLES_H */
