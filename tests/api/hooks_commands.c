/* The functions of cl_khr_command_buffer, which come by their names. */
#include "hooks_inside.h"

#include <stddef.h>
#include <string.h>

typedef void *(*create_function)(cl_uint, const cl_command_queue *, const cl_ulong *, cl_int *);
typedef cl_int (*launch_function)(void *, cl_command_queue, const cl_ulong *, cl_kernel,
                                  cl_uint, const size_t *, const size_t *, const size_t *,
                                  cl_uint, const cl_uint *, cl_uint *, void **);
typedef cl_int (*plain_function)(void *);
typedef cl_int (*enqueue_function)(cl_uint, cl_command_queue *, void *, cl_uint,
                                   const cl_event *, cl_event *);

static create_function real_create;
static launch_function real_launch;
static plain_function real_finalize, real_release;
static enqueue_function real_enqueue;

static void *create(cl_uint a, const cl_command_queue *b, const cl_ulong *c, cl_int *code)
{
    void *buffer = NULL;
    *code = hook_enter("clCreateCommandBufferKHR");
    if (*code == CL_SUCCESS) buffer = real_create(a, b, c, code);
    hook_change_live(buffer != NULL);
    return buffer;
}

static cl_int launch(void *a, cl_command_queue b, const cl_ulong *c, cl_kernel d, cl_uint e,
                     const size_t *f, const size_t *g, const size_t *h, cl_uint i,
                     const cl_uint *j, cl_uint *k, void **l)
{
    const cl_int code = hook_enter("clCommandNDRangeKernelKHR");
    return code != CL_SUCCESS ? code : real_launch(a, b, c, d, e, f, g, h, i, j, k, l);
}

static cl_int finalize(void *a)
{
    const cl_int code = hook_enter("clFinalizeCommandBufferKHR");
    return code != CL_SUCCESS ? code : real_finalize(a);
}

static cl_int enqueue(cl_uint a, cl_command_queue *b, void *c, cl_uint d, const cl_event *e,
                      cl_event *event)
{
    cl_int code = hook_enter("clEnqueueCommandBufferKHR");
    if (code == CL_SUCCESS) code = real_enqueue(a, b, c, d, e, event);
    hook_change_live(code == CL_SUCCESS && event != NULL);
    return code;
}

static cl_int release(void *a)
{
    (void)hook_enter("clReleaseCommandBufferKHR");
    hook_change_live(-1);
    return real_release(a);
}

/* A pointer to an object is none to a function in C: their bytes are the same. */
#define TAKE(text, function)                                                                   \
    if (strcmp(name, text) == 0) {                                                             \
        __typeof__(real_##function) own = function;                                            \
        memcpy(&real_##function, &real, sizeof real);                                          \
        memcpy(&real, &own, sizeof real);                                                      \
        return real;                                                                           \
    }

void *__real_clGetExtensionFunctionAddressForPlatform(cl_platform_id, const char *);
void *__wrap_clGetExtensionFunctionAddressForPlatform(cl_platform_id, const char *);
void *__wrap_clGetExtensionFunctionAddressForPlatform(cl_platform_id a, const char *name)
{
    if (hook_enter("clGetExtensionFunctionAddressForPlatform")) return NULL;
    void *real = __real_clGetExtensionFunctionAddressForPlatform(a, name);
    if (real == NULL) return NULL;
    TAKE("clCreateCommandBufferKHR", create)
    TAKE("clCommandNDRangeKernelKHR", launch)
    TAKE("clFinalizeCommandBufferKHR", finalize)
    TAKE("clEnqueueCommandBufferKHR", enqueue)
    TAKE("clReleaseCommandBufferKHR", release)
    return real;
}
