/* pointers.c - what sets pointers as kernel arguments: a function of OpenCL 2.0, or Intel's. */
#define _GNU_SOURCE /* NOLINT(cert-dcl51-cpp): of RTLD_DEFAULT */

#include "base/pointers.h"

#include "base/extensions.h"

#include <dlfcn.h>
#include <string.h>

#define SVM_CAPABILITIES 0x1053u /* CL_DEVICE_SVM_CAPABILITIES, of OpenCL 2.0 */

/* By its name, since a loader of OpenCL 1.2 does not have it. */
static void *of_loader(void) { return dlsym(RTLD_DEFAULT, "clSetKernelArgSVMPointer"); }

static void *of_intel(cl_device_id device)
{
    cl_platform_id platform = NULL;
    if (!lmsi_has_extension(device, "cl_intel_unified_shared_memory") ||
        clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof(cl_platform_id), &platform, NULL) !=
            CL_SUCCESS)
        return NULL;
    return clGetExtensionFunctionAddressForPlatform(platform, "clSetKernelArgMemPointerINTEL");
}

lmsi_set_pointer lmsi_pointers_of(cl_device_id device)
{
    cl_bitfield able = 0;
    void *found = NULL;
    lmsi_set_pointer function = NULL;
    if (clGetDeviceInfo(device, SVM_CAPABILITIES, sizeof able, &able, NULL) != CL_SUCCESS)
        able = 0;
    if (able != 0) found = of_loader();
    if (found == NULL) found = of_intel(device);
    memcpy(&function, &found,
           sizeof function); /* a pointer to an object is none to a function */
    return function;
}
