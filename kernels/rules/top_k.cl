/* top_k.cl - top-k keeps the k tokens with the largest logits (specification, section 6).
 * Whether it keeps a token depends on how many are before that; its cut is the k-th token, a
 * search by count. */
#pragma once
#include "lms_filters.h"
#include "row/cut.cl"
#include "select/search.cl"

bool lms_has_top_k(const lms_filters *f, uint vocab)
{
    return f->top_k > 0 && (uint)f->top_k < vocab;
}

lms_search lms_top_k_search(uint k, int max_key)
{
    return lms_search_of(k, false, LMS_NEVER, max_key);
}

/* What is kept, `kth` being the k-th token: where ties count as kept, all that have its key. */
lms_cut lms_top_k_cut(lms_cut kth, bool keeps_ties)
{
    return keeps_ties ? lms_cut_at(kth.key, UINT_MAX) : kth;
}
