/* ordered.cl - a row's edits of values by a team of one, where all of them are of one kind: a
 * list's bias, or penalties of all of the sequence. Values are in the order of what they are
 * made for (row/ordered.cl), so vectors of them are computed and stored. */
#pragma once
#include "edits/biases.cl"
#include "edits/guidance.cl"
#include "edits/penalties.cl"

#if LMS_TEAM == 1

/* Is nothing edited in a row but tokens of one list, or of its sequence, by penalties? Then
 * the order of its logits is theirs. Each of the values needs room for another word. */
bool lms_are_ordered(const lms_requests *q, ulong r, const lms_row_params *p, lms_logits *x)
{
    __global const lms_row_edits *const e = q->edits + (p->request.edits - 1);
    const lms_list bias = lms_list_named(&q->lists, e->bias);
    const lms_penalties penalties = lms_penalties_of(e, p->filters.temperature);
    const uint most = lms_tiles_of(x->vocab) * LMS_TILE / 2;
    lms_order *const order = &x->order;
    order->slot = lms_slot_of_row(q, r);
    order->ids = bias.count ? bias.ids : 0;
    order->values = x->values;
    order->next = (__global const uint *)x->values + most;
    const bool penalizes = order->slot.length != 0 && lms_has_penalties(&penalties);
    const bool has_window = e->window != 0 && e->window < order->slot.length;
    if (e->forced || lms_is_guided(q, p) || q->prepared[r].has_dry) return false;
    if (lms_list_named(&q->lists, e->sequence_bias).count) return false;
    if (as_uint(e->decay_factor) & 0x7fffffffu) return false;
    if (penalizes) return bias.count == 0 && !has_window && order->slot.distinct <= most;
    return bias.count > 0 && bias.count <= most;
}

/* Edits whose values are in the order of their tokens, so many at once: first all that is
 * gathered, then what is computed, by vectors. So a CPU has many of either under way. */
#define LMS_ORDERED_BLOCK LMS_SLOT_PAGE
typedef struct lms_ordered_block {
    float before[LMS_ORDERED_BLOCK];
    int tops[LMS_ORDERED_BLOCK]; /* keys of the tokens' groups */
} lms_ordered_block;

/* Token i of a block, which is the one with a number: puts it before the others of its group's
 * chain. */
LMS_INLINE void lms_link(lms_edits *d, lms_ordered_block *b, uint i, uint number, uint t)
{
    const uint group = t / LMS_GROUP;
    b->before[i] = lms_element_at(d->stored, t);
    b->tops[i] = d->groups[group];
    d->next[number] = d->edited[group];
    d->edited[group] = number + 1;
}

/* There has to be room for those of a block: what is in the chains of its groups is not all
 * there until all of it is. */
void lms_make_room_for_lost(lms_edits *d)
{
    if (d->lost_count + LMS_ORDERED_BLOCK > LMS_LOST_MOST) lms_find_lost(d);
}

/* Which tokens of a block, from the i-th on, may touch the keys of their groups; bit by bit. */
LMS_INLINE uint lms_touches(const lms_ordered_block *b, uint i, uint count, lms_floats after)
{
    const lms_ints tops = LMS_V(vload)(0, b->tops + i);
    const lms_ints was = lms_keys(LMS_V(vload)(0, b->before + i));
    const lms_ints touches = (lms_keys(after) >= tops) | (was == tops) | (after != after);
    return lms_any(touches) ? lms_mask(touches) & ((2u << (count - 1)) - 1) : 0;
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

/* Penalties of all of the sequence. */
LMS_APART
void lms_edit_penalties_ordered(lms_edits *d, const lms_penalties *penalties,
                                const lms_slot *slot)
{
    lms_edits here = *d;
    const lms_penalties own = *penalties;
    lms_ordered_block b;
    for (uint first = 0; first < slot->distinct; first += LMS_ORDERED_BLOCK) {
        const uint page = first / LMS_SLOT_PAGE;
        const uint count = min(LMS_ORDERED_BLOCK, slot->distinct - first);
        __global const ulong *const entries = lms_slot_distinct_page(slot, page);
        __global const ulong *const next = lms_page_behind(slot, page, 1);
        __global const ulong *const later = lms_page_behind(slot, page, 2);
        for (uint i = 0; i < count; ++i) {
            lms_link(&here, &b, i, first + i, lms_token_of(entries + i));
        }
        lms_make_room_for_lost(&here);
        for (uint i = 0; i < count; i += LMS_LANES) {
            lms_uints low, high;
            lms_prefetch_logits(&here, next + i, later + i);
            lms_load_entries(entries + i, &low, &high);
            const lms_appearances a = lms_appearances_of(own.flags, low, high);
            const lms_floats before = LMS_V(vload)(0, b.before + i);
            const lms_floats after = lms_penalized(&own, a, before);
            LMS_V(vstore)(after, 0, here.values + first + i);
            uint bits = lms_touches(&b, i, min(count - i, (uint)LMS_LANES), after);
            for (; bits; bits &= bits - 1) {
                const uint lane = i + lms_first_bit(bits);
                lms_keep_keys(&here, lms_token_of(entries + lane), b.before[lane],
                              here.values[first + lane]);
            }
        }
    }
    *d = here;
}

/* --- Bias --------------------------------------------------------------------------------- */

/* Which tokens of a list, from one of them on, have others in their chains; bit by bit. */
LMS_INLINE uint lms_have_others(const lms_edits *d, uint first, uint count)
{
    const lms_ints others = LMS_V(vload)(0, d->next + first) != 0;
    return lms_any(others) ? lms_mask(others) & ((2u << (count - 1)) - 1) : 0;
}

/* Bias of the tokens of a list. One that is there again is edited from what it became. */
LMS_APART
void lms_edit_bias_ordered(lms_edits *d, const lms_lists *lists, uint name)
{
    const lms_list list = lms_list_named(lists, name);
    lms_edits own = *d;
    lms_ordered_block b;
    float biases[LMS_ORDERED_BLOCK];
    for (uint first = 0; first < list.count; first += LMS_ORDERED_BLOCK) {
        const uint count = min(LMS_ORDERED_BLOCK, list.count - first);
        for (uint i = 0; i < count; ++i) {
            lms_link(&own, &b, i, first + i, (uint)list.ids[first + i]);
            biases[i] = list.values[first + i];
        }
        lms_make_room_for_lost(&own);
        for (uint i = 0; i < count; i += LMS_LANES) {
            const lms_floats before = LMS_V(vload)(0, b.before + i);
            const lms_floats after = lms_all_biased(before, LMS_V(vload)(0, biases + i));
            __global float *const values = own.values + first + i;
            LMS_V(vstore)(after, 0, values);
            uint bits = lms_touches(&b, i, min(count - i, (uint)LMS_LANES), after);
            bits |= lms_have_others(&own, first + i, min(count - i, (uint)LMS_LANES));
            for (; bits; bits &= bits - 1) {
                const uint lane = lms_first_bit(bits), number = first + i + lane;
                const uint t = (uint)list.ids[number];
                const uint link = lms_last_of_chain(&own.read.order, own.next[number], t);
                const float was = link ? own.values[link - 1] : b.before[i + lane];
                if (link) values[lane] = lms_biased(was, biases[i + lane]);
                lms_keep_keys(&own, t, was, values[lane]);
            }
        }
    }
    *d = own;
}

#endif
