/* check.h - which records of edits and wants are good: one check for those on the host and
 * those on the device, compiled by both compilers. The records' layout is in
 * include/lms_edits.h. */
#ifndef LMS_BAD_EDITS_H
#define LMS_BAD_EDITS_H

#include "row/bits.h"

/* The tables of a call, as far as records name their entries. */
typedef struct lms_table_limits {
    lms_u32 vocab;
    lms_u32 lists;
    lms_u32 max_top;
} lms_table_limits;

/* Comparisons by bits, as in row/filters.h. */
static int lms_is_finite(lms_f32 x) { return (lms_bits_of(x) & 0x7fffffffu) < 0x7f800000u; }

/* Is it 0, or not below 1 and finite? */
static int lms_is_factor(lms_f32 x)
{
    const lms_u32 bits = lms_bits_of(x);
    return (bits & 0x7fffffffu) == 0 || (bits >= 0x3f800000u && bits < 0x7f800000u);
}

/* Is it in [0, 1]? */
static int lms_is_share(lms_f32 x)
{
    const lms_u32 bits = lms_bits_of(x);
    return bits == 0x80000000u || bits <= 0x3f800000u;
}

/* 0 or 1 + the number of the first word of the record that is out of range. */
static lms_u32 lms_bad_edits(const lms_row_edits e, const lms_table_limits limits)
{
    const lms_u32 repetition = lms_bits_of(e.repetition);
    const lms_u32 multiplier = lms_bits_of(e.dry_multiplier);
    const lms_u32 base = lms_bits_of(e.dry_base);
    const int has_dry = (multiplier & 0x7fffffffu) != 0;
    if (repetition < 0x33800000u || repetition > 0x4b800000u) return 1; /* 2^-24, 2^24 */
    if (!lms_is_finite(e.frequency)) return 2;
    if (!lms_is_finite(e.presence)) return 3;
    if (e.flags & ~LMS_EDIT_FLAGS) return 5;
    if (e.bias > limits.lists) return 6;
    if (e.sequence_bias > limits.lists) return 7;
    if (e.allowed > limits.lists) return 8;
    if (e.banned > limits.lists) return 9;
    if (e.bad_words > limits.lists) return 10;
    if (e.end_tokens > limits.lists) return 11;
    if (e.encoder > limits.lists) return 15;
    if (has_dry && multiplier >= 0x7f800000u) return 16; /* negative ones, too */
    if (!lms_is_finite(e.dry_base) || (has_dry && (base < 0x3f800000u))) return 17;
    if (has_dry && base >= 0x80000000u) return 17;
    if (e.dry_breakers > limits.lists) return 20;
    if (e.forced > limits.vocab) return 21;
    if (!lms_is_factor(e.decay_factor)) return 23;
    if (!lms_is_share(e.top_p_decay)) return 24;
    if (!lms_is_share(e.top_p_min)) return 25;
    if (e.top_p_reset > limits.vocab) return 26;
    if (!lms_is_finite(e.guidance)) return 27;
    for (lms_u32 i = 0; i < 5; ++i) {
        if (e.reserved[i]) return 28 + i;
    }
    return 0;
}

static lms_u32 lms_bad_wants(const lms_row_wants w, const lms_table_limits limits)
{
    if (w.top_n > limits.max_top) return 1;
    if (w.named > limits.lists) return 2;
    if (w.flags & ~LMS_WANT_FLAGS) return 3;
    if ((w.flags & 3u) == 3u) return 3; /* EDITED and PROCESSED */
    if ((w.flags & LMS_WANT_LOGITS) && (w.flags & LMS_WANT_PROCESSED)) return 3;
    if (w.reserved) return 4;
    return 0;
}

#endif /* LMS_BAD_EDITS_H */
