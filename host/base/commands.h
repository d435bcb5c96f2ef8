/* commands.h - launches of kernels, and lists of them that are enqueued as one command where
 * the device has cl_khr_command_buffer. Anything that fails here costs no more than that. */
#ifndef LMSI_COMMANDS_H
#define LMSI_COMMANDS_H

#include "base/context.h"

typedef struct lmsi_launch {
    cl_kernel kernel;
    cl_uint dimensions;
    size_t global[2], local[2];
} lmsi_launch;

/* The extension's calls. Headers that are older than it, or at another draft, do not matter. */
typedef struct lmsi_commands {
    void *buffer; /* a cl_command_buffer_khr; NULL: there is none */
    cl_int(CL_API_CALL *enqueue)(cl_uint, cl_command_queue *, void *, cl_uint, const cl_event *,
                                 cl_event *);
    cl_int(CL_API_CALL *release)(void *);
} lmsi_commands;

/* Makes a list of launches, one behind the other, that may be enqueued on the queue any number
 * of times, also while it is under way. Returns whether there is one. */
int lmsi_commands_make(lmsi_commands *commands, cl_command_queue queue,
                       const lmsi_launch *launches, size_t count);

void lmsi_commands_release(lmsi_commands *commands);

#endif
