/* ordered.cl - a row's edits of values by a team of one, where all of them are a list's bias
 * and penalties of all of the sequence. Values are in the order of what they are made for
 * (row/ordered.cl), so vectors of them are computed and stored. */
#pragma once
#include "edits/steps.cl"

#if LMS_TEAM == 1

/* Is nothing edited in a row but tokens of one list, and of its sequence, by penalties? Then
 * the order of its logits is theirs. Each of the values needs room for another word. */
bool lms_are_ordered(const lms_requests *q, ulong r, const lms_row_params *p, lms_logits *x)
{
    __global const lms_row_edits *const e = q->edits + (p->request.edits - 1);
    const lms_list bias = lms_list_named(&q->lists, e->bias);
    const lms_penalties penalties = lms_penalties_of(e, p->filters.temperature);
    const uint most = lms_tiles_of(x->vocab) * LMS_TILE / 2;
    lms_order *const order = &x->order;
    order->slot = lms_slot_of_row(q, r);
    order->ids = bias.ids;
    order->values = x->values;
    order->next = (__global const uint *)x->values + most;
    const bool penalizes = order->slot.length != 0 && lms_has_penalties(&penalties);
    const bool has_window = e->window != 0 && e->window < order->slot.length;
    const uint distinct = penalizes ? order->slot.distinct : 0;
    if (e->forced || lms_is_guided(q, p) || q->prepared[r].has_dry) return false;
    if (lms_list_named(&q->lists, e->sequence_bias).count) return false;
    if (as_uint(e->decay_factor) & 0x7fffffffu) return false;
    if (bias.count > most || (penalizes && has_window)) return false;
    /* Each of the two begins at a vector of its own. */
    order->listed = (bias.count + LMS_LANES - 1) / LMS_LANES * LMS_LANES;
    return bias.count + distinct > 0 && order->listed + distinct <= most;
}

/* Edits whose values are in the order of their tokens, so many at once: first all that is
 * gathered, then what is computed, by vectors, then the few that need more. So a CPU has many
 * of each under way. */
#define LMS_ORDERED_BLOCK LMS_SLOT_PAGE
typedef struct lms_ordered_block {
    float before[LMS_ORDERED_BLOCK];
    int tops[LMS_ORDERED_BLOCK]; /* keys of the tokens' groups */
    uint bits[LMS_ORDERED_BLOCK / LMS_LANES]; /* which tokens need more */
} lms_ordered_block;

/* Token i of a block, which is the one with a number: puts it before the others of its group's
 * chain, which has tokens of the list if `listed` says so. */
LMS_INLINE void lms_link(lms_edits *d, lms_ordered_block *b, uint i, uint number, uint t,
                         uint listed)
{
    const uint group = t / LMS_GROUP;
    b->before[i] = lms_element_at(d->stored, t);
    b->tops[i] = d->groups[group];
    d->next[number] = d->edited[group];
    d->edited[group] = (number + 1) | listed;
}

/* There has to be room for those of a block: what is in the chains of its groups is not all
 * there until all of it is. */
void lms_make_room_for_lost(lms_edits *d)
{
    if (d->lost_count + LMS_ORDERED_BLOCK > LMS_LOST_MOST) lms_find_lost(d);
}

/* May tokens of a block, from the i-th on, touch the keys of their groups? As floats, which a
 * device may take for 0 where they are subnormal, so rather too many than too few. */
LMS_INLINE lms_ints lms_touch(const lms_ordered_block *b, uint i, lms_floats before,
                              lms_floats after)
{
    const lms_floats tops = lms_logits_of(LMS_V(vload)(0, b->tops + i));
    return ~(after < tops) | (before == tops);
}

/* Bits of those of `count` tokens from the i-th on. */
LMS_INLINE uint lms_lanes_below(lms_ints m, uint i, uint count)
{
    return lms_lanes(m) & ((2u << (min(count - i, (uint)LMS_LANES) - 1)) - 1);
}

/* --- Bias --------------------------------------------------------------------------------- */

/* One that needs more, which is the i-th of a block. A token that is there again is edited from
 * what it became. */
void lms_bias_again(lms_edits *d, const lms_ordered_block *b, uint i, uint number, uint t,
                    float bias)
{
    const uint link = lms_last_of_chain(&d->read.order, d->next[number], t);
    const float was = link ? d->values[link - 1] : b->before[i];
    if (link) d->values[number] = lms_biased(was, bias);
    lms_keep_keys(d, t, was, d->values[number]);
}

/* The first of some numbers; behind the last one there may be no memory. */
LMS_INLINE lms_floats lms_load_some(__global const float *numbers, uint count)
{
    float some[LMS_LANES];
    if (count >= LMS_LANES) return LMS_V(vload)(0, numbers);
    for (uint i = 0; i < LMS_LANES; ++i) some[i] = numbers[min(i, count - 1)];
    return LMS_V(vload)(0, some);
}

