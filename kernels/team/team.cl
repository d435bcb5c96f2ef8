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
