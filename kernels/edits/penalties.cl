/* penalties.cl - edits of tokens that are in a row's sequence: repetition, frequency, presence;
 * DRY (specification, section 26). By distinct entries, so that the length of the sequence does
 * not show, LMS_LANES of them at a time. */
#pragma once
#include "edits/tokens.cl"

/* The row's sequence. */
lms_slot lms_slot_of_row(const lms_requests *q, ulong r)
{
    const uint slot = q->prepared[r].slot;
    if (slot == 0) return lms_slot_none();
    return lms_slot_at(q->slot_pages, q->page_tables, q->table_stride, q->slot_states,
                       slot - 1);
}

/* Asks for some entries of a sequence, from one of them on: they have not been looked at for
 * long, and a CPU would wait for every line of them. */
#define LMS_ENTRIES_AHEAD (2 * LMS_SLOT_PAGE)
LMS_INLINE void lms_prefetch_entries(const lms_slot *slot, uint first, uint count)
{
    for (uint i = first; i < min(first + count, slot->distinct); i += 8) {
        LMS_PREFETCH(lms_slot_distinct_page(slot, i / LMS_SLOT_PAGE) + i % LMS_SLOT_PAGE);
    }
}

/* Lower or upper halves of entries. */
LMS_INLINE void lms_load_entries(__global const ulong *entries, lms_uints *low, lms_uints *high)
{
    const lms_uints a = LMS_V(vload)(0, (__global const uint *)entries);
    const lms_uints b = LMS_V(vload)(1, (__global const uint *)entries);
    *low = (lms_uints)(a.even, b.even);
    *high = (lms_uints)(a.odd, b.odd);
}

/* How tokens count for a row's penalties, if all of the sequence does. */
LMS_INLINE lms_appearances lms_appearances_of(uint flags, lms_uints low, lms_uints high)
{
    const uint most = (1u << LMS_DISTINCT_COUNT_BITS) - 1;
    const lms_uints in_prompt = low >> LMS_DISTINCT_TOKEN_BITS & 1u;
    const lms_uints prompt =
        low >> LMS_DISTINCT_PROMPT_AT | (high << (32 - LMS_DISTINCT_PROMPT_AT) & most);
    const lms_uints output = high >> (LMS_DISTINCT_OUTPUT_AT - 32) & most;
    const uint all = UINT_MAX;
    const lms_uints there = (in_prompt & (flags & LMS_REPETITION_NOT_PROMPT ? 0 : all)) |
                            (output & (flags & LMS_REPETITION_NOT_OUTPUT ? 0 : all));
    const lms_uints present = (prompt & (flags & LMS_PRESENCE_PROMPT ? all : 0)) |
                              (output & (flags & LMS_PRESENCE_NOT_OUTPUT ? 0 : all));
    const lms_uints times = (prompt & (flags & LMS_FREQUENCY_PROMPT ? all : 0)) +
                            (output & (flags & LMS_FREQUENCY_NOT_OUTPUT ? 0 : all));
    lms_appearances a;
    a.is_repeated = there != 0;
    a.is_present = present != 0;
    a.times = LMS_V(as_int)(times);
    return a;
}

uint lms_token_of(__global const ulong *entry)
{
    return (uint)*entry & ((1u << LMS_DISTINCT_TOKEN_BITS) - 1);
}

/* Edits the tokens of LMS_LANES entries, of which `before` is what they read; or the first of
 * them. */
LMS_INLINE void lms_penalize(lms_edits *d, const lms_penalties *penalties,
                             __global const ulong *entries, uint count, lms_floats before)
{
    lms_uints low, high;
    float was[LMS_LANES], is[LMS_LANES];
    lms_load_entries(entries, &low, &high);
    const lms_appearances a = lms_appearances_of(penalties->flags, low, high);
    const lms_floats after = lms_penalized(penalties, a, before);
    const lms_ints differs = LMS_V(as_int)(before) != LMS_V(as_int)(after);
    const uint changed = lms_mask(differs) & (2u << (count - 1)) - 1;
    LMS_V(vstore)(before, 0, was);
    LMS_V(vstore)(after, 0, is);
    for (uint bits = changed; bits; bits &= bits - 1) {
        const uint i = lms_first_bit(bits);
        lms_put(d, lms_token_of(entries + i), was[i], is[i]);
    }
}

