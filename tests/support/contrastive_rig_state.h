/* The inside of a running contrastive_case, for contrastive_rig*.c. */
#ifndef LMSAMPLE_TESTS_CONTRASTIVE_RIG_STATE_H
#define LMSAMPLE_TESTS_CONTRASTIVE_RIG_STATE_H

#include "contrastive_gen.h"
#include "contrastive_rig.h"
#include "oracle_contrastive.h"
#include "out_array.h"

#include <stdbool.h>

/* A page of positions: how many contexts have it. */
typedef struct rig_page {
    uint32_t users;
} rig_page;

/* A slot and the request in it, if any. */
typedef struct contrastive_slot {
    bool open;
    lms_contrastive_params params;
    uint32_t length;
    const oracle_state **states; /* [max_length]; NULL: empty */
    rig_page **pages;
    state_kind kinds[3]; /* of its states */
    uint64_t direction;
} contrastive_slot;

typedef struct contrastive_rig {
    const contrastive_case *c;
    lms_context *ctx;
    cl_command_queue queue;
    lms_contrastive *search;
    contrastive_slot *slots;
    uint64_t random;
    uint64_t free_pages;
    oracle_state **states; /* all that were made, to be freed at the end */
    size_t state_count, state_room;
    uint32_t unfinished; /* calls since the last that was waited for */
    uint32_t round;
    uint64_t proposed, chosen;
} contrastive_rig;

uint32_t contrastive_rig_below(contrastive_rig *r, uint32_t end);
/* Nothing is in flight afterwards: calls of a search wait for each other. */
void contrastive_rig_wait(contrastive_rig *r, cl_event event);
void contrastive_rig_tell(const contrastive_rig *r, const char *what, const uint32_t *slots,
                          uint32_t count);

/* --- contexts: contrastive_rig_context.c --- */

/* Whether so many positions more fit: counts[i] in slot slots[i], or 1 each. */
bool contrastive_rig_fits(const contrastive_rig *r, const uint32_t *slots,
                          const uint32_t *counts, uint32_t count);
void contrastive_rig_open(contrastive_rig *r, uint32_t slot);
void contrastive_rig_close(contrastive_rig *r, uint32_t slot);
void contrastive_rig_update(contrastive_rig *r, uint32_t slot);
void contrastive_rig_fork(contrastive_rig *r, uint32_t from, uint32_t to);
void contrastive_rig_push(contrastive_rig *r, uint32_t slot, const oracle_state *state);
/* Lengths and room are as they should be. */
bool contrastive_rig_check(const contrastive_rig *r);

/* --- hidden states: contrastive_rig_hidden.c --- */

/* A buffer of rows of hidden states, poison wherever no state was put. */
typedef struct rig_hidden {
    unsigned char *stored;
    size_t stride, offset, elements, rows;
    cl_mem mem;
} rig_hidden;

void rig_hidden_new(contrastive_rig *r, rig_hidden *h, size_t rows);
/* Puts a state of the slot's kinds in a row. */
const oracle_state *rig_hidden_put(contrastive_rig *r, rig_hidden *h, size_t row,
                                   uint32_t slot);
void rig_hidden_upload(const contrastive_rig *r, rig_hidden *h);
void rig_hidden_free(rig_hidden *h);

/* --- calls --- */

/* Appends to these slots. */
bool contrastive_rig_append(contrastive_rig *r, const uint32_t *slots, uint32_t count);
/* Proposes, and mostly selects. False if something differs. */
bool contrastive_rig_step(contrastive_rig *r, const uint32_t *slots, uint32_t count);

#endif
