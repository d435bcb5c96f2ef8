/* lms_opencl.h - OpenCL's header, as the library's headers need it, and data in its buffers.
 *
 * Included by lmsample.h.
 */
#ifndef LMSAMPLE_OPENCL_H
#define LMSAMPLE_OPENCL_H

/* Who has chosen no version of OpenCL gets all of them, without a word and without marks on
 * what 1.2 has and later versions deprecate. Nothing of that stays defined: what is included
 * behind this header, such as CL/opencl.hpp, chooses for itself. */
#ifdef CL_TARGET_OPENCL_VERSION
#include <CL/cl.h>
#else
#define CL_TARGET_OPENCL_VERSION 300
#ifdef CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#else
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#undef CL_USE_DEPRECATED_OPENCL_1_2_APIS
#endif
#undef CL_TARGET_OPENCL_VERSION
#endif
#include <stddef.h>
#include <stdint.h>

/* Where an array is, and the element at which the data begins, counted in elements of that
 * array: logits, tokens, records. Not given, if buffer and svm are both NULL.
 *
 * svm, which takes the place of a buffer, is a pointer that the device reads as its own, where
 * it can (else LMS_E_UNSUPPORTED): shared virtual memory of OpenCL 2.0, of clSVMAlloc or the
 * host's own where the device shares all of that, or Intel's unified shared memory. It is
 * aligned as the elements are: to the largest power of two that divides their size, at most
 * 16. How much memory there is OpenCL does not tell, so that is not checked. Who frees it, maps
 * it or writes to it waits for the call's event. */
typedef struct lms_view {
    cl_mem buffer;
    size_t offset;
    void *svm;
} lms_view;

#endif /* LMSAMPLE_OPENCL_H */
