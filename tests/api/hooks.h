/* hooks.h - counts what the library asks of OpenCL and of the C library, and makes one call of
 * it fail. Programs with hooks are linked from the library's objects with -Wl,--wrap; see
 * api.cmake. For one thread. */
#ifndef LMS_TEST_HOOKS_H
#define LMS_TEST_HOOKS_H

#include <CL/cl.h>

/* Counts start at 0 and nothing fails; what is live stays counted. */
void hook_reset(void);

/* From now on, the nth call (from 1) of a function fails once, without being made: with `code`,
 * or with NULL for malloc, calloc and realloc. */
void hook_fail(const char *function, unsigned nth, cl_int code);

/* Did the call that should fail come? */
int hook_failed(void);

/* Calls since the last reset. */
unsigned hook_count(const char *function);
unsigned hook_blocking(void); /* reads and writes with CL_TRUE */

/* Writes from memory that OpenCL has mapped, since the last reset. */
unsigned hook_pinned_writes(void);

/* What was called since the last reset that is no question (clGet...), or NULL. */
const char *hook_deed(void);

/* References to OpenCL objects and allocations, made and not yet given back. */
long hook_live(void);

/* The size of the buffer that was made from this memory since the last reset, with this flag
 * (CL_MEM_USE_HOST_PTR or CL_MEM_COPY_HOST_PTR); 0 if none was. */
size_t hook_buffer_of(const void *memory, cl_mem_flags flag);

/* Bytes of the largest buffer that was made since the last reset. */
size_t hook_largest_buffer(void);

/* All hooked functions, by number; NULL at the end. */
const char *hook_name(unsigned i);

/* The nth blocking read (from 1) gets one bit wrong; the next source has an error. */
void hook_corrupt_read(unsigned nth);
void hook_break_source(void);

/* Until the next reset, kernels take work-groups of at most `limit`, and devices are GPUs. */
void hook_small_gpu(size_t limit);

/* Until the next reset, no source with a larger LMS_TEAM compiles, and devices are GPUs. */
void hook_refuse_teams(unsigned limit);

/* From now on, so many programs that are built have no kernels. */
void hook_no_kernels(unsigned programs);

/* Until the next reset: how a device (NULL: every one) answers a question, if it does, ... */
void hook_answer(cl_device_id device, cl_device_info what, size_t size, const void *value);
/* (one more question beside those that are answered already), */
void hook_answer_too(cl_device_id device, cl_device_info what, size_t size, const void *value);
void hook_no_answer(cl_device_id device, cl_int code);
/* ... and what the loader says instead of listing platforms. */
void hook_no_platforms(cl_int code);

/* The next question about an event is answered: in this state, or terminated with an error. */
void hook_event_state(cl_int state);
void hook_terminate_event(void);
void hook_terminate_events(unsigned count); /* the next `count` ones */

/* Until the next reset, kernels are enqueued but do nothing, as those of a call that was
 * terminated by its wait list. */
void hook_drop_kernels(void);
/* The same of writes. */
void hook_drop_writes(void);

#endif
