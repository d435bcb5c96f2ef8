/* clocks.cl - what a team knows of a row from which tokens are drawn without replacement
 * (specification, section 15). */
#pragma once
#include "numeric/fixed.cl"
#include "numeric/philox.cl"
#include "row/masses.cl"

#define LMS_CLOCK_BLOCKS 64u

/* What a work-item of a team knows of the row's masses, or of other sums. */
typedef struct lms_own {
    ulong before; /* the sum of lower items, ... */
    ulong sum;    /* ... and its own             */
} lms_own;

/* What a team knows; blocks are those of a team of one. */
typedef struct lms_clocks {
    ulong seed;  /* names the draws of a row, ... */
    uint stream; /* ... with these two */
    uint turn;
    lms_cut cut; /* what may be drawn */
    lms_scaled scaled;
    ulong left;       /* mass of what is left */
    ulong first_left; /* ... before the first draw */
    float time;       /* at which the last clock has rung */
    int last_token;
    uint drawn;
#if LMS_TEAM == 1
    ulong blocks[LMS_CLOCK_BLOCKS]; /* masses of runs of tiles, to find a tile by */
#endif
} lms_clocks;

/* Random words number i. */
ulong2 lms_clock_words(const lms_clocks *c, uint i)
{
    const uint4 q = lms_counter_words(c->seed, i, c->stream, c->turn, 0);
    return (ulong2)((ulong)q.y << 32 | q.x, (ulong)q.w << 32 | q.z);
}

/* How long the clock of a draw takes at rate 1. */
float lms_clock(const lms_clocks *c, uint draw)
{
    return (float)lms_exponential(lms_clock_words(c, 2 * draw + 1).x) * 0x1p-32f;
}

/* Tokens that have been drawn, in the memory of the row's list, which holds more than can be
 * wanted. The last one may be on its way there, and is known to all. */
__global uint *lms_drawn_ids(const lms_row *row) { return (__global uint *)row->list_mass; }
