/* requests.h - what objects whose rows have requests share: room for what is prepared and
 * edited, the tables of a call, their checks, and the kernel that comes before all others. */
#ifndef LMSI_REQUESTS_H
#define LMSI_REQUESTS_H

#include "base/extent.h"
#include "op/operator.h"
#include "op/rows.h"

#include "kernels/slots/records.h"

/* Buffers, from the first one of the requests' on. */
enum {
    LMSI_PREPARED,
    LMSI_BANS,
    LMSI_REPEATS,
    LMSI_SCRATCH,
    LMSI_VALUES,
    LMSI_EDITED,
    LMSI_PLACES,
    LMSI_RAW_KEYS,
    LMSI_COUNTS,
    LMSI_REQUEST_BUFFERS
};

/* What a description says of requests, and what checks need. */
typedef struct lmsi_requester {
    uint32_t bits; /* LMS_REQUESTS_...; 0: the object has none, and nothing below counts */
    uint32_t vocab;
    uint32_t max_rows;
    uint32_t max_top;
    uint32_t max_lists;
    size_t table_bytes;
    lms_slots *slots;
    uint32_t max_length;      /* of a sequence in them, or 1 */
    size_t first;             /* of its buffers */
    lms_slot_growth *growths; /* [max_rows], if there are slots */
    uint8_t *checked;         /* [max_lists]: as what a list of the call is known to be good */
} lmsi_requester;

/* What the kernels of a call are told. */
typedef struct lmsi_requests {
    lms_view edits, wants, list_offsets, list_ids, list_values, masks;
    cl_uint has_prepared; /* some row has a request */
    int checks_wants;     /* the device does: something of them is there */
    cl_uint edit_count, want_count, list_count, mask_count;
    cl_uint mask_type, mask_columns;
    cl_ulong list_entries, mask_stride;
    cl_mem slot_pages, page_tables, slot_states;
    cl_uint table_stride, max_slots, max_top;
    cl_uint has_repeats; /* the object was made for DRY */
    cl_ulong max_length;
    cl_uint append;   /* each row's token is, to its slot, ... */
    lms_view growths; /* ... which has got room for it before */
    size_t bytes;     /* of tables on the host, behind the call's other arrays */
    /* Of a search: what its rows name, and which of these records each row of the call has; not
     * given: its own. */
    lms_view row_requests, row_numbers;
    size_t before; /* bytes of those that are on the host, before the tables */
} lmsi_requests;

/* Entries of the tables of arguments: as LMS_REQUEST_ARGUMENTS of kernels/edits/call.cl.
 * `record` has a member `requests`. */
#define LMSI_OF_REQUESTS(kind, record, name)                                                   \
    LMSI_ENTRY(#name, kind, offsetof(record, requests.name))
#define LMSI_REQUEST_ARGUMENTS(record, first)                                                  \
    LMSI_ENTRY("prepared", LMSI_BUFFER, (first) + LMSI_PREPARED),                              \
        LMSI_OF_REQUESTS(LMSI_UINT, record, has_prepared),                                     \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, edits),                                            \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, wants),                                            \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, list_offsets),                                     \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, list_ids),                                         \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, list_values),                                      \
        LMSI_OF_REQUESTS(LMSI_UINT, record, list_count),                                       \
        LMSI_OF_REQUESTS(LMSI_ULONG, record, list_entries),                                    \
        LMSI_OF_REQUESTS(LMSI_MEM, record, slot_pages),                                        \
        LMSI_OF_REQUESTS(LMSI_MEM, record, page_tables),                                       \
        LMSI_OF_REQUESTS(LMSI_UINT, record, table_stride),                                     \
        LMSI_OF_REQUESTS(LMSI_MEM, record, slot_states),                                       \
        LMSI_ENTRY("bans", LMSI_BUFFER, (first) + LMSI_BANS),                                  \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, masks),                                            \
        LMSI_OF_REQUESTS(LMSI_ULONG, record, mask_stride),                                     \
        LMSI_ENTRY("repeats", LMSI_BUFFER, (first) + LMSI_REPEATS),                            \
        LMSI_OF_REQUESTS(LMSI_ULONG, record, max_length),                                      \
        LMSI_ENTRY("values", LMSI_BUFFER, (first) + LMSI_VALUES),                              \
        LMSI_ENTRY("edited", LMSI_BUFFER, (first) + LMSI_EDITED),                              \
        LMSI_ENTRY("places", LMSI_BUFFER, (first) + LMSI_PLACES),                              \
        LMSI_ENTRY("raw_keys", LMSI_BUFFER, (first) + LMSI_RAW_KEYS),                          \
        LMSI_ENTRY("counts", LMSI_BUFFER, (first) + LMSI_COUNTS),                              \
        LMSI_OF_REQUESTS(LMSI_UINT, record, max_top)
