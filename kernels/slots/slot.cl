/* slots/slot.cl - reading a sequence: its tokens, and how often each of them is there. */
#pragma once
#include "slots/records.h"

/* A sequence. Position i has token lms_slot_token(i), 0 <= i < length. */
typedef struct lms_slot {
    __global const uint *words; /* of all pages */
    __global const uint *table; /* its pages, in order */
    uint pages;                 /* how many, ... */
    uint index_pages;           /* ... and how many of them the index is in */
    uint length;                /* tokens, ... */
    uint prompt;                /* ... the first of which are the prompt's, ... */
    uint ignored;               /* ... the first of which are not counted */
    uint distinct;              /* entries: different tokens, the first to appear first */
} lms_slot;

/* The sequence of a row without a slot. */
lms_slot lms_slot_none(void)
{
    lms_slot s;
    s.words = 0;
    s.table = 0;
    s.pages = 0;
    s.index_pages = 0;
    s.length = 0;
    s.prompt = 0;
    s.ignored = 0;
    s.distinct = 0;
    return s;
}

/* The number of the slot that a name is of. */
uint lms_slot_index_of(ulong name)
{
    return ((uint)name & ((1u << LMS_SLOT_NAME_BITS) - 1)) - 1;
}

/* The slot of a name that is not 0. False: there is none of that name, or no longer. */
bool lms_slot_find(__global const lms_slot_state *states, uint max_slots, ulong name,
                   uint *index)
{
    *index = lms_slot_index_of(name);
    return *index < max_slots && states[*index].name == name;
}

lms_slot lms_slot_at(__global const uint *pages, __global const uint *page_tables,
                     uint table_stride, __global const lms_slot_state *states, uint index)
{
    const lms_slot_state state = states[index];
    lms_slot s;
    s.words = pages;
    s.table = page_tables + (ulong)index * table_stride;
    s.pages = state.pages;
    s.index_pages = state.index_pages;
    s.length = state.length;
    s.prompt = state.prompt;
    s.ignored = state.ignored;
    s.distinct = state.distinct;
    return s;
}

/* The words of a page, by its place in the sequence. */
__global const uint *lms_slot_page(const lms_slot *s, uint page)
{
    return s->words + (ulong)s->table[page] * LMS_SLOT_PAGE_WORDS;
}

/* The number of the entry that a position has. */
uint lms_slot_entry(const lms_slot *s, uint position)
{
    return lms_slot_page(s, position / LMS_SLOT_PAGE)[LMS_SLOT_HISTORY_AT +
                                                      position % LMS_SLOT_PAGE];
}

/* Entries from page * LMS_SLOT_PAGE on, up to LMS_SLOT_PAGE of them. */
__global const ulong *lms_slot_distinct_page(const lms_slot *s, uint page)
{
    return (__global const ulong *)lms_slot_page(s, page);
}

ulong lms_slot_distinct(const lms_slot *s, uint entry)
{
    return lms_slot_distinct_page(s, entry / LMS_SLOT_PAGE)[entry % LMS_SLOT_PAGE];
}

/* The token of an entry, which is in its lower word. */
uint lms_slot_entry_token(const lms_slot *s, uint entry)
{
    return lms_slot_page(s, entry / LMS_SLOT_PAGE)[2 * (entry % LMS_SLOT_PAGE)] &
           ((1u << LMS_DISTINCT_TOKEN_BITS) - 1);
}

uint lms_distinct_token(ulong d) { return (uint)d & ((1u << LMS_DISTINCT_TOKEN_BITS) - 1); }
bool lms_distinct_in_prompt(ulong d) { return d >> LMS_DISTINCT_TOKEN_BITS & 1; }

/* How often the token is there: in the prompt, behind what is ignored of it; behind the
 * prompt. */
uint lms_distinct_prompt_count(ulong d)
{
    return (uint)(d >> LMS_DISTINCT_PROMPT_AT) & ((1u << LMS_DISTINCT_COUNT_BITS) - 1);
}
uint lms_distinct_output_count(ulong d)
{
    return (uint)(d >> LMS_DISTINCT_OUTPUT_AT) & ((1u << LMS_DISTINCT_COUNT_BITS) - 1);
}

uint lms_slot_token(const lms_slot *s, uint position)
{
    return lms_slot_entry_token(s, lms_slot_entry(s, position));
}

/* --- The index ---------------------------------------------------------------------------- */

/* Where the probing for a token begins: 0 .. size - 1. */
uint lms_slot_hash(uint token, uint size) { return mul_hi(token * 0x9e3779b1u, size); }

uint lms_slot_index_size(const lms_slot *s)
{
    return s->index_pages * LMS_SLOT_INDEX_WORDS;
}

/* A word of the index: 1 + an entry, 0: none. */
uint lms_slot_index_word(const lms_slot *s, uint at)
{
    return lms_slot_page(s, at / LMS_SLOT_INDEX_WORDS)[LMS_SLOT_INDEX_AT +
                                                       at % LMS_SLOT_INDEX_WORDS];
}

/* Where the index has a token; if it has not, where that would be. *entry is what is there. At
 * least every other word is 0. */
uint lms_slot_probe(const lms_slot *s, uint token, uint *entry)
{
    const uint size = lms_slot_index_size(s);
    uint at = lms_slot_hash(token, size);
    for (;;) {
        const uint word = lms_slot_index_word(s, at);
        *entry = word - 1;
        if (word == 0 || lms_slot_entry_token(s, word - 1) == token) return at;
        at = at + 1 < size ? at + 1 : 0;
    }
}

/* Is a token there? *entry is its own. */
bool lms_slot_entry_of(const lms_slot *s, uint token, uint *entry)
{
    if (s->length == 0) return false;
    lms_slot_probe(s, token, entry);
    return *entry < s->distinct;
}
