#include "stored.h"

#include "gen.h"
#include "oracle.h"

#include <string.h>

size_t stored_size(lms_dtype dtype) { return dtype == LMS_FLOAT32 ? 4 : 2; }

void stored_poison(unsigned char *p, size_t count, size_t element)
{
    static const uint32_t singles[] = {0x7fc01234u, 0x7f7fffffu, 0xff800000u, 0x7f800000u};
    static const uint16_t halves[] = {0x7fffu, 0x7bffu, 0xfc00u, 0x7c00u};
    for (size_t i = 0; i < count; ++i) {
        if (element == 4) {
            memcpy(p + 4 * i, &singles[i % 4], 4);
        } else {
            memcpy(p + 2 * i, &halves[i % 4], 2);
        }
    }
}

void stored_put(lms_dtype dtype, float *x, uint32_t count, unsigned char *to)
{
    const bool half = dtype == LMS_FLOAT16;
    if (dtype == LMS_FLOAT32) {
        memcpy(to, x, count * sizeof *x);
        return;
    }
    for (uint32_t i = 0; i < count; ++i) {
        const uint16_t pattern = half ? gen_to_half(x[i]) : gen_to_bfloat16(x[i]);
        x[i] = half ? oracle_from_half(pattern) : oracle_from_bfloat16(pattern);
        memcpy(to + 2 * (size_t)i, &pattern, 2);
    }
}
