/* slots/fill.cl - a sequence from all of its tokens at once: one after the other in a team of
 * one; in larger teams by all work-items, with the same entries in the same order. */
#pragma once
#include "numeric/types.cl"
#include "slots/store.cl"

/* Where the tokens are: the first of them, of one of two arrays, ... */
typedef struct lms_slot_source {
    __global const int *brought; /* 0: the other one */
    __global const lms_token *tokens;
    uint vocab;
    uint count;   /* ... how many, ... */
    uint prompt;  /* ... and how many of those, from the first one on, are the prompt's, ... */
    uint ignored; /* ... and ignored; what is no token is left out */
} lms_slot_source;

/* -1: it is none. */
int lms_slot_source_token(const lms_slot_source *in, uint i)
{
    if (i >= in->count) return -1;
    const long token = in->brought ? (long)in->brought[i] : (long)in->tokens[i];
    return token >= 0 && token < (long)in->vocab ? (int)token : -1;
}

#if LMS_TEAM == 1

void lms_slot_fill(__global uint *pages, lms_slot *s, const lms_slot_source *in)
{
    for (uint i = 0; i < in->count; ++i) {
        const int token = lms_slot_source_token(in, i);
        if (token < 0) continue;
        lms_slot_add(pages, s, (uint)token, i < in->prompt, i >= in->ignored);
        if (i < in->prompt) ++s->prompt;
        if (i < in->ignored) ++s->ignored;
    }
}

#else

/* Which work-items have something, in rounds. A round has its own words, those of the next one
 * are cleared, and those of the one before may still be looked at. */
#define LMS_MARK_WORDS ((LMS_TEAM + 31) / 32)
typedef struct lms_marks {
    uint words[3][LMS_MARK_WORDS];
} lms_marks;

void lms_mark(__local lms_marks *marks, uint round, bool marked)
{
    const uint item = lms_item();
    if (marked) atomic_or(&marks->words[round % 3][item / 32], 1u << item % 32);
    if (item < LMS_MARK_WORDS) marks->words[(round + 1) % 3][item] = 0;
    lms_sync();
}

/* How many work-items below number n, at most LMS_TEAM, are marked. */
uint lms_marked_below(__local const lms_marks *marks, uint round, uint n)
{
    uint sum = 0;
    for (uint word = 0; word < n / 32; ++word) sum += popcount(marks->words[round % 3][word]);
    if (n % 32) sum += popcount(marks->words[round % 3][n / 32] & ((1u << n % 32) - 1));
    return sum;
}

/* Of those from `base` on, up to LMS_TEAM, how many are before `end`? */
uint lms_team_below(uint base, uint end)
{
    return end > base ? min(end - base, (uint)LMS_TEAM) : 0;
}

/* Until entries have numbers, the index has 1 + a position in the place of 1 + an entry, and
 * the history has tokens. */

__global uint *lms_slot_own_history(__global uint *pages, const lms_slot *s, uint position)
{
    return lms_slot_own_page(pages, s, position / LMS_SLOT_PAGE) + LMS_SLOT_HISTORY_AT +
           position % LMS_SLOT_PAGE;
}

uint lms_slot_next(const lms_slot *s, uint at)
{
    return at + 1 < lms_slot_index_size(s) ? at + 1 : 0;
}

/* Of positions with one token, the first is the one that the index has in the end. */
void lms_slot_offer(__global uint *pages, const lms_slot *s, uint position)
{
    const uint token = lms_slot_entry(s, position);
    uint at = lms_slot_hash(token, lms_slot_index_size(s));
    for (;;) {
        __global uint *const word = lms_slot_own_index(pages, s, at);
        const uint there = atomic_cmpxchg(word, 0u, position + 1);
        if (there == 0) break;
        if (lms_slot_entry(s, there - 1) == token) {
            atomic_min(word, position + 1);
            break;
        }
        at = lms_slot_next(s, at);
    }
}

/* Where the index has a token that it has. */
uint lms_slot_probe_position(const lms_slot *s, uint token)
{
    uint at = lms_slot_hash(token, lms_slot_index_size(s));
    while (lms_slot_entry(s, lms_slot_index_word(s, at) - 1) != token) {
        at = lms_slot_next(s, at);
    }
    return at;
}

