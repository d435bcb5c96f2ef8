/* drawing.cl - a row's token, once its cut is known:
 *
 *   FIRST -> DONE                            greedy: the lowest id with the largest key
 *   ENVELOPE -> PREFIX -> ATTEMPTS .. -> DONE    all others
 */
#pragma once
#include "draw/rounds.cl"

typedef enum lms_draw_step {
    LMS_DRAW_FIRST,    /* the lowest id with the largest key                  */
    LMS_DRAW_ENVELOPE, /* the own tiles' shares of the envelope               */
    LMS_DRAW_PREFIX,   /* sums of lower items onto the own prefix sums        */
    LMS_DRAW_ATTEMPTS, /* a round of them                                     */
    LMS_DRAW_DONE
} lms_draw_step;

/* Alike in all work-items of a team but for items_before. */
typedef struct lms_drawing {
    lms_draw_step step;
    lms_cut cut;
    lms_scaled scaled; /* the row at the temperature's scale; not of a greedy one */
    lms_words words;
    ulong envelope;
    uint attempt;
    ulong items_before; /* sums of lower items, from the last meeting */
    int token;          /* or LMS_NO_TOKEN */
    uint status;        /* LMS_ROW_UNIFORMS_SPENT */
} lms_drawing;

lms_drawing lms_drawing_of(lms_words words)
{
    lms_drawing d;
    d.words = words;
    d.token = LMS_NO_TOKEN;
    d.status = LMS_ROW_OK;
    return d;
}

void lms_to_first(lms_drawing *d) { d->step = LMS_DRAW_FIRST; }

void lms_to_draw(lms_drawing *d, lms_cut cut, float temperature, int max_key)
{
    d->step = LMS_DRAW_ENVELOPE;
    d->cut = cut;
    d->scaled = lms_at_scale(lms_scale(temperature), max_key);
    d->attempt = 0;
}

/* The lowest id with the largest key, negated; LONG_MIN if it is not in the own tiles. */
long lms_first_own(const lms_row *row)
{
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] != row->max_key) continue;
        for (uint i = tile * LMS_TILE; i < row->logits.vocab; ++i) {
            if (lms_key(lms_read_one(&row->logits, i)) == row->max_key) return -(long)i;
        }
    }
    return LONG_MIN;
}

/* A work-item's part of a step. No barriers here. */
lms_part lms_draw_part(const lms_row *row, const lms_drawing *d)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    switch (d->step) {
    case LMS_DRAW_FIRST: part.best = lms_first_own(row); break;
    case LMS_DRAW_ENVELOPE: part.sum = lms_envelope_own(row, &d->scaled, d->cut); break;
    case LMS_DRAW_PREFIX:
        for (uint i = row->first; i < row->last; ++i) row->sums[i] += d->items_before;
        break;
    case LMS_DRAW_ATTEMPTS:
        part.best = lms_try(row, &d->scaled, d->cut, d->envelope, &d->words, d->attempt);
        break;
    case LMS_DRAW_DONE: break;
    }
    return part;
}

/* A round is over. If none of its attempts is accepted there is another one, while there are
 * words. Where the caller's end, the row has no token. After LMS_ATTEMPTS, which as good as no
 * draw needs, it is the lowest id with the largest key. */
void lms_after_attempts(lms_drawing *d, long best)
{
    d->step = LMS_DRAW_DONE;
    if (best != LMS_NOT_DRAWN) {
        d->token = (int)(best & 0xffffffffl);
        return;
    }
    d->attempt += LMS_TEAM * LMS_TRIES;
    if (d->attempt < d->words.attempts) {
        d->step = LMS_DRAW_ATTEMPTS;
    } else if (d->words.attempts < LMS_ATTEMPTS) {
        d->status = LMS_ROW_UNIFORMS_SPENT;
    } else {
        d->step = LMS_DRAW_FIRST;
    }
}

void lms_next_draw(lms_drawing *d, const lms_meeting *m)
{
    d->items_before = m->before;
    switch (d->step) {
    case LMS_DRAW_FIRST:
        d->token = (int)-m->best;
        d->step = LMS_DRAW_DONE;
        break;
    case LMS_DRAW_ENVELOPE:
        d->envelope = m->total;
        d->step = LMS_TEAM > 1 ? LMS_DRAW_PREFIX : LMS_DRAW_ATTEMPTS;
        break;
    case LMS_DRAW_PREFIX: d->step = LMS_DRAW_ATTEMPTS; break;
    case LMS_DRAW_ATTEMPTS: lms_after_attempts(d, m->best); break;
    case LMS_DRAW_DONE: break;
    }
}
