/* contrastive.h - lms_contrastive from the inside.
 *
 * The host knows all of the contexts but the states themselves: their lengths and their pages.
 * Each call is told what it reads and writes, so nothing on the device has to be right for the
 * next one but states, what is written of them, and whose candidates were proposed last. */
#ifndef LMSI_CONTRASTIVE_H
#define LMSI_CONTRASTIVE_H

#include "base/context.h"
#include "op/enqueue.h"
#include "slots/pages.h"
#include "op/shape.h"
#include "slots/slots.h"

#include "kernels/contrastive/records.h"

/* What is on its way to the device. It may be overwritten when `done` has completed. */
typedef struct lmsi_contrastive_stage {
    cl_event done;
    lms_proposal_entry *entries; /* [max_requests] */
    lms_context_turn *turns;     /* [max_requests] */
    lms_context_piece *pieces;   /* [max_pieces] */
    lms_context_run *runs;       /* [max_runs] */
} lmsi_contrastive_stage;

/* Candidates that were proposed for a context of `length` positions. The parameters are those
 * that the slot had then; a select goes by them. */
typedef struct lmsi_contrastive_proposed {
    uint64_t name; /* another for each; 0: none */
    uint32_t length;
    lms_contrastive_params params;
} lmsi_contrastive_proposed;

/* A context. Its pages are shared with others up to, but never including, one that is not
 * full. */
typedef struct lmsi_contrastive_slot {
    lms_contrastive_params params;
    lmsi_contrastive_proposed proposed;
    uint32_t length;
    uint32_t *pages; /* [pages_each], those in use first */
} lmsi_contrastive_slot;

/* New positions of a context in a call: [from, length). */
typedef struct lmsi_growth {
    uint32_t slot;
    uint32_t from;
    uint32_t source; /* of the first one: lms_context_run.row_or_turn */
} lmsi_growth;

/* One buffer of pages. */
typedef struct lmsi_page_buffer {
    cl_mem states;
    cl_mem inverses;
} lmsi_page_buffer;

struct lms_contrastive {
    lms_context *ctx;
    lms_contrastive_desc desc;
    lmsi_shape shape;         /* of what reads logits, ... */
    lmsi_shape context_shape; /* ... and hidden states */
    uint32_t tiles;
    uint32_t chunks;
    uint32_t row_slots; /* rows that the rows' workspace is for */
    uint32_t padded;    /* elements of a state as it is stored */
    uint32_t pages_each;
    uint32_t max_pieces; /* of a call */
    uint32_t max_runs;
    cl_kernel tile_kernel;
    cl_kernel rows_kernel;
    cl_kernel append_kernel;
    cl_kernel copy_kernel;
    cl_kernel candidates_kernel;
    cl_kernel scan_kernel;
    cl_kernel choose_kernel;
    /* Rows of logits. */
    cl_mem groups;
    cl_mem tile_keys;
    cl_mem flags;
    cl_mem list;
    cl_mem sums;
    cl_mem picks;
    /* What a call is told. */
    cl_mem entries;
    cl_mem turns;
    cl_mem pieces;
    cl_mem runs;
    /* The choice. */
    cl_mem candidates;
    cl_mem inverses;
    cl_mem best;
    cl_mem seen;
    cl_mem chosen;
    /* What outlives a call: each slot's latest proposal, by its name, and what is written of
     * each page. */
    cl_mem proposals;
    cl_mem written;
    size_t workspace;
    lmsi_page_buffer *buffers;
    uint32_t buffer_count;
    uint32_t pages_per_buffer;
    uint32_t
        *firsts; /* [buffer_count + 1]: the first piece, or run, of each buffer in a call */
    lmsi_growth *growths; /* [max_requests]: of a call */
    lmsi_pages pages;
    lmsi_slots open;
    uint64_t last_proposal;         /* the name that was given last */
    lmsi_contrastive_slot *slots;   /* [desc.max_requests] */
    lmsi_contrastive_stage *stages; /* [desc.max_in_flight] */
    uint32_t next_stage;
    lmsi_latest last; /* calls */
};

/* Everything that can be wrong with a call, before anything is enqueued. */
lms_status lmsi_contrastive_params_check(const lms_contrastive *c,
                                         const lms_contrastive_params *p);
lms_status lmsi_contrastive_states_check(lms_contrastive *c, cl_command_queue queue,
                                         const lms_contrastive_append_args *s, cl_uint num_wait,
                                         const cl_event *wait_list);
lms_status lmsi_contrastive_proposal_check(lms_contrastive *c, cl_command_queue queue,
                                           const lms_contrastive_propose_args *p,
                                           cl_uint num_wait, const cl_event *wait_list);
lms_status lmsi_contrastive_batch_check(lms_contrastive *c, cl_command_queue queue,
                                        const lms_contrastive_select_args *b, cl_uint num_wait,
                                        const cl_event *wait_list);

/* A request's first candidate row, where the caller says NULL for all of them. */
uint32_t lmsi_candidate_row(const lms_contrastive *c, const uint32_t *first_rows,
                            uint32_t request);

/* The stage whose turn it is; from its first write on, it is taken. */
lms_status lmsi_contrastive_take_stage(lms_contrastive *c, lmsi_contrastive_stage **out);
void lmsi_contrastive_use_stage(lms_contrastive *c);

/* Where a page is. */
uint32_t lmsi_buffer_of(const lms_contrastive *c, uint32_t page);

/* Takes pages for `count` positions more, which are known to be there. */
void lmsi_context_grow(lms_contrastive *c, uint32_t slot, uint32_t count);
/* Gives back what a context has beyond `length`. */
void lmsi_context_trim(lms_contrastive *c, uint32_t slot, uint32_t length);

#endif
