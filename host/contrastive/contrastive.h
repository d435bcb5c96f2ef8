/* contrastive.h - lms_contrastive from the inside.
 *
 * The host knows all of the contexts but the states themselves: their lengths and their pages.
 * Each call is told what it reads and writes, so nothing on the device has to be right for the
 * next one but states, what is written of them, and whose candidates were proposed last. */
#ifndef LMSI_CONTRASTIVE_H
#define LMSI_CONTRASTIVE_H

#include "op/operator.h"
#include "op/rows.h"
#include "requests/requests.h"
#include "slots/pages.h"
#include "slots/slots.h"

#include "kernels/contrastive/records.h"

/* Its buffers, behind those for rows of logits: what a call is told, ... */
enum {
    LMSI_CONTRASTIVE_PICKS = LMSI_ROW_BUFFERS,
    LMSI_CONTRASTIVE_ENTRIES, /* of proposals */
    LMSI_CONTRASTIVE_TURNS,
    LMSI_CONTRASTIVE_PIECES,
    LMSI_CONTRASTIVE_RUNS,
    /* ... the choice, ... */
    LMSI_CONTRASTIVE_CANDIDATES,
    LMSI_CONTRASTIVE_INVERSES,
    LMSI_CONTRASTIVE_BEST,
    LMSI_CONTRASTIVE_PIECE_STATUS,
    LMSI_CONTRASTIVE_CHOSEN,
    /* ... and what outlives a call: each slot's latest proposal, by its name, and what is
     * written of each page. */
    LMSI_CONTRASTIVE_PROPOSALS,
    LMSI_CONTRASTIVE_PAGES,
    /* In a search with requests: those of a call from the host, then tables. */
    LMSI_CONTRASTIVE_BROUGHT,
    LMSI_CONTRASTIVE_OF_REQUESTS, /* the first one of the requests' */
    LMSI_CONTRASTIVE_BUFFERS = LMSI_CONTRASTIVE_OF_REQUESTS + LMSI_REQUEST_BUFFERS
};

enum {
    LMSI_CONTRASTIVE_APPEND = LMSI_ROW_KERNELS,
    LMSI_CONTRASTIVE_COPY,
    LMSI_CONTRASTIVE_SCAN,
    LMSI_CONTRASTIVE_OWN, /* the candidates' states */
    LMSI_CONTRASTIVE_CHOOSE,
    LMSI_CONTRASTIVE_PREPARE, /* from here on with requests */
    LMSI_CONTRASTIVE_PATCH,   /* in teams of more than one */
    LMSI_CONTRASTIVE_KERNELS
};

/* Of searches without requests, and with. */
extern const lmsi_kernel lmsi_contrastive_kernels[LMSI_CONTRASTIVE_PREPARE];
extern const lmsi_kernel lmsi_contrastive_request_kernels[LMSI_CONTRASTIVE_KERNELS];

/* Candidates that were proposed for a context of `length` positions. The parameters are those
 * that the slot had then; a select goes by them. */
typedef struct lmsi_proposed {
    uint64_t name; /* another for each; 0: none */
    uint32_t length;
    lms_contrastive_params params;
} lmsi_proposed;

/* What a slot holds. */
typedef struct lmsi_contrastive_slot {
    lms_contrastive_params params;
    lmsi_proposed proposed;
    lmsi_page_list context;
} lmsi_contrastive_slot;

/* New positions of a context in a call, from the end that it had. */
typedef struct lmsi_growth {
    uint32_t slot;
    uint32_t from;
    uint32_t source; /* of the first one: lms_context_run.row_or_turn */
} lmsi_growth;

/* One buffer of pages. */
enum {
    LMSI_PAGE_STATES,
    LMSI_PAGE_INVERSES,
    LMSI_PAGE_BUFFERS
};
typedef struct lmsi_page_buffer {
    cl_mem mem[LMSI_PAGE_BUFFERS];
} lmsi_page_buffer;

struct lms_contrastive {
    lmsi_operator op;
    lms_contrastive_desc desc;
    lmsi_requester requester;
    uint32_t padded;     /* elements of a state as it is stored */
    uint32_t pages_each; /* most of a context */
    uint32_t max_pieces; /* of a call */
    uint32_t max_runs;
    lmsi_page_buffer *buffers;
    uint32_t buffer_count;
    uint32_t pages_per_buffer;
    /* The first piece, and the first run, that a call has in each buffer. */
    uint32_t *first_pieces; /* [buffer_count + 1] */
    uint32_t *first_runs;   /* [buffer_count + 1] */
    lmsi_growth *growths;   /* [desc.max_requests], one for each request of a call */
    lmsi_pages pages;
    lmsi_slots open;
    lmsi_contrastive_slot *slots; /* [desc.max_requests] */
};

