/* drawing.cl - what a team knows of a row while it draws a token (specification, section 7). */
#pragma once
#include "draw/judge.cl"
#include "draw/reach.cl"
#include "draw/rejection.cl"

typedef struct lms_drawing {
    lms_scaled scaled; /* the row at the temperature's scale */
    lms_words words;
    lms_judge judge;
    lms_cut reach;  /* of the groups that tokens are proposed from, ... */
    ulong envelope; /* ... the slots                                    */
    uint attempts;  /* made so far */
    lms_cut first;  /* the first in the order of what the round has proposed */
    int token;      /* or LMS_NO_TOKEN */
    uint status;    /* LMS_ROW_UNIFORMS_SPENT */
} lms_drawing;

lms_drawing lms_drawing_of(lms_words words)
{
    lms_drawing d;
    d.words = words;
    d.attempts = 0;
    d.judge.passes = 0;
    d.token = LMS_NO_TOKEN;
    d.status = LMS_ROW_OK;
    return d;
}

/* The lowest id with the largest key that this work-item finds, negated; LONG_MIN if it finds
 * none. */
long lms_first_own(const lms_row *row)
{
    LMS_EACH_TILE(tile, row, row->max_key) {
        LMS_EACH_GROUP(begin, row, tile, row->max_key) {
            LMS_EACH_VECTOR(at, row, begin) {
                const lms_ints keys = lms_keys(lms_read(&row->logits, at));
                const uint found = lms_mask(keys >= row->max_key);
                if (found) return -(long)(at + 31 - clz(found & -found));
            }
        }
    }
    return LONG_MIN;
}

/* What top-k leaves, where every kept token is the first: no draw is needed, unless it could
 * run out of the caller's words. */
bool lms_is_certain(LMS_OURS const lms_drawing *d, const lms_rules *rules)
{
    return rules->k == 1 && !rules->keeps_ties && !d->words.given;
}

void lms_begin_round(LMS_OURS lms_drawing *d) { d->first = lms_cut_none(); }

/* A round is over, and none of what it has proposed is kept. Returns whether fewer groups are
 * in reach. */
bool lms_narrow_reach(LMS_OURS lms_drawing *d, const lms_row *row)
{
    const lms_cut old = d->reach;
    if (lms_is_same_cut(d->first, lms_cut_none())) return false;
    d->reach = lms_tighter(old, lms_reach_before(row, d->first));
    return !lms_is_same_cut(d->reach, old);
}

/* There are no more words: the caller's are spent. After LMS_ATTEMPTS, which as good as no draw
 * needs, the token is the first of the order: true. */
bool lms_gives_up(LMS_OURS lms_drawing *d)
{
    if (d->words.attempts == LMS_ATTEMPTS) return true;
    d->status = LMS_ROW_UNIFORMS_SPENT;
    return false;
}
