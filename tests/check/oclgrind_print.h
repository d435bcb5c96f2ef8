/* oclgrind_print.h - what the programs of oclgrind.sh that run searches have in common. */
#ifndef OCLGRIND_PRINT_H
#define OCLGRIND_PRINT_H

#include "lmsample.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void check(int32_t status, const char *what)
{
    if (status == 0) return;
    fprintf(stderr, "%s: %d %s\n", what, (int)status, lms_error_message());
    exit(EXIT_FAILURE);
}

/* A buffer full of a pattern that no result is. */
static cl_mem new_buffer(cl_context context, cl_command_queue queue, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    const cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    const uint32_t pattern = 0xa5a5a5a5u;
    check(code, "clCreateBuffer");
    check(clEnqueueFillBuffer(queue, mem, &pattern, sizeof pattern, 0, bytes, 0, NULL, NULL),
          "clEnqueueFillBuffer");
    return mem;
}

static inline void print_words(cl_command_queue queue, const char *name, cl_mem mem,
                               size_t words)
{
    uint32_t *const data = malloc(words * sizeof *data);
    if (data == NULL) exit(EXIT_FAILURE);
    check(
        clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, words * sizeof *data, data, 0, NULL, NULL),
        "clEnqueueReadBuffer");
    printf("  %s", name);
    for (size_t i = 0; i < words; ++i) printf(" %" PRIx32, data[i]);
    printf("\n");
    free(data);
}

#endif
