#include "hooks_inside.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HOOK_LIMIT 64

static struct {
    const char *name;
    unsigned count;
} hooked[HOOK_LIMIT];
static const char *fail_name;
static unsigned fail_countdown, corrupt_read, blocking, pinned_writes;
static cl_int fail_code, event_state;
static int fail_done, break_source, drop_kernels, drop_writes;
static unsigned event_answers;
static long live;
static size_t small_limit;
static unsigned most_team = UINT_MAX, empty_programs;
static struct {
    const void *memory;
    cl_mem_flags flags;
    size_t size;
} used[HOOK_LIMIT]; /* what buffers were made from */
static unsigned used_count;
static size_t largest_buffer;

void hook_reset(void)
{
    for (size_t i = 0; i < HOOK_LIMIT; ++i) hooked[i].count = 0;
    fail_name = NULL;
    fail_done = 0;
    blocking = 0;
    pinned_writes = 0;
    corrupt_read = 0;
    break_source = 0;
    event_answers = 0;
    drop_kernels = 0;
    drop_writes = 0;
    small_limit = 0;
    most_team = UINT_MAX;
    empty_programs = 0;
    used_count = 0;
    largest_buffer = 0;
    hook_reset_answers();
}

void hook_fail(const char *function, unsigned nth, cl_int code)
{
    fail_name = function;
    fail_countdown = nth;
    fail_code = code;
    fail_done = 0;
}

int hook_failed(void) { return fail_done; }
unsigned hook_blocking(void) { return blocking; }
unsigned hook_pinned_writes(void) { return pinned_writes; }
long hook_live(void) { return live; }
void hook_change_live(long change) { live += change; }
const char *hook_name(unsigned i) { return i < HOOK_LIMIT ? hooked[i].name : NULL; }
void hook_small_gpu(size_t limit) { small_limit = limit; }
int hook_poses_as_gpu(void) { return small_limit != 0 || most_team != UINT_MAX; }
void hook_refuse_teams(unsigned limit) { most_team = limit; }
void hook_no_kernels(unsigned programs) { empty_programs = programs; }

size_t hook_buffer_of(const void *memory, cl_mem_flags flag)
{
    for (unsigned i = 0; i < used_count; ++i) {
        if (used[i].memory == memory && (used[i].flags & flag)) return used[i].size;
    }
    return 0;
}

size_t hook_largest_buffer(void) { return largest_buffer; }

void hook_corrupt_read(unsigned nth) { corrupt_read = nth; }
void hook_break_source(void) { break_source = 1; }
void hook_event_state(cl_int state)
{
    event_state = state;
    event_answers = 1;
}

void hook_terminate_event(void) { hook_terminate_events(1); }

void hook_terminate_events(unsigned count)
{
    event_state = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    event_answers = count;
}

void hook_drop_kernels(void) { drop_kernels = 1; }
void hook_drop_writes(void) { drop_writes = 1; }

static size_t slot_of(const char *function)
{
    size_t i = 0;
    while (i + 1 < HOOK_LIMIT && hooked[i].name != NULL &&
           strcmp(hooked[i].name, function) != 0) {
        ++i;
    }
    hooked[i].name = function;
    return i;
}

const char *hook_deed(void)
{
    for (size_t i = 0; i < HOOK_LIMIT && hooked[i].name != NULL; ++i) {
        if (hooked[i].count > 0 && strncmp(hooked[i].name, "clGet", 5) != 0) {
            return hooked[i].name;
        }
    }
    return NULL;
}

unsigned hook_count(const char *function) { return hooked[slot_of(function)].count; }

cl_int hook_enter(const char *function)
{
    ++hooked[slot_of(function)].count;
    if (fail_name == NULL || strcmp(fail_name, function) != 0 || --fail_countdown > 0) return 0;
    fail_name = NULL;
    fail_done = 1;
    return fail_code;
}

/* Returns a code; `change` references come or go. Releases never fail: nobody could do
 * better. */
