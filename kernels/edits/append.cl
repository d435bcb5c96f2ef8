/* append.cl - a row's token goes to its slot, for which lms_prepare has made room. */
#pragma once
#include "edits/call.cl"
#include "slots/store.cl"

void lms_append_token(const lms_requests *q, ulong r, int token)
{
    const uint slot = q->prepared ? q->prepared[r].slot : 0;
    if (slot == 0) return;
    lms_slot_append_one(q->slot_pages, q->page_tables, q->table_stride, q->slot_states,
                        slot - 1, token);
}
