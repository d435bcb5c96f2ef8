/* recording_rig.h - recordings of the calls of sampler_object.h. */
#ifndef LMS_TEST_RECORDING_RIG_H
#define LMS_TEST_RECORDING_RIG_H

#include "calls/sampler_object.h"

/* Ways of making a sampler, and how many kernels a call with outputs has. */
typedef struct recording_way {
    const char *shape; /* LMS_SHAPE */
    uint32_t team;
    uint32_t kernels;
} recording_way;
enum {
    RECORDING_WAYS = 3 /* each has one kernel more */
};
extern const recording_way recording_ways[RECORDING_WAYS];

lms_sampler *recording_sampler(const sampler_rig *r, const recording_way *way);

/* A call of the scenario whose parameters are on the device. */
lms_recording *recording_of(const sampler_rig *r, lms_sampler *s, cl_command_queue queue,
                            unsigned call);

/* Does the device have cl_khr_command_buffer? */
bool recording_has_lists(const object_rig *r);

#endif