#define HOOK_CODE(name, change, parameters, arguments)                                         \
    cl_int __real_##name parameters;                                                           \
    cl_int __wrap_##name parameters;                                                           \
    cl_int __wrap_##name parameters                                                            \
    {                                                                                          \
        cl_int code = hook_enter(#name);                                                       \
        if (code == CL_SUCCESS || (change) < 0) code = __real_##name arguments;                \
        if (code == CL_SUCCESS) live += (change);                                              \
        return code;                                                                           \
    }
/* Returns a new object, and a code by way of `code`. */
#define HOOK_NEW(name, type, parameters, arguments)                                            \
    type __real_##name parameters;                                                             \
    type __wrap_##name parameters;                                                             \
    type __wrap_##name parameters                                                              \
    {                                                                                          \
        const cl_int wanted = hook_enter(#name);                                               \
        type object = NULL;                                                                    \
        if (wanted == CL_SUCCESS)                                                              \
            object = __real_##name arguments;                                                  \
        else if (code != NULL)                                                                 \
            *code = wanted;                                                                    \
        live += object != NULL;                                                                \
        return object;                                                                         \
    }
#define HOOK_INFO(name, object, what)                                                          \
    HOOK_CODE(name, 0, (object a, what b, size_t c, void *d, size_t *e), (a, b, c, d, e))
#define HOOK_EVENT(name, parameters, arguments)                                                \
    HOOK_CODE(name, event != NULL ? 1 : 0, parameters, arguments)

HOOK_CODE(clGetDeviceIDs, 0,
          (cl_platform_id a, cl_device_type b, cl_uint c, cl_device_id *d, cl_uint *e),
          (a, b, c, d, e))
HOOK_INFO(clGetPlatformInfo, cl_platform_id, cl_platform_info)
HOOK_INFO(clGetContextInfo, cl_context, cl_context_info)
HOOK_INFO(clGetCommandQueueInfo, cl_command_queue, cl_command_queue_info)
HOOK_INFO(clGetMemObjectInfo, cl_mem, cl_mem_info)
HOOK_INFO(clGetProgramInfo, cl_program, cl_program_info)
HOOK_INFO(clGetKernelInfo, cl_kernel, cl_kernel_info)
HOOK_CODE(clGetKernelArgInfo, 0,
          (cl_kernel a, cl_uint b, cl_kernel_arg_info c, size_t d, void *e, size_t *f),
          (a, b, c, d, e, f))
HOOK_CODE(clGetProgramBuildInfo, 0,
          (cl_program a, cl_device_id b, cl_program_build_info c, size_t d, void *e, size_t *f),
          (a, b, c, d, e, f))
HOOK_CODE(clRetainContext, 1, (cl_context a), (a))
HOOK_CODE(clReleaseContext, -1, (cl_context a), (a))
HOOK_CODE(clRetainDevice, 1, (cl_device_id a), (a))
HOOK_CODE(clReleaseDevice, -1, (cl_device_id a), (a))
HOOK_CODE(clReleaseCommandQueue, -1, (cl_command_queue a), (a))
HOOK_CODE(clRetainMemObject, 1, (cl_mem a), (a))
HOOK_CODE(clRetainCommandQueue, 1, (cl_command_queue a), (a))
HOOK_CODE(clReleaseMemObject, -1, (cl_mem a), (a))
HOOK_CODE(clReleaseProgram, -1, (cl_program a), (a))
HOOK_CODE(clReleaseKernel, -1, (cl_kernel a), (a))
HOOK_CODE(clRetainEvent, 1, (cl_event a), (a))
HOOK_CODE(clReleaseEvent, -1, (cl_event a), (a))
HOOK_CODE(clWaitForEvents, 0, (cl_uint a, const cl_event *b), (a, b))
HOOK_CODE(clFlush, 0, (cl_command_queue a), (a))
HOOK_CODE(clFinish, 0, (cl_command_queue a), (a))
HOOK_CODE(clSetKernelArg, 0, (cl_kernel a, cl_uint b, size_t c, const void *d), (a, b, c, d))
HOOK_CODE(clBuildProgram, 0,
          (cl_program a, cl_uint b, const cl_device_id *c, const char *d,
           void(CL_CALLBACK *e)(cl_program, void *), void *f),
          (a, b, c, d, e, f))
HOOK_EVENT(clEnqueueMarkerWithWaitList,
           (cl_command_queue a, cl_uint b, const cl_event *c, cl_event *event),
           (a, b, c, event))
HOOK_EVENT(clEnqueueCopyBuffer,
           (cl_command_queue a, cl_mem b, cl_mem c, size_t d, size_t e, size_t f, cl_uint g,
            const cl_event *h, cl_event *event),
           (a, b, c, d, e, f, g, h, event))
HOOK_EVENT(clEnqueueFillBuffer,
           (cl_command_queue a, cl_mem b, const void *c, size_t d, size_t e, size_t f,
            cl_uint g, const cl_event *h, cl_event *event),
           (a, b, c, d, e, f, g, h, event))
HOOK_EVENT(clEnqueueReadBufferRect,
           (cl_command_queue a, cl_mem b, cl_bool c, const size_t *d, const size_t *e,
            const size_t *f, size_t g, size_t h, size_t i, size_t j, void *k, cl_uint l,
            const cl_event *m, cl_event *event),
           (a, b, c, d, e, f, g, h, i, j, k, l, m, event))
HOOK_NEW(clCreateContext, cl_context,
         (const cl_context_properties *a, cl_uint b, const cl_device_id *c,
          void(CL_CALLBACK *d)(const char *, const void *, size_t, void *), void *e,
          cl_int *code),
         (a, b, c, d, e, code))
HOOK_NEW(clCreateCommandQueue, cl_command_queue,
         (cl_context a, cl_device_id b, cl_command_queue_properties c, cl_int *code),
         (a, b, c, code))
HOOK_NEW(clCreateUserEvent, cl_event, (cl_context a, cl_int *code), (a, code))
HOOK_NEW(clCreateProgramWithBinary, cl_program,
         (cl_context a, cl_uint b, const cl_device_id *c, const size_t *d,
          const unsigned char **e, cl_int *f, cl_int *code),
         (a, b, c, d, e, f, code))

#define LAUNCH                                                                                 \
    (cl_command_queue a, cl_kernel b, cl_uint c, const size_t *d, const size_t *e,             \
     const size_t *f, cl_uint g, const cl_event *h, cl_event *event)
cl_int __real_clEnqueueNDRangeKernel LAUNCH;
cl_int __wrap_clEnqueueNDRangeKernel LAUNCH;
cl_int __wrap_clEnqueueNDRangeKernel LAUNCH
{
    cl_int code = hook_enter("clEnqueueNDRangeKernel");
    if (code == CL_SUCCESS && drop_kernels) {
        code = __real_clEnqueueMarkerWithWaitList(a, g, h, event);
    } else if (code == CL_SUCCESS) {
        code = __real_clEnqueueNDRangeKernel(a, b, c, d, e, f, g, h, event);
    }
    live += code == CL_SUCCESS && event != NULL;
    return code;
}

cl_kernel __real_clCreateKernel(cl_program, const char *, cl_int *);
cl_kernel __wrap_clCreateKernel(cl_program, const char *, cl_int *);
cl_kernel __wrap_clCreateKernel(cl_program a, const char *b, cl_int *code)
{
    cl_kernel kernel = NULL;
    *code = hook_enter("clCreateKernel");
    if (*code == CL_SUCCESS && empty_programs > 0) {
        --empty_programs;
        *code = CL_INVALID_KERNEL_NAME;
    } else if (*code == CL_SUCCESS) {
        kernel = __real_clCreateKernel(a, b, code);
    }
    live += kernel != NULL;
    return kernel;
}

/* Does the library's source ask for a larger team than the compiler is to take? */
static int is_too_large(const char *source)
{
    const char *const team = strstr(source, "#define LMS_TEAM ");
    return team != NULL && strtoul(team + 17, NULL, 10) > most_team;
}

cl_program __real_clCreateProgramWithSource(cl_context, cl_uint, const char **, const size_t *,
                                            cl_int *);
cl_program __wrap_clCreateProgramWithSource(cl_context, cl_uint, const char **, const size_t *,
                                            cl_int *);
cl_program __wrap_clCreateProgramWithSource(cl_context a, cl_uint b, const char **c,
                                            const size_t *d, cl_int *code)
{
    static const char *broken[1] = {
        "__kernel void broken(__global int *p) { *p = unheard_of; }"};
    static const char *refused[1] = {"#error reqd_work_group_size is too large\n"};
    const cl_int wanted = hook_enter("clCreateProgramWithSource");
    cl_program program = NULL;
    if (wanted != CL_SUCCESS) {
        *code = wanted;
    } else {
        if (break_source) {
            program = __real_clCreateProgramWithSource(a, 1, broken, NULL, code);
        } else if (is_too_large(c[0])) {
            program = __real_clCreateProgramWithSource(a, 1, refused, NULL, code);
        } else {
            program = __real_clCreateProgramWithSource(a, b, c, d, code);
        }
    }
    break_source = 0;
    live += program != NULL;
    return program;
}

cl_mem __real_clCreateBuffer(cl_context, cl_mem_flags, size_t, void *, cl_int *);
cl_mem __wrap_clCreateBuffer(cl_context, cl_mem_flags, size_t, void *, cl_int *);
cl_mem __wrap_clCreateBuffer(cl_context a, cl_mem_flags b, size_t c, void *d, cl_int *code)
{
    cl_mem buffer = NULL;
    const cl_int wanted = hook_enter("clCreateBuffer");
    if (wanted == CL_SUCCESS)
        buffer = __real_clCreateBuffer(a, b, c, d, code);
    else
        *code = wanted;
    if (d != NULL && used_count < HOOK_LIMIT) {
        used[used_count].memory = d;
        used[used_count].flags = b;
        used[used_count++].size = c;
    }
    if (buffer != NULL && c > largest_buffer) largest_buffer = c;
    live += buffer != NULL;
    return buffer;
}

#define TRANSFER(constant)                                                                     \
    (cl_command_queue a, cl_mem b, cl_bool c, size_t d, size_t e, constant void *f, cl_uint g, \
     const cl_event *h, cl_event *event)
cl_int __real_clEnqueueWriteBuffer TRANSFER(const);
cl_int __wrap_clEnqueueWriteBuffer TRANSFER(const);
cl_int __wrap_clEnqueueWriteBuffer TRANSFER(const)
{
    cl_int code = hook_enter("clEnqueueWriteBuffer");
    blocking += c != CL_FALSE;
    pinned_writes += hook_is_mapped(f) != 0;
    if (code == CL_SUCCESS && drop_writes) {
        code = __real_clEnqueueMarkerWithWaitList(a, g, h, event);
    } else if (code == CL_SUCCESS) {
        code = __real_clEnqueueWriteBuffer(a, b, c, d, e, f, g, h, event);
    }
    live += code == CL_SUCCESS && event != NULL;
    return code;
}

cl_int __real_clEnqueueReadBuffer TRANSFER();
cl_int __wrap_clEnqueueReadBuffer TRANSFER();
cl_int __wrap_clEnqueueReadBuffer TRANSFER()
{
    cl_int code = hook_enter("clEnqueueReadBuffer");
    blocking += c != CL_FALSE;
    if (code == CL_SUCCESS) code = __real_clEnqueueReadBuffer(a, b, c, d, e, f, g, h, event);
    if (code == CL_SUCCESS && corrupt_read > 0 && --corrupt_read == 0) {
        ((unsigned char *)f)[e - 1] ^= 0x40;
    }
    live += code == CL_SUCCESS && event != NULL;
    return code;
}

cl_int __real_clGetEventInfo(cl_event, cl_event_info, size_t, void *, size_t *);
cl_int __wrap_clGetEventInfo(cl_event, cl_event_info, size_t, void *, size_t *);
cl_int __wrap_clGetEventInfo(cl_event a, cl_event_info b, size_t c, void *d, size_t *e)
{
    cl_int code = hook_enter("clGetEventInfo");
    if (code == CL_SUCCESS) code = __real_clGetEventInfo(a, b, c, d, e);
    if (event_answers > 0 && b == CL_EVENT_COMMAND_EXECUTION_STATUS) {
        *(cl_int *)d = event_state;
        --event_answers;
    }
    return code;
}

#define GROUP_INFO                                                                             \
    (cl_kernel a, cl_device_id b, cl_kernel_work_group_info c, size_t d, void *e, size_t *f)
cl_int __real_clGetKernelWorkGroupInfo GROUP_INFO;
cl_int __wrap_clGetKernelWorkGroupInfo GROUP_INFO;
cl_int __wrap_clGetKernelWorkGroupInfo GROUP_INFO
{
    cl_int code = hook_enter("clGetKernelWorkGroupInfo");
    if (code == CL_SUCCESS) code = __real_clGetKernelWorkGroupInfo(a, b, c, d, e, f);
    if (small_limit != 0) *(size_t *)e = small_limit;
    return code;
}