/* What the kernel that prepares a search's rows has in the place of their parameters. */
#define LMSI_SEARCH_ROWS_ARGUMENTS(record)                                                     \
    LMSI_OF_REQUESTS(LMSI_VIEW, record, row_requests),                                         \
        LMSI_OF_REQUESTS(LMSI_OPTIONAL, record, row_numbers)
/* Of kernels/edits/prepare.cl, behind its rows' parameters. */
#define LMSI_PREPARE_ARGUMENTS(record, first)                                                  \
    LMSI_OF_REQUESTS(LMSI_VIEW, record, edits),                                                \
        LMSI_OF_REQUESTS(LMSI_UINT, record, edit_count),                                       \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, wants),                                            \
        LMSI_OF_REQUESTS(LMSI_UINT, record, want_count),                                       \
        LMSI_OF_REQUESTS(LMSI_UINT, record, max_top),                                          \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, list_offsets),                                     \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, list_ids),                                         \
        LMSI_OF_REQUESTS(LMSI_OPTIONAL, record, list_values),                                  \
        LMSI_OF_REQUESTS(LMSI_UINT, record, list_count),                                       \
        LMSI_OF_REQUESTS(LMSI_ULONG, record, list_entries),                                    \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, masks),                                            \
        LMSI_OF_REQUESTS(LMSI_UINT, record, mask_count),                                       \
        LMSI_OF_REQUESTS(LMSI_UINT, record, mask_type),                                        \
        LMSI_OF_REQUESTS(LMSI_UINT, record, mask_columns),                                     \
        LMSI_OF_REQUESTS(LMSI_ULONG, record, mask_stride),                                     \
        LMSI_OF_REQUESTS(LMSI_MEM, record, slot_pages),                                        \
        LMSI_OF_REQUESTS(LMSI_MEM, record, page_tables),                                       \
        LMSI_OF_REQUESTS(LMSI_UINT, record, table_stride),                                     \
        LMSI_OF_REQUESTS(LMSI_MEM, record, slot_states),                                       \
        LMSI_OF_REQUESTS(LMSI_UINT, record, max_slots),                                        \
        LMSI_OF_REQUESTS(LMSI_UINT, record, has_repeats),                                      \
        LMSI_ENTRY("prepared", LMSI_BUFFER, (first) + LMSI_PREPARED),                          \
        LMSI_ENTRY("bans", LMSI_BUFFER, (first) + LMSI_BANS),                                  \
        LMSI_ENTRY("repeats", LMSI_BUFFER, (first) + LMSI_REPEATS),                            \
        LMSI_OF_REQUESTS(LMSI_ULONG, record, max_length),                                      \
        LMSI_ENTRY("scratch", LMSI_BUFFER, (first) + LMSI_SCRATCH),                            \
        LMSI_OF_REQUESTS(LMSI_UINT, record, append),                                           \
        LMSI_OF_REQUESTS(LMSI_VIEW, record, growths)

/* Lays out records of requests as the device does. */
extern const lmsi_probe lmsi_prepare_probe;

/* Takes defaults for what a description leaves open, and checks it; `max_rows` is the object's,
 * `first` the number of the requests' first buffer. `op` gets one program more, of this kind,
 * that of the kernel that prepares. */
