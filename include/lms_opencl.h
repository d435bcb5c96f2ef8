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

/* A buffer and the element at which the data begins, counted in elements of that array: logits,
 * tokens, records. NULL as the buffer: not given. */
typedef struct lms_view {
    cl_mem buffer;
    size_t offset;
} lms_view;

#endif /* LMSAMPLE_OPENCL_H */
