/* biases.cl - edits of tokens in lists: bias, bias of sequences, decay (specification, section
 * 26). Lists are gone through in order by every work-item, and each edits its own tokens. */
#pragma once
#include "edits/tokens.cl"
#include "edits/sequences.cl"

LMS_APART
void lms_edit_bias(lms_edits *d, const lms_lists *lists, uint name)
{
    const lms_list bias = lms_list_named(lists, name);
    lms_edits own = *d;
    for (uint i = 0; i < bias.count; ++i) {
        const uint t = (uint)bias.ids[i];
        if (!lms_is_own_token(d, t)) continue;
        const float x = lms_value(&own, t);
        lms_put(&own, t, x, lms_biased(x, bias.values[i]));
    }
    *d = own;
}

LMS_APART
void lms_edit_sequence_bias(lms_edits *d, const lms_lists *lists, uint name,
                            const lms_slot *slot)
{
    const lms_list bias = lms_list_named(lists, name);
    for (uint i = 0; i < bias.count; ++i) {
        if (!lms_ends_sequence(&bias, i)) continue;
        const uint t = (uint)bias.ids[i - 1];
        if (!lms_is_own_token(d, t)) continue;
        if (!lms_sequence_matches(&bias, i, slot, slot->length)) continue;
        const float x = lms_value(d, t);
        lms_put(d, t, x, lms_biased(x, bias.values[i]));
    }
}

/* Is the i-th token of a list there before, too? */
bool lms_is_again(const lms_list *l, uint i)
{
    uint j = 0;
    while (l->ids[j] != l->ids[i]) ++j;
    return j < i;
}

/* Of end tokens; `beyond` tokens more are generated than decay begins with. */
LMS_APART
void lms_edit_decay(lms_edits *d, const lms_lists *lists, uint name, float factor,
                    uint beyond)
{
    const lms_list ends = lms_list_named(lists, name);
    const float more = lms_power(factor, beyond) - 1.0f;
    for (uint i = 0; i < ends.count; ++i) {
        const uint t = (uint)ends.ids[i];
        if (!lms_is_own_token(d, t) || lms_is_again(&ends, i)) continue;
        const float x = lms_value(d, t);
        lms_put(d, t, x, lms_decayed(x, more));
    }
}
