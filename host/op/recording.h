/* recording.h - a call whose launches are kept, to be made again: kernels of its own, whose
 * arguments are set once and for all.
 *
 * By the standard, a list of commands has the arguments that its kernels had when it was made.
 * pocl 3.1 takes those that they have when it is enqueued, so they have to be the list's own
 * there; and where there are no such lists, nothing is left to be set in a call either. */
#ifndef LMSI_RECORDING_H
#define LMSI_RECORDING_H

#include "base/commands.h"
#include "op/operator.h"

#define LMSI_MOST_LAUNCHES 5
#define LMSI_MOST_HELD 24

typedef struct lmsi_recording {
    lmsi_operator *op;
    cl_command_queue queue; /* retained, as the buffers */
    const void *record;     /* of the call, while it is recorded */
    lmsi_launch launches[LMSI_MOST_LAUNCHES];
    size_t count;
    cl_mem held[LMSI_MOST_HELD];
    size_t held_count;
    lmsi_commands commands;
} lmsi_recording;

/* Retains a buffer, if there is one. */
lms_status lmsi_recording_hold(lmsi_recording *r, const lms_view *view);

/* Ends a recording that has its launches: makes one command of them, if the device can. */
void lmsi_recording_finish(lmsi_recording *r);

/* Enqueues all of it. */
lms_status lmsi_recording_enqueue(lmsi_recording *r, lmsi_call *call);

/* Waits for the operator's calls, and gives back all that the recording has. */
void lmsi_recording_release(lmsi_recording *r);

#endif
