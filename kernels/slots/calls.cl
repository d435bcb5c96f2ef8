/* slots/calls.cl - the calls on slots.
 *
 *   in   turns lms_slot_turn[slots of the call]; new_pages, the call's list of them; of
 *        lms_slots_open, brought int[..] or tokens_device int or long[..]; of
 *        lms_slots_append, tokens int or long[rows][stride]; of lms_slots_copy, parents
 *        int[slots of the call], from `first` on, or none; of lms_slots_sweep, sweeps
 *   out  pages, page_tables uint[max_slots][table_stride], slot_states
 *        lms_slot_state[max_slots]; moved lms_slot_state[slots of the call], from
 *        lms_slots_copy to lms_slots_place
 *   run  a work-group of LMS_TEAM for each slot of the call; lms_slots_sweep: a work-item for
 *        each sweep
 */
#pragma once
#include "slots/fill.cl"

#define LMS_SLOTS_ARGUMENTS                                                                    \
    __global uint *pages, __global uint *page_tables, uint table_stride,                       \
        __global lms_slot_state *slot_states

/* Who is in a slot and has not the pages that the host says is not to be found any more: a slot
 * that was closed, or one whose call was terminated. */
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_slots_sweep(__global const lms_slot_sweep *sweeps, uint sweep_count,
                     __global lms_slot_state *slot_states)
{
    const uint i = (uint)get_global_id(0);
    if (i >= sweep_count) return;
    const lms_slot_sweep right = sweeps[i];
    const lms_slot_state state = slot_states[right.slot];
    if (state.name != right.name || state.version != right.version) {
        slot_states[right.slot].name = 0;
    }
}

/* A slot has the pages of a list, and a state. */
void lms_slot_place(__global uint *page_tables, uint table_stride,
                    __global lms_slot_state *slot_states, ulong name,
                    __global const uint *list, lms_slot_state state)
{
    const uint index = lms_slot_index_of(name);
    __global uint *const table = page_tables + (ulong)index * table_stride;
    for (uint i = lms_item(); i < state.pages; i += LMS_TEAM) table[i] = list[i];
    if (lms_item() == 0) slot_states[index] = state;
}

/* A slot with pages of its own and nothing in them. */
lms_slot lms_slot_new(__global const uint *pages, __global const uint *list, uint count)
{
    lms_slot s = lms_slot_none();
    s.words = pages;
    s.table = list;
    s.pages = count;
    s.index_pages = count;
    return s;
}

