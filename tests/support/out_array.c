#include "out_array.h"

#include "device.h"
#include "memory.h"
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED 0xa5

void out_array_new(lms_context *ctx, out_array *a, const char *name, size_t element,
                   size_t offset, size_t elements)
{
    cl_int code = CL_SUCCESS;
    a->name = name;
    a->element = element;
    a->offset = offset;
    a->count = offset + elements + OUT_ARRAY_MARGIN;
    a->floats = false;
    a->want = memory_zeroed(a->count, element);
    memset(a->want, UNTOUCHED, a->count * element);
    a->mem =
        clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                       a->count * element, a->want, &code);
    device_require(code, "clCreateBuffer");
}

lms_view out_array_view(const out_array *a) { return (lms_view){a->mem, a->offset, NULL}; }

void out_array_upload(cl_command_queue queue, const out_array *a)
{
    device_require(clEnqueueWriteBuffer(queue, a->mem, CL_TRUE, 0, a->count * a->element,
                                        a->want, 0, NULL, NULL),
                   a->name);
}

void out_array_i32(out_array *a, size_t i, int32_t value)
{
    if (a->mem) memcpy(a->want + 4 * (a->offset + i), &value, sizeof value);
}

void out_array_i64(out_array *a, size_t i, int64_t value)
{
    if (a->mem) memcpy(a->want + 8 * (a->offset + i), &value, sizeof value);
}

void out_array_f32(out_array *a, size_t i, float value)
{
    out_array_i32(a, i, (int32_t)oracle_bits(value == value ? value : NAN));
    a->floats = true;
}

void out_array_token(out_array *a, size_t i, int32_t value)
{
    if (a->element == 8) {
        out_array_i64(a, i, value);
    } else {
        out_array_i32(a, i, value);
    }
}

/* All NaN the same. */
static void unify_nan(unsigned char *p, size_t count)
{
    const float one = NAN;
    for (size_t i = 0; i < count; ++i) {
        float x;
        memcpy(&x, p + 4 * i, sizeof x);
        if (x != x) memcpy(p + 4 * i, &one, sizeof one);
    }
}

static long long element_at(const out_array *a, const unsigned char *from, size_t i)
{
    int64_t wide;
    int32_t narrow;
    if (a->element == 8) {
        memcpy(&wide, from + 8 * i, sizeof wide);
        return wide;
    }
    memcpy(&narrow, from + 4 * i, sizeof narrow);
    return narrow;
}

static void tell_difference(const out_array *a, const unsigned char *got)
{
    uint32_t told = 0;
    for (size_t i = 0; i < a->count && told < 4; ++i) {
        if (memcmp(a->want + i * a->element, got + i * a->element, a->element) == 0) continue;
        const long long want = element_at(a, a->want, i), have = element_at(a, got, i);
        fprintf(stderr, "%s[%lld] is %lld (0x%llx), not %lld (0x%llx)\n", a->name,
                (long long)i - (long long)a->offset, have, (unsigned long long)have, want,
                (unsigned long long)want);
        ++told;
    }
}

bool out_array_check(cl_command_queue queue, out_array *a)
{
    if (!a->mem) return true;
    unsigned char *const got = memory_zeroed(a->count, a->element);
    device_require(clEnqueueReadBuffer(queue, a->mem, CL_TRUE, 0, a->count * a->element, got, 0,
                                       NULL, NULL),
                   a->name);
    if (a->floats) unify_nan(got, a->count);
    const bool same = memcmp(got, a->want, a->count * a->element) == 0;
    if (!same) tell_difference(a, got);
    clReleaseMemObject(a->mem);
    free(got);
    free(a->want);
    memset(a, 0, sizeof *a);
    return same;
}
