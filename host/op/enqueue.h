/* enqueue.h - how a call gets onto a queue: kernel arguments, and commands that wait for each
 * other, for the caller's events and for the object's previous call. */
#ifndef LMSI_ENQUEUE_H
#define LMSI_ENQUEUE_H

#include "lmsample.h"

/* Sets a kernel's arguments one after the other and remembers the first failure. */
typedef struct lmsi_arguments {
    cl_kernel kernel;
    cl_uint next;
    cl_int code;
} lmsi_arguments;

void lmsi_set_uint(lmsi_arguments *a, cl_uint value);
void lmsi_set_ulong(lmsi_arguments *a, cl_ulong value);

/* A buffer that is not given is replaced: some runtimes refuse NULL. */
void lmsi_set_mem(lmsi_arguments *a, cl_mem mem, cl_mem otherwise);
/* A view: its buffer and its offset. */
void lmsi_set_view(lmsi_arguments *a, lms_view view, cl_mem otherwise);

/* Of an object's calls, what the next one waits for: the latest, which waited for those before.
 * If that has a wait list of its own, it may be terminated before they are over, and so they
 * are kept too, the latest behind the others. (Of more than there is room for, the oldest is
 * forgotten: it would matter if all others were terminated.) */
#define LMSI_LATEST 64u
typedef struct lmsi_latest {
    cl_event events[LMSI_LATEST];
    uint32_t count;
} lmsi_latest;

/* Waits for all of them. */
void lmsi_latest_end(lmsi_latest *latest);

/* What the next command of a call in the making waits for. */
typedef struct lmsi_chain {
    cl_event events[2];
    cl_uint count;
    cl_event owned;   /* the one of them to release, if any */
    cl_event *lender; /* who has the last command's event, if it is not owned */
    int begun;        /* a command that uses the object's memory has been enqueued */
    int may_end;      /* before the object's previous call, by its own wait list */
} lmsi_chain;

/* The call's wait list and the object's previous call as one short list. */
lms_status lmsi_chain_start(lmsi_latest *latest, cl_command_queue queue, cl_uint num_wait,
                            const cl_event *wait_list, lmsi_chain *chain);

/* The end of a call that may have failed half-way: later ones wait for what it has enqueued. */
void lmsi_chain_end(lmsi_latest *latest, lmsi_chain *chain);

/* The end of one that has enqueued all it should: submits it, and hands out its event. Nothing
 * fails any more from the last command on, for what is enqueued cannot be taken back. If OpenCL
 * does not submit it, whoever waits for it does; if it gives no further reference to an event,
 * the command is waited for. */
void lmsi_chain_deliver(lmsi_latest *latest, cl_command_queue queue, lmsi_chain *chain,
                        cl_event *event);

/* Is host memory free again, whose last write to the device is *done? If so, *done is NULL. */
lms_status lmsi_take_stage(cl_event *done, uint32_t max_in_flight);

/* A write from host memory that is taken until *done, the write's own event. */
lms_status lmsi_write(cl_command_queue queue, cl_mem to, size_t offset, size_t size,
                      const void *from, cl_event *done, lmsi_chain *chain);

lms_status lmsi_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                       const size_t *global, const size_t *local, lmsi_chain *chain);

/* A call that has nothing to do. */
lms_status lmsi_run_empty(cl_command_queue queue, cl_uint num_wait, const cl_event *wait_list,
                          cl_event *event);

#endif