/* The same where none of the row's tokens was edited before: of LMS_LANES different ones. What
 * is gathered gets to registers one by one: what is stored in one width and loaded in another
 * has to get to the cache first, behind all that is stored before. */
#if LMS_TEAM == 1
LMS_INLINE void lms_penalize_fresh(lms_edits *d, const lms_penalties *penalties,
                                   __global const ulong *entries)
{
#define LMS_STORED_OF(i) lms_element_at(d->stored, lms_token_of(entries + i))
#define LMS_TOP_OF(i) d->groups[lms_token_of(entries + i) / LMS_GROUP]
    lms_uints low, high;
    float was[LMS_LANES], is[LMS_LANES];
    lms_load_entries(entries, &low, &high);
    const lms_floats before = (lms_floats)LMS_OF_EACH(LMS_STORED_OF);
    const lms_appearances a = lms_appearances_of(penalties->flags, low, high);
    const lms_floats after = lms_penalized(penalties, a, before);
    const uint changed = lms_mask(LMS_V(as_int)(before) != LMS_V(as_int)(after));
    LMS_V(vstore)(before, 0, was);
    LMS_V(vstore)(after, 0, is);
    if (changed == (uint)((1ul << LMS_LANES) - 1)) {
#pragma unroll
        for (uint i = 0; i < LMS_LANES; ++i) lms_put_value(d, lms_token_of(entries + i), is[i]);
    } else {
        for (uint bits = changed; bits; bits &= bits - 1) {
            const uint i = lms_first_bit(bits);
            lms_put_value(d, lms_token_of(entries + i), is[i]);
        }
    }
    if (!d->has_keys) return;
    const lms_ints tops = (lms_ints)LMS_OF_EACH(LMS_TOP_OF), keys = lms_keys(after);
    const lms_ints touches = (keys >= tops) | (lms_keys(before) == tops) | (after != after);
    for (uint bits = lms_mask(touches) & changed; bits; bits &= bits - 1) {
        const uint i = lms_first_bit(bits);
        lms_keep_keys(d, lms_token_of(entries + i), was[i], is[i]);
    }
}
#endif

/* Penalties of all of the sequence. */
LMS_APART
void lms_edit_penalties(lms_edits *d, const lms_penalties *penalties, const lms_slot *slot)
{
    lms_edits here = *d;
    const lms_penalties own = *penalties;
    const lms_slot sequence = *slot;
    for (uint first = lms_edits_item(d) * LMS_LANES; first < sequence.distinct;
         first += LMS_TEAM * LMS_LANES) {
        __global const ulong *const entries =
            lms_slot_distinct_page(&sequence, first / LMS_SLOT_PAGE) + first % LMS_SLOT_PAGE;
        const uint count = min((uint)LMS_LANES, sequence.distinct - first);
        float before[LMS_LANES];
#if LMS_TEAM == 1
        lms_prefetch_entries(&sequence, first + LMS_ENTRIES_AHEAD, LMS_LANES);
        if (d->placed == 0 && count == LMS_LANES) {
            lms_penalize_fresh(&here, &own, entries);
            continue;
        }
#endif
        for (uint i = 0; i < LMS_LANES; ++i) {
            before[i] = i < count ? lms_value(&here, lms_token_of(entries + i)) : 0.0f;
        }
        lms_penalize(&here, &own, entries, count, LMS_V(vload)(0, before));
    }
    *d = here;
}

/* --- A window ---------------------------------------------------------------------------- */

/* In a window, what counts is counted there: how often for frequency, and with bits for the
 * others. */
