/* ngrams.cl - bans tokens that would complete an n-gram for a second time (specification,
 * section 27). */
#pragma once
#include "edits/bans.cl"
#include "edits/history.cl"

/* Is a position, at which what the last n - 1 tokens end with was found, before a repetition? A
 * token that is banned already is not looked at again; `banned` is the entry of the last one
 * that was found to be. */
void lms_ban_behind(lms_bans *b, const lms_slot *slot, uint n, uint position, uint *banned)
{
    const uint next = lms_slot_entry(slot, position + 1);
    if (next == *banned) return;
    const uint token = lms_distinct_token(lms_slot_distinct(slot, next));
    if (!lms_is_banned(b, token)) {
        if (lms_alike_before(slot, position, slot->length - 1, n - 1) < n - 1) return;
        lms_ban(b, token);
    }
    *banned = next;
}

/* Of the sequence itself, of which work-items have pages. Their last one or two tokens are
 * looked for first, a vector of positions at a time. */
void lms_ban_ngrams(lms_bans *b, const lms_slot *slot, uint n)
{
    if (n == 0 || n > slot->length) return;
    if (n == 1) {
        for (uint i = b->item; i < slot->distinct; i += LMS_TEAM) {
            lms_ban(b, lms_distinct_token(lms_slot_distinct(slot, i)));
        }
        return;
    }
    const lms_wanted end = lms_wanted_end(slot, n > 2);
    const uint low = n - 2, high = slot->length - 2;
    uint banned = slot->distinct;
    for (uint page = low / LMS_SLOT_PAGE + b->item; page <= high / LMS_SLOT_PAGE;
         page += LMS_TEAM) {
        const uint begin = page * LMS_SLOT_PAGE;
        const uint last = min(high, begin + LMS_SLOT_PAGE - 1);
        const uint first = max(low, begin);
        __global const uint *const words = lms_slot_history(slot, begin);
        for (uint at = first - first % LMS_LANES; at <= last; at += LMS_LANES) {
            uint found = lms_find_from(words + (at - begin), at, end, first, last);
            for (; found; found &= found - 1) {
                lms_ban_behind(b, slot, n, at + 31 - clz(found & -found), &banned);
            }
        }
    }
}

/* Are the tokens from entry `at` of a list back the slot's last ones, `count` of them? */
bool lms_is_suffix(const lms_list *list, uint at, const lms_slot *slot, uint count)
{
    for (uint i = 0; i < count; ++i) {
        const uint token = lms_slot_token(slot, slot->length - 1 - i);
        if ((uint)list->ids[at - i] != token) return false;
    }
    return true;
}

/* Of another text, the list `encoder`. */
void lms_ban_encoder_ngrams(lms_bans *b, const lms_slot *slot, const lms_list *list, uint n)
{
    if (n == 0 || n > list->count || n - 1 > slot->length) return;
    const uint last = n > 1 ? lms_slot_token(slot, slot->length - 1) : 0;
    for (ulong i = (ulong)(n - 1) + b->item; i < list->count; i += LMS_TEAM) {
        const uint at = (uint)i, token = (uint)list->ids[at];
        if (n > 1 && (uint)list->ids[at - 1] != last) continue;
        if (lms_is_banned(b, token)) continue;
        if (n < 3 || lms_is_suffix(list, at - 1, slot, n - 1)) lms_ban(b, token);
    }
}