/* What the kernels of a call are told: a proposal's, ... */
typedef struct lmsi_propose {
    lmsi_rows rows;
    lms_contrastive_propose_args args;
    lmsi_requests requests;
} lmsi_propose;

/* ... those that read hidden states, and one buffer of pages after the other, ... */
typedef struct lmsi_hidden {
    lms_view hidden;
    cl_ulong stride;
    cl_uint width;
    cl_uint padded;
    cl_mem states;
    cl_mem inverses_kept;
    cl_uint first_page;
} lmsi_hidden;

/* ... an append's, ... */
typedef struct lmsi_append {
    lmsi_hidden h;
    cl_uint first_run;
    cl_uint marked; /* runs that the launch marks as written: all of them, if it is the last */
    cl_mem chosen;
    cl_uint has_chosen;
} lmsi_append;

/* ... a fork's that copies a page, ... */
typedef struct lmsi_copy {
    cl_mem from;
    cl_mem from_inverses;
    cl_uint from_first; /* page of its buffer */
    cl_uint from_page;
    cl_uint from_serial;
    cl_mem to;
    cl_mem to_inverses;
    cl_uint to_first;
    cl_uint to_page;
    cl_uint to_serial;
    cl_uint padded;
} lmsi_copy;

/* ... and a select's. */
typedef struct lmsi_select {
    lmsi_hidden h;
    lms_contrastive_select_args args;
    cl_uint first_piece;
    cl_uint max_pieces;
    cl_uint wanted; /* LMS_WANT_... */
} lmsi_select;

lms_status lmsi_contrastive_desc_check(const lms_contrastive_desc *d);
lms_status lmsi_contrastive_params_check(const lms_contrastive *c,
                                         const lms_contrastive_params *p);

/* Everything that can be wrong with a call, before anything is enqueued, and what it comes to
 * if there are requests. */
lms_status lmsi_append_check(lms_contrastive *c, const lmsi_where *where,
                             const lms_contrastive_append_args *s, lmsi_append *append);
lms_status lmsi_propose_check(lms_contrastive *c, const lmsi_where *where,
                              const lms_contrastive_propose_args *p, lmsi_propose *propose);
lms_status lmsi_select_check(lms_contrastive *c, const lmsi_where *where,
                             const lms_contrastive_select_args *b, lmsi_select *select);

/* For calls on arrays, and part of those above: rows of hidden states, ... */
typedef struct lmsi_states {
    uint64_t needed; /* by the requests, ... */
    uint64_t rows;   /* ... and that there are */
    uint64_t stride;
} lmsi_states;
lms_status lmsi_states_check(lms_contrastive *c, const lms_contrastive_append_args *s,
                             lmsi_states *states);
/* ... and what can be wrong beside the arrays. A proposal has room for any tables. */
lms_status lmsi_propose_host_check(lms_contrastive *c, const lms_contrastive_propose_args *p,
                                   uint64_t *candidate_rows, lmsi_propose *propose);
lms_status lmsi_select_host_check(lms_contrastive *c, const lms_contrastive_select_args *b,
                                  lmsi_states *candidates);

/* A request's first candidate row, where the caller says NULL for all of them. */
uint32_t lmsi_candidate_row(const lms_contrastive *c, const uint32_t *first_rows,
                            uint32_t request);

/* A place for each span of positions among all of a call, sorted by the buffers of their pages:
 * first all spans are counted, then each gets its place. In the end, firsts[b] is the first
 * place in buffer b, and firsts[buffer_count] their number. */
void lmsi_places_count(const lms_contrastive *c, uint32_t *firsts, uint32_t slot,
                       uint32_t from);
void lmsi_places_begin(const lms_contrastive *c, uint32_t *firsts);
uint32_t lmsi_places_take(const lms_contrastive *c, uint32_t *firsts, uint32_t page);
void lmsi_places_end(const lms_contrastive *c, uint32_t *firsts);

/* A buffer of pages, for the kernels; `page` is in it. */
uint32_t lmsi_buffer_of(const lms_contrastive *c, uint32_t page);
void lmsi_use_buffer(const lms_contrastive *c, uint32_t buffer, lmsi_hidden *h);

/* The new positions of a call, growths[0 .. requests): contexts get them before anything is
 * enqueued, and lose them again if that fails. */
void lmsi_grow(lms_contrastive *c, uint32_t request, uint32_t slot, uint32_t count,
               uint32_t source);
void lmsi_undo_growth(lms_contrastive *c, uint32_t requests);

/* Lists the runs of states that fill them, ... */
void lmsi_list_runs(lms_contrastive *c, uint32_t requests, lms_context_run *runs);
/* ... and writes those to the device, and launches what appends them. */
lms_status lmsi_enqueue_runs(const lms_contrastive *c, lmsi_call *call, lmsi_append *append);

/* What a device computes for contexts. */
extern const lmsi_probe lmsi_context_probe;

#endif
