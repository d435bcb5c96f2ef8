/* What devices and platforms say of themselves. */
#include "hooks_inside.h"

#include <stddef.h>
#include <string.h>

#define ANSWER_LIMIT 4

static struct {
    cl_device_id device;
    cl_device_info what;
    const void *value;
    size_t size;
} answers[ANSWER_LIMIT];
static struct {
    cl_device_id device;
    cl_int code;
} silence;
static cl_int platforms_code;

void hook_reset_answers(void)
{
    memset(answers, 0, sizeof answers);
    silence.code = CL_SUCCESS;
    platforms_code = CL_SUCCESS;
}

void hook_answer_too(cl_device_id device, cl_device_info what, size_t size, const void *value)
{
    size_t i = 0;
    while (i + 1 < ANSWER_LIMIT && answers[i].size != 0) ++i;
    answers[i].device = device;
    answers[i].what = what;
    answers[i].size = size;
    answers[i].value = value;
}

void hook_answer(cl_device_id device, cl_device_info what, size_t size, const void *value)
{
    memset(answers, 0, sizeof answers);
    silence.code = CL_SUCCESS;
    hook_answer_too(device, what, size, value);
}

void hook_no_answer(cl_device_id device, cl_int code)
{
    memset(answers, 0, sizeof answers);
    silence.device = device;
    silence.code = code;
}

void hook_no_platforms(cl_int code) { platforms_code = code; }

cl_int __real_clGetDeviceInfo(cl_device_id, cl_device_info, size_t, void *, size_t *);
cl_int __wrap_clGetDeviceInfo(cl_device_id, cl_device_info, size_t, void *, size_t *);
cl_int __wrap_clGetDeviceInfo(cl_device_id a, cl_device_info b, size_t c, void *d, size_t *e)
{
    cl_int code = hook_enter("clGetDeviceInfo");
    if (code == CL_SUCCESS && (silence.device == NULL || silence.device == a)) {
        code = silence.code;
    }
    for (size_t i = 0; i < ANSWER_LIMIT && code == CL_SUCCESS; ++i) {
        if (answers[i].size == 0 || answers[i].what != b) continue;
        if (answers[i].device != NULL && answers[i].device != a) continue;
        if (e != NULL) *e = answers[i].size;
        if (d == NULL) return CL_SUCCESS;
        if (c < answers[i].size) return CL_INVALID_VALUE;
        memcpy(d, answers[i].value, answers[i].size);
        return CL_SUCCESS;
    }
    if (code == CL_SUCCESS) code = __real_clGetDeviceInfo(a, b, c, d, e);
    if (hook_poses_as_gpu() && b == CL_DEVICE_TYPE) {
        *(cl_device_type *)d = CL_DEVICE_TYPE_GPU;
    }
    return code;
}

cl_int __real_clGetPlatformIDs(cl_uint, cl_platform_id *, cl_uint *);
cl_int __wrap_clGetPlatformIDs(cl_uint, cl_platform_id *, cl_uint *);
cl_int __wrap_clGetPlatformIDs(cl_uint a, cl_platform_id *b, cl_uint *c)
{
    cl_int code = hook_enter("clGetPlatformIDs");
    if (code == CL_SUCCESS) code = platforms_code;
    return code == CL_SUCCESS ? __real_clGetPlatformIDs(a, b, c) : code;
}
