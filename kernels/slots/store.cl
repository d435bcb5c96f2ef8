/* slots/store.cl - what changes a sequence: tokens are appended and taken back, and it gets
 * pages.
 *
 * Entries are numbered in the order in which their tokens appeared first, so the token that is
 * taken back, if it is there no more, has the last one. Where in the index an entry is depends
 * on which work-item was first, and shows nowhere. */
#pragma once
#include "slots/slot.cl"
#include "team/team.cl"

__global uint *lms_slot_own_page(__global uint *pages, const lms_slot *s, uint page)
{
    return pages + (ulong)s->table[page] * LMS_SLOT_PAGE_WORDS;
}

__global uint *lms_slot_own_index(__global uint *pages, const lms_slot *s, uint at)
{
    return lms_slot_own_page(pages, s, at / LMS_SLOT_INDEX_WORDS) + LMS_SLOT_INDEX_AT +
           at % LMS_SLOT_INDEX_WORDS;
}

void lms_slot_put_distinct(__global uint *pages, const lms_slot *s, uint entry, ulong d)
{
    const uint page = entry / LMS_SLOT_PAGE;
    ((__global ulong *)lms_slot_own_page(pages, s, page))[entry % LMS_SLOT_PAGE] = d;
}

/* --- Tokens ------------------------------------------------------------------------------- */

/* Appends a token by one work-item: one of the prompt, or `counts` as generated; one of the
 * prompt that is ignored counts as neither. What there is no room for is left out. */
void lms_slot_add(__global uint *pages, lms_slot *s, uint token, bool is_prompt, bool counts)
{
    uint entry;
    if (s->length >= s->pages * LMS_SLOT_PAGE) return;
    const uint at = lms_slot_probe(s, token, &entry);
    ulong d = token;
    if (entry < s->distinct) {
        d = lms_slot_distinct(s, entry);
    } else {
        entry = s->distinct++;
        *lms_slot_own_index(pages, s, at) = entry + 1;
    }
    if (is_prompt) d |= 1ul << LMS_DISTINCT_TOKEN_BITS;
    if (counts) d += 1ul << (is_prompt ? LMS_DISTINCT_PROMPT_AT : LMS_DISTINCT_OUTPUT_AT);
    lms_slot_put_distinct(pages, s, entry, d);
    lms_slot_own_page(pages, s, s->length / LMS_SLOT_PAGE)[LMS_SLOT_HISTORY_AT +
                                                           s->length % LMS_SLOT_PAGE] = entry;
    ++s->length;
}

/* How far it is to `to`, around the end of the index. */
uint lms_slot_distance(uint from, uint to, uint size)
{
    return to >= from ? to - from : to + size - from;
}

/* Takes a word out of the index: what was put behind it because it was there moves up. */
void lms_slot_unindex(__global uint *pages, const lms_slot *s, uint hole)
{
    const uint size = lms_slot_index_size(s);
    uint at = hole;
    for (;;) {
        at = at + 1 < size ? at + 1 : 0;
        const uint word = lms_slot_index_word(s, at);
        if (word == 0) break;
        const uint home = lms_slot_hash(lms_slot_entry_token(s, word - 1), size);
        if (lms_slot_distance(home, at, size) < lms_slot_distance(hole, at, size)) continue;
        *lms_slot_own_index(pages, s, hole) = word;
        hole = at;
    }
    *lms_slot_own_index(pages, s, hole) = 0;
}

/* Takes back the last token, a generated one. */
void lms_slot_take_back(__global uint *pages, lms_slot *s)
{
    uint entry = lms_slot_entry(s, --s->length);
    const ulong d = lms_slot_distinct(s, entry) - (1ul << LMS_DISTINCT_OUTPUT_AT);
    lms_slot_put_distinct(pages, s, entry, d);
    if (lms_distinct_in_prompt(d) || lms_distinct_output_count(d) > 0) return;
    lms_slot_unindex(pages, s, lms_slot_probe(s, lms_distinct_token(d), &entry));
    --s->distinct;
}

