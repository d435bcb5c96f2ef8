/* slots.h - which slots of an operator are open, who is in them, and whether a call's are good.
 * What a slot holds is its owner's. */
#ifndef LMSI_SLOTS_H
#define LMSI_SLOTS_H

#include "lmsample.h"

typedef struct lmsi_slot_state {
    uint64_t name; /* of who is in it, 0: nobody */
    uint64_t seen; /* the last check that came across it */
} lmsi_slot_state;

typedef struct lmsi_slots {
    uint32_t count;
    uint64_t checks;
    uint64_t last_name;
    lmsi_slot_state *states; /* [count] */
} lmsi_slots;

/* None of them open. */
lms_status lmsi_slots_make(lmsi_slots *s, uint32_t count);
void lmsi_slots_free(lmsi_slots *s);

/* The first of `count` names that follow each other, none of which was ever given: what has
 * such a name is never taken for anything else. */
uint64_t lmsi_slots_names(lmsi_slots *s, uint32_t count);

/* Is `slot`, which the caller calls `what`, there, and open or not? */
lms_status lmsi_slot_check(const lmsi_slots *s, const char *what, uint32_t slot, int is_open);

/* Opens one that is not. */
void lmsi_slot_open(lmsi_slots *s, uint32_t slot, uint64_t name);
lms_status lmsi_slot_close(lmsi_slots *s, uint32_t slot);

/* Are the slots of a call open, and none there twice? */
lms_status lmsi_slots_check(lmsi_slots *s, const uint32_t *slots, uint32_t requests);

#endif
