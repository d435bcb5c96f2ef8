#include "contrastive_cases.h"

#include "pool.h"
#include "say.h"

#include <stdlib.h>

enum {
    FLOAT32_ALONE = 1u << LMS_FLOAT32,
    TWO_TYPES = FLOAT32_ALONE | 1u << LMS_FLOAT16,
    ALL_TYPES = TWO_TYPES | 1u << LMS_BFLOAT16
};

const contrastive_size contrastive_target = {8, 2048, 4096, 5};

/* The target's, then each quantity by itself. Where memory would not do, fewer requests or
 * narrower states. */
static const struct usual {
    contrastive_size size;
    unsigned dtypes; /* of the quick form */
} all_sizes[] = {
    {{8, 2048, 4096, 5}, ALL_TYPES},
    /* candidates */
    {{8, 2048, 4096, 1}, TWO_TYPES},
    {{8, 2048, 4096, 2}, TWO_TYPES},
    {{8, 2048, 4096, 8}, TWO_TYPES},
    {{8, 2048, 4096, 16}, TWO_TYPES},
    {{8, 2048, 4096, 32}, TWO_TYPES},
    {{8, 2048, 4096, 64}, TWO_TYPES},
    /* requests */
    {{1, 2048, 4096, 5}, FLOAT32_ALONE},
    {{2, 2048, 4096, 5}, FLOAT32_ALONE},
    {{4, 2048, 4096, 5}, FLOAT32_ALONE},
    {{16, 2048, 4096, 5}, FLOAT32_ALONE},
    {{32, 2048, 4096, 5}, FLOAT32_ALONE},
    /* positions */
    {{8, 128, 1024, 5}, TWO_TYPES},
    {{8, 256, 1024, 5}, TWO_TYPES},
    {{8, 512, 1024, 5}, TWO_TYPES},
    {{8, 1024, 1024, 5}, TWO_TYPES},
    {{8, 2048, 1024, 5}, TWO_TYPES},
    {{8, 4096, 1024, 5}, TWO_TYPES},
    {{8, 8192, 1024, 5}, TWO_TYPES},
    {{8, 16384, 1024, 5}, TWO_TYPES},
    /* width */
    {{8, 2048, 768, 5}, FLOAT32_ALONE},
    {{8, 2048, 2048, 5}, FLOAT32_ALONE},
    {{4, 2048, 8192, 5}, FLOAT32_ALONE},
    {{2, 2048, 16384, 5}, FLOAT32_ALONE},
};

enum {
    ALL_SIZES = sizeof all_sizes / sizeof all_sizes[0]
};

const char *contrastive_call_name(contrastive_call call)
{
    static const char *const names[] = {"select", "append", "propose"};
    return names[call];
}

size_t contrastive_bytes(const contrastive_setting *s)
{
    return (size_t)s->size.requests * s->size.context * s->size.width * dtype_size(s->dtype);
}

bool is_contrastive_selected(const selection *s)
{
    return s->contrasts.count > 0 || s->dtypes.count > 0;
}

static void add_sizes(contrastive_plan *p, const selection *s, lms_dtype dtype)
{
    for (unsigned i = 0; i < s->contrasts.count; ++i)
        p->settings[p->count++] = (contrastive_setting){s->contrasts.sizes[i], dtype};
    if (s->contrasts.count > 0) return;
    const bool has_all = s->full || s->dtypes.count > 0;
    for (unsigned i = 0; i < ALL_SIZES; ++i) {
        if (has_all || (all_sizes[i].dtypes >> dtype & 1u))
            p->settings[p->count++] = (contrastive_setting){all_sizes[i].size, dtype};
    }
}

contrastive_plan make_contrastive_plan(const selection *s)
{
    static const choice usual_dtypes = {{LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16}, 3};
    const choice *const dtypes = s->dtypes.count > 0 ? &s->dtypes : &usual_dtypes;
    const size_t sizes = s->contrasts.count > 0 ? s->contrasts.count : ALL_SIZES;
    contrastive_plan p = {calloc(sizes * dtypes->count, sizeof *p.settings), 0};
    if (p.settings == NULL) fail("out of memory for the list of settings");
    for (unsigned i = 0; i < dtypes->count; ++i) add_sizes(&p, s, (lms_dtype)dtypes->values[i]);
    return p;
}

void contrastive_plan_free(contrastive_plan *p)
{
    free(p->settings);
    p->settings = NULL;
    p->count = 0;
}
