/* faults.h - what a call may return when an OpenCL call, or an allocation, in it has failed. */
#ifndef LMS_TEST_FAULTS_H
#define LMS_TEST_FAULTS_H

#include "lmsample.h"

#include <stdbool.h>

#define INJECTED CL_OUT_OF_HOST_MEMORY

/* Of a hooked function, by its name. */
bool is_release(const char *name);
bool is_allocation(const char *name);
/* What a call does when all is enqueued: it must not fail any more. It can wait instead of
 * keeping a reference for later calls, and what is not submitted by it is so by those that
 * wait. */
bool is_after_enqueues(const char *name);

/* Is it part of the last error's message? */
bool says(const char *part);

/* How often each hooked function was called since the last reset. */
void count_calls(unsigned *calls);

/* What making a search may return when a call of `name` failed. */
bool is_right(const char *name, lms_status status);

#endif
