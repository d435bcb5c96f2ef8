/* process.h - what holds for a whole process: runtimes are opened by one thread at a time, and
 * not used in a child of fork(), where their threads and locks are lost. */
#ifndef LMSI_PROCESS_H
#define LMSI_PROCESS_H

#include "lmsample.h"

/* Around whatever may be a process's first use of an OpenCL runtime: some begin their own work
 * without a lock (pocl 3.1 hands out devices that another thread is still making). Fails in a
 * child, and then there is nothing to leave. */
lms_status lmsi_runtime_enter(void);
void lmsi_runtime_leave(void);

/* Is this a child of a process that had used OpenCL? One load. */
int lmsi_is_child(void);
lms_status lmsi_child_check(void);

#endif
