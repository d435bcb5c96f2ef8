/* sequences.cl - lists of sequences: which of them a row's last tokens are in. */
#pragma once
#include "edits/lists.cl"
#include "slots/slot.cl"

/* Does a sequence end before entry `end` of a list, one of at least one token? Its last token
 * is the entry before. */
bool lms_ends_sequence(const lms_list *list, uint end)
{
    return list->ids[end] == LMS_NO_TOKEN && end > 0 && list->ids[end - 1] != LMS_NO_TOKEN;
}

/* Are the tokens of that sequence, but for its last one, the slot's last ones, of which `most`
 * count? */
bool lms_sequence_matches(const lms_list *list, uint end, const lms_slot *slot, uint most)
{
    uint at = end - 1, n = 0;
    for (; at > 0 && list->ids[at - 1] != LMS_NO_TOKEN; --at) {
        ++n;
        if (n > most) return false;
        if ((uint)list->ids[at - 1] != lms_slot_token(slot, slot->length - n)) return false;
    }
    return true;
}

/* How many tokens that sequence has. */
uint lms_sequence_length(const lms_list *list, uint end)
{
    uint n = 1;
    while (n < end && list->ids[end - 1 - n] != LMS_NO_TOKEN) ++n;
    return n;
}
