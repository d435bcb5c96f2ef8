/* telling.cl - what a row with a request tells, and what a team knows of it meanwhile
 * (specification, section 28). Outputs tell of three views of a row: as it is stored, as it is
 * edited, and what temperature and filters make of that. They come one after another; of a row
 * without edits the first two are one. */
#pragma once
#include "cut/cutting.cl"
#include "draw/drawing.cl"
#include "edits/call.cl"
#include "report/entropy.cl"
#include "report/to.cl"

#define LMS_VIEW_RAW 0u
#define LMS_VIEW_EDITED 1u
#define LMS_VIEW_PROCESSED 2u
#define LMS_VIEWS 3u

typedef enum lms_tell_step {
    LMS_TELL_GROUPS, /* maxima of groups before edits, ... */
    LMS_TELL_TILES,  /* ... of tiles, and of the row       */
    LMS_TELL_SUMS,   /* mass, entropy, rank, number        */
    LMS_TELL_CUT,    /* the last of the best tokens: cut/  */
    LMS_TELL_LIST,   /* which they are                     */
    LMS_TELL_STORE,  /* outputs are written                */
    LMS_TELL_DONE
} lms_tell_step;

/* What a team knows, not a work-item of it. */
typedef struct lms_telling {
    lms_tell_step step;
    ulong r;        /* row of the batch */
    uint wanted;    /* LMS_OUT_... */
    uint token;     /* that is told of */
    bool has_edits;
    bool is_greedy;
    bool is_filtered;
    float temperature;
    int max_key;    /* of the edited row */
    lms_cut cut;    /* what its filters keep */
    uint top_n;
    uint flags;     /* LMS_WANT_... */
    uint named;     /* how many tokens, ... */
    ulong names;    /* ... and the first of them in the lists' ids */
    /* Of the view that is told of: */
    uint view;
    uint needs;     /* LMS_OUT_... that it has to tell */
    bool is_summed; /* row.sums has the tiles' sums at its scale */
    lms_scaled scaled;
    lms_cut kept;
    ulong mass;
    ulong depth;
    ulong count;
    ulong rank;
    float norm;     /* K of the mass */
    lms_cut best;   /* what the best tokens are among */
    uint listed;    /* of those */
} lms_telling;

/* Of which view a row wants its best and its named tokens. */
uint lms_view_of(uint flags, bool has_edits)
{
    if (flags & LMS_WANT_PROCESSED) return LMS_VIEW_PROCESSED;
    return flags & LMS_WANT_EDITED && has_edits ? LMS_VIEW_EDITED : LMS_VIEW_RAW;
}

/* Which of the wanted outputs a view has. */
uint lms_needs_of(const lms_telling *o, uint view)
{
    const uint raw = LMS_OUT_LOGPROB_RAW | LMS_OUT_RANK_RAW | LMS_OUT_ENTROPY_RAW;
    const uint edited = LMS_OUT_LOGPROB_EDITED | LMS_OUT_RANK_EDITED;
    const uint processed = LMS_OUT_LOGPROB | LMS_OUT_KEPT | LMS_OUT_PROBS | LMS_OUT_ENTROPY;
    uint bits = processed;
    if (view == LMS_VIEW_RAW) bits = o->has_edits ? raw : raw | edited;
    if (view == LMS_VIEW_EDITED) bits = o->has_edits ? edited : 0;
    if (view == lms_view_of(o->flags, o->has_edits)) {
        if (o->top_n > 0) bits |= LMS_OUT_TOP;
        if (o->named > 0) bits |= LMS_OUT_NAMED;
    }
    return o->wanted & bits;
}

bool lms_is_processed(const lms_telling *o) { return o->view == LMS_VIEW_PROCESSED; }

/* Is the view one of the first token alone? */
bool lms_is_of_first(const lms_telling *o)
{
    return o->is_greedy && lms_is_processed(o);
}

/* Do filters say what the view has? */
bool lms_is_cut_off(const lms_telling *o)
{
    return o->is_filtered && lms_is_processed(o);
}

/* Has it log-probabilities, or the like, to tell? */
bool lms_needs_mass(const lms_telling *o)
{
    const uint values = LMS_OUT_LOGPROB_RAW | LMS_OUT_LOGPROB_EDITED | LMS_OUT_LOGPROB |
                        LMS_OUT_TOP | LMS_OUT_NAMED;
    const uint others = LMS_OUT_PROBS | LMS_OUT_ENTROPY_RAW | LMS_OUT_ENTROPY;
    const bool has_logits = o->flags & LMS_WANT_LOGITS && !lms_is_processed(o);
    return !lms_is_of_first(o) && o->needs & (has_logits ? others : others | values);
}

/* The least key that counts for a token's rank. */
int lms_least_of_rank(const lms_telling *o, int key)
{
    if (key == LMS_NEVER) return LMS_NEVER + 1;
    return o->flags & LMS_WANT_RANK_FROM_0 ? key + 1 : key;
}

/* What is told of a token with logit x, in a view with a live token. */
float lms_value_of(const lms_telling *o, int max_key, uint id, float x)
{
    const int key = lms_key(x);
    const bool is_cut = lms_is_processed(o) && !lms_keeps(o->kept, key, id);
    const bool is_nan = (as_int(x) & 0x7fffffff) > LMS_KEY_INF;
    if (max_key == LMS_NEVER) return LMS_NAN;
    if (key == LMS_NEVER || is_cut) {
        return is_nan && !lms_is_processed(o) ? LMS_NAN : -INFINITY;
    }
    if (lms_is_of_first(o)) return 0.0f;
    /* Equal infinities have no difference. */
    const float gap = key == max_key ? 0.0f : x - lms_logit_of(max_key);
    if (lms_is_processed(o)) return fma(gap * o->scaled.s, 0x1.62e430p-1f, -o->norm);
    return o->flags & LMS_WANT_LOGITS ? lms_logit_of(key) : gap - o->norm;
}

float lms_value_at(const lms_telling *o, const lms_row *row, uint id)
{
    return lms_value_of(o, row->max_key, id, lms_read_one(&row->logits, id));
}