lms_slot_state lms_slot_state_of(const lms_slot *s, ulong name, uint version)
{
    lms_slot_state state;
    state.name = name;
    state.version = version;
    state.pages = s->pages;
    state.index_pages = s->index_pages;
    state.length = s->length;
    state.prompt = s->prompt;
    state.ignored = s->ignored;
    state.distinct = s->distinct;
    state.reserved = 0;
    return state;
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_slots_open(__global const lms_slot_turn *turns, __global const uint *new_pages,
                    __global const int *brought, __global const lms_token *tokens_device,
                    ulong tokens_device_offset, uint has_tokens_device, uint vocab,
                    LMS_SLOTS_ARGUMENTS)
{
#if LMS_TEAM > 1
    __local lms_marks marks;
#endif
    const lms_slot_turn turn = turns[get_group_id(0)];
    __global const uint *const list = new_pages + turn.first_page;
    lms_slot s = lms_slot_new(pages, list, turn.pages);
    lms_slot_source in;
    in.brought = has_tokens_device ? 0 : brought + turn.from;
    in.tokens = tokens_device + tokens_device_offset + turn.from;
    in.vocab = vocab;
    in.count = turn.count;
    in.prompt = turn.prompt;
    in.ignored = turn.ignored;
    lms_slot_reindex(pages, &s);
#if LMS_TEAM == 1
    lms_slot_fill(pages, &s, &in);
#else
    lms_slot_fill(pages, &s, &in, &marks);
#endif
    lms_slot_place(page_tables, table_stride, slot_states, turn.name, list,
                   lms_slot_state_of(&s, turn.name, turn.version));
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_slots_append(__global const lms_slot_turn *turns, __global const uint *new_pages,
                      __global const lms_token *tokens, ulong tokens_offset, ulong stride,
                      uint vocab, LMS_SLOTS_ARGUMENTS, uint max_slots)
{
    const lms_slot_turn turn = turns[get_group_id(0)];
    __global const lms_token *const own = tokens + tokens_offset + turn.from * stride;
    if (!lms_slot_grow(pages, page_tables, table_stride, slot_states, max_slots, turn.name,
                       turn.version, new_pages + turn.first_page, turn.pages)) {
        return;
    }
    if (lms_item() != 0) return;
    const uint index = lms_slot_index_of(turn.name);
    lms_slot s = lms_slot_at(pages, page_tables, table_stride, slot_states, index);
    for (uint i = 0; i < turn.count; ++i) {
        const long token = (long)own[i];
        if (token >= 0 && token < (long)vocab) {
            lms_slot_add(pages, &s, (uint)token, false, true);
        }
    }
    lms_slot_save(slot_states, index, &s);
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_slots_roll_back(__global const lms_slot_turn *turns, LMS_SLOTS_ARGUMENTS,
                         uint max_slots)
{
    const lms_slot_turn turn = turns[get_group_id(0)];
    uint index;
    const bool is_there = lms_slot_find(slot_states, max_slots, turn.name, &index);
    lms_slot s = lms_slot_none();
    if (is_there) s = lms_slot_at(pages, page_tables, table_stride, slot_states, index);
    lms_sync();
    if (lms_item() == 0 && s.length > turn.count) { /* which is no less than the prompt */
        while (s.length > turn.count) lms_slot_take_back(pages, &s);
        lms_slot_save(slot_states, index, &s);
    }
    lms_sync();
    if (is_there) s = lms_slot_at(pages, page_tables, table_stride, slot_states, index);
    const bool outgrows = lms_slot_outgrows_index(&s);
    s.index_pages = outgrows ? s.pages : 0;
    lms_slot_reindex(pages, &s);
    if (lms_item() == 0 && outgrows) slot_states[index].index_pages = s.pages;
}

/* --- Copies ------------------------------------------------------------------------------- */

/* Copies the first `count` of the words that pages have from `at` on, `each` of them. They may
 * be four at a time: what is behind the last one is of no use. */
void lms_slot_copy_words(__global uint *pages, const lms_slot *to, const lms_slot *from,
                         uint at, uint each, uint count)
{
    for (uint page = 0; page * each < count; ++page) {
        __global uint4 *const target =
            (__global uint4 *)(lms_slot_own_page(pages, to, page) + at);
        __global const uint4 *const source =
            (__global const uint4 *)(lms_slot_page(from, page) + at);
        const uint vectors = (min(count - page * each, each) + 3) / 4;
        for (uint i = lms_item(); i < vectors; i += LMS_TEAM) target[i] = source[i];
    }
}

/* Which slot of the call one of a reordering goes on from. */
ulong lms_slot_parent(__global const lms_slot_turn *turns, uint slot, uint count, long parent)
{
    return turns[parent >= 0 && parent < (long)count ? (uint)parent : slot].name;
}

/* Copies slots to new pages. Without parents, these are slots on their own; with parents, those
 * of lms_slots_place, as others may still have to be copied of what their slots have now. */
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_slots_copy(__global const lms_slot_turn *turns, __global const uint *new_pages,
                    __global const int *parents, ulong parents_offset, uint has_parents,
                    uint first, LMS_SLOTS_ARGUMENTS, uint max_slots,
                    __global lms_slot_state *moved)
{
    const uint r = (uint)get_group_id(0), count = (uint)get_num_groups(0);
    const lms_slot_turn turn = turns[r];
    __global const uint *const list = new_pages + turn.first_page;
    ulong source = turn.from;
    if (has_parents) {
        const long parent = (long)parents[parents_offset + r] - (long)(int)first;
        source = lms_slot_parent(turns, r, count, parent);
    }
    uint index, own = 0;
    bool is_right = lms_slot_find(slot_states, max_slots, source, &index);
    if (has_parents) {
        is_right = lms_slot_find(slot_states, max_slots, turn.name, &own) && is_right &&
                   slot_states[own].version + 1 == turn.version;
    }
    lms_slot s = lms_slot_new(pages, list, 0), from = lms_slot_none();
    if (is_right) from = lms_slot_at(pages, page_tables, table_stride, slot_states, index);
    is_right = is_right && from.length <= turn.pages * LMS_SLOT_PAGE;
    if (is_right) {
        s.pages = turn.pages;
        s.index_pages = turn.pages;
        s.length = from.length;
        s.prompt = from.prompt;
        s.ignored = from.ignored;
        s.distinct = from.distinct;
    }
    lms_slot_copy_words(pages, &s, &from, 0, LMS_SLOT_INDEX_AT, 2 * s.distinct);
    lms_slot_copy_words(pages, &s, &from, LMS_SLOT_HISTORY_AT, LMS_SLOT_PAGE, s.length);
    lms_sync();
    lms_slot_reindex(pages, &s);
    const lms_slot_state state =
        lms_slot_state_of(&s, is_right ? turn.name : 0, turn.version);
    if (has_parents) {
        if (lms_item() == 0) moved[r] = state;
    } else {
        lms_slot_place(page_tables, table_stride, slot_states, turn.name, list, state);
    }
}

/* The slots of a reordering have what was copied for them. */
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_slots_place(__global const lms_slot_turn *turns, __global const uint *new_pages,
                     __global uint *page_tables, uint table_stride,
                     __global lms_slot_state *slot_states, uint max_slots,
                     __global const lms_slot_state *moved)
{
    const uint r = (uint)get_group_id(0);
    const lms_slot_turn turn = turns[r];
    uint index;
    const bool is_there = lms_slot_find(slot_states, max_slots, turn.name, &index);
    lms_sync();
    if (!is_there) return;
    lms_slot_place(page_tables, table_stride, slot_states, turn.name,
                   new_pages + turn.first_page, moved[r]);
}
