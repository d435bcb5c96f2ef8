/* pointers.h - kernel arguments that are pointers, and no buffers: shared virtual memory. */
#ifndef LMSI_POINTERS_H
#define LMSI_POINTERS_H

#include "lms_opencl.h"

/* As clSetKernelArgSVMPointer is. */
typedef cl_int(CL_API_CALL *lmsi_set_pointer)(cl_kernel, cl_uint, const void *);

/* What sets them for a device. NULL: it takes none. */
lmsi_set_pointer lmsi_pointers_of(cl_device_id device);

#endif
