/* slots.h - which slots of a search are open, and whether a call's are. */
#ifndef LMSI_SLOTS_H
#define LMSI_SLOTS_H

#include "lmsample.h"

typedef struct lmsi_slot_state {
    int is_open;
    uint64_t seen; /* the last check that came across it */
} lmsi_slot_state;

typedef struct lmsi_slots {
    uint32_t count;
    uint64_t checks;
    lmsi_slot_state *states; /* [count] */
} lmsi_slots;

/* None of them open. Nothing to free unless LMS_OK is returned. */
lms_status lmsi_slots_make(lmsi_slots *s, uint32_t count);

/* Is `slot`, which the caller calls `what`, there, and open or not? */
lms_status lmsi_slot_check(const lmsi_slots *s, const char *what, uint32_t slot, int is_open);

/* Are the slots of a call open, and none there twice? */
lms_status lmsi_slots_check(lmsi_slots *s, const uint32_t *slots, uint32_t requests);

#endif
