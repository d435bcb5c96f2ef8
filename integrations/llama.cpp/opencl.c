/* opencl.c - where a tensor of llama.cpp's OpenCL backend lies. */
#include "internal.h"
#include "llama_lms_opencl.h"

#include "ggml-backend.h"

#include <string.h>

/* What the backend has in `extra`: these two first. */
typedef struct place {
    cl_mem buffer;
    cl_ulong offset; /* bytes; a view's own offset is not in it */
} place;

static bool is_opencl(const struct ggml_tensor *tensor)
{
    return tensor->buffer && tensor->extra &&
           strncmp(ggml_backend_buffer_name(tensor->buffer), "OpenCL", 6) == 0;
}

static cl_int device_of(cl_context context, cl_device_id *device)
{
    cl_device_id devices[16];
    const cl_int code =
        clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof devices, devices, NULL);
    *device = devices[0];
    return code;
}

lms_status llama_lms_find_logits(const struct ggml_tensor *tensor, llama_lms_logits *out)
{
    const place *at = NULL;
    size_t size = 0;
    cl_int code = CL_SUCCESS;
    memset(out, 0, sizeof *out);
    if (!tensor || !is_opencl(tensor)) {
        return llama_lms_fail(LMS_E_UNSUPPORTED, "tensor: is in no buffer of OpenCL");
    }
    if (tensor->type != GGML_TYPE_F32 || tensor->nb[0] != 4 || tensor->nb[1] % 4) {
        return llama_lms_fail(LMS_E_UNSUPPORTED, "tensor: is %s, not rows of float32",
                              ggml_type_name(tensor->type));
    }
    at = tensor->extra;
    const cl_ulong begin = at->offset + tensor->view_offs;
    code = clGetMemObjectInfo(at->buffer, CL_MEM_CONTEXT, sizeof out->context, &out->context,
                              NULL);
    if (!code) code = clGetMemObjectInfo(at->buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (!code) code = device_of(out->context, &out->device);
    if (code || begin % 4 || begin + ggml_nbytes(tensor) > size) {
        return llama_lms_fail(LMS_E_UNSUPPORTED,
                              "tensor: this version of the OpenCL backend keeps its buffers in "
                              "another way");
    }
    out->view.buffer = at->buffer;
    out->view.offset = begin / 4;
    out->row_stride = tensor->nb[1] / 4;
    out->rows = (size_t)tensor->ne[1];
    return LMS_OK;
}
