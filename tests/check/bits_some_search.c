/* bits_some_search.c - sizes, types and memory of a contrastive search. */
#include "bits.h"

#include "../support/oracle_rows.h"
#include "../support/stored.h"

#include <math.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static uint32_t some_vocab(bits_case *c)
{
    static const uint32_t edges[] = {32, 256, 512, 1024, 4096};
    static const uint32_t large[] = {32000, 50257, 128256, 151936};
    switch (bits_below(c, 10)) {
    case 0: return large[bits_below(c, LENGTH(large))];
    case 1:
    case 2: return 1 + bits_below(c, 40);
    case 3:
    case 4:
    case 5: return edges[bits_below(c, LENGTH(edges))] + bits_below(c, 5) - 2;
    default: return (uint32_t)exp2(rows_between(&c->state, 0.0, 13.0));
    }
}

static uint32_t some_width(bits_case *c)
{
    if (bits_one_in(c, 30)) return bits_one_in(c, 2) ? 16384 : 4096;
    if (bits_one_in(c, 6)) return 1 + bits_below(c, 1500);
    return 1 + bits_below(c, bits_one_in(c, 2) ? 40 : 140);
}

static void some_memory(bits_case *c, lms_contrastive_desc *d)
{
    /* As teams above one have it; a team of one may have less. */
    const uint64_t page =
        LMS_CONTEXT_PAGE * (((uint64_t)d->width * stored_size(d->hidden) + 255) / 256 * 256);
    if (bits_one_in(c, 2)) {
        d->max_buffer_bytes = page * (1 + bits_below(c, 4)) + bits_below(c, 99);
    }
    if (bits_one_in(c, 2)) {
        d->max_positions = LMS_CONTEXT_PAGE * (1 + bits_below(c, 2 * d->max_requests));
    }
}

void bits_some_search(bits_case *c, lms_contrastive_desc *d)
{
    d->hidden = (lms_dtype)(1 + bits_below(c, 3));
    d->logits = bits_one_in(c, 2) ? LMS_FLOAT32 : d->hidden;
    d->work_items = bits_work_items(c, d->hidden == LMS_FLOAT32 ? BITS_FEW
                                       : d->hidden == d->logits ? BITS_TWO
                                                                : BITS_ONE);
    d->vocab = some_vocab(c);
    d->width = some_width(c);
    d->max_requests = 1 + bits_below(c, d->width > 1000 ? 3 : 9);
    d->max_k = 1 + bits_below(c, d->width > 300 || bits_below(c, 6) ? 9 : 64);
    d->max_length = 1 + bits_below(c, bits_one_in(c, 2) ? 40 : 300);
    d->tokens = bits_one_in(c, 5) ? LMS_INT64 : LMS_INT32;
    some_memory(c, d);
}