lms_status lmsi_requester_describe(lmsi_operator *op, lmsi_requester *q, lmsi_kind kind);

/* Lists the buffers, for `places` rows that are under way at once. */
void lmsi_requester_plan(lmsi_operator *op, const lmsi_requester *q, uint64_t places);

/* Clears what has to begin as zeros, and makes what is on the host. */
lms_status lmsi_requester_make(lmsi_operator *op, lmsi_requester *q);
void lmsi_requester_unmake(lmsi_requester *q);

/* Where what is on the host of a call's tables is going to be: in a buffer, behind `behind`
 * bytes, in at most `room`. */
typedef struct lmsi_table_place {
    cl_mem brought;
    size_t behind, room;
} lmsi_table_place;

/* Checks a call's tables, which may be NULL: *requests has views of them there, or where the
 * caller has them. */
lms_status lmsi_tables_check(const lmsi_operator *op, lmsi_requester *q,
                             const lms_tables *tables, const lmsi_table_place *place,
                             lmsi_requests *requests);

/* Makes tables of which all that was on the host is on the device, in buffers that are the
 * caller's; those that are not made are NULL. They have been checked. */
#define LMSI_TABLE_PARTS 6
lms_status lmsi_tables_make(const lmsi_operator *op, const lms_tables *tables,
                            const lmsi_requests *requests, lms_tables *made,
                            cl_mem mem[LMSI_TABLE_PARTS]);

/* Is row `r` good, which names entries of the tables? */
lms_status lmsi_row_check(const lmsi_requester *q, const lmsi_requests *requests,
                          uint64_t logits_rows, const lms_row_params *params, uint32_t r);

/* Has a row something that is prepared, or checked, before its logits are looked at? */
int lmsi_row_has_request(const lmsi_requests *requests, const lms_row_params *params);

/* ... or a search's request? */
int lmsi_has_request(const lms_request *q);

/* Is record `r` of a search's good? */
lms_status lmsi_request_check(const lmsi_requester *q, const lmsi_requests *requests,
                              uint64_t logits_rows, const lms_request *p, uint32_t r);

/* What a search's call says of its rows' requests. */
typedef struct lmsi_search_rows {
    const lms_tables *tables;
    const lms_request *host; /* or ... */
    lms_view device;         /* ... or none */
    uint64_t all_rows;       /* that the caller's array has */
    uint32_t rows;           /* of the call's kernels */
    int is_listed;           /* they are not the first of all, but go by numbers */
    uint64_t logits_rows;
    cl_mem brought; /* what is on the host goes there: records or numbers, then tables */
    size_t room;    /* there, for tables */
} lmsi_search_rows;

/* Lists the buffer for what is brought, which is number `brought`. */
void lmsi_search_plan(lmsi_operator *op, const lmsi_requester *q, size_t brought);

/* Checks that, but for the records on the host; *requests is what it comes to. */
lms_status lmsi_search_check(const lmsi_operator *op, lmsi_requester *q,
                             const lmsi_search_rows *s, lmsi_requests *requests);

/* Is record `r` on the host good? If it is one, there is something to prepare. */
lms_status lmsi_search_row_check(const lmsi_requester *q, lmsi_requests *requests,
                                 const lmsi_search_rows *s, uint32_t r);

/* What kernels are told of slots; without any, of none. */
void lmsi_slots_arguments(const lmsi_operator *op, const lmsi_requester *q, lmsi_requests *r);

/* Gives tables on the host their places in a buffer. */
void lmsi_tables_place(const lms_tables *tables, const lmsi_table_place *place,
                       lmsi_requests *requests);

/* Copies tables on the host, if there are any, to the memory in which that buffer is staged. */
void lmsi_tables_stage(const lms_tables *tables, const lmsi_requests *requests, char *staged);

/* What the buffer needs for them, beside the table_bytes themselves. */
#define LMSI_TABLE_SLACK 1024u

#endif