/* Keeps what has changed. */
void lms_slot_save(__global lms_slot_state *states, uint index, const lms_slot *s)
{
    states[index].length = s->length;
    states[index].distinct = s->distinct;
}

/* For a sampler: appends the token that a row has got, by one work-item. LMS_NO_TOKEN is left
 * out. */
void lms_slot_append_one(__global uint *pages, __global const uint *page_tables,
                         uint table_stride, __global lms_slot_state *states, uint index,
                         int token)
{
    lms_slot s = lms_slot_at(pages, page_tables, table_stride, states, index);
    if (token < 0) return;
    lms_slot_add(pages, &s, (uint)token, false, true);
    lms_slot_save(states, index, &s);
}

/* --- Pages, by a team --------------------------------------------------------------------- */

/* At least every other word of the index is 0, also when all pages are full. Where that is not
 * sure any more, all pages that there are get an index: seldom, as tokens are often there more
 * than once. */
bool lms_slot_outgrows_index(const lms_slot *s)
{
    const uint room = s->pages * LMS_SLOT_PAGE - s->length;
    return s->distinct + room > s->index_pages * LMS_SLOT_PAGE;
}

/* Makes the index anew, of no pages if none is to be made. */
void lms_slot_reindex(__global uint *pages, const lms_slot *s)
{
    const uint size = lms_slot_index_size(s), entries = s->index_pages > 0 ? s->distinct : 0;
    for (uint page = 0; page < s->index_pages; ++page) {
        __global uint *const words = lms_slot_own_page(pages, s, page) + LMS_SLOT_INDEX_AT;
        for (uint i = lms_item(); i < LMS_SLOT_INDEX_WORDS; i += LMS_TEAM) words[i] = 0;
    }
    lms_sync();
    for (uint entry = lms_item(); entry < entries; entry += LMS_TEAM) {
        uint at = lms_slot_hash(lms_slot_entry_token(s, entry), size);
        while (atomic_cmpxchg(lms_slot_own_index(pages, s, at), 0u, entry + 1) != 0) {
            at = at + 1 < size ? at + 1 : 0;
        }
    }
    lms_sync();
}

/* Gives a slot `count` pages more, with which it has that version. False: there is no slot of
 * that name, or none any longer, because it has not got pages that the host gave it before. */
bool lms_slot_grow(__global uint *pages, __global uint *page_tables, uint table_stride,
                   __global lms_slot_state *states, uint max_slots, ulong name, uint version,
                   __global const uint *new_pages, uint count)
{
    uint index;
    const bool is_there = lms_slot_find(states, max_slots, name, &index);
    lms_slot s = lms_slot_none();
    if (is_there) s = lms_slot_at(pages, page_tables, table_stride, states, index);
    const bool is_right = count == 0 || (is_there && states[index].version + 1 == version &&
                                         s.pages + count <= table_stride);
    const uint taken = is_there && is_right ? count : 0;
    for (uint i = lms_item(); i < taken; i += LMS_TEAM) {
        page_tables[(ulong)index * table_stride + s.pages + i] = new_pages[i];
    }
    lms_sync();
    s.pages += taken;
    const bool outgrows = taken > 0 && lms_slot_outgrows_index(&s);
    s.index_pages = outgrows ? s.pages : 0;
    lms_slot_reindex(pages, &s);
    if (lms_item() == 0 && is_there && count > 0) {
        if (is_right) {
            states[index].version = version;
            states[index].pages = s.pages;
            if (outgrows) states[index].index_pages = s.pages;
        } else {
            states[index].name = 0;
        }
    }
    lms_sync();
    return is_there && is_right;
}

/* For a sampler: the room that a row's token needs, by a team, before it is appended. */
bool lms_slot_make_room(__global uint *pages, __global uint *page_tables, uint table_stride,
                        __global lms_slot_state *states, uint max_slots, ulong name,
                        __global const lms_slot_growth *growth)
{
    return lms_slot_grow(pages, page_tables, table_stride, states, max_slots, name,
                         growth->version, &growth->page, growth->page != LMS_SLOT_NO_PAGE);
}
