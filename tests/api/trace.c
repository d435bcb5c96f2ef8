#include "trace.h"

#include <stdlib.h>

#define POISON 0xa5

static cl_mem buffer_of(const trace *t, size_t i)
{
    return *(const cl_mem *)(const void *)((const char *)t->rig + t->fields[i].buffer);
}

static size_t bytes_of(const trace *t, size_t i)
{
    return t->fields[i].is_token && t->narrow ? t->fields[i].bytes / 2 : t->fields[i].bytes;
}

void trace_make(const trace *t, void *owner, cl_context context)
{
    for (size_t i = 0; i < t->count; ++i) {
        const cl_mem made = rig_buffer(context, CL_MEM_READ_WRITE, bytes_of(t, i));
        memcpy((char *)owner + t->fields[i].buffer, &made, sizeof made);
    }
}

void trace_release(const trace *t)
{
    for (size_t i = 0; i < t->count; ++i) clReleaseMemObject(buffer_of(t, i));
}

cl_int trace_poison(const trace *t)
{
    cl_int code = CL_SUCCESS;
    unsigned char *const poison = malloc(t->record_bytes);
    if (poison == NULL) return CL_OUT_OF_HOST_MEMORY;
    memset(poison, POISON, t->record_bytes);
    for (size_t i = 0; i < t->count && code == CL_SUCCESS; ++i) {
        code = clEnqueueWriteBuffer(t->queue, buffer_of(t, i), CL_TRUE, 0, bytes_of(t, i),
                                    poison, 0, NULL, NULL);
    }
    free(poison);
    return code;
}

/* Narrow tokens, read to the begin of where wide ones belong. Poison stays poison. */
static void widen(unsigned char *tokens, size_t bytes)
{
    for (size_t i = bytes / sizeof(int64_t); i-- > 0;) {
        int32_t narrow;
        memcpy(&narrow, tokens + i * sizeof narrow, sizeof narrow);
        int64_t wide = narrow;
        if ((uint32_t)narrow == POISON * 0x01010101u) memset(&wide, POISON, sizeof wide);
        memcpy(tokens + i * sizeof wide, &wide, sizeof wide);
    }
}

cl_int trace_read(const trace *t, void *record)
{
    cl_int code = clFinish(t->queue);
    memset(record, 0, t->record_bytes);
    for (size_t i = 0; i < t->count && code == CL_SUCCESS; ++i) {
        unsigned char *const to = (unsigned char *)record + t->fields[i].record;
        code = clEnqueueReadBuffer(t->queue, buffer_of(t, i), CL_TRUE, 0, bytes_of(t, i), to, 0,
                                   NULL, NULL);
        if (bytes_of(t, i) < t->fields[i].bytes) widen(to, t->fields[i].bytes);
    }
    return code;
}

const char *trace_difference(const trace_field *fields, size_t count, const void *a,
                             const void *b)
{
    for (size_t i = 0; i < count; ++i) {
        const size_t at = fields[i].record;
        if (memcmp((const char *)a + at, (const char *)b + at, fields[i].bytes) != 0) {
            return fields[i].name;
        }
    }
    return NULL;
}

void trace_assert_poisoned(const trace *t)
{
    unsigned char *const found = malloc(t->record_bytes);
    assert_non_null(found);
    for (size_t i = 0; i < t->count; ++i) {
        assert_int_equal(clEnqueueReadBuffer(t->queue, buffer_of(t, i), CL_TRUE, 0,
                                             bytes_of(t, i), found, 0, NULL, NULL),
                         CL_SUCCESS);
        for (size_t k = 0; k < bytes_of(t, i); ++k) assert_int_equal(found[k], POISON);
    }
    free(found);
}
