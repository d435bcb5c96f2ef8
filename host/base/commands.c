/* commands.c - command buffers, by the functions of the platform that has them. */
#include "base/commands.h"

#include "base/extensions.h"

#include <stdlib.h>
#include <string.h>

/* Of cl_khr_command_buffer, as since its version 0.9.0. */
#define CAPABILITIES 0x12a9u /* CL_DEVICE_COMMAND_BUFFER_CAPABILITIES_KHR */
#define SIMULTANEOUS_USE ((cl_bitfield)1 << 2)
#define OUT_OF_ORDER ((cl_bitfield)1 << 3)
#define REQUIRED_PROPERTIES 0x12aau /* CL_DEVICE_COMMAND_BUFFER_REQUIRED_QUEUE_PROPERTIES_KHR */
#define FLAGS 0x1293u               /* CL_COMMAND_BUFFER_FLAGS_KHR */
#define FLAG_SIMULTANEOUS_USE 1u    /* CL_COMMAND_BUFFER_SIMULTANEOUS_USE_KHR */

typedef void *(CL_API_CALL *create_function)(cl_uint, const cl_command_queue *,
                                             const cl_ulong *properties, cl_int *);
typedef cl_int(CL_API_CALL *launch_function)(void *buffer, cl_command_queue,
                                             const cl_ulong *properties, cl_kernel, cl_uint,
                                             const size_t *, const size_t *, const size_t *,
                                             cl_uint, const cl_uint *sync_points,
                                             cl_uint *sync_point, void **);
typedef cl_int(CL_API_CALL *finalize_function)(void *buffer);

/* A function of the platform. A pointer to an object is none to a function in C. */
#define LOOK_UP(platform, name, function)                                                      \
    do {                                                                                       \
        void *const found_ = clGetExtensionFunctionAddressForPlatform((platform), (name));     \
        memcpy(&(function), &found_, sizeof(function));                                        \
    } while (0)

/* Does the device take lists of such a queue, as often as it is told to? */
static int takes(cl_device_id device, cl_command_queue queue)
{
    cl_bitfield able = 0, required = 0;
    cl_command_queue_properties properties = 0;
    if (!lmsi_has_extension(device, "cl_khr_command_buffer") ||
        clGetDeviceInfo(device, CAPABILITIES, sizeof able, &able, NULL) != CL_SUCCESS ||
        clGetDeviceInfo(device, REQUIRED_PROPERTIES, sizeof required, &required, NULL) !=
            CL_SUCCESS ||
        clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties,
                              NULL) != CL_SUCCESS) {
        return 0;
    }
    const int is_loose = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
    return (able & SIMULTANEOUS_USE) && (!is_loose || (able & OUT_OF_ORDER)) &&
           (properties & required) == required;
}

static int fill(void *buffer, launch_function launch, finalize_function finalize,
                const lmsi_launch *launches, size_t count)
{
    cl_uint sync_point = 0;
    for (size_t i = 0; i < count; ++i) {
        const lmsi_launch *const l = &launches[i];
        const cl_uint before = sync_point;
        if (launch(buffer, NULL, NULL, l->kernel, l->dimensions, NULL, l->global, l->local,
                   i > 0 ? 1 : 0, i > 0 ? &before : NULL, &sync_point, NULL) != CL_SUCCESS) {
            return 0;
        }
    }
    return finalize(buffer) == CL_SUCCESS;
}

int lmsi_commands_make(lmsi_commands *commands, cl_command_queue queue,
                       const lmsi_launch *launches, size_t count)
{
    static const cl_ulong properties[] = {FLAGS, FLAG_SIMULTANEOUS_USE, 0};
    cl_device_id device = NULL;
    cl_platform_id platform = NULL;
    create_function create;
    launch_function launch;
    finalize_function finalize;
    *commands = (lmsi_commands){NULL, NULL, NULL};
    if (clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL) ||
        !takes(device, queue) ||
        clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL)) {
        return 0;
    }
    LOOK_UP(platform, "clCreateCommandBufferKHR", create);
    LOOK_UP(platform, "clCommandNDRangeKernelKHR", launch);
    LOOK_UP(platform, "clFinalizeCommandBufferKHR", finalize);
    LOOK_UP(platform, "clEnqueueCommandBufferKHR", commands->enqueue);
    LOOK_UP(platform, "clReleaseCommandBufferKHR", commands->release);
    if (create == NULL || launch == NULL || finalize == NULL || commands->enqueue == NULL ||
        commands->release == NULL) {
        return 0;
    }
    cl_int code = CL_SUCCESS;
    commands->buffer = create(1, &queue, properties, &code);
    if (code != CL_SUCCESS) commands->buffer = NULL;
    if (commands->buffer != NULL &&
        !fill(commands->buffer, launch, finalize, launches, count)) {
        lmsi_commands_release(commands);
    }
    return commands->buffer != NULL;
}

void lmsi_commands_release(lmsi_commands *commands)
{
    if (commands->buffer != NULL) commands->release(commands->buffer);
    commands->buffer = NULL;
}
