#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool setup_open(setup *s, const char *program, const char *model_directory, const char *device)
{
    char error[256];
    *s = (setup){.program = program};
    s->model = lm_model_load(model_directory, error, sizeof error);
    if (s->model == NULL) {
        return fail(s, error);
    }
    if (!succeeded(s, "cannot open a device", lms_context_open(device, &s->context))) {
        return false;
    }
    s->queue = lms_context_queue(s->context);
    return true;
}

void setup_close(setup *s)
{
    lms_context_destroy(s->context);
    lm_model_free(s->model);
}

bool fail(const setup *s, const char *what)
{
    fprintf(stderr, "%s: %s\n", s->program, what);
    return false;
}

bool succeeded(const setup *s, const char *what, lms_status status)
{
    if (status == LMS_OK) {
        return true;
    }
    /* The library's own message belongs to its own calls, whose codes are positive; a negative
     * one may come from OpenCL directly. */
    fprintf(stderr, "%s: %s: %s%s%s\n", s->program, what, lms_status_text(status),
            status > 0 ? ": " : "", status > 0 ? lms_error_message() : "");
    if (status == LMS_E_BUILD && s->context != NULL) {
        fprintf(stderr, "%s", lms_context_log(s->context));
    }
    return false;
}

bool make_input(const setup *s, int rows, int columns, cl_mem *input)
{
    size_t bytes = (size_t)rows * (size_t)columns * sizeof(cl_float);
    cl_int error = CL_SUCCESS;
    *input = clCreateBuffer(lms_context_cl_context(s->context),
                            CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &error);
    return succeeded(s, "cannot make a buffer for the model", error);
}

float *map_input(const setup *s, cl_mem input)
{
    size_t bytes = 0;
    float *mapped = NULL;
    cl_int error = clGetMemObjectInfo(input, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    if (error == CL_SUCCESS) {
        mapped = clEnqueueMapBuffer(s->queue, input, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0,
                                    bytes, 0, NULL, NULL, &error);
    }
    return succeeded(s, "cannot map a buffer for the model", error) ? mapped : NULL;
}

/* Waits, so that the time of a transfer is not taken for that of what follows. */
bool unmap_input(const setup *s, cl_mem input, float *mapped)
{
    cl_int error = clEnqueueUnmapMemObject(s->queue, input, mapped, 0, NULL, NULL);
    if (error == CL_SUCCESS) {
        error = clFinish(s->queue);
    }
    return succeeded(s, "cannot unmap a buffer for the model", error);
}

int feed_prompt(const setup *s, lm_batch *sequences, int slot, const char *prompt, int length,
                float *logits, float *hidden)
{
    enum {
        LONGEST = 1024
    };
    int32_t tokens[LONGEST] = {lm_end_of_text(s->model)};
    size_t count =
        1 + lm_encode(s->model, prompt, strlen(prompt), tokens + 1, (size_t)LONGEST - 1);
    if (count <= LONGEST && count + (size_t)length <= (size_t)lm_context(s->model) &&
        lm_batch_prompt(sequences, slot, tokens, count, logits, hidden) == 0) {
        return (int)count;
    }
    fprintf(stderr, "%s: prompt and text together exceed the model's %d tokens\n", s->program,
            lm_context(s->model));
    return 0;
}

bool make_output(const setup *s, size_t bytes, output *out)
{
    cl_int error = CL_SUCCESS;
    out->bytes = bytes;
    out->copy = calloc(1, bytes);
    if (out->copy == NULL) {
        return fail(s, "no memory");
    }
    out->buffer = clCreateBuffer(lms_context_cl_context(s->context), CL_MEM_READ_WRITE, bytes,
                                 NULL, &error);
    return succeeded(s, "cannot make a buffer", error);
}

bool read_output(const setup *s, output *out)
{
    return succeeded(s, "cannot read a buffer",
                     clEnqueueReadBuffer(s->queue, out->buffer, CL_TRUE, 0, out->bytes,
                                         out->copy, 0, NULL, NULL));
}

bool write_output(const setup *s, output *out)
{
    return succeeded(s, "cannot write a buffer",
                     clEnqueueWriteBuffer(s->queue, out->buffer, CL_TRUE, 0, out->bytes,
                                          out->copy, 0, NULL, NULL));
}

void free_output(output *out)
{
    if (out->buffer != NULL) {
        clReleaseMemObject(out->buffer);
    }
    free(out->copy);
}

bool read_integer(const char *text, int least, int most, int *number)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < least || value > most) {
        return false;
    }
    *number = (int)value;
    return true;
}
