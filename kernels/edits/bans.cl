/* bans.cl - a row's ban words: which tokens are allowed (specification, section 27).
 *
 * A team fills them, then allows what is listed, then bans; in between it meets. Tokens beyond
 * the vocabulary are allowed wherever that costs nothing: a tile of ones is a tile without
 * bans. */
#pragma once
#include "edits/masks.cl"
#include "edits/sequences.cl"

typedef struct lms_bans {
    __global uint *words;
    uint vocab;
    bool any;  /* this work-item has banned a token */
    uint item; /* which that is; row/row.cl says why it is told */
} lms_bans;

#if LMS_TEAM == 1
void lms_ban(lms_bans *b, uint token)
{
    b->words[token / 32] &= ~(1u << token % 32);
    b->any = true;
}
void lms_allow(const lms_bans *b, uint token) { b->words[token / 32] |= 1u << token % 32; }
bool lms_is_banned(const lms_bans *b, uint token)
{
    return !(b->words[token / 32] >> token % 32 & 1);
}
#else
void lms_ban(lms_bans *b, uint token)
{
    atomic_and(&b->words[token / 32], ~(1u << token % 32));
    b->any = true;
}
void lms_allow(const lms_bans *b, uint token)
{
    atomic_or(&b->words[token / 32], 1u << token % 32);
}
bool lms_is_banned(const lms_bans *b, uint token)
{
    return !(atomic_or(&b->words[token / 32], 0) >> token % 32 & 1);
}
#endif

/* The bits of word g that are beyond the vocabulary. */
uint lms_beyond(uint vocab, uint g)
{
    if (32 * g >= vocab) return ~0u;
    return vocab - 32 * g >= 32 ? 0 : ~0u << (vocab - 32 * g);
}

/* All words, this work-item's tiles of them: what the mask allows; everything or nothing. */
void lms_fill_bans(const lms_bans *b, const lms_mask_row *mask)
{
    const uint tiles = (b->vocab + LMS_TILE - 1) / LMS_TILE;
    const uint columns = mask->type == LMS_MASK_BYTES ? mask->columns / 32 : mask->columns;
    const uint whole = min(columns, b->vocab / 32) / LMS_TILE_GROUPS;
    for (uint tile = b->item; tile < tiles; tile += LMS_TEAM) {
        if (tile < whole) {
            vstore8(lms_mask_whole_tile(mask, tile), tile, b->words);
            continue;
        }
        for (uint g = LMS_TILE_GROUPS * tile; g < LMS_TILE_GROUPS * (tile + 1); ++g) {
            b->words[g] = lms_mask_word(mask, g) | lms_beyond(b->vocab, g);
        }
    }
}
void lms_fill_bans_with(const lms_bans *b, uint word)
{
    const uint tiles = (b->vocab + LMS_TILE - 1) / LMS_TILE;
    for (uint tile = b->item; tile < tiles; tile += LMS_TEAM) {
        vstore8((uint8)(word), tile, b->words);
    }
}

/* This work-item's part of a list. */
void lms_allow_list(const lms_bans *b, const lms_list *list, const lms_mask_row *mask,
                    bool has_mask)
{
    for (ulong i = b->item; i < list->count; i += LMS_TEAM) {
        const uint token = (uint)list->ids[i];
        if (!has_mask || lms_mask_allows(mask, token)) lms_allow(b, token);
    }
}
void lms_ban_list(lms_bans *b, const lms_list *list)
{
    for (ulong i = b->item; i < list->count; i += LMS_TEAM) lms_ban(b, (uint)list->ids[i]);
}
void lms_ban_last_of_sequences(lms_bans *b, const lms_list *list, const lms_slot *slot,
                               uint most)
{
    for (ulong i = b->item; i < list->count; i += LMS_TEAM) {
        const uint end = (uint)i;
        if (lms_ends_sequence(list, end) && lms_sequence_matches(list, end, slot, most)) {
            lms_ban(b, (uint)list->ids[end - 1]);
        }
    }
}
