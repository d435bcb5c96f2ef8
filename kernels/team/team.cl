/* team.cl - the work-items that share a row: LMS_TEAM of them, a power of two. It is 1 on a
 * CPU, where barriers are dear and vectors do the work, and a whole work-group on a GPU. */
#pragma once

#ifndef LMS_TEAM
#define LMS_TEAM 1
#endif

/* The place of a work-item in its team, and a barrier of the team. Lists and prefix sums that a
 * team shares are in global memory: both fences. */
#if LMS_TEAM == 1
uint lms_item(void) { return 0; }
void lms_sync(void) {}
#else
uint lms_item(void) { return (uint)get_local_id(0); }
void lms_sync(void) { barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); }
#endif

/* What a team knows of its row is in local memory, because no work-item has registers for all
 * of it; work-item 0 changes it. LMS_OURS_AS(type, name, ours) is for reading it: a pointer to
 * a copy, of which a compiler loads what is used. In a team of one it is the thing itself. */
#if LMS_TEAM == 1
#define LMS_OURS
#define LMS_OURS_AS(type, name, ours) type *const name = (ours)
#else
#define LMS_OURS __local
#define LMS_OURS_AS(type, name, ours)                                                          \
    type name##_copy = *(ours);                                                                \
    type *const name = &name##_copy
#endif
