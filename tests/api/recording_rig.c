#include "recording_rig.h"

#include <stdlib.h>

const recording_way recording_ways[RECORDING_WAYS] = {
    {"fuse_from=1", 1, 1}, {"fuse_from=1000000", 1, 2}, {"fuse_from=1000000", 4, 3}};

lms_sampler *recording_sampler(const sampler_rig *r, const recording_way *way)
{
    object_desc desc = r->base.desc;
    desc.sampler.work_items = way->team;
    setenv("LMS_SHAPE", way->shape, 1);
    lms_sampler *const made = object_new(&r->base, &desc);
    unsetenv("LMS_SHAPE");
    return made;
}

bool recording_has_lists(const object_rig *r)
{
    char list[4096] = "";
    clGetDeviceInfo(lms_context_device(r->ctx), CL_DEVICE_EXTENSIONS, sizeof list, list, NULL);
    return strstr(list, "cl_khr_command_buffer") != NULL;
}

lms_recording *recording_of(const sampler_rig *r, lms_sampler *s, cl_command_queue queue,
                            unsigned call)
{
    const lms_sampler_run_args b = sampler_run_args(r, call);
    lms_recording *made = NULL;
    RIG_OK(lms_sampler_record(s, queue, &b, &made));
    assert_non_null(made);
    return made;
}
