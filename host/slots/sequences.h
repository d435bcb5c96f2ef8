/* sequences.h - lms_slots from the inside.
 *
 * The host gives out names and pages, and knows how long each sequence is at most. The device
 * knows the sequences, and which pages each has: calls tell it of new ones. A page that is
 * given back may still be in what the device knows of a slot, of one that was closed, or that
 * has got other pages by a call that may yet be terminated. So it is parked, and before parked
 * pages are given out again, a sweep compares what device and host know of all such slots. */
#ifndef LMSI_SEQUENCES_H
#define LMSI_SEQUENCES_H

#include "op/operator.h"
#include "slots/pages.h"

#include "kernels/slots/records.h"

/* Its buffers: what it knows, ... */
enum {
    LMSI_SLOTS_PAGES,
    LMSI_SLOTS_PAGE_TABLES,
    LMSI_SLOTS_STATES,
    LMSI_SLOTS_MOVED,
    /* ... and what a call is told. */
    LMSI_SLOTS_TURNS,
    LMSI_SLOTS_NEW_PAGES,
    LMSI_SLOTS_SWEEPS,
    LMSI_SLOTS_BROUGHT,
    LMSI_SLOTS_BUFFERS
};

enum {
    LMSI_SLOTS_SWEEP,
    LMSI_SLOTS_OPEN,
    LMSI_SLOTS_APPEND,
    LMSI_SLOTS_ROLL_BACK,
    LMSI_SLOTS_COPY,
    LMSI_SLOTS_PLACE,
    LMSI_SLOTS_KERNELS
};

/* What the device may know of a slot that is not so. */
typedef enum lmsi_sweep_state {
    LMSI_SWEPT,    /* nothing, ... */
    LMSI_SWEEPING, /* ... when the latest sweep is over, unless it is terminated, ... */
    LMSI_UNSWEPT   /* ... when it has been swept */
} lmsi_sweep_state;

/* A slot. Its list of pages has as many positions as there is room for. */
typedef struct lmsi_sequence {
    uint64_t name;    /* of the sequence that is in it, 0: none */
    uint64_t seen;    /* the last check that came across it */
    uint32_t length;  /* of the sequence, at most */
    uint32_t prompt;  /* of those, at most */
    uint32_t version; /* of its pages */
    lmsi_sweep_state sweep;
    lmsi_page_list pages;
} lmsi_sequence;

struct lms_slots {
    lmsi_operator op;
    lms_slots_desc desc;
    uint32_t pages_each; /* most of a slot */
    lmsi_pages pages;
    lmsi_page_list parked;
    lmsi_page_list taken;     /* by the call that is being made */
    lmsi_sequence *sequences; /* [desc.max_slots] */
    uint32_t *free;           /* slots that can be opened: a stack, ... */
    uint32_t free_count;
    uint32_t closed_count; /* ... and how many more there are once they are swept */
    uint32_t *dirty;       /* slots that are not LMSI_SWEPT */
    uint32_t dirty_count;
    cl_event swept;     /* the latest sweep, until it is over; or NULL */
    int must_sweep;     /* it was terminated */
    uint64_t last_name; /* but for the slot's part of it */
    uint64_t checks;
};

/* A call: what its caller gives, of which each has its own part, ... */
typedef struct lmsi_slots_call {
    const lms_slots_open_args *open;
    const lms_slots_append_args *append;
    uint32_t count;          /* slots; 0: nothing is to be done */
    const uint64_t *names;   /* of open ones */
    const uint64_t *from;    /* to be copied */
    const uint32_t *lengths; /* to go back to */
    uint64_t *opened;        /* names that are given */
    /* ... what its kernels are told, ... */
    cl_uint vocab;
    cl_uint table_stride;
    cl_uint max_slots;
    cl_uint sweep_count;
    lms_view tokens;        /* to append */
    cl_ulong stride;        /* of their rows */
    lms_view tokens_device; /* to open with, or none */
    lms_view parents;       /* or none */
    cl_uint first;
    /* ... and what it takes. */
    uint64_t pages;
    uint32_t slots;
} lmsi_slots_call;

lms_status lmsi_slots_desc_check(const lms_slots_desc *d);

/* --- What is checked ---------------------------------------------------------------------- */

/* Everything that can be wrong with a call, before anything is enqueued, and what it comes to,
 * if it has slots. */
