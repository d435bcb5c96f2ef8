/* llama_lms_opencl.h - logits where llama.cpp's OpenCL backend has them: no copy on the host.
 *
 * ggml's public interface does not say where a tensor of that backend lies. This looks at what
 * the backend keeps in `extra` of a tensor that is no quantized one: a cl_mem, and an offset in
 * bytes. That is private to the backend; it has been so since the backend came (November 2024),
 * up to ggml 0.25. What can be checked is checked. README.md says how to call lmsample with it,
 * and what is missing: the queue. */
#ifndef LLAMA_LMS_OPENCL_H
#define LLAMA_LMS_OPENCL_H

#include "llama_lms.h"

#include "ggml.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct llama_lms_logits {
    cl_context context; /* the backend's, to make a lms_context of */
    cl_device_id device;
    lms_view view; /* float[rows][row_stride] */
    size_t row_stride;
    size_t rows;
} llama_lms_logits;

/* The tensor "result_output", as cb_eval of llama_context_params gets it. LMS_E_UNSUPPORTED: it
 * is not in a buffer of the OpenCL backend (llama_get_logits has it), or not float32. */
lms_status llama_lms_find_logits(const struct ggml_tensor *tensor, llama_lms_logits *out);

#ifdef __cplusplus
}
#endif
#endif
