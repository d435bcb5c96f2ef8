/* logits.cl - a row's logits as they are stored, and what is edited of them; row/read.cl reads
 * them. */
#pragma once
#include "numeric/keys.cl"
#include "numeric/types.cl"
#include "row/ordered.cl"
#include "row/records.h"

/* A row's logits, and its edits: tokens that have another logit than the stored one, and tokens
 * that are banned, of which -inf is read. By bits: bit t % 32 of word t / 32 is token t's. */
typedef struct lms_logits {
    __global const lms_element *stored;
    uint vocab;
#if LMS_TEAM > 1
    bool is_aligned; /* the first of them is at a multiple of LMS_ALIGNMENT */
#endif
    uint suppressed_count;
    __global const int *suppressed; /* their ids, in no order */
#ifdef LMS_REQUESTS
    __global const uint *bans;    /* 1: it is not banned; or 0: none is */
    __global const uint *edited;  /* 1: its logit is among the values; or 0: none is */
    __global const float *values; /* LMS_GROUP of each group that has some; lms_values_at() */
#if LMS_TEAM == 1
    __global const uint *places; /* where those of a group begin; or 0: ... */
    lms_order order; /* ... these, and each group's bits are 1 + the first of its chain */
#endif
#endif
} lms_logits;

lms_logits lms_logits_at(__global const lms_element *stored, uint vocab)
{
    lms_logits x;
    x.stored = stored;
    x.vocab = vocab;
#if LMS_TEAM > 1
    x.is_aligned = LMS_IS_ALIGNED(stored);
#endif
    x.suppressed_count = 0;
    x.suppressed = 0;
#ifdef LMS_REQUESTS
    x.bans = 0;
    x.edited = 0;
    x.values = 0;
#if LMS_TEAM == 1
    x.places = 0;
#endif
#endif
    return x;
}

/* May logits of the row be read otherwise than they are stored? */
bool lms_has_edits(const lms_logits *x)
{
#ifdef LMS_REQUESTS
    if (x->bans || x->edited) return true;
#endif
    return x->suppressed_count > 0;
}

/* Has one of the tokens [begin, end), or of their groups, another logit than the stored one,
 * not counting bans? */
bool lms_has_edited_values(const lms_logits *x, uint begin, uint end)
{
#ifdef LMS_REQUESTS
    for (uint g = begin / LMS_GROUP; x->edited && g * LMS_GROUP < end; ++g) {
        if (x->edited[g] != 0) return true;
    }
#endif
    for (uint i = 0; i < x->suppressed_count; ++i) {
        const uint id = (uint)x->suppressed[i];
        if (id >= begin && id < end) return true;
    }
    return false;
}

/* Is one of the tokens [begin, end) read otherwise than it is stored? Whole tiles and blocks of
 * which none is take the fast path. */
bool lms_is_edited(const lms_logits *x, uint begin, uint end)
{
#ifdef LMS_REQUESTS
    for (uint g = begin / LMS_GROUP; x->bans && g * LMS_GROUP < min(end, x->vocab); ++g) {
        if (x->bans[g] != UINT_MAX) return true;
    }
#endif
    return lms_has_edited_values(x, begin, end);
}
