/* rows.cl - what a search's kernels do with rows that may have requests; in a program without
 * LMS_REQUESTS these are rows as they are stored. A kernel has the logits, and what requests
 * bring, among its arguments, a `workspace`, and LMS_REQUESTS_OF_CALL among its variables. */
#pragma once
#include "row/row.cl"

#ifdef LMS_REQUESTS

#define LMS_REQUESTS_OF_CALL const lms_requests requests = LMS_REQUESTS_GIVEN
/* The status of row r's request. */
#define LMS_REQUEST_STATUS(r) lms_refused(&requests, r)
/* Row i of the logits, with the edits of row r: in a place of the workspace, or for the tile
 * pass as a kernel of its own. */
#define LMS_EDITED_ROW(i, r, place) lms_edited_logits(&requests, r, place, LMS_LOGITS_ROW(i))
#define LMS_EDITED_FOR_TILES(i, r) lms_edited_for_tiles(&requests, r, LMS_LOGITS_ROW(i))
/* Does the row's tile pass, if no kernel before has; what was seen. */
#define LMS_BEGIN_ROW(row, r, place, filters, scale)                                           \
    lms_begin_search_row(&requests, &workspace, r, place, filters,                             \
                         LMS_LOGITS_ROW(lms_unconditional_of(&requests, r)), row, scale)

#else

#define LMS_AND_REQUESTS
#define LMS_REQUESTS_OF_CALL
#define LMS_REQUEST_STATUS(r) LMS_ROW_OK
#define LMS_EDITED_ROW(i, r, place) LMS_LOGITS_ROW(i)
#define LMS_EDITED_FOR_TILES(i, r) LMS_LOGITS_ROW(i)
#define LMS_BEGIN_ROW(row, r, place, filters, scale)                                           \
    lms_seen_in_row(row, &workspace, r, place, scale)

#endif