/* Bias of the tokens of a list. */
LMS_APART
void lms_edit_bias_ordered(lms_edits *d, const lms_lists *lists, uint name)
{
    const lms_list list = lms_list_named(lists, name);
    lms_edits own = *d;
    lms_ordered_block b;
    for (uint first = 0; first < list.count; first += LMS_ORDERED_BLOCK) {
        const uint count = min(LMS_ORDERED_BLOCK, list.count - first);
        lms_make_room_for_lost(&own);
        for (uint i = 0; i < count; ++i) {
            lms_link(&own, &b, i, first + i, (uint)list.ids[first + i], LMS_LINK_LISTED);
        }
        for (uint i = 0; i < count; i += LMS_LANES) {
            const lms_floats before = LMS_V(vload)(0, b.before + i);
            const lms_floats biases = lms_load_some(list.values + first + i, count - i);
            const lms_floats after = lms_all_biased(before, biases);
            const lms_ints others = LMS_V(vload)(0, own.next + first + i) != 0;
            LMS_V(vstore)(after, 0, own.values + first + i);
            b.bits[i / LMS_LANES] =
                lms_lanes_below(lms_touch(&b, i, before, after) | others, i, count);
        }
        for (uint i = 0; i < count; i += LMS_LANES) {
            for (uint bits = b.bits[i / LMS_LANES]; bits; bits &= bits - 1) {
                const uint at = i + lms_first_bit(bits), number = first + at;
                lms_bias_again(&own, &b, at, number, (uint)list.ids[number],
                               list.values[number]);
            }
        }
    }
    *d = own;
}

/* --- Penalties ---------------------------------------------------------------------------- */

/* Asks for the logits of LMS_LANES entries of a page, and for so many entries of one behind
 * that. What lies behind the last entry names some token, or none, which does no harm. */
LMS_INLINE void lms_prefetch_logits(const lms_edits *d, __global const ulong *entries,
                                    __global const ulong *behind)
{
    LMS_PREFETCH(behind);
    LMS_PREFETCH(behind + LMS_LANES / 2);
#pragma unroll
    for (uint i = 0; i < LMS_LANES; ++i) LMS_PREFETCH(d->stored + lms_token_of(entries + i));
}

/* The page of entries that is `more` behind one, or the last one. */
__global const ulong *lms_page_behind(const lms_slot *slot, uint page, uint more)
{
    return lms_slot_distinct_page(slot, min(page + more, (slot->distinct - 1) / LMS_SLOT_PAGE));
}

/* Tokens of a block that the list has, too, are edited from what it made of them. */
void lms_find_listed(const lms_edits *d, lms_ordered_block *b, uint first, uint count,
                     __global const ulong *entries)
{
    const lms_order *const order = &d->read.order;
    for (uint i = 0; i < count; i += LMS_LANES) {
        const lms_uints links = LMS_V(vload)(0, d->next + first + i);
        uint bits = lms_lanes_below((links & LMS_LINK_LISTED) != 0, 0, count - i);
        for (; bits; bits &= bits - 1) {
            const uint at = i + lms_first_bit(bits), t = lms_token_of(entries + at);
            uint link = lms_linked(d->next[first + at]);
            while (link > order->listed) link = lms_linked(order->next[link - 1]);
            link = lms_last_of_chain(order, link, t);
            if (link) b->before[at] = order->values[link - 1];
        }
    }
}

/* Penalties of all of the sequence. */
LMS_APART
void lms_edit_penalties_ordered(lms_edits *d, const lms_penalties *penalties,
                                const lms_slot *slot)
{
    lms_edits here = *d;
    const lms_penalties own = *penalties;
    const uint behind = here.read.order.listed;
    lms_ordered_block b;
    for (uint first = 0; first < slot->distinct; first += LMS_ORDERED_BLOCK) {
        const uint page = first / LMS_SLOT_PAGE;
        const uint count = min(LMS_ORDERED_BLOCK, slot->distinct - first);
        __global const ulong *const entries = lms_slot_distinct_page(slot, page);
        __global const ulong *const next = lms_page_behind(slot, page, 1);
        __global const ulong *const later = lms_page_behind(slot, page, 2);
        __global float *const values = here.values + behind + first;
        lms_make_room_for_lost(&here);
        for (uint i = 0; i < count; ++i) {
            const uint t = lms_token_of(entries + i);
            const uint listed =
                behind ? here.edited[t / LMS_GROUP] & LMS_LINK_LISTED : 0;
            lms_link(&here, &b, i, behind + first + i, t, listed);
        }
        if (behind) lms_find_listed(&here, &b, behind + first, count, entries);
        for (uint i = 0; i < count; i += LMS_LANES) {
            lms_uints low, high;
            if (next != entries) lms_prefetch_logits(&here, next + i, later + i);
            lms_load_entries(entries + i, &low, &high);
            const lms_appearances a = lms_appearances_of(own.flags, low, high);
            const lms_floats before = LMS_V(vload)(0, b.before + i);
            const lms_floats after = lms_penalized(&own, a, before);
            LMS_V(vstore)(after, 0, values + i);
            b.bits[i / LMS_LANES] = lms_lanes_below(lms_touch(&b, i, before, after), i, count);
        }
        for (uint i = 0; i < count; i += LMS_LANES) {
            for (uint bits = b.bits[i / LMS_LANES]; bits; bits &= bits - 1) {
                const uint at = i + lms_first_bit(bits);
                lms_keep_keys(&here, lms_token_of(entries + at), b.before[at], values[at]);
            }
        }
    }
    *d = here;
}

/* All edits of such a row. */
void lms_edit_ordered(lms_edits *d, const lms_asked_edits *a)
{
    if (d->read.order.listed) lms_edit_bias_ordered(d, &a->q->lists, a->e->bias);
    if (!lms_has_penalties(&a->penalties) || a->slot.length == 0) return;
    lms_edit_penalties_ordered(d, &a->penalties, &a->slot);
}

#endif
