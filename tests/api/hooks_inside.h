/* hooks_inside.h - what the hooks share among themselves. */
#ifndef LMS_TEST_HOOKS_INSIDE_H
#define LMS_TEST_HOOKS_INSIDE_H

#include "hooks.h"

/* Counts a call; the code that it is to fail with, or 0. */
cl_int hook_enter(const char *function);

/* Counts references that come, or go. */
void hook_change_live(long change);

/* Is this memory that OpenCL has mapped? */
int hook_is_mapped(const void *at);

int hook_poses_as_gpu(void);
void hook_reset_answers(void);

#endif
