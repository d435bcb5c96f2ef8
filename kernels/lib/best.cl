/* best.cl - from the sums of a tile's lanes to the largest cosine of each candidate with the
 * positions of a piece, but for the candidate's own norm. */

/* What a team has found so far in its piece; all crews meet in lms_best_add(). */
typedef struct lms_best_shared {
#if LMS_TEAM > 1
    float sums[LMS_TILE_POSITIONS * LMS_BLOCK_MOST * LMS_TEAM]; /* [..][lane] */
    float cosines[LMS_TILE_POSITIONS * LMS_BLOCK_MOST * LMS_CREWS];
    float inverses[LMS_TILE_POSITIONS * LMS_CREWS]; /* NaN: does not take part */
    uint seen;
#endif
    float best[LMS_MAX_CONTRASTIVE_K];
} lms_best_shared;

bool lms_is_nan(float x) { return (as_uint(x) & 0x7fffffffu) > 0x7f800000u; }

/* A mark's inverse; NaN, and a bit in *seen, for a position that takes no part. */
float lms_inverse_of_mark(lms_context_mark mark, uint serial, uint *seen)
{
    if (mark.serial != serial) {
        *seen |= LMS_CHOICE_EMPTY_STATE;
        return NAN;
    }
    if (lms_is_nan(mark.inverse)) *seen |= LMS_CHOICE_BAD_STATE;
    return mark.inverse;
}

#if LMS_TEAM == 1

void lms_best_add(const lms_dots *d, const float *inverses, uint first, uint count,
                  __local lms_best_shared *shared)
{
    for (uint i = 0; i < LMS_TILE_POSITIONS; ++i) {
        if (lms_is_nan(inverses[i])) continue;
        for (uint c = 0; c < count; ++c) {
            const float16 sums = d->sums[i * LMS_BLOCK_MOST + c];
            const float cosine = lms_sum8(sums.lo + sums.hi) * inverses[i];
            __local float *const best = shared->best + first + c;
            if (cosine > *best) *best = cosine;
        }
    }
}

#else

void lms_best_add(const lms_dots *d, const float *inverses, uint first, uint count,
                  __local lms_best_shared *shared)
{
    const uint lane = (uint)get_local_id(0), positions = LMS_TILE_POSITIONS * LMS_CREWS;
    for (uint i = 0; i < LMS_TILE_POSITIONS; ++i) {
        if (lms_chain() == 0) shared->inverses[i * LMS_CREWS + lms_crew()] = inverses[i];
        for (uint c = 0; c < count; ++c) {
            shared->sums[(c * LMS_TILE_POSITIONS + i) * LMS_TEAM + lane] =
                d->sums[i * LMS_BLOCK_MOST + c];
        }
    }
    lms_crews_meet();
    for (uint q = lane; q < count * positions; q += LMS_TEAM) {
        __local const float *const sums = shared->sums + q * LMS_CHAINS;
        const float inverse = shared->inverses[q % positions];
        const float cosine = lms_sum8(vload8(0, sums) + vload8(1, sums)) * inverse;
        shared->cosines[q] = lms_is_nan(inverse) ? -INFINITY : cosine;
    }
    lms_crews_meet();
    for (uint c = lane; c < count; c += LMS_TEAM) {
        float best = shared->best[first + c];
        for (uint i = 0; i < positions; ++i) {
            const float cosine = shared->cosines[c * positions + i];
            if (cosine > best) best = cosine;
        }
        shared->best[first + c] = best;
    }
}

#endif
