/* call.h - how a call gets onto a queue: commands that wait for each other, for the caller's
 * events and for the operator's previous call, also for that of the slots it was made with.
 *
 * A call checks everything, sets its kernels' arguments, and then:
 *
 *     LMSI_TRY(lmsi_call_begin(&call, op, &where, 1));
 *     status = lmsi_call_end(&call, enqueue(&call, ...));
 *
 * with lmsi_call_write() and lmsi_call_launch() in between. */
#ifndef LMSI_CALL_H
#define LMSI_CALL_H

#include "lmsample.h"
#include "base/commands.h"

struct lmsi_operator;
struct lmsi_recording;

/* Where a call is enqueued: what callers say of it. */
typedef struct lmsi_where {
    cl_command_queue queue;
    cl_uint num_wait;
    const cl_event *wait_list;
    cl_event *event; /* NULL: not wanted */
} lmsi_where;

/* *event is NULL until the call has succeeded. */
lmsi_where lmsi_where_of(cl_command_queue queue, cl_uint num_wait, const cl_event *wait_list,
                         cl_event *event);

/* Is the process one that OpenCL works in, is the queue of this context, and the wait list one?
 * `args` is the record of the call, which `name` names. First among the checks of a call. */
lms_status lmsi_where_check(const struct lmsi_operator *op, const lmsi_where *where,
                            const void *args, const char *name);

/* What the next call of an operator waits for: the latest one, which waited for those before.
 * If that has a wait list of its own, it may be terminated before they are over, and so they
 * are kept too, the latest behind the others. Where there is no room for one more, the oldest
 * is forgotten: it would matter if all others were terminated. */
#define LMSI_LATEST 64u
typedef struct lmsi_latest {
    cl_event events[LMSI_LATEST];
    uint32_t count;
} lmsi_latest;

/* Waits for all of them. */
void lmsi_latest_end(lmsi_latest *latest);

/* Waits for the latest one; OpenCL's code if it was terminated. */
lms_status lmsi_latest_wait(const lmsi_latest *latest);

/* A longer wait list than this becomes one marker; another is the first command's own. */
#define LMSI_FEW 7u

/* A call in the making. */
typedef struct lmsi_call {
    struct lmsi_operator *op;
    const lmsi_where *where;
    struct lmsi_stage *stage;      /* NULL: it brings nothing from the host */
    cl_event events[LMSI_FEW + 2]; /* that the next command waits for */
    cl_uint count;
    cl_event owned;   /* the one of them to release, if any */
    cl_event *lender; /* who has the last command's event, if it is not owned */
    int has_grown;    /* slots have got the room that the call has reserved */
    int begun;        /* a command that uses the operator's memory has been enqueued */
    struct lmsi_recording *recording; /* NULL, or what keeps its launches: none is made */
    int may_end; /* before a previous call, if something else that it waits for fails */
} lmsi_call;

/* Takes a stage for what the call brings from the host, if it does. LMS_E_BUSY: all of them are
 * in use. Where it fails there is nothing to end. */
lms_status lmsi_call_begin(lmsi_call *call, struct lmsi_operator *op, const lmsi_where *where,
                           int is_staged);

/* The call's own memory for what a buffer gets from the host, by the buffer's number. */
void *lmsi_call_staged(const lmsi_call *call, size_t buffer);

/* Writes `bytes` of that memory to the buffer, from byte `at` on. */
lms_status lmsi_call_write(lmsi_call *call, size_t buffer, size_t at, size_t bytes);

/* Launches a kernel by its number: so many work-groups, in one dimension if `high` is 0. */
lms_status lmsi_call_launch(lmsi_call *call, size_t kernel, size_t wide, size_t high);

/* The same for a launch, or a list of launches, that is there. Where a list is refused, nothing
 * is enqueued. */
lms_status lmsi_call_enqueue(lmsi_call *call, const lmsi_launch *launch);
cl_int lmsi_call_commands(lmsi_call *call, const lmsi_commands *commands);

/* Keeps a launch of the operator's kernel. In op/recording.c. */
lms_status lmsi_recording_add(struct lmsi_recording *recording, size_t kernel,
                              const lmsi_launch *launch);

/* The end of a call whose enqueuing has come to `status`, which it returns. It submits what is
 * enqueued, which cannot be taken back: later calls wait for it, and after the last command
 * nothing fails any more. If OpenCL does not submit it, whoever waits for it does; if it gives
 * no further reference to an event, the command is waited for. */
lms_status lmsi_call_end(lmsi_call *call, lms_status status);

/* A call that has nothing to do. */
lms_status lmsi_call_empty(const lmsi_where *where);

#endif