/* Reads the tokens into the history; returns the rounds that took. */
uint lms_slot_read(__global uint *pages, lms_slot *s, const lms_slot_source *in,
                   __local lms_marks *marks)
{
    uint round = 0;
    for (uint base = 0; base < in->count; base += LMS_TEAM) {
        const int token = lms_slot_source_token(in, base + lms_item());
        lms_mark(marks, round, token >= 0);
        if (token >= 0) {
            const uint position = s->length + lms_marked_below(marks, round, lms_item());
            *lms_slot_own_history(pages, s, position) = (uint)token;
        }
        s->prompt += lms_marked_below(marks, round, lms_team_below(base, in->prompt));
        s->ignored += lms_marked_below(marks, round, lms_team_below(base, in->ignored));
        s->length += lms_marked_below(marks, round, LMS_TEAM);
        ++round;
    }
    return round;
}

/* Numbers the entries: their tokens' first positions, in order. */
void lms_slot_number(__global uint *pages, lms_slot *s, uint round, __local lms_marks *marks)
{
    for (uint base = 0; base < s->length; base += LMS_TEAM) {
        const uint position = base + lms_item();
        uint token = 0;
        bool is_first = false;
        if (position < s->length) {
            token = lms_slot_entry(s, position);
            const uint at = lms_slot_probe_position(s, token);
            is_first = lms_slot_index_word(s, at) == position + 1;
        }
        lms_mark(marks, round, is_first);
        if (is_first) {
            const uint entry = s->distinct + lms_marked_below(marks, round, lms_item());
            const ulong in_prompt = position < s->prompt;
            lms_slot_put_distinct(pages, s, entry,
                                  token | in_prompt << LMS_DISTINCT_TOKEN_BITS);
        }
        s->distinct += lms_marked_below(marks, round, LMS_TEAM);
        ++round;
    }
}

/* The upper word of an entry. */
__global uint *lms_slot_own_upper(__global uint *pages, const lms_slot *s, uint entry)
{
    return lms_slot_own_page(pages, s, entry / LMS_SLOT_PAGE) + 2 * (entry % LMS_SLOT_PAGE) + 1;
}

/* Puts entries in the places of positions, which are all looked for first: without positions,
 * nothing would be found. */
void lms_slot_rename(__global uint *pages, const lms_slot *s)
{
    for (uint entry = lms_item(); entry < s->distinct; entry += LMS_TEAM) {
        const uint at = lms_slot_probe_position(s, lms_slot_entry_token(s, entry));
        *lms_slot_own_upper(pages, s, entry) = at;
    }
    lms_sync();
    for (uint entry = lms_item(); entry < s->distinct; entry += LMS_TEAM) {
        __global uint *const upper = lms_slot_own_upper(pages, s, entry);
        *lms_slot_own_index(pages, s, *upper) = entry + 1;
        *upper = 0;
    }
    lms_sync();
}

/* Counts: the prompt's by themselves first, because they go over two words. */
void lms_slot_count(__global uint *pages, const lms_slot *s)
{
    for (uint i = lms_item(); i < s->length; i += LMS_TEAM) {
        uint entry;
        lms_slot_probe(s, lms_slot_entry(s, i), &entry);
        *lms_slot_own_history(pages, s, i) = entry;
        if (i >= s->ignored && i < s->prompt) atomic_inc(lms_slot_own_upper(pages, s, entry));
    }
    lms_sync();
    for (uint entry = lms_item(); entry < s->distinct; entry += LMS_TEAM) {
        const ulong d = lms_slot_distinct(s, entry), count = d >> 32;
        lms_slot_put_distinct(pages, s, entry, (uint)d | count << LMS_DISTINCT_PROMPT_AT);
    }
    lms_sync();
    for (uint i = s->prompt + lms_item(); i < s->length; i += LMS_TEAM) {
        atomic_add(lms_slot_own_upper(pages, s, lms_slot_entry(s, i)),
                   1u << (LMS_DISTINCT_OUTPUT_AT - 32));
    }
}

void lms_slot_fill(__global uint *pages, lms_slot *s, const lms_slot_source *in,
                   __local lms_marks *marks)
{
    if (lms_item() < LMS_MARK_WORDS) marks->words[0][lms_item()] = 0;
    lms_sync();
    const uint round = lms_slot_read(pages, s, in, marks);
    lms_sync();
    for (uint i = lms_item(); i < s->length; i += LMS_TEAM) lms_slot_offer(pages, s, i);
    lms_sync();
    lms_slot_number(pages, s, round, marks);
    lms_sync();
    lms_slot_rename(pages, s);
    lms_slot_count(pages, s);
}

#endif