#define LMS_COUNTS_PRESENT (1u << 30)
#define LMS_COUNTS_REPEATED (1u << 31)

/* What position i adds to its entry's count. */
uint lms_count_at(const lms_slot *slot, uint flags, uint i)
{
    const bool is_output = i >= slot->prompt, is_counted = i >= slot->ignored;
    const bool repeats =
        !(flags & (is_output ? LMS_REPETITION_NOT_OUTPUT : LMS_REPETITION_NOT_PROMPT));
    const bool is_present = is_output ? !(flags & LMS_PRESENCE_NOT_OUTPUT)
                                      : (flags & LMS_PRESENCE_PROMPT) != 0;
    const bool is_frequent = is_output ? !(flags & LMS_FREQUENCY_NOT_OUTPUT)
                                       : (flags & LMS_FREQUENCY_PROMPT) != 0;
    return (repeats ? LMS_COUNTS_REPEATED : 0) |
           (is_counted && is_present ? LMS_COUNTS_PRESENT : 0) |
           (is_counted && is_frequent ? 1 : 0);
}

/* The first position of the window that is this work-item's. */
uint lms_own_position(const lms_edits *d, const lms_slot *slot, uint window)
{
    return slot->length - min(slot->length, window) + lms_edits_item(d);
}

/* Counts the window's tokens. */
LMS_APART
void lms_count_window(const lms_edits *d, const lms_slot *slot, uint flags, uint window,
                      __global uint *counts)
{
    for (uint i = lms_own_position(d, slot, window); i < slot->length; i += LMS_TEAM) {
        const uint entry = lms_slot_entry(slot, i), more = lms_count_at(slot, flags, i);
#if LMS_TEAM == 1
        counts[entry] = (counts[entry] + (more & 1)) | (more & ~1u);
#else
        if (more & 1) atomic_inc(&counts[entry]);
        if (more & ~1u) atomic_or(&counts[entry], more & ~1u);
#endif
    }
}

/* Edits each token that has counts, and leaves these 0. */
LMS_APART
void lms_edit_counted(lms_edits *d, const lms_penalties *penalties, const lms_slot *slot,
                      uint window, __global uint *counts)
{
    for (uint i = lms_own_position(d, slot, window); i < slot->length; i += LMS_TEAM) {
        const uint entry = lms_slot_entry(slot, i);
#if LMS_TEAM == 1
        const uint n = counts[entry];
        counts[entry] = 0;
#else
        const uint n = atomic_xchg(&counts[entry], 0);
#endif
        if (n == 0) continue;
        lms_appearances a;
        a.is_repeated = (lms_ints)(n & LMS_COUNTS_REPEATED ? -1 : 0);
        a.is_present = (lms_ints)(n & LMS_COUNTS_PRESENT ? -1 : 0);
        a.times = (lms_ints)((int)(n & (LMS_COUNTS_PRESENT - 1)));
        const uint t = lms_distinct_token(lms_slot_distinct(slot, entry));
        const float x = lms_value(d, t);
        lms_put(d, t, x, lms_penalized(penalties, a, (lms_floats)(x)).s0);
    }
}

/* --- DRY --------------------------------------------------------------------------------- */

/* Takes off what is due for repetitions: `repeats` is, of each distinct entry, 0 or 1 + by how
 * much the longest one is longer than allowed. */
LMS_APART
void lms_edit_dry(lms_edits *d, const lms_slot *slot, __global const uint *repeats,
                  float multiplier, float base)
{
    for (uint i = lms_edits_item(d); i < slot->distinct; i += LMS_TEAM) {
        const uint n = repeats[i];
        if (n == 0) continue;
        const uint t = lms_distinct_token(lms_slot_distinct(slot, i));
        const float x = lms_value(d, t);
        const float less = lms_dry_penalty(multiplier, base, n - 1);
        lms_put(d, t, x, lms_tidy(lms_tidy(x) - less));
    }
}
