/* decays.cl - what changes as a sequence gets longer: top_p (specification, section 27). */
#pragma once
#include "edits/history.cl"
#include "edits/numbers.cl"

/* How many tokens were generated behind the last generated `reset`, which is 1 + a token, or
 * 0. */
uint lms_generated_behind(const lms_slot *slot, uint reset)
{
    const uint generated = slot->length - slot->prompt;
    const int end = (int)slot->length - 1;
    uint entry;
    if (reset == 0 || !lms_slot_entry_of(slot, reset - 1, &entry)) return generated;
    if (lms_distinct_output_count(lms_slot_distinct(slot, entry)) == 0) return generated;
    const int at = lms_last_with(slot, lms_wanted_entry(entry), slot->prompt, end);
    return at < 0 ? generated : (uint)(end - at);
}

/* By bits: a device that flushes subnormals would take small ones for 0. */
float lms_decayed_top_p(const lms_row_edits *e, const lms_slot *slot, float top_p)
{
    const bool has_decay = (as_uint(e->top_p_decay) & 0x7fffffffu) != 0;
    if (!has_decay || as_int(top_p) <= 0) return top_p;
    const uint n = lms_generated_behind(slot, e->top_p_reset);
    if (n == 0) return top_p;
    const float from = as_float(min(as_uint(top_p), 0x3f800000u));
    const float decayed = lms_tidy(from * lms_power(e->top_p_decay, n));
    return as_float(max(as_uint(decayed), as_uint(lms_tidy(e->top_p_min))));
}