lms_status lmsi_open_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c);
lms_status lmsi_slots_append_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c);
lms_status lmsi_roll_back_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c);
/* Of calls on arrays, before their sizes are known: not too many slots, and are there names? */
lms_status lmsi_slots_count_check(const lms_slots *s, uint32_t count, const uint64_t *names);
lms_status lmsi_fork_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c);
lms_status lmsi_reorder_check(lms_slots *s, const lmsi_where *where, lmsi_slots_call *c);

/* The slot of a name, number i of those that the caller calls `what`: an array, or a member of
 * its items, as in "params.request.slot"; LMSI_ALONE: `what` is the name itself. LMS_E_SLOT: it
 * is not open. */
#define LMSI_ALONE UINT32_MAX
lms_status lmsi_slots_find(const lms_slots *s, const char *what, uint32_t i, uint64_t name,
                           uint32_t *slot);

/* Tokens of a slot to be opened, from this one of the caller's array on. */
size_t lmsi_open_first(const lms_slots_open_args *a, uint32_t i, size_t behind);

/* --- Pages and slots ---------------------------------------------------------------------- */

/* The sequence of a name that is good. */
lmsi_sequence *lmsi_sequence_of(const lms_slots *s, uint64_t name);

/* Pages for so many tokens; those that a sequence lacks for `count` tokens more. */
uint32_t lmsi_slot_pages(uint32_t tokens);
uint32_t lmsi_pages_lacking(const lmsi_sequence *q, uint32_t count);

/* Are there so many pages, and slots that can be opened? */
lms_status lmsi_slots_room_check(const lms_slots *s, uint64_t pages, uint32_t slots);

/* Sees to it that they are free: does a call that takes so many have to have a sweep before?
 * Enqueues one; or does both. */
lms_status lmsi_slots_must_sweep(lms_slots *s, uint64_t pages, uint32_t slots, int *must);
lms_status lmsi_slots_sweep(lms_slots *s, lmsi_call *call);
lms_status lmsi_slots_make_free(lms_slots *s, lmsi_call *call, uint64_t pages, uint32_t slots);

/* Takes pages for the call; returns which place in the list of those is the first one's. */
uint32_t lmsi_take_pages(lms_slots *s, uint32_t count);

/* Gives a sequence those from a place on. */
void lmsi_give_pages(lms_slots *s, lmsi_sequence *q, uint32_t first, uint32_t count);

/* Parks a slot's pages, which the device may have for its own. */
void lmsi_park_pages(lms_slots *s, lmsi_sequence *q);

/* --- For those who are made with slots ---------------------------------------------------- */

/* What their kernels read. */
typedef struct lmsi_slots_memory {
    cl_mem pages;
    cl_mem page_tables;
    cl_mem slot_states;
    cl_uint table_stride;
    cl_uint max_slots;
} lmsi_slots_memory;

lmsi_slots_memory lmsi_slots_memory_of(const lms_slots *s);

/* Can something of that context and vocabulary be made with them? */
lms_status lmsi_slots_fit(const lms_slots *s, const lms_context *ctx, uint32_t vocab);
uint32_t lmsi_slots_max_length(const lms_slots *s);

/* Is there an open slot of that name? */
int lmsi_slots_has(const lms_slots *s, uint64_t name);

/* Their calls, among which are those of what is made with them. */
lmsi_latest *lmsi_slots_latest(lms_slots *s);

/* Slots to each of which a call appends one token: names that are `stride` bytes apart, 0 among
 * them for none. */
typedef struct lmsi_appended {
    const uint64_t *names;
    size_t stride;
    uint32_t count;
} lmsi_appended;

/* Is each of them open, there once, and is there room? `what` is the caller's name for them. */
lms_status lmsi_slots_appended_check(lms_slots *s, const char *what, const lmsi_appended *a);

/* Makes that room: growths[i] is what slot i gets by lms_slot_grow() before anything is
 * appended. It may enqueue a sweep, which is a call of its own. */
lms_status lmsi_slots_reserve(lms_slots *s, const lmsi_where *where, const lmsi_appended *a,
                              lms_slot_growth *growths);

/* The call has failed behind that: nothing is appended. `has_grown`: what makes the slots grow
 * has been enqueued, so they keep the pages. */
void lmsi_slots_unreserve(lms_slots *s, const lmsi_appended *a, const lms_slot_growth *growths,
                          int has_grown);

extern const lmsi_probe lmsi_slots_probe;

#endif
